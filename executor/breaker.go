package executor

import (
	"context"
	"fmt"
	"time"

	"github.com/stowage-build/stowage/planner"
)

// probeDelay bounds the wait between two questions whether a builder is back.
const probeDelay = 10 * time.Second

// breaker is what a run knows of one builder, and what keeps it from being
// given builds that it would lose. It is
//
//   - closed: builds go there;
//   - open, since it lost a build: none do, and it is asked whether it is there;
//   - given up, when it has been open for as long as Options.Patience: builds
//     that could only run there fail. It is asked all the same, and is closed
//     when it answers.
//
// A builder that answers and loses builds again and again is asked later each
// time.
type breaker struct {
	open, givenUp bool
	since         time.Time
	// losses counts those since it last brought a build to an end; probes the
	// questions since it opened.
	losses, probes int
	err            error
}

// probe is the answer of a builder that was asked whether it is there.
type probe struct {
	builder int
	err     error
}

// judge learns from how an attempt ended.
func (r *run) judge(t *task, err error) {
	switch {
	case t.builder < 0:
	case Lost(err):
		r.lose(t.builder, err)
	default:
		r.breakers[t.builder].losses = 0
	}
}

// lose opens a builder's breaker.
func (r *run) lose(builder int, err error) {
	b := r.breakers[builder]
	if b.open {
		return
	}
	b.open, b.since, b.probes, b.err = true, r.clock(), 0, err
	b.losses++
	r.schedule.SetLive(builder, false)
	r.feed.add(Event{Type: EventWarning, Builder: r.ports.Builders[builder].Name, Error: fmt.Sprintf(
		"builder %s is lost and gets no builds until it answers: %v", r.ports.Builders[builder].Name, err)})
	var wait time.Duration
	if b.losses > 1 {
		wait = r.opts.Delay(b.losses - 1)
	}
	r.probe(builder, wait)
}

// probe asks a builder, after a while, whether it is there.
func (r *run) probe(builder int, wait time.Duration) {
	pinger, _ := r.ports.Builders[builder].Builder.(Pinger)
	go func() {
		p := probe{builder: builder}
		if p.err = pause(r.others, wait); p.err == nil && pinger != nil {
			p.err = pinger.Ping(r.others)
		}
		select {
		case r.probed <- p:
		case <-r.over:
		}
	}()
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// probedBuilder closes a builder's breaker if it answers, and otherwise asks
// again later.
func (r *run) probedBuilder(p probe) {
	b := r.breakers[p.builder]
	if p.err == nil {
		b.open, b.givenUp = false, false
		r.schedule.SetLive(p.builder, true)
		return
	}
	if r.stopped {
		return
	}
	b.err = p.err
	b.probes++
	if !b.givenUp && (r.clock().Sub(b.since) >= r.opts.Patience || !Transient(p.err)) {
		b.givenUp = true
		r.failHopeless()
	}
	r.probe(p.builder, min(r.opts.Delay(b.probes), probeDelay))
}

// hopeless says why a build can run nowhere: every builder that suits it has
// been given up. It is nil for others.
func (r *run) hopeless(t *task) error {
	if t.spec == nil {
		return nil
	}
	var err error
	for _, builder := range r.schedule.Suits(t.order) {
		b := r.breakers[builder]
		if !b.givenUp {
			return nil
		}
		err = fmt.Errorf("no builder for %s is left: builder %s is lost: %w", t.step.Platform, r.ports.Builders[builder].Name, b.err)
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", title(t), err)
}

// failHopeless fails what waits for builders that have been given up.
func (r *run) failHopeless() {
	for _, t := range r.tasks {
		if t.state != ready || t.step.Kind != planner.KindBuild {
			continue
		}
		if t.err = r.hopeless(t); t.err != nil {
			r.schedule.Withdraw(t.order)
			r.failReady(t)
		}
	}
	r.settle()
}

// failReady fails a task that holds no job.
func (r *run) failReady(t *task) {
	t.finished = r.clock()
	t.log.close()
	r.end(t, failed, StatusFailed)
	if r.opts.FailFast && !r.stopped {
		r.stopBuilds()
		r.stop()
	}
}
