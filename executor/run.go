package executor

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/stowage-build/stowage/executor/schedule"
	"github.com/stowage-build/stowage/planner"
)

// run is the state of one Apply. It belongs to the goroutine that calls run.
type run struct {
	tasks    []*task
	ports    Ports
	opts     Options
	feed     *feed
	worker   *worker
	schedule *schedule.Scheduler
	clock    func() time.Time
	started  time.Time

	// settling are tasks whose needs have ended and whose stage is open.
	settling []*task
	// resuming are delayed tasks that wait for a slot.
	resuming []*task
	// left counts the tasks that have not ended; numbers is for the scheduler's
	// answers.
	left    int
	numbers []int
	// breakers are the builders', in their order.
	breakers []*breaker

	// failures are the failed tasks that are no tags.
	failures []*task

	// stopped says that nothing more is to be started.
	stopped     bool
	interrupted bool
	// builds is cancelled to stop builds, others to stop everything.
	builds, others       context.Context
	stopBuilds, stopRest context.CancelFunc

	// finding is the search for more builders, notFound what the last one told.
	finding  search
	notFound string

	results chan outcome
	woken   chan *task
	probed  chan probe
	found   chan finding
	over    chan struct{}
}

func newRun(plan *planner.Plan, tasks []*task, specs Specs, ports Ports, opts Options) (*run, error) {
	s, err := scheduler(tasks, ports, opts)
	if err != nil {
		return nil, err
	}
	ports.Builders = slices.Clone(ports.Builders)
	r := &run{
		tasks: tasks, ports: ports, opts: opts, clock: ports.Clock,
		schedule: s, left: len(tasks),
		feed:    newFeed(ports.Reporter, ports.Clock),
		results: make(chan outcome),
		woken:   make(chan *task),
		probed:  make(chan probe),
		found:   make(chan finding),
		over:    make(chan struct{}),
	}
	r.worker = newWorker(plan, specs, ports, opts, r.feed)
	for range ports.Builders {
		r.breakers = append(r.breakers, &breaker{})
	}
	return r, nil
}

// errStopped is why builds are cancelled after a failure.
var errStopped = errors.New("the run was stopped after a failure")

// slotsByName is how many builds each builder takes at once.
func slotsByName(builders []BuilderPort) map[string]int {
	slots := map[string]int{}
	for _, b := range builders {
		slots[b.Name] += max(b.Slots, 1)
	}
	return slots
}

// run does everything and returns when every task has ended.
func (r *run) run(ctx context.Context) *Result {
	r.others, r.stopRest = context.WithCancel(ctx)
	defer r.stopRest()
	builds, stop := context.WithCancelCause(r.others)
	r.builds, r.stopBuilds = builds, func() { stop(errStopped) }
	defer r.stopBuilds()

	r.started = r.clock()
	r.feed.add(Event{Type: EventRunStarted, FormatVersion: EventVersion, Steps: len(r.tasks), Slots: slotsByName(r.ports.Builders)})
	for _, text := range r.opts.Warnings {
		r.feed.add(Event{Type: EventWarning, Error: text})
	}
	r.finding.start(r.ports.Finder != nil)
	defer r.finding.stop()
	for i, b := range r.ports.Builders {
		if b.Lost != nil {
			r.lose(i, b.Lost)
		}
	}
	r.numbers = r.schedule.Start(r.numbers[:0])
	r.settle()
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
		case p := <-r.probed:
			r.probedBuilder(p)
		case <-r.finding.due():
			r.find()
		case f := <-r.found:
			r.takeFound(f)
		case <-interrupt:
		}
	}
	close(r.over)
	return r.result(r.started)
}

// startReady starts what there is room for, what was started before first.
func (r *run) startReady() {
	now := r.clock().Sub(r.started)
	var still []*task
	waiting := r.resuming
	r.resuming = nil
	for _, t := range waiting {
		builder, ok := r.schedule.Resume(t.order, t.avoid, now)
		switch {
		case ok:
			r.start(t, builder)
		case r.schedule.Live(t.order):
			still = append(still, t)
		default:
			r.resume(t)
		}
		if r.stopped {
			return
		}
	}
	r.resuming = still
	for {
		number, builder, ok := r.schedule.Next(now)
		if !ok {
			return
		}
		t := r.tasks[number]
		if t.attempts == 0 {
			t.started = r.clock()
		}
		r.start(t, builder)
	}
}

// start gives a task that holds a job to a worker.
func (r *run) start(t *task, builder int) {
	t.state = running
	t.builder = builder
	if builder >= 0 {
		t.port = r.ports.Builders[builder]
	}
	t.attempts++
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
	return r.ports.Builders[t.builder].Name
}

// finish takes what came of an attempt.
func (r *run) finish(o outcome) {
	t := o.task
	r.schedule.Release(t.order)
	if !o.stopped {
		r.judge(t, o.err)
	}
	t.err, t.descriptor = o.err, o.descriptor
	switch {
	case o.err == nil:
		r.endJob(t, done, o.status)
	case o.stopped:
		r.endJob(t, cancelled, StatusCancelled)
	case (r.leaveFull(t, o.err) || t.again(o.err, r.opts.MaxAttempts)) && !r.stopped && r.promising(t):
		r.tryAgain(t)
	default:
		r.endJob(t, failed, StatusFailed)
		if r.opts.FailFast {
			r.stopBuilds()
			r.stop()
		}
	}
}

// promising reports whether a task whose builder's disk was full has another
// builder. If not, its error says so.
func (r *run) promising(t *task) bool {
	if len(t.full) == 0 {
		return true
	}
	err := r.hopeless(t)
	if err != nil {
		t.err = err
	}
	return err == nil
}

// tryAgain brings a task to its next attempt: at once, and wherever there is a
// builder, if it leaves this one; otherwise after a while.
func (r *run) tryAgain(t *task) {
	var wait time.Duration
	leaves := Lost(t.err) || t.full[t.builder] != nil
	if !leaves {
		wait = r.opts.Delay(t.attempts)
	}
	e := t.event(EventStepRetry)
	e.Attempt, e.Builder, e.Error, e.DelayMS = t.attempts, r.builderName(t), t.err.Error(), wait.Milliseconds()
	r.feed.add(e)
	if leaves {
		r.schedule.Finish()
		r.makeReady(t)
		r.settle()
		return
	}
	r.delay(t, wait)
}

// delay makes a task wait before its next attempt, on another builder if this
// one may be what is wrong.
func (r *run) delay(t *task, wait time.Duration) {
	t.state = delayed
	t.avoid = -1
	if Transient(t.err) {
		t.avoid = t.builder
	}
	t.timer = time.AfterFunc(wait, func() {
		select {
		case r.woken <- t:
		case <-r.over:
		}
	})
}

// resume makes a task whose delay is over wait for a slot, or, with no builder
// there, for a builder.
func (r *run) resume(t *task) {
	switch {
	case t.state != delayed:
	case r.schedule.Live(t.order):
		r.resuming = append(r.resuming, t)
	default:
		r.schedule.Finish()
		r.makeReady(t)
		r.settle()
	}
}
