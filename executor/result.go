package executor

import (
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/planner"
)

// Status is how a step ended.
type Status string

// The ways for a step to end. The first block is success.
const (
	StatusBuilt  Status = "built"
	StatusReused Status = "reused" // it was there, or another run built it meanwhile
	// StatusUnchanged is a build that was not made: what it is made of came out
	// as in an earlier build, whose image got the node's tag.
	StatusUnchanged Status = "unchanged"
	StatusPulled    Status = "pulled"
	StatusIndexed   Status = "indexed"
	StatusPushed    Status = "pushed"
	StatusTagged    Status = "tagged"
	StatusLoaded    Status = "loaded"

	StatusFailed    Status = "failed"
	StatusSkipped   Status = "skipped"   // something it needs failed
	StatusCancelled Status = "cancelled" // the run was stopped
)

// Result says of every step of the plan how it ended: each is in exactly one
// of Done, Failed, Skipped and Cancelled, in the plan's order.
type Result struct {
	Done      []Done      `json:"done"`
	Failed    []Failure   `json:"failed"`
	Skipped   []Skip      `json:"skipped"`
	Cancelled []Cancelled `json:"cancelled"`
	// Warnings are what went wrong without harm to the images.
	Warnings []string `json:"warnings"`
	// Interrupted says that the context was cancelled before all had ended.
	Interrupted bool      `json:"interrupted"`
	StartedAt   time.Time `json:"started_at"`
	FinishedAt  time.Time `json:"finished_at"`
}

// OK reports whether everything that the plan asked for was done.
func (r *Result) OK() bool {
	return !r.Interrupted && len(r.Failed)+len(r.Skipped)+len(r.Cancelled) == 0
}

// Counts returns how many steps ended in each way.
func (r *Result) Counts() map[Status]int {
	counts := map[Status]int{}
	for _, d := range r.Done {
		counts[d.Status]++
	}
	for status, n := range map[Status]int{
		StatusFailed: len(r.Failed), StatusSkipped: len(r.Skipped), StatusCancelled: len(r.Cancelled),
	} {
		if n > 0 {
			counts[status] = n
		}
	}
	return counts
}

// Ran is where and when a step ran. A step that never started has the step
// only.
type Ran struct {
	Step planner.Step `json:"step"`
	// Builder is the builder of the last attempt at a build.
	Builder    string    `json:"builder,omitempty"`
	Attempts   int       `json:"attempts"`
	StartedAt  time.Time `json:"started_at,omitzero"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
}

// Duration is from the start of the first attempt to the end of the last.
func (r Ran) Duration() time.Duration { return r.FinishedAt.Sub(r.StartedAt) }

// Done is a step that succeeded.
type Done struct {
	Ran
	Status Status `json:"status"`
	// Descriptor is the image manifest of build and pull steps and the index
	// of index and push steps.
	Descriptor ocispec.Descriptor `json:"descriptor,omitzero"`
	// LogPath is where a build's output is, "" if it is not kept.
	LogPath string `json:"log_path,omitempty"`
}

// Failure is a step that failed, after its retries.
type Failure struct {
	Ran
	Err error `json:"-"`
	// Error is Err's text.
	Error string `json:"error"`
	// Excerpt, Instruction and ExitCode are of a build whose instruction
	// failed: see BuildError.
	Excerpt     string `json:"excerpt,omitempty"`
	Instruction string `json:"instruction,omitempty"`
	ExitCode    int    `json:"exit_code,omitempty"`
	// Log is the last lines of output, of the failing instruction if it had
	// any.
	Log     []string `json:"log,omitempty"`
	LogPath string   `json:"log_path,omitempty"`
}

// Skip is a step that was not tried because something it needs failed.
type Skip struct {
	Step planner.Step `json:"step"`
	// Because are the ids of the failed steps at the root of it.
	Because []string `json:"because"`
}

// Cancelled is a step that was stopped, or not started, because the run was
// stopped.
type Cancelled struct {
	Ran
	// Started says that an attempt had been made or was under way.
	Started bool `json:"started"`
	// LogPath is where a build's output is, "" if there is none.
	LogPath string `json:"log_path,omitempty"`
}
