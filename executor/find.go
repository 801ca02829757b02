package executor

import (
	"context"
	"time"
)

// findInterval is how often more builders are looked for.
const findInterval = 30 * time.Second

// search is when more builders are looked for: every so often, and when one was
// lost, whose place another may have taken.
type search struct {
	timer   *time.Timer // nil where there is nothing to look for
	running bool
}

func (s *search) start(wanted bool) {
	if wanted {
		s.timer = time.NewTimer(findInterval)
	}
}

func (s *search) stop() {
	if s.timer != nil {
		s.timer.Stop()
	}
}

// due is readable when it is time to look.
func (s *search) due() <-chan time.Time {
	if s.timer == nil || s.running {
		return nil
	}
	return s.timer.C
}

// finding is what came of a search.
type finding struct {
	ports []BuilderPort
	err   error
}

// findSoon looks for builders as soon as no search is under way.
func (r *run) findSoon() {
	if r.finding.timer != nil {
		r.finding.timer.Reset(0)
	}
}

// find looks for builders.
func (r *run) find() {
	r.finding.running = true
	go func(ctx context.Context) {
		var f finding
		f.ports, f.err = r.ports.Finder.Find(ctx)
		select {
		case r.found <- f:
		case <-r.over:
		}
	}(r.others)
}

// takeFound takes builders into use. What keeps some from being found is told
// when it changes.
func (r *run) takeFound(f finding) {
	r.finding.running = false
	r.finding.timer.Reset(findInterval)
	text := ""
	if f.err != nil {
		text = f.err.Error()
	}
	if text != "" && text != r.notFound && !r.stopped {
		r.feed.add(Event{Type: EventWarning, Error: text})
	}
	r.notFound = text
	for _, port := range f.ports {
		r.addBuilder(port)
	}
}

// addBuilder takes a builder into use.
func (r *run) addBuilder(port BuilderPort) {
	number := len(r.ports.Builders)
	r.ports.Builders = append(r.ports.Builders, port)
	r.breakers = append(r.breakers, &breaker{})
	more := 0
	if r.opts.Grow {
		more = max(port.Slots, 1)
	}
	r.schedule.Add(port.place(), more)
	r.feed.add(Event{Type: EventBuilderFound, Builder: port.Name, Slots: slotsByName([]BuilderPort{port})})
	if port.Lost != nil {
		r.lose(number, port.Lost)
	}
}
