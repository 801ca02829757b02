package report

import (
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// course is where a run is on its plan: what is left of each wave, and how
// long the rest may take.
type course struct {
	steps []courseStep
	index map[string]int
	// waves is how many steps of each wave are in each state.
	waves []waveCount
	// timed says that some duration is expected.
	timed bool
}

type courseStep struct {
	needs    []int
	wave     int
	build    bool
	estimate time.Duration
	started  time.Time
	ended    bool
}

// waveCount is how many steps of a wave there are, by how far they are.
type waveCount struct{ total, running, done, failed int }

// newCourse is that of a plan, nil if there is none.
func newCourse(p *planner.Plan) *course {
	if p == nil {
		return nil
	}
	c := &course{index: map[string]int{}}
	for _, s := range p.Steps { // in order of wave: needs come first
		if s.Kind == planner.KindReuse {
			continue
		}
		step := courseStep{wave: s.Wave - 1, build: s.Kind == planner.KindBuild, estimate: time.Duration(s.EstimateMS) * time.Millisecond}
		for _, need := range s.Needs {
			if i, ok := c.index[need]; ok {
				step.needs = append(step.needs, i)
			}
		}
		c.timed = c.timed || step.estimate > 0
		c.index[s.ID] = len(c.steps)
		c.steps = append(c.steps, step)
		for len(c.waves) < s.Wave {
			c.waves = append(c.waves, waveCount{})
		}
		if s.Wave > 0 {
			c.waves[s.Wave-1].total++
		}
	}
	return c
}

// started and ended take note of a step. Those of another plan are none.
func (c *course) started(id string, at time.Time) {
	if s, w := c.find(id); s != nil && s.started.IsZero() {
		s.started = at
		w.running++
	}
}

func (c *course) ended(id string, status executor.Status) {
	s, w := c.find(id)
	if s == nil || s.ended {
		return
	}
	s.ended = true
	if !s.started.IsZero() {
		w.running--
	}
	switch status {
	case executor.StatusFailed, executor.StatusSkipped, executor.StatusCancelled:
		w.failed++
	default:
		w.done++
	}
}

func (c *course) find(id string) (*courseStep, *waveCount) {
	if c == nil {
		return nil, nil
	}
	i, ok := c.index[id]
	if !ok || c.steps[i].wave < 0 || c.steps[i].wave >= len(c.waves) {
		return nil, nil
	}
	return &c.steps[i], &c.waves[c.steps[i].wave]
}

// left is how long the run may go on, with slots builds at once, and how long
// its longest chain may. Both are 0 when nothing is known.
func (c *course) left(now time.Time, slots int) (rest, path time.Duration) {
	if c == nil || !c.timed {
		return 0, 0
	}
	var work time.Duration
	ends := make([]time.Duration, len(c.steps))
	for i, s := range c.steps {
		if s.ended {
			continue
		}
		mine := s.estimate
		if !s.started.IsZero() {
			mine = max(mine-now.Sub(s.started), 0)
		}
		if s.build {
			work += mine
		}
		for _, need := range s.needs {
			ends[i] = max(ends[i], ends[need])
		}
		ends[i] += mine
		path = max(path, ends[i])
	}
	return max(path, work/time.Duration(max(slots, 1))), path
}
