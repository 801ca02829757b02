package report_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/executor"
)

const eventsPage = "../../docs/events.md"

// The page names every type, property and status that there is.
func TestEventsAreDocumented(t *testing.T) {
	content, err := os.ReadFile(eventsPage)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range []any{executor.Event{}, executor.EventVertex{}} {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	for _, e := range []executor.EventType{
		executor.EventRunStarted, executor.EventStepStarted, executor.EventStepProgress, executor.EventStepLog,
		executor.EventStepRetry, executor.EventStepFinished, executor.EventWarning, executor.EventRunFinished,
	} {
		names = append(names, string(e))
	}
	for _, s := range []executor.Status{
		executor.StatusBuilt, executor.StatusReused, executor.StatusUnchanged, executor.StatusPulled, executor.StatusIndexed, executor.StatusPushed,
		executor.StatusTagged, executor.StatusLoaded, executor.StatusFailed, executor.StatusSkipped, executor.StatusCancelled,
	} {
		names = append(names, string(s))
	}
	for _, name := range names {
		if !strings.Contains(string(content), "`"+name+"`") {
			t.Errorf("%s does not mention %s", eventsPage, name)
		}
	}
}

// The page's example is made of events.
func TestExampleInEventsPage(t *testing.T) {
	content, err := os.ReadFile(eventsPage)
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(content), "```json\n")
	example, _, _ = strings.Cut(example, "```")
	lines := strings.Split(strings.TrimSpace(example), "\n")
	if len(lines) < 2 {
		t.Fatalf("no example in %s", eventsPage)
	}
	for _, line := range lines {
		dec := json.NewDecoder(strings.NewReader(line))
		dec.DisallowUnknownFields()
		var e executor.Event
		if err := dec.Decode(&e); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}
