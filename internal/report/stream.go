package report

import (
	"encoding/json"
	"io"

	"github.com/stowage-build/stowage/executor"
)

// Quiet reports nothing.
type Quiet struct{}

// Report does nothing.
func (Quiet) Report(executor.Event) {}

// Close does nothing.
func (Quiet) Close() error { return nil }

// JSON writes every event as one line: see docs/events.md.
type JSON struct{ W io.Writer }

// Report writes the event. What cannot be written is lost: a run does not
// fail because nobody reads about it.
func (j JSON) Report(e executor.Event) {
	enc := json.NewEncoder(j.W)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(e)
}

// Close does nothing.
func (JSON) Close() error { return nil }
