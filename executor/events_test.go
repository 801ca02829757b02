package executor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stowage-build/stowage/executor"
)

// TestEventsAsJSON holds the documented form: what a reader of the journal
// sees of one build that is retried.
func TestEventsAsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, "build:a reason=missing\nindex:a < build:a")
		h.opts.Delay = func(int) time.Duration { return 2 * time.Second }
		attempt := 0
		h.builder.Do = func(ctx context.Context, _ *executor.BuildRequest, progress func(executor.Progress)) error {
			if attempt++; attempt == 1 {
				return &fault{"connection lost"}
			}
			progress(executor.Progress{Vertex: &executor.Vertex{ID: "sha256:1", Name: "RUN make", Started: true}})
			progress(executor.Progress{Log: &executor.LogLine{Vertex: "RUN make", Stderr: true, Data: []byte("hello\nwor")}})
			progress(executor.Progress{Log: &executor.LogLine{Vertex: "RUN make", Stderr: true, Data: []byte("ld")}})
			progress(executor.Progress{Vertex: &executor.Vertex{ID: "sha256:1", Name: "RUN make", Completed: true, Cached: true}})
			return sleep(ctx, time.Second)
		}
		result := h.apply(t.Context())
		digest := map[executor.Status]string{}
		for _, d := range result.Done {
			digest[d.Status] = d.Descriptor.Digest.String()
		}
		var got []string
		for _, e := range h.events.list {
			line, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.NewReplacer(
				digest[executor.StatusBuilt], "BUILT", digest[executor.StatusIndexed], "INDEXED", "2000-01-01T00:00:", "",
			).Replace(string(line))
			got = append(got, text)
		}
		const step = `"step":"build:a:linux/amd64","kind":"build","package":"a","platform":"linux/amd64"`
		expect(t, "events", got, `
			{"type":"run_started","time":"00Z","format_version":"1.0","steps":2,"slots":{"one":1000}}
			{"type":"step_started","time":"00Z",`+step+`,"builder":"one","attempt":1,"reason":"missing"}
			{"type":"step_retry","time":"00Z",`+step+`,"builder":"one","attempt":1,"error":"build a for linux/amd64: connection lost","delay_ms":2000}
			{"type":"step_started","time":"02Z",`+step+`,"builder":"one","attempt":2,"reason":"missing"}
			{"type":"step_progress","time":"02Z",`+step+`,"vertex":{"id":"sha256:1","name":"RUN make","started":true}}
			{"type":"step_log","time":"02Z",`+step+`,"vertex":{"name":"RUN make"},"stream":"stderr","line":"hello"}
			{"type":"step_log","time":"02Z",`+step+`,"vertex":{"name":"RUN make"},"stream":"stderr","line":"world"}
			{"type":"step_progress","time":"02Z",`+step+`,"vertex":{"id":"sha256:1","name":"RUN make","completed":true,"cached":true}}
			{"type":"step_finished","time":"03Z",`+step+`,"builder":"one","attempt":2,"status":"built","duration_ms":3000,"digest":"BUILT"}
			{"type":"step_started","time":"03Z","step":"index:a","kind":"index","package":"a","attempt":1}
			{"type":"step_finished","time":"03Z","step":"index:a","kind":"index","package":"a","attempt":1,"status":"indexed","digest":"INDEXED"}
			{"type":"run_finished","time":"03Z","duration_ms":3000,"counts":{"built":1,"indexed":1}}`)
	})
}

func TestSkipIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, "build:a\nbuild:b < build:a")
		h.failing("a")
		h.apply(t.Context())
		for _, e := range h.events.list {
			if e.Type != executor.EventStepFinished {
				continue
			}
			switch e.Package {
			case "a":
				if e.Status != executor.StatusFailed || e.Error != "build a for linux/amd64: process failed" {
					t.Errorf("event is %+v", e)
				}
			case "b":
				if e.Status != executor.StatusSkipped || len(e.Because) != 1 || e.Because[0] != "build:a:"+amd64 || e.Attempt != 0 {
					t.Errorf("event is %+v", e)
				}
			}
		}
	})
}

// TestSlowReporter: builds go on while the reporter takes its time, and all
// that happened is told in the end, in order.
func TestSlowReporter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, many(20))
		h.each(time.Second)
		h.events.slow = func() { time.Sleep(time.Minute) }
		result := h.apply(t.Context())
		took(t, result, time.Second)
		if n := len(h.events.list); n != 42 {
			t.Errorf("%d events, want 42", n)
		}
		for i, e := range h.events.list[1:] {
			if e.Time.Before(h.events.list[i].Time) {
				t.Fatalf("event %d is from before the one before it", i+1)
			}
		}
	})
}

