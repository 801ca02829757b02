package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/stowage-build/stowage/executor"
)

// plainStep is what was said of an attempt at a build that is under way.
type plainStep struct {
	builder string
	// shown is how many instructions have a number.
	shown int
	twins Twins
	// instructions are by ID, and latest those that started last, by the name
	// that output has.
	instructions, latest map[string]*plainInstruction
}

type plainInstruction struct {
	id      string
	number  int
	started time.Time
	ended   bool
}

// progress writes an instruction when it starts and when it ends. Of one whose
// output is among the lines of another build it only says that.
func (p *Plain) progress(e executor.Event) {
	v := e.Vertex
	if v == nil {
		return
	}
	step := p.step(e)
	name, twin := step.twins.See(v)
	if twin || isAnnounced(v) {
		return
	}
	in := step.instruction(v)
	if in.ended {
		return
	}
	if in.started.IsZero() {
		in.started = e.Time
	}
	in.ended = v.Completed || v.Error != ""
	took := e.Time.Sub(in.started)
	if isBookkeeping(name) {
		if in.ended && took >= slowBookkeeping {
			p.line(e, "%s took %s", clean(name), Duration(took))
		}
		return
	}
	first := p.owner(e, in)
	if in.number == 0 {
		step.shown++
		in.number = step.shown
		shared := ""
		if first.step != e.Step {
			shared = " (shared with " + first.name + ", see there)"
		}
		p.line(e, "#%d %s%s", in.number, clean(name), shared)
	}
	switch {
	case v.Error != "":
		p.line(e, "#%d failed after %s", in.number, Duration(took))
	case first.step != e.Step:
	case v.Completed && v.Cached:
		p.line(e, "#%d CACHED", in.number)
	case v.Completed:
		p.line(e, "#%d done in %s", in.number, Duration(took))
	}
}

// slowBookkeeping is how long the builder's own work must take to be told of.
const slowBookkeeping = time.Second

// isBookkeeping says that an instruction is the builder's own, rather than the
// Dockerfile's.
func isBookkeeping(name string) bool {
	for _, prefix := range []string{"[internal] ", "[context ", "exporting ", "importing "} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// step is what was said of the attempt that an event is about.
func (p *Plain) step(e executor.Event) *plainStep {
	s := p.steps[e.Step]
	if s == nil {
		s = &plainStep{instructions: map[string]*plainInstruction{}, latest: map[string]*plainInstruction{}}
		if p.steps == nil {
			p.steps, p.owners = map[string]*plainStep{}, owners{}
		}
		p.steps[e.Step] = s
	}
	return s
}

// forget forgets an attempt that has ended.
func (p *Plain) forget(step string) {
	delete(p.steps, step)
	p.owners.leave(step)
}

// instruction is what was said of an instruction that has started.
func (s *plainStep) instruction(v *executor.EventVertex) *plainInstruction {
	in := s.instructions[v.ID+v.Name]
	if in == nil {
		in = &plainInstruction{id: v.ID}
		s.instructions[v.ID+v.Name], s.latest[v.Name] = in, in
	}
	return in
}

// owner is the build whose lines have an instruction's output.
func (p *Plain) owner(e executor.Event, in *plainInstruction) owner {
	return p.owners.of(p.step(e).builder, in.id, owner{e.Step, eventName(e)})
}

// log writes a line of output, unless another build does.
func (p *Plain) log(e executor.Event) {
	if e.Dropped > 0 {
		p.dropped(e)
	}
	prefix := ""
	if e.Vertex != nil {
		if in := p.step(e).latest[e.Vertex.Name]; in != nil && in.number > 0 {
			if p.owner(e, in).step != e.Step {
				return
			}
			prefix = fmt.Sprintf("#%d ", in.number)
		}
	}
	p.line(e, "%s%s", prefix, clean(e.Line))
}
