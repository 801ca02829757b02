package executor

import (
	"context"
	"errors"
	"slices"
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

func newRun(plan *planner.Plan, tasks []*task, ports Ports, opts Options) *run {
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
	r.worker = newWorker(plan, ports, opts, r.feed)
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

// settle brings tasks on whose needs have ended, and what follows from it.
func (r *run) settle(tasks ...*task) {
	r.settling = append(r.settling, tasks...)
	for len(r.settling) > 0 {
		t := r.settling[0]
		r.settling = r.settling[1:]
		if t.state == waiting && t.unmet == 0 && t.stage <= r.stage {
			r.decide(t)
		}
	}
}

// decide ends a task that cannot or need not run, and queues the others.
func (r *run) decide(t *task) {
	t.causes = r.obstacles(t)
	switch {
	case len(t.causes) > 0:
		r.end(t, skipped, StatusSkipped)
	case t.step.Kind == planner.KindReuse:
		r.end(t, done, StatusReused)
	case r.stopped: // so some of what it needs may have been cancelled
		r.end(t, cancelled, StatusCancelled)
	default:
		t.state = ready
		r.queue.push(t)
	}
}

// obstacles returns the failures that keep t from running. A tag needs all
// that is no tag.
func (r *run) obstacles(t *task) []*task {
	var causes []*task
	if t.step.Kind == planner.KindTag {
		causes = slices.Clone(r.failures)
	}
	for _, need := range t.needs {
		causes = append(causes, need.roots()...)
	}
	return byOrder(causes)
}

// openStages opens the next stage with something left in it, as long as
// nothing is left in those before.
func (r *run) openStages() {
	for r.left > 0 && r.staged[r.stage] == 0 {
		r.stage++
		r.settle(r.byStage[r.stage]...)
	}
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

// stop ends everything that does not run. What runs ends by itself.
func (r *run) stop() {
	r.stopped = true
	r.resuming = nil
	for _, t := range r.tasks {
		if t.state == delayed {
			t.timer.Stop()
			r.endJob(t, cancelled, StatusCancelled)
		}
	}
	for _, t := range r.queue.drain() {
		r.end(t, cancelled, StatusCancelled)
	}
	r.settle()
	r.openStages()
}

// endJob ends a task that held a job, and brings on what waited for it.
func (r *run) endJob(t *task, s state, status Status) {
	r.slots.jobs++
	t.finished = r.clock()
	t.log.close()
	r.end(t, s, status)
	r.settle()
	r.openStages()
}

// end ends a task. Those that need it are settled next.
func (r *run) end(t *task, s state, status Status) {
	t.state, t.status = s, status
	r.left--
	r.staged[t.stage]--
	if s == failed && t.step.Kind != planner.KindTag {
		r.failures = append(r.failures, t)
	}
	for _, d := range t.dependents {
		d.unmet--
		r.settling = append(r.settling, d)
	}
	r.feed.add(r.finished(t))
}

// finished is the event about the end of a task.
func (r *run) finished(t *task) Event {
	e := t.event(EventStepFinished)
	e.Status, e.Attempt, e.Builder = t.status, t.attempts, r.builderName(t)
	e.Digest = t.descriptor.Digest.String()
	e.Because = ids(t.causes)
	if t.attempts > 0 {
		e.DurationMS = t.finished.Sub(t.started).Milliseconds()
	}
	if t.state == failed {
		e.Error = t.err.Error()
	}
	if t.step.Kind == planner.KindReuse {
		e.Digest = t.step.Digest
	}
	return e
}
