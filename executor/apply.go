package executor

import (
	"context"
	"fmt"
	"time"

	"github.com/stowage-build/stowage/planner"
)

// Schedule says when a step may start.
type Schedule string

// The schedules.
const (
	// ScheduleEager starts a step as soon as what it needs is done.
	ScheduleEager Schedule = "eager"
	// ScheduleWaves starts a wave when all steps of the one before have ended.
	ScheduleWaves Schedule = "waves"
)

// Defaults of Options.
const (
	DefaultJobs        = 4
	DefaultMaxAttempts = 5
	DefaultLogTail     = 20
	DefaultPatience    = time.Minute
)

// Options are how a plan is applied. The zero value is the default.
type Options struct {
	// Jobs bounds what is done at once: builds, pulls, pushes and the rest.
	// With 1, steps run one after another in order of wave and id. Less than 1
	// is DefaultJobs.
	Jobs int
	// Grow adds to Jobs the slots of builders that are found while the run goes
	// on.
	Grow bool
	// Schedule is ScheduleEager unless set.
	Schedule Schedule
	// FailFast starts nothing more after a failure and cancels running builds.
	// Otherwise everything that does not need what failed goes on.
	FailFast bool
	// MaxAttempts bounds the attempts at a build that meets transient faults.
	// Less than 1 is DefaultMaxAttempts.
	MaxAttempts int
	// Delay is how long to wait before an attempt, given how many were made;
	// nil is Backoff.
	Delay func(attempts int) time.Duration
	// Patience is how long builds wait for lost builders when no other suits
	// them. 0 is DefaultPatience.
	Patience time.Duration
	// Offline asks no registry for images of builds. Pulls and pushes that are
	// in the plan are made.
	Offline bool
	// LogTail is how many of the last lines a failure keeps. Less than 1 is
	// DefaultLogTail.
	LogTail int
	// Warnings are of what was found before the run, to be reported with it.
	Warnings []string
}

func (o Options) withDefaults() Options {
	if o.Jobs < 1 {
		o.Jobs = DefaultJobs
	}
	if o.Schedule == "" {
		o.Schedule = ScheduleEager
	}
	if o.MaxAttempts < 1 {
		o.MaxAttempts = DefaultMaxAttempts
	}
	if o.Delay == nil {
		o.Delay = Backoff
	}
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	if o.LogTail < 1 {
		o.LogTail = DefaultLogTail
	}
	return o
}

// Apply runs the plan's steps and says how each ended. Failed steps are in
// the result; an error means that nothing was started: the plan has errors or
// does not hold together, or it needs something that there is no port for.
//
// When ctx is cancelled nothing more is started, what runs is cancelled, and
// Apply returns once it has ended. What was finished by then is kept.
func Apply(ctx context.Context, plan *planner.Plan, specs Specs, ports Ports, opts Options) (*Result, error) {
	opts = opts.withDefaults()
	if ports.Clock == nil {
		ports.Clock = time.Now
	}
	tasks, err := prepare(plan, specs, ports, opts)
	if err != nil {
		return nil, fmt.Errorf("apply plan: %w", err)
	}
	r, err := newRun(plan, tasks, specs, ports, opts)
	if err != nil {
		return nil, fmt.Errorf("apply plan: %w", err)
	}
	return r.run(ctx), nil
}
