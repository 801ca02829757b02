package schedule

import (
	"container/heap"
	"time"
)

// rank is a task's place among those that are ready; the lowest goes first.
type rank struct{ first, second int64 }

func (r rank) before(other rank) bool {
	if r.first != other.first {
		return r.first < other.first
	}
	return r.second < other.second
}

func (s *Scheduler) rank(task int) rank {
	switch s.opts.Order {
	case FirstCome:
		return rank{int64(s.ready), int64(task)}
	case InOrder:
		return rank{int64(task), 0}
	default:
		return rank{-int64(s.remaining[task]), int64(task)}
	}
}

// entry is a task in a queue.
type entry struct {
	rank rank
	task int
}

// entries implement heap.Interface.
type entries struct {
	list []entry
	// looks counts comparisons.
	looks *int
	// reversed puts the last first.
	reversed bool
}

func (e *entries) Len() int { return len(e.list) }
func (e *entries) Less(i, j int) bool {
	*e.looks++
	if e.reversed {
		i, j = j, i
	}
	return e.list[i].rank.before(e.list[j].rank)
}
func (e *entries) Swap(i, j int) { e.list[i], e.list[j] = e.list[j], e.list[i] }
func (e *entries) Push(x any)    { e.list = append(e.list, x.(entry)) }
func (e *entries) Pop() any {
	last := e.list[len(e.list)-1]
	e.list = e.list[:len(e.list)-1]
	return last
}

// peek returns the first entry of a class that is queued there still, and
// forgets those before.
func (c *class) peek(s *Scheduler, e *entries) (entry, bool) {
	for len(e.list) > 0 {
		*e.looks++
		if task := e.list[0].task; s.queued[task] && s.classOf[task] == c {
			return e.list[0], true
		}
		heap.Pop(e)
	}
	return entry{}, false
}

func (c *class) push(s *Scheduler, task int) {
	e := entry{s.ranks[task], task}
	heap.Push(&c.first, e)
	if len(c.builders[emulated]) > 0 {
		heap.Push(&c.last, e)
	}
	if c.pool != nil {
		c.pool.queued += s.tasks[task].Duration
	}
}

// take takes a task out of its queue.
func (s *Scheduler) take(task int) {
	s.queued[task] = false
	if p := s.classOf[task].pool; p != nil {
		p.queued -= s.tasks[task].Duration
	}
}

// offer is a task that a class would start.
type offer struct {
	entry
	task int // -1 for none
	tier tier
}

// before prefers builds that are not emulated: those take the slots that they
// are made for first.
func (o offer) before(other offer) bool {
	if other.task < 0 {
		return true
	}
	if o.tier != other.tier {
		return o.tier < other.tier
	}
	return o.rank.before(other.rank)
}

// offer finds what the class would start now: its first task where a native
// slot is free; otherwise the last, emulated, if that would be done sooner than
// by waiting for the native builders to get to it.
func (c *class) offer(s *Scheduler, now time.Duration) offer {
	none := offer{task: -1}
	switch {
	case !c.build || c.free[native] > 0 || (c.live[native] == 0 && c.free[emulated] > 0):
		e, ok := c.peek(s, &c.first)
		if !ok {
			return none
		}
		t := native
		if c.build && c.free[native] == 0 {
			t = emulated
		}
		return offer{e, e.task, t}
	case c.free[emulated] > 0:
		e, ok := c.peek(s, &c.last)
		if !ok {
			return none
		}
		d := s.tasks[e.task].Duration
		if waiting := c.pool.wait(d, now); float64(d)*s.opts.Emulation < float64(waiting+d) {
			return offer{e, e.task, emulated}
		}
	}
	return none
}
