package executor

import (
	"cmp"
	"slices"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/planner"
)

// state is where a step is in a run. A step goes down the list, or from
// delayed back to running; it never leaves an ended state.
type state int

const (
	// waiting: something it needs has not ended, or its stage is not open.
	waiting state = iota
	// ready: all it needs is done. It waits for a job and a builder's slot. A
	// task whose builder was lost comes back here.
	ready
	// running: a worker has it. It holds a job, and a build also a slot.
	running
	// delayed: an attempt has failed and another will be made. It holds a job
	// and no slot; its timer runs, or has run and it waits for a slot.
	delayed

	// done: it succeeded.
	done
	// failed: its last attempt failed.
	failed
	// skipped: all it needs has ended and some of that failed or was skipped;
	// of a tag step, anything.
	skipped
	// cancelled: the run was stopped before it was done.
	cancelled
)

// task is a step in a run. What is below "fixed" is set before the run and
// read by all; the rest belongs to the run's goroutine, except that a worker
// owns log while the task is running.
type task struct {
	// fixed
	step planner.Step
	pkg  planner.PackageInfo
	spec *BuildSpec // of a build
	// order is the place by wave and id, and the task's number in the schedule;
	// stage is what must have ended before (every task of a lower stage).
	order int
	stage int
	// dependents are the tasks that need this one; needs are those it needs.
	needs, dependents []*task
	// platforms are, of index and push steps, those that the store has.
	platforms []string
	overwrite bool
	// anew says that some of them were built although they exist.
	anew bool

	state state
	// attempts counts those started; faults and failures those that failed, by
	// transient faults and otherwise.
	attempts, faults, failures int
	// builder is the place of the last attempt's, -1 before; avoid is the one
	// that an attempt was lost on, -1 for none.
	builder, avoid int
	// port is the last attempt's builder.
	port BuilderPort
	// full are the builders that it is kept from, and why; doubt is one where
	// that is not certain.
	full              map[int]error
	doubt             *doubt
	started, finished time.Time
	timer             *time.Timer
	log               *nodeLog

	status     Status
	descriptor ocispec.Descriptor
	err        error
	// causes are, of a skipped task, the failed ones, in order.
	causes []*task
}

// node names the node of a build in logs.
func (t *task) node() string { return planner.NodeID(t.step.Package, t.step.Platform) }

// event is an event about the task.
func (t *task) event(kind EventType) Event {
	return Event{
		Type: kind, Step: t.step.ID, Kind: t.step.Kind,
		Package: t.step.Package, Platform: t.step.Platform,
	}
}

// roots are the failures that keep anything that needs t from running.
func (t *task) roots() []*task {
	if t.state == failed {
		return []*task{t}
	}
	return t.causes
}

// byOrder sorts tasks by wave and id, without duplicates.
func byOrder(tasks []*task) []*task {
	slices.SortFunc(tasks, func(a, b *task) int { return cmp.Compare(a.order, b.order) })
	return slices.Compact(tasks)
}

// ids are the tasks' step ids.
func ids(tasks []*task) []string {
	out := make([]string, len(tasks))
	for i, t := range tasks {
		out[i] = t.step.ID
	}
	return out
}
