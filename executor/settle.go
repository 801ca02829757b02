package executor

import (
	"errors"
	"slices"

	"github.com/stowage-build/stowage/planner"
)

// settle brings on tasks whose needs have ended, and what follows from it.
func (r *run) settle() {
	r.handOut()
	for len(r.settling) > 0 {
		t := r.settling[0]
		r.settling = r.settling[1:]
		if t.state == waiting {
			r.decide(t)
		}
		r.handOut()
	}
}

// handOut takes over what the scheduler has handed out.
func (r *run) handOut() {
	for _, number := range r.numbers {
		r.settling = append(r.settling, r.tasks[number])
	}
	r.numbers = r.numbers[:0]
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
		r.makeReady(t)
	}
}

// makeReady makes a task wait for a job and a slot, unless its builders have
// all been given up.
func (r *run) makeReady(t *task) {
	t.state = ready
	if err := r.hopeless(t); err != nil {
		t.err = err
		r.failReady(t)
		return
	}
	r.schedule.Queue(t.order)
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
	for _, number := range r.schedule.Drain() {
		t := r.tasks[number]
		t.finished = r.clock()
		t.log.close()
		r.end(t, cancelled, StatusCancelled)
	}
	r.settle()
}

// endJob ends a task that held a job, and brings on what waited for it.
func (r *run) endJob(t *task, s state, status Status) {
	r.schedule.Finish()
	t.finished = r.clock()
	t.log.close()
	r.end(t, s, status)
	r.settle()
}

// end ends a task. Those that need it are settled next.
func (r *run) end(t *task, s state, status Status) {
	t.state, t.status = s, status
	r.left--
	if s == failed && t.step.Kind != planner.KindTag {
		r.failures = append(r.failures, t)
	}
	r.numbers = r.schedule.End(t.order, r.numbers)
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
		e.Error, e.Log = t.err.Error(), t.log.last()
		var failure *BuildError
		if errors.As(t.err, &failure) {
			e.Excerpt = failure.Excerpt
		}
	}
	if t.step.Kind == planner.KindReuse {
		e.Digest = t.step.Digest
	}
	return e
}
