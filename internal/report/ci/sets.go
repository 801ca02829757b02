package ci

// sets are disjoint sets of names, each known by one of its members.
type sets struct{ parent map[string]string }

func newSets() *sets { return &sets{parent: map[string]string{}} }

// root returns the member that a name's set is known by.
func (s *sets) root(name string) string {
	for {
		parent, ok := s.parent[name]
		if !ok {
			return name
		}
		if grand, ok := s.parent[parent]; ok {
			s.parent[name] = grand
		}
		name = parent
	}
}

// join makes one set of two names' sets, and reports whether they were two.
func (s *sets) join(a, b string) bool {
	a, b = s.root(a), s.root(b)
	if a == b {
		return false
	}
	s.parent[max(a, b)] = min(a, b)
	return true
}
