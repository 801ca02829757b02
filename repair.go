package stowage

import (
	"context"
	"fmt"

	"github.com/stowage-build/stowage/planner"
)

// repairer is a store that can tell that it is damaged, as the shipped one.
type repairer interface {
	Damage() (damage, err error)
	Repair(ctx context.Context) (damage, err error)
}

// warnOfDamage says in the plan that the store has lost what was in it.
func warnOfDamage(plan *planner.Plan, store Store) error {
	r, ok := store.(repairer)
	if !ok {
		return nil
	}
	damage, err := r.Damage()
	if damage != nil {
		plan.Diagnostics = append(plan.Diagnostics, planner.Diagnostic{
			Severity: "warning", Summary: "The store is damaged",
			Detail: fmt.Sprintf("%v. What it had before its last change is known; stowage apply repairs it, and builds the rest again.", damage),
		})
	}
	return err
}

// repair makes a damaged store sound, as far as it can without building, and
// says so.
func repair(ctx context.Context, store Store) (warning string, err error) {
	r, ok := store.(repairer)
	if !ok {
		return "", nil
	}
	damage, err := r.Repair(ctx)
	if damage == nil {
		return "", err
	}
	return fmt.Sprintf("%v: it was made anew from what it said before its last change", damage), err
}
