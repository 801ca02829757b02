package buildkit

import (
	"errors"
	"testing"
)

// TestOffers: what is offered twice is there until both have withdrawn it, and
// what has failed serves nobody who comes later.
func TestOffers(t *testing.T) {
	var o offers
	offer := func(name string) *tree { return &tree{name: name} }
	first, second, third := offer("a"), offer("a"), offer("a")
	served, withdrawFirst := o.add(first)
	if served != first {
		t.Error("another tree is served than the only one")
	}
	served, withdrawSecond := o.add(second)
	if served != first {
		t.Error("a second tree of the same content is served beside the first")
	}
	withdrawFirst()
	if got, ok := o.LookupDir("a"); !ok || got != first {
		t.Errorf("while the second is offered there is %v, %v", got, ok)
	}
	told := 0
	first.whenFailed(func() { told++ })
	first.fail(errors.New("it changed"))
	first.whenFailed(func() { told++ }) // one who comes late
	if told != 2 {
		t.Errorf("%d of 2 were told", told)
	}
	served, withdrawThird := o.add(third)
	if served != third {
		t.Error("a tree that has failed is served")
	}
	withdrawSecond() // of what third has replaced
	if got, ok := o.LookupDir("a"); !ok || got != third {
		t.Errorf("after the second is withdrawn there is %v, %v", got, ok)
	}
	withdrawThird()
	if got, ok := o.LookupDir("a"); ok {
		t.Errorf("after all are withdrawn there is %v", got)
	}
}
