package executor

import (
	"context"
	"errors"
	"time"

	"github.com/stowage-build/stowage/planner"
)

// run is the state of one Apply. It belongs to the goroutine that calls run.
type run struct {
	tasks  []*task
	opts   Options
	feed   *feed
	worker *worker
	slots  *slots
	clock  func() time.Time

	// settling are tasks whose needs, stage or stopping must be looked at.
	settling []*task
	queue    *queue
	// resuming are delayed tasks that wait for a slot.
	resuming []*task
	stage    int
	// left counts the tasks that have not ended, in all and by stage.
	left   int
	staged map[int]int
	// byStage are the tasks by stage, for those that waited for it.
	byStage map[int][]*task

	// failures are the failed tasks that are no tags.
	failures []*task

	// stopped says that nothing more is to be started.
	stopped     bool
	interrupted bool
	// builds is cancelled to stop builds, others to stop everything.
	builds, others       context.Context
	stopBuilds, stopRest context.CancelFunc

	results chan outcome
	woken   chan *task
	over    chan struct{}
}

func newRun(plan *planner.Plan, tasks []*task, specs Specs, ports Ports, opts Options) *run {
	r := &run{
		tasks: tasks, opts: opts, clock: ports.Clock,
		feed:    newFeed(ports.Reporter, ports.Clock),
		slots:   newSlots(opts.Jobs, ports.Builders),
		queue:   newQueue(opts.Jobs == 1),
		left:    len(tasks),
		staged:  map[int]int{},
		byStage: map[int][]*task{},
		results: make(chan outcome),
		woken:   make(chan *task),
		over:    make(chan struct{}),
	}
	r.worker = newWorker(plan, specs, ports, opts, r.feed)
	for _, t := range tasks {
		r.staged[t.stage]++
		r.byStage[t.stage] = append(r.byStage[t.stage], t)
	}
	return r
}

// errStopped is why builds are cancelled after a failure.
var errStopped = errors.New("the run was stopped after a failure")

// run does everything and returns when every task has ended.
func (r *run) run(ctx context.Context) *Result {
	r.others, r.stopRest = context.WithCancel(ctx)
	defer r.stopRest()
	builds, stop := context.WithCancelCause(r.others)
	r.builds, r.stopBuilds = builds, func() { stop(errStopped) }
	defer r.stopBuilds()

	started := r.clock()
	r.feed.add(Event{Type: EventRunStarted, FormatVersion: EventVersion, Steps: len(r.tasks)})
	r.stage = -1
	r.openStages()
	interrupt := ctx.Done()
	for r.left > 0 {
		if ctx.Err() != nil && interrupt != nil {
			interrupt = nil
			r.interrupted = true
			r.stop()
		}
		r.startReady()
		if r.left == 0 {
			break
		}
		select {
		case o := <-r.results:
			r.finish(o)
		case t := <-r.woken:
			r.resume(t)
		case <-interrupt:
		}
	}
	close(r.over)
	return r.result(started)
}

// startReady starts what there is room for, what was started before first.
func (r *run) startReady() {
	var still []*task
	for _, t := range r.resuming {
		if builder, ok := r.slots.place(classOf(t), t.avoid); ok {
			r.start(t, builder)
		} else {
			still = append(still, t)
		}
	}
	r.resuming = still
	for r.slots.jobs > 0 {
		t := r.queue.pop(func(c class) bool {
			_, ok := r.slots.place(c, -1)
			return ok
		})
		if t == nil {
			return
		}
		r.slots.jobs--
		t.started = r.clock()
		builder, _ := r.slots.place(classOf(t), -1)
		r.start(t, builder)
	}
}

// start gives a task that holds a job to a worker.
func (r *run) start(t *task, builder int) {
	t.state = running
	t.builder = builder
	t.attempts++
	r.slots.take(builder)
	e := t.event(EventStepStarted)
	e.Attempt, e.Reason, e.Builder = t.attempts, t.step.Reason, r.builderName(t)
	r.feed.add(e)
	ctx := r.others
	if t.spec != nil {
		ctx = r.builds
	}
	go func() { r.results <- r.worker.attempt(ctx, t) }()
}

func (r *run) builderName(t *task) string {
	if t.builder < 0 {
		return ""
	}
	return r.slots.builders[t.builder].Name
}

// finish takes what came of an attempt.
func (r *run) finish(o outcome) {
	t := o.task
	r.slots.release(t.builder)
	t.err, t.descriptor = o.err, o.descriptor
	switch {
	case o.err == nil:
		r.endJob(t, done, o.status)
	case o.stopped:
		r.endJob(t, cancelled, StatusCancelled)
	case t.again(o.err, r.opts.MaxAttempts) && !r.stopped:
		r.delay(t)
	default:
		r.endJob(t, failed, StatusFailed)
		if r.opts.FailFast {
			r.stopBuilds()
			r.stop()
		}
	}
}

// delay makes a task wait before its next attempt, on another builder if this
// one may have been lost.
func (r *run) delay(t *task) {
	t.state = delayed
	t.avoid = -1
	if Transient(t.err) {
		t.avoid = t.builder
	}
	wait := r.opts.Delay(t.attempts)
	e := t.event(EventStepRetry)
	e.Attempt, e.Builder, e.Error, e.DelayMS = t.attempts, r.builderName(t), t.err.Error(), wait.Milliseconds()
	r.feed.add(e)
	t.timer = time.AfterFunc(wait, func() {
		select {
		case r.woken <- t:
		case <-r.over:
		}
	})
}

// resume makes a task whose delay is over wait for a slot.
func (r *run) resume(t *task) {
	if t.state == delayed {
		r.resuming = append(r.resuming, t)
	}
}
