package executor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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
	about   About
	err     error
}

// judge learns from how an attempt ended.
func (r *run) judge(t *task, err error) {
	switch {
	case t.builder < 0 || Full(err):
	case Lost(err):
		r.lose(t.builder, err)
	default:
		r.breakers[t.builder].losses = 0
	}
	if err == nil {
		r.resolveDoubt(t)
	}
}

// lose opens a builder's breaker. One whose disk is full answers, and is given
// a while all the same.
func (r *run) lose(builder int, err error) {
	b := r.breakers[builder]
	if b.open {
		return
	}
	b.open, b.since, b.probes, b.err = true, r.clock(), 0, err
	b.losses++
	r.schedule.SetLive(builder, false)
	var wait time.Duration
	if b.losses > 1 {
		wait = r.opts.Delay(b.losses - 1)
	}
	name := r.ports.Builders[builder].Name
	text := fmt.Sprintf("builder %s is lost and gets no builds until it answers: %v", name, err)
	var full *fullError
	if errors.As(err, &full) {
		wait = max(wait, fullPause)
		text = fmt.Sprintf("%v; it gets no builds for %s", err, short(wait))
	} else {
		r.findSoon()
	}
	r.feed.add(Event{Type: EventWarning, Builder: name, Error: text})
	r.probe(builder, wait)
}

// probe asks a builder, after a while, whether it is there.
func (r *run) probe(builder int, wait time.Duration) {
	pinger, _ := r.ports.Builders[builder].Builder.(Pinger)
	go func() {
		p := probe{builder: builder}
		if p.err = pause(r.others, wait); p.err == nil && pinger != nil {
			p.about, p.err = pinger.Ping(r.others)
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
		r.learn(p.builder, p.about)
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

// learn takes what a builder says of itself, which was not known if it was down
// when the run began, and may have changed since. Builds that no builder suits
// any more fail.
func (r *run) learn(builder int, about About) {
	port := &r.ports.Builders[builder]
	native := cmp.Or(about.Native, port.Native)
	runs := about.Runs
	if len(runs) == 0 {
		runs = port.Runs
	}
	if port.Lost == nil && native == port.Native && slices.Equal(runs, port.Runs) {
		return
	}
	port.Native, port.Runs, port.Lost = native, runs, nil
	r.schedule.Replace(builder, port.place())
	r.failHopeless()
}

// hopeless says why a build can run nowhere: every builder that suits it has
// been given up, or has a full disk. It is nil for others.
func (r *run) hopeless(t *task) error {
	if t.spec == nil {
		return nil
	}
	var reason error
	for _, builder := range r.schedule.Suits(t.order) {
		b := r.breakers[builder]
		if !b.givenUp {
			return nil
		}
		reason = fmt.Errorf("builder %s is lost: %w", r.ports.Builders[builder].Name, b.err)
	}
	for _, builder := range slices.Sorted(maps.Keys(t.full)) {
		if reason != nil {
			reason = fmt.Errorf("%v; %w", reason, t.full[builder])
		} else {
			reason = t.full[builder]
		}
	}
	if reason == nil {
		return fmt.Errorf("%s: %w", title(t), errors.Join(unsuited(t, r.ports.Builders)...))
	}
	return fmt.Errorf("%s: no builder for %s is left: %w", title(t), t.step.Platform, reason)
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
