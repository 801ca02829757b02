package schedule

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// tier is how well builders suit a class.
type tier int

const (
	// native builders run the class's programs themselves. Where there is none,
	// those that emulate are taken for it: what was recorded was recorded there.
	native tier = iota
	emulated
)

// class is tasks that may run on the same builders, so that looking at the
// first of each is enough.
type class struct {
	build    bool
	builders [2][]*builder
	// free and live count slots of live builders, by tier.
	free, live  [2]int
	pool        *pool
	first, last entries
}

// classKey is what the tasks of a class have in common.
type classKey struct {
	build                            bool
	platform, native, runs, excluded string
}

// pool is native builders that classes share, and the work that they have.
type pool struct {
	slots int
	// queued is what is ready and waits; running builds end, together, after
	// ends, a sum of times since the beginning.
	queued  time.Duration
	running int
	ends    time.Duration
}

// wait is how long the last of the tasks that are ready, of duration d, waits
// for one of the pool's slots.
func (p *pool) wait(d, now time.Duration) time.Duration {
	if p.slots == 0 {
		return 1 << 62
	}
	running := max(p.ends-time.Duration(p.running)*now, 0)
	return (p.queued - d + running) / time.Duration(p.slots)
}

// classify puts all tasks into classes, as the builders are now.
func (s *Scheduler) classify() {
	s.classes, s.byKey, s.pools = nil, map[classKey]*class{}, map[string]*pool{}
	for _, b := range s.builders {
		b.uses, b.pools = nil, nil
	}
	s.classOf = make([]*class, len(s.tasks))
	for i := range s.tasks {
		s.classOf[i] = s.class(i)
		if s.queued[i] {
			s.classOf[i].push(s, i)
		}
	}
}

// class is the task's, made with the builders that suit it if there is none.
func (s *Scheduler) class(task int) *class {
	t := s.tasks[task]
	key := classKey{}
	if t.Build {
		key = classKey{true, t.Platform, t.Native, strings.Join(t.Runs, ","), fmt.Sprint(s.excluded[task])}
	}
	c := s.byKey[key]
	if c == nil {
		c = &class{build: key.build, first: entries{looks: &s.looks}, last: entries{looks: &s.looks, reversed: true}}
		if c.build {
			s.find(c, task)
		}
		s.byKey[key] = c
		s.classes = append(s.classes, c)
	}
	return c
}

// find finds the builders for tasks like the given one.
func (s *Scheduler) find(c *class, task int) {
	for _, b := range s.builders {
		if b.Suits(s.tasks[task]) && !slices.Contains(s.excluded[task], b.number) {
			t := native
			if slices.ContainsFunc(s.tasks[task].Runs, b.emulates) {
				t = emulated
			}
			c.builders[t] = append(c.builders[t], b)
		}
	}
	if len(c.builders[native]) == 0 {
		c.builders[native], c.builders[emulated] = c.builders[emulated], nil
	}
	for t, list := range c.builders {
		for _, b := range list {
			b.uses = append(b.uses, use{c, tier(t)})
			if b.live {
				c.free[t] += b.free
				c.live[t] += b.Slots
			}
		}
	}
	c.pool = s.poolOf(c.builders[native])
}

// poolOf is the pool of exactly these builders.
func (s *Scheduler) poolOf(builders []*builder) *pool {
	var numbers []int
	for _, b := range builders {
		numbers = append(numbers, b.number)
	}
	key := fmt.Sprint(numbers)
	p := s.pools[key]
	if p == nil {
		p = &pool{}
		s.pools[key] = p
		for _, b := range builders {
			if b.live {
				p.slots += b.Slots
			}
			p.running += b.Slots - b.free
			p.ends += b.ends
			b.pools = append(b.pools, p)
		}
	}
	return p
}

func (c *class) emulates(b *builder) bool {
	return slices.Contains(c.builders[emulated], b)
}

// Replace says what a builder is, where that was not known or has changed. Its
// name and its slots stay. What runs there is not touched.
func (s *Scheduler) Replace(number int, b Builder) {
	old := s.builders[number]
	b.Name, b.Slots = old.Name, old.Slots
	old.Builder = b
	s.classify()
}

// Add adds a builder, which is live, and room for as many more tasks at once as
// jobs says. Its number is that of the builders before.
func (s *Scheduler) Add(b Builder, jobs int) {
	s.builders = append(s.builders, newBuilder(len(s.builders), b))
	s.jobs += jobs
	s.classify()
}

// Exclude keeps a task, which is in no queue, from a builder from now on.
func (s *Scheduler) Exclude(task, builder int) {
	s.excluded[task] = append(s.excluded[task], builder)
	s.classOf[task] = s.class(task)
}