// TestStuckReporter: output that nobody takes does not fill the memory, and
// what was left out is counted.
func TestStuckReporter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lines, more = 30_000, 10
		h := newHarness(t, "build:a")
		h.builder.Do = func(_ context.Context, _ *executor.BuildRequest, progress func(executor.Progress)) error {
			for i := range lines {
				progress(executor.Progress{Log: &executor.LogLine{Vertex: "RUN", Data: fmt.Appendln(nil, i)}})
			}
			time.Sleep(2 * time.Hour)
			for i := range more {
				progress(executor.Progress{Log: &executor.LogLine{Vertex: "RUN", Data: fmt.Appendln(nil, i)}})
			}
			return nil
		}
		stuck := make(chan struct{})
		h.events.slow = func() { <-stuck }
		go func() {
			time.Sleep(time.Hour)
			close(stuck)
		}()
		h.apply(t.Context())
		told, dropped := 0, 0
		for _, e := range h.events.list {
			if e.Type == executor.EventStepLog {
				told++
			}
			dropped += e.Dropped
		}
		if told+dropped != lines+more || told > 11_000 || told < 9_000 {
			t.Errorf("%d lines were told and %d dropped, of %d", told, dropped, lines)
		}
		if n := strings.Count(h.logs.text["a:"+amd64], "\n"); n < lines {
			t.Errorf("the log has %d lines", n)
		}
	})
}

func TestNobodyToTell(t *testing.T) {
	h := newHarness(t, image)
	h.ports.Reporter, h.ports.Logs, h.ports.Recorder = nil, nil, nil
	if result := h.apply(t.Context()); !result.OK() || result.Done[0].LogPath != "" {
		t.Errorf("result is %v", summary(result))
	}
}

// compile is a build with two instructions, one of which fails.
func compile(_ context.Context, _ *executor.BuildRequest, progress func(executor.Progress)) error {
	log := func(vertex, text string) {
		progress(executor.Progress{Log: &executor.LogLine{Vertex: vertex, Data: []byte(text)}})
	}
	log("COPY", "copying\n")
	log("RUN make", "one\ntwo\nth")
	log("RUN test", "unrelated\n")
	log("RUN make", "ree\nfour\n")
	progress(executor.Progress{Vertex: &executor.Vertex{Name: "COPY", Completed: true}})
	log("RUN make", "five")
	progress(executor.Progress{Vertex: &executor.Vertex{Name: "RUN make", Completed: true, Error: "exit code: 2"}})
	log("RUN test", "later\n")
	return errors.New("process failed")
}

func TestLogs(t *testing.T) {
	h := newHarness(t, "build:a")
	h.opts.LogTail = 3
	h.opts.Delay = func(int) time.Duration { return 0 }
	h.builder.Do = compile
	f := h.apply(t.Context()).Failed[0]
	expect(t, "tail", f.Log, "three\nfour\nfive")
	for _, e := range h.events.list {
		if e.Type == executor.EventStepFinished {
			expect(t, "tail in the event", e.Log, "three\nfour\nfive")
		}
	}
	if f.LogPath != "/logs/a:linux/amd64" {
		t.Errorf("path is %q", f.LogPath)
	}
	expect(t, "log", strings.Split(strings.TrimSpace(h.logs.text["a:"+amd64]), "\n"), `
		=> COPY
		copying
		=> RUN make
		one
		two
		=> RUN test
		unrelated
		=> RUN make
		three
		four
		-- COPY: done
		=> RUN make
		five
		-- RUN make: failed: exit code: 2
		=> RUN test
		later
		-- attempt 1 failed: process failed`)
}

func TestLogTailOfAllOutput(t *testing.T) {
	h := newHarness(t, "build:a")
	h.builder.Do = func(_ context.Context, _ *executor.BuildRequest, progress func(executor.Progress)) error {
		for i := range 30 {
			progress(executor.Progress{Log: &executor.LogLine{Vertex: fmt.Sprint("RUN ", i%2), Data: fmt.Appendln(nil, i)}})
		}
		progress(executor.Progress{Log: &executor.LogLine{Vertex: "RUN 0", Data: []byte("end")}})
		return errors.New("no")
	}
	f := h.apply(t.Context()).Failed[0]
	if len(f.Log) != executor.DefaultLogTail || f.Log[0] != "11" || f.Log[19] != "end" {
		t.Errorf("tail is %q", f.Log)
	}
}

// TestLogTrouble: a log that cannot be kept costs a warning, not the build.
func TestLogTrouble(t *testing.T) {
	full := errors.New("disk full")
	for name, change := range map[string]func(l *logs){
		"open":  func(l *logs) { l.open = full },
		"write": func(l *logs) { l.write = full },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, "build:a")
			change(h.logs)
			h.builder.Do = func(ctx context.Context, req *executor.BuildRequest, progress func(executor.Progress)) error {
				compile(ctx, req, progress)
				return nil
			}
			result := h.apply(t.Context())
			expect(t, "result", summary(result), "build:a built")
			if len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], "disk full") {
				t.Errorf("warnings are %q", result.Warnings)
			}
			expect(t, "events", h.events.lines(executor.EventWarning), "warning build:a")
		})
	}
}

func TestResultAsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, web)
		h.failing("a")
		result := h.apply(t.Context())
		data, err := json.Marshal(result)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Failed []struct {
				Step  struct{ ID string }
				Error string
			}
			Skipped []struct{ Because []string }
			Done    []map[string]any
		}
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Failed) != 1 || got.Failed[0].Error != result.Failed[0].Err.Error() || got.Failed[0].Step.ID != "build:a:"+amd64 {
			t.Errorf("failed: %+v", got.Failed)
		}
		if len(got.Skipped) != 3 || len(got.Done) != 4 || strings.Contains(string(data), "0001-01-01") {
			t.Errorf("result is %s", data)
		}
	})
}
