package executor

import (
	"strings"
	"time"

	"github.com/stowage-build/stowage/planner"
)

// EventVersion is the version of the events' JSON form, given by the first
// event of a run. The major number changes when a reader of the old form
// would be misled; fields and types of events may be added without that.
const EventVersion = "1.0"

// EventType says what an event is about, and so which fields it has.
type EventType string

// The types of events. Every event has Type and Time; those about a step have
// Step, Kind, Package and, where there is one, Platform.
const (
	// EventRunStarted comes first: FormatVersion, Steps, Slots.
	EventRunStarted EventType = "run_started"
	// EventStepStarted is an attempt at a step: Attempt, Reason, Builder.
	EventStepStarted EventType = "step_started"
	// EventStepProgress is an instruction whose state has changed: Vertex.
	EventStepProgress EventType = "step_progress"
	// EventStepLog is one line of a build's output: Vertex's ID is not set,
	// its Name is the instruction; Stream, Line, Dropped.
	EventStepLog EventType = "step_log"
	// EventStepRetry is an attempt that failed and will be made again after
	// DelayMS: Attempt, Error, Builder.
	EventStepRetry EventType = "step_retry"
	// EventStepFinished is the end of a step: Status, DurationMS and Attempt
	// (how many there were); Digest, Error, Excerpt, Log, Because, Dropped.
	EventStepFinished EventType = "step_finished"
	// EventBuilderFound is a builder that has come since the run began: Builder,
	// Slots.
	EventBuilderFound EventType = "builder_found"
	// EventWarning is something that went wrong without harm to the images:
	// Error.
	EventWarning EventType = "warning"
	// EventRunFinished comes last: Counts, DurationMS, Interrupted.
	EventRunFinished EventType = "run_finished"
)

// Event is one thing that happened in a run. Fields that do not apply are
// left out of the JSON form.
type Event struct {
	Type EventType `json:"type"`
	Time time.Time `json:"time"`

	FormatVersion string `json:"format_version,omitempty"`
	// Steps is how many steps the run has.
	Steps int `json:"steps,omitempty"`
	// Slots is how many builds each builder takes at once, by its name.
	Slots map[string]int `json:"slots,omitempty"`

	Step     string       `json:"step,omitempty"`
	Kind     planner.Kind `json:"kind,omitempty"`
	Package  string       `json:"package,omitempty"`
	Platform string       `json:"platform,omitempty"`
	Builder  string       `json:"builder,omitempty"`
	// Attempt counts from 1.
	Attempt int    `json:"attempt,omitempty"`
	Status  Status `json:"status,omitempty"`
	// Reason is the plan's: it explains.
	Reason planner.Reason `json:"reason,omitempty"`
	Error  string         `json:"error,omitempty"`
	// Excerpt is the Dockerfile's lines where a build failed.
	Excerpt string `json:"excerpt,omitempty"`
	// Log is the last lines of output of a build that failed: see Failure.
	Log []string `json:"log,omitempty"`
	// Because are the failed steps that a skipped one could not do without.
	Because    []string `json:"because,omitempty"`
	DurationMS int64    `json:"duration_ms,omitempty"`
	DelayMS    int64    `json:"delay_ms,omitempty"`
	// Digest is that of the image manifest, or of the index.
	Digest string `json:"digest,omitempty"`

	Vertex *EventVertex `json:"vertex,omitempty"`
	// Stream is stdout or stderr.
	Stream string `json:"stream,omitempty"`
	// Line is without its line end. Bytes that are not UTF-8 are replaced in
	// the JSON form. A line beyond 16 KiB comes in pieces.
	Line string `json:"line,omitempty"`
	// Dropped is how many of the step's lines before this event were left out
	// because the reporter was far behind. They are in the node's log.
	Dropped int `json:"dropped,omitempty"`

	Counts      map[Status]int `json:"counts,omitempty"`
	Interrupted bool           `json:"interrupted,omitempty"`
}

// EventVertex is the state of one instruction.
type EventVertex struct {
	ID        string `json:"id,omitempty"`
	Name      string `json:"name"`
	Started   bool   `json:"started,omitempty"`
	Completed bool   `json:"completed,omitempty"`
	Cached    bool   `json:"cached,omitempty"`
	Error     string `json:"error,omitempty"`
}

// IsInstruction says that a vertex's name is that of a Dockerfile's instruction:
// "[build 2/5] RUN make", as BuildKit writes it.
func IsInstruction(name string) bool {
	return len(name) > 1 && name[0] == '[' && !strings.HasPrefix(name, "[internal]") &&
		!strings.HasPrefix(name, "[context ") && !strings.HasPrefix(name, "[auth]")
}

// Reporters tells several reporters, in their order. Nil ones are left out.
type Reporters []Reporter

// Report tells all of them.
func (all Reporters) Report(e Event) {
	for _, r := range all {
		if r != nil {
			r.Report(e)
		}
	}
}
