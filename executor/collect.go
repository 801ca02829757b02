package executor

import (
	"errors"
	"time"
)

// result sorts the ended tasks into a Result and ends the events.
func (r *run) result(started time.Time) *Result {
	res := &Result{
		Done: []Done{}, Failed: []Failure{}, Skipped: []Skip{}, Cancelled: []Cancelled{},
		Interrupted: r.interrupted, StartedAt: started, FinishedAt: r.clock(),
	}
	for _, t := range r.tasks {
		switch t.state {
		case failed:
			res.Failed = append(res.Failed, r.failure(t))
		case skipped:
			res.Skipped = append(res.Skipped, Skip{Step: t.step, Because: ids(t.causes)})
		case cancelled:
			res.Cancelled = append(res.Cancelled, Cancelled{Ran: r.ran(t), Started: t.attempts > 0, LogPath: t.log.location()})
		default:
			res.Done = append(res.Done, Done{Ran: r.ran(t), Status: t.status, Descriptor: t.descriptor, LogPath: t.log.location()})
		}
	}
	r.feed.add(Event{
		Type: EventRunFinished, Counts: res.Counts(), Interrupted: r.interrupted,
		DurationMS: res.FinishedAt.Sub(started).Milliseconds(),
	})
	r.feed.close()
	res.Warnings = append([]string{}, r.feed.warnings...)
	return res
}

func (r *run) ran(t *task) Ran {
	return Ran{Step: t.step, Builder: r.builderName(t), Attempts: t.attempts, StartedAt: t.started, FinishedAt: t.finished}
}

// failure says what is known of why the task failed.
func (r *run) failure(t *task) Failure {
	f := Failure{Ran: r.ran(t), Err: t.err, Error: t.err.Error(), LogPath: t.log.location(), Log: t.log.last()}
	var build *BuildError
	if errors.As(t.err, &build) {
		f.Excerpt, f.Instruction, f.ExitCode = build.Excerpt, build.Step, build.ExitCode
	}
	return f
}
