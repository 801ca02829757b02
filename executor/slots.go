package executor

// slots counts what is left of the jobs and of each builder's slots.
type slots struct {
	jobs     int
	builders []BuilderPort
	free     []int
}

func newSlots(jobs int, builders []BuilderPort) *slots {
	s := &slots{jobs: jobs, builders: builders}
	for _, b := range builders {
		s.free = append(s.free, max(b.Slots, 1))
	}
	return s
}

// place returns the builder for a task of the class: the first in order that
// suits it and has a free slot, and the one to avoid only when no other has.
// It is -1 for tasks that need no builder, and ok is false when there is no
// room.
func (s *slots) place(c class, avoid int) (builder int, ok bool) {
	if !c.build {
		return -1, true
	}
	for i, b := range s.builders {
		if i != avoid && s.free[i] > 0 && c.suits(b) {
			return i, true
		}
	}
	if avoid >= 0 && s.free[avoid] > 0 {
		return avoid, true
	}
	return -1, false
}

// take and release change the slots of a builder; -1 is none.
func (s *slots) take(builder int) {
	if builder >= 0 {
		s.free[builder]--
	}
}

func (s *slots) release(builder int) {
	if builder >= 0 {
		s.free[builder]++
	}
}
