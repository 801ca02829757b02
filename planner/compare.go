package planner

import (
	"path"
	"slices"
	"unicode"
)

// compare says why a package whose last build had the inputs old is to be
// built again, and what differs. ok is false when nothing does.
func compare(old, now *Inputs, contextDir string) (reason Reason, changes []string, ok bool) {
	var changed []Input
	for _, d := range Differences(old.List, now.List) {
		changed = append(changed, d.Input())
	}
	if len(changed) == 0 {
		return "", nil, false
	}
	moved := map[string]bool{} // dependencies that changed
	for _, in := range changed {
		if in.Kind == inputDependency {
			moved[in.Name] = true
		}
	}
	reason = ReasonRefreshDue
	for _, in := range changed {
		reason = stronger(reason, reasonFor(in, moved))
		changes = append(changes, in.Label(contextDir))
	}
	return reason, slices.Compact(changes), true
}

// reasonFor puts one changed input down to its cause. An argument made of
// another package's reference changes with that package.
func reasonFor(in Input, moved map[string]bool) Reason {
	switch in.Kind {
	case inputDependency:
		return ReasonDependencyChanged
	case inputImage:
		return ReasonBaseMoved
	case inputRefresh:
		return ReasonRefreshDue
	case inputArg, inputArchive:
		if slices.ContainsFunc(in.Through, func(p string) bool { return moved[p] }) {
			return ReasonDependencyChanged
		}
	}
	return ReasonInputsChanged
}

// stronger returns the reason that says more: a package's own change goes
// before a dependency's, that before a moved base, that before time.
func stronger(a, b Reason) Reason {
	order := []Reason{ReasonRefreshDue, ReasonBaseMoved, ReasonDependencyChanged, ReasonInputsChanged}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}

// Difference is an input that is not the same in two lists. Old is nil when it
// was added, Now when it was removed.
type Difference struct {
	Old *Input `json:"old,omitempty"`
	Now *Input `json:"new,omitempty"`
}

// Input is the input as it is now, or as it was when it is gone.
func (d Difference) Input() Input {
	if d.Now != nil {
		return *d.Now
	}
	return *d.Old
}

// Differences returns what differs between two lists of inputs, in the order
// of kinds, then names.
func Differences(old, now []Input) []Difference {
	type key struct{ kind, name string }
	before := make(map[key]*Input, len(old))
	for i, in := range old {
		before[key{in.Kind, in.Name}] = &old[i]
	}
	var out []Difference
	for i, in := range now {
		k := key{in.Kind, in.Name}
		if was := before[k]; was == nil || was.Digest != in.Digest {
			out = append(out, Difference{Old: was, Now: &now[i]})
		}
		delete(before, k)
	}
	for i, in := range old {
		if before[key{in.Kind, in.Name}] != nil {
			out = append(out, Difference{Old: &old[i]})
		}
	}
	slices.SortStableFunc(out, func(a, b Difference) int {
		x, y := a.Input(), b.Input()
		return compareStrings(x.Kind, y.Kind, x.Name, y.Name)
	})
	return out
}

// compareStrings compares pairs in turn.
func compareStrings(pairs ...string) int {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] != pairs[i+1] {
			if pairs[i] < pairs[i+1] {
				return -1
			}
			return 1
		}
	}
	return 0
}

func joinPath(dir, name string) string { return path.Join(dir, name) }

func needsQuote(s string) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return true
		}
	}
	return false
}
