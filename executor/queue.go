package executor

import (
	"container/heap"
	"slices"
	"strings"
)

// class is what decides where a task may run. Tasks of one class are placed
// alike, so that looking at the first of each is enough.
type class struct {
	build            bool
	platform, native string
	runs             string // platforms, with commas between them
}

func classOf(t *task) class {
	if t.spec == nil {
		return class{}
	}
	return class{build: true, platform: t.step.Platform, native: t.spec.NativeOnly, runs: strings.Join(t.spec.Runs, ",")}
}

// suits reports whether builds of the class may run on the builder.
func (c class) suits(b BuilderPort) bool { return c.meant(b) && len(c.cannotRun(b)) == 0 }

// meant reports whether the builder is one for the class, whatever programs it
// can run.
func (c class) meant(b BuilderPort) bool {
	return (len(b.Platforms) == 0 || slices.Contains(b.Platforms, c.platform)) &&
		(c.native == "" || c.native == b.Native)
}

// cannotRun returns the platforms whose programs the builder does not run and
// builds of the class do. Variants are not told apart: whether a processor has
// one is for the programs to find out.
func (c class) cannotRun(b BuilderPort) []string {
	if c.runs == "" || len(b.Runs) == 0 {
		return nil
	}
	var out []string
	for _, platform := range strings.Split(c.runs, ",") {
		if !slices.ContainsFunc(b.Runs, func(have string) bool { return architecture(have) == architecture(platform) }) {
			out = append(out, platform)
		}
	}
	return out
}

// architecture is a platform without its variant: os/arch.
func architecture(platform string) string {
	parts := strings.SplitN(platform, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}

// queue holds ready tasks: the one with the longest way to the end first, or,
// when ordered, the first by wave and id.
type queue struct {
	ordered bool
	classes []class // in order of appearance
	tasks   map[class]*taskHeap
}

func newQueue(ordered bool) *queue {
	return &queue{ordered: ordered, tasks: map[class]*taskHeap{}}
}

func (q *queue) push(t *task) {
	c := classOf(t)
	h := q.tasks[c]
	if h == nil {
		h = &taskHeap{before: q.before}
		q.tasks[c] = h
		q.classes = append(q.classes, c)
	}
	heap.Push(h, t)
}

// pop takes the first task whose class can be placed, nil if there is none.
func (q *queue) pop(placeable func(class) bool) *task {
	var best *taskHeap
	for _, c := range q.classes {
		h := q.tasks[c]
		if h.Len() == 0 || (best != nil && !q.before(h.tasks[0], best.tasks[0])) {
			continue
		}
		if placeable(c) {
			best = h
		}
	}
	if best == nil {
		return nil
	}
	return heap.Pop(best).(*task)
}

// drain takes all tasks, in order of wave and id.
func (q *queue) drain() []*task {
	var all []*task
	for _, h := range q.tasks {
		all = append(all, h.tasks...)
		h.tasks = nil
	}
	return byOrder(all)
}

func (q *queue) before(a, b *task) bool {
	if !q.ordered && a.remaining != b.remaining {
		return a.remaining > b.remaining
	}
	return a.order < b.order
}

// taskHeap implements heap.Interface.
type taskHeap struct {
	tasks  []*task
	before func(a, b *task) bool
}

func (h *taskHeap) Len() int           { return len(h.tasks) }
func (h *taskHeap) Less(i, j int) bool { return h.before(h.tasks[i], h.tasks[j]) }
func (h *taskHeap) Swap(i, j int)      { h.tasks[i], h.tasks[j] = h.tasks[j], h.tasks[i] }
func (h *taskHeap) Push(x any)         { h.tasks = append(h.tasks, x.(*task)) }

func (h *taskHeap) Pop() any {
	last := len(h.tasks) - 1
	t := h.tasks[last]
	h.tasks[last] = nil
	h.tasks = h.tasks[:last]
	return t
}
