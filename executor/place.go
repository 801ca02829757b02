package executor

import (
	"slices"
	"time"

	"github.com/stowage-build/stowage/executor/schedule"
	"github.com/stowage-build/stowage/planner"
)

// place is the builder as the scheduler knows it.
func (b BuilderPort) place() schedule.Builder {
	return schedule.Builder{
		Name: b.Name, Platforms: b.Platforms, Except: b.Except, Native: b.Native, Runs: b.Runs, Slots: b.Slots,
		Unasked: b.Lost != nil,
	}
}

func places(builders []BuilderPort) []schedule.Builder {
	var out []schedule.Builder
	for _, b := range builders {
		out = append(out, b.place())
	}
	return out
}

// work is the task as the scheduler knows it; placements may be nil.
func (t *task) work(placements Placements, duration time.Duration) schedule.Task {
	w := schedule.Task{Duration: duration, Stage: t.stage}
	for _, need := range t.needs {
		w.Needs = append(w.Needs, need.order)
	}
	if placements != nil && t.step.Platform != "" && (t.spec != nil || slices.ContainsFunc(t.dependents, isBuild)) {
		w.Last = placements.LastBuilder(t.pkg.Image, t.step.Platform)
	}
	if t.spec == nil {
		return w
	}
	w.Build, w.Package, w.Platform = true, t.step.Package, t.step.Platform
	w.Native, w.Runs = t.spec.NativeOnly, t.spec.Runs
	return w
}

func isBuild(t *task) bool { return t.spec != nil }

// works are the tasks, each as long as duration says.
func works(tasks []*task, placements Placements, duration func(*task) time.Duration) []schedule.Task {
	out := make([]schedule.Task, len(tasks))
	for i, t := range tasks {
		out[i] = t.work(placements, duration(t))
	}
	return out
}

// expected are durations as they were recorded. A build that was never recorded
// counts as much as the median of those that were.
func expected(tasks []*task) func(*task) time.Duration {
	unknown := max(median(tasks), time.Millisecond)
	return func(t *task) time.Duration {
		if d := recorded(t); d > 0 || t.step.Kind != planner.KindBuild {
			return d
		}
		return unknown
	}
}

// recorded is the task's duration as the plan has it, 0 if it has none.
func recorded(t *task) time.Duration {
	const most = 1 << 32 // milliseconds: seven weeks
	return time.Duration(min(max(t.step.EstimateMS, 0), most)) * time.Millisecond
}

func median(tasks []*task) time.Duration {
	var known []time.Duration
	for _, t := range tasks {
		if d := recorded(t); d > 0 && t.step.Kind == planner.KindBuild {
			known = append(known, d)
		}
	}
	if len(known) == 0 {
		return 0
	}
	slices.Sort(known)
	return known[len(known)/2]
}

// scheduler makes the schedule of a run.
func scheduler(tasks []*task, ports Ports, opts Options) (*schedule.Scheduler, error) {
	order := schedule.LongestFirst
	if opts.Jobs == 1 {
		order = schedule.InOrder
	}
	return schedule.New(works(tasks, ports.Placements, expected(tasks)), places(ports.Builders), schedule.Options{Jobs: opts.Jobs, Order: order})
}
