package executor

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/stowage-build/stowage/executor/schedule"
	"github.com/stowage-build/stowage/planner"
)

// DefaultSimulated is how long a build that was never recorded takes in a
// simulation.
const DefaultSimulated = time.Minute

// SimulateOptions are how a plan is simulated. The zero value is the default.
type SimulateOptions struct {
	// Jobs bounds what is done at once, as in Options; less than 1 is no bound.
	Jobs int
	// Schedule is ScheduleEager unless set.
	Schedule Schedule
	// Unknown is how long a build takes that was never recorded; 0 is
	// DefaultSimulated.
	Unknown time.Duration
	// Given, which may be nil, says how long builds take whatever was recorded;
	// ok is false for others.
	Given func(pkg, platform string) (d time.Duration, ok bool)
	// Placements, which may be nil, know where packages were built last.
	Placements Placements
}

// Simulation is a plan's schedule as it would be if everything took as long as
// is expected, nothing failed, and only builds took any time. Durations are in
// milliseconds.
type Simulation struct {
	// FormatVersion is EventVersion's kind of number for this form.
	FormatVersion string `json:"format_version"`
	MakespanMS    int64  `json:"makespan_ms"`
	// LowerBoundMS is what no schedule on these builders can be shorter than:
	// the largest of CriticalPathMS, the longest chain of builds, and WorkMS,
	// the sum of all, shared out among the slots that may do it.
	LowerBoundMS   int64 `json:"lower_bound_ms"`
	CriticalPathMS int64 `json:"critical_path_ms"`
	WorkMS         int64 `json:"work_ms"`
	// Slots is how many builds can run at once; Utilisation the part of them,
	// from 0 to 1, that is in use from the beginning to the end.
	Slots       int     `json:"slots"`
	Utilisation float64 `json:"utilisation"`
	// Builds is how many there are, Unrecorded those whose duration is not
	// known.
	Builds     int                `json:"builds"`
	Unrecorded int                `json:"unrecorded"`
	Builders   []SimulatedBuilder `json:"builders"`
	// Notes say what is not as it would be, for people.
	Notes []string `json:"notes,omitempty"`
	// Steps are in the plan's order.
	Steps []SimulatedStep `json:"steps"`
}

// SimulationVersion is the version of the JSON form.
const SimulationVersion = "1.0"

// SimulatedBuilder is what one builder would do.
type SimulatedBuilder struct {
	Name  string `json:"name"`
	Slots int    `json:"slots"`
	// Builds is how many it would do, Emulated those for platforms that it
	// emulates and others run themselves.
	Builds      int     `json:"builds"`
	Emulated    int     `json:"emulated"`
	BusyMS      int64   `json:"busy_ms"`
	Utilisation float64 `json:"utilisation"`
}

// SimulatedStep is when and where a step would run.
type SimulatedStep struct {
	ID      string `json:"id"`
	Builder string `json:"builder,omitempty"`
	StartMS int64  `json:"start_ms"`
	EndMS   int64  `json:"end_ms"`
}

// Marshal is the JSON form, indented, with a newline at the end.
func (s *Simulation) Marshal() ([]byte, error) {
	out, err := json.MarshalIndent(s, "", "  ")
	return append(out, '\n'), err
}

// Simulate schedules the plan over builders without running anything, by the
// same rules as Apply. Builders need no Builder in their ports. The errors are
// Apply's.
func Simulate(plan *planner.Plan, specs Specs, builders []BuilderPort, opts SimulateOptions) (*Simulation, error) {
	opts.Schedule = cmp.Or(opts.Schedule, ScheduleEager)
	if err := applicable(plan, Options{Schedule: opts.Schedule}); err != nil {
		return nil, fmt.Errorf("simulate plan: %w", err)
	}
	p := &preparation{specs: specs, ports: Ports{Builders: builders}, byID: map[string]*task{}}
	p.addTasks(plan)
	for _, t := range p.tasks {
		if t.step.Kind == planner.KindBuild && p.specify(t) {
			p.checkBuilders(t)
		}
	}
	p.link()
	p.setStages(opts.Schedule)
	p.checkOrder()
	if err := errors.Join(p.problems...); err != nil {
		return nil, fmt.Errorf("simulate plan: %w", err)
	}
	out := &Simulation{FormatVersion: SimulationVersion, Builders: []SimulatedBuilder{}, Steps: []SimulatedStep{}}
	work := works(p.tasks, opts.Placements, opts.duration(out))
	played, err := schedule.Simulate(work, places(builders), schedule.Options{Jobs: opts.Jobs})
	if err != nil {
		return nil, fmt.Errorf("simulate plan: %w", err)
	}
	out.fill(p.tasks, work, builders, played)
	return out, nil
}

// duration is how long tasks take; it counts builds in out.
func (o SimulateOptions) duration(out *Simulation) func(*task) time.Duration {
	unknown := cmp.Or(o.Unknown, DefaultSimulated)
	return func(t *task) time.Duration {
		if t.step.Kind != planner.KindBuild {
			return 0
		}
		out.Builds++
		if o.Given != nil {
			if d, ok := o.Given(t.step.Package, t.step.Platform); ok {
				return d
			}
		}
		if d := recorded(t); d > 0 {
			return d
		}
		out.Unrecorded++
		return unknown
	}
}

// fill takes over what was played.
func (s *Simulation) fill(tasks []*task, work []schedule.Task, builders []BuilderPort, played *schedule.Simulation) {
	s.MakespanMS, s.LowerBoundMS = played.Makespan.Milliseconds(), played.Least.Milliseconds()
	s.CriticalPathMS, s.WorkMS = played.CriticalPath.Milliseconds(), played.Work.Milliseconds()
	s.Slots, s.Utilisation = played.Slots, played.Utilisation()
	for i, b := range builders {
		out := SimulatedBuilder{Name: b.Name, Slots: max(b.Slots, 1), BusyMS: played.Busy[i].Milliseconds()}
		if played.Makespan > 0 {
			out.Utilisation = float64(played.Busy[i]) / float64(played.Makespan) / float64(out.Slots)
		}
		s.Builders = append(s.Builders, out)
	}
	for i, run := range played.Runs {
		step := SimulatedStep{ID: tasks[i].step.ID, StartMS: run.Start.Milliseconds(), EndMS: run.End.Milliseconds()}
		if run.Builder != schedule.None {
			b := &s.Builders[run.Builder]
			step.Builder = b.Name
			b.Builds++
			if run.End-run.Start > work[i].Duration {
				b.Emulated++
			}
		}
		s.Steps = append(s.Steps, step)
	}
}
