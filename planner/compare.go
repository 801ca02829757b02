package planner

import (
	"path"
	"slices"
	"unicode"
)

// compare says why a package whose last build had the inputs old is to be
// built again, and what differs. ok is false when nothing does.
func compare(old, now *Inputs, contextDir string) (reason Reason, changes []string, ok bool) {
	changed := diff(old.List, now.List)
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
	case inputArg:
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

// diff returns the inputs that are not the same in both lists, in the order
// of kinds, then names. One that is in both is given as it is now.
func diff(old, now []Input) []Input {
	type key struct{ kind, name string }
	before := make(map[key]Input, len(old))
	for _, in := range old {
		before[key{in.Kind, in.Name}] = in
	}
	var out []Input
	for _, in := range now {
		k := key{in.Kind, in.Name}
		was, found := before[k]
		if !found || was.Digest != in.Digest {
			out = append(out, in)
		}
		delete(before, k)
	}
	for _, in := range old {
		if _, gone := before[key{in.Kind, in.Name}]; gone {
			out = append(out, in)
		}
	}
	slices.SortStableFunc(out, func(a, b Input) int {
		return compareStrings(a.Kind, b.Kind, a.Name, b.Name)
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
