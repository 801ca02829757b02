package schedule

import "time"

// Bound is what no schedule can be shorter than, whatever its order: the
// longest chain of tasks, and the work of all builds, or of those for one
// platform, shared out evenly among the slots that may do it.
type Bound struct {
	// CriticalPath is the longest chain; Work the sum of the builds' durations.
	CriticalPath, Work time.Duration
	// Slots is how many builds can run at once.
	Slots int
	// Least is the bound: the largest of CriticalPath and the shares.
	Least time.Duration
}

// bound is that of the tasks on all builders, live or not.
func (s *Scheduler) bound() Bound {
	var b Bound
	for _, r := range s.remaining {
		b.CriticalPath = max(b.CriticalPath, r)
	}
	work := map[*class]time.Duration{}
	for i, t := range s.tasks {
		if t.Build {
			work[s.classOf[i]] = plus(work[s.classOf[i]], t.Duration)
			b.Work = plus(b.Work, t.Duration)
		}
	}
	for _, builder := range s.builders {
		b.Slots += builder.Slots
	}
	b.Slots = min(b.Slots, s.opts.Jobs)
	b.Least = b.CriticalPath
	if b.Slots > 0 {
		b.Least = max(b.Least, b.Work/time.Duration(b.Slots))
	}
	for c, w := range work {
		// A slot that emulates does that much less in the same time.
		if slots := float64(c.slots(native)) + float64(c.slots(emulated))/s.opts.Emulation; slots > 0 {
			b.Least = max(b.Least, time.Duration(float64(w)/slots))
		}
	}
	return b
}

func (c *class) slots(t tier) int {
	n := 0
	for _, b := range c.builders[t] {
		n += b.Slots
	}
	return n
}
