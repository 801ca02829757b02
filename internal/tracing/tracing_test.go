package tracing_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/tracing"
	"github.com/stowage-build/stowage/planner"
)

// collect serves as a collector, and returns its address and what it got.
func collect(t *testing.T) (url string, spans func() []*tracepb.Span) {
	t.Helper()
	var mu sync.Mutex
	var got []*tracepb.Span
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		req := &collector.ExportTraceServiceRequest{}
		if err := errors.Join(err, proto.Unmarshal(body, req)); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, res := range req.GetResourceSpans() {
			for _, scope := range res.GetScopeSpans() {
				got = append(got, scope.GetSpans()...)
			}
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []*tracepb.Span {
		mu.Lock()
		defer mu.Unlock()
		return got
	}
}

type builder struct{ err error }

func (b builder) Build(context.Context, *executor.BuildRequest, func(executor.Progress)) (*executor.BuildResult, error) {
	return &executor.BuildResult{}, b.err
}

func (builder) Ping(context.Context) (executor.About, error) {
	return executor.About{}, errors.New("pinged")
}

// plainBuilder cannot be pinged.
type plainBuilder struct{ executor.Builder }

func TestRun(t *testing.T) {
	url, spans := collect(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
	env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	ctx, finish, err := tracing.Setup(t.Context(), func(name string) string { return env[name] }, "1.0", "apply")
	if err != nil {
		t.Fatal(err)
	}
	steps, traced := tracing.Run(ctx)
	ports := traced([]executor.BuilderPort{{Name: "one", Builder: builder{errors.New("no")}}, {Name: "two", Builder: plainBuilder{builder{}}}})
	if p, ok := ports[0].Builder.(executor.Pinger); !ok {
		t.Error("a builder that can be pinged cannot any more")
	} else if _, err := p.Ping(ctx); err == nil {
		t.Error("the answer to a ping is not the builder's")
	}
	if _, ok := ports[1].Builder.(executor.Pinger); ok {
		t.Error("a builder that cannot be pinged can be")
	}
	at := time.Now()
	for i, want := range []bool{true, false} { // the first attempt fails, before it is told of
		if _, err := ports[i].Builder.Build(ctx, &executor.BuildRequest{Node: "app:linux/amd64"}, nil); (err != nil) != want {
			t.Errorf("attempt %d: %v", i, err)
		}
		steps.Report(executor.Event{Type: executor.EventStepStarted, Step: "build:app:linux/amd64", Kind: planner.KindBuild, Package: "app", Platform: "linux/amd64"})
	}
	for _, e := range []executor.Event{
		{Type: executor.EventStepFinished, Step: "build:app:linux/amd64", Kind: planner.KindBuild, Status: executor.StatusBuilt, Time: time.Now()},
		{Type: executor.EventStepStarted, Step: "build:same:linux/amd64", Kind: planner.KindBuild, Package: "same", Platform: "linux/amd64", Time: at},
		{Type: executor.EventStepFinished, Step: "build:same:linux/amd64", Kind: planner.KindBuild, Status: executor.StatusUnchanged, Time: at},
		{Type: executor.EventStepStarted, Step: "push:app", Kind: planner.KindPush, Package: "app", Time: at},
		{Type: executor.EventStepFinished, Step: "push:app", Kind: planner.KindPush, Status: executor.StatusPushed, Time: at.Add(time.Second)},
		{Type: executor.EventStepFinished, Step: "index:never", Kind: planner.KindIndex, Status: executor.StatusSkipped},
	} {
		steps.Report(e)
	}
	if err := finish(nil); err != nil {
		t.Fatal(err)
	}
	var names []string
	named := map[string]*tracepb.Span{}
	for _, s := range spans() {
		names = append(names, s.GetName())
		named[s.GetName()] = s
	}
	slices.Sort(names)
	want := []string{"attempt on one", "attempt on two", "build app linux/amd64", "build same linux/amd64", "push app", "stowage apply"}
	if !slices.Equal(names, want) {
		t.Fatalf("spans are %q, want %q", names, want)
	}
	root := named["stowage apply"]
	for _, s := range spans() {
		parent := root
		if strings.HasPrefix(s.GetName(), "attempt") {
			parent = named["build app linux/amd64"]
		}
		if string(s.GetTraceId()) != string(root.GetTraceId()) || s != root && string(s.GetParentSpanId()) != string(parent.GetSpanId()) {
			t.Errorf("%s is not part of %s", s.GetName(), parent.GetName())
		}
		if s.GetName() == "push app" && s.GetEndTimeUnixNano()-s.GetStartTimeUnixNano() != uint64(time.Second) {
			t.Errorf("the push took %d", s.GetEndTimeUnixNano()-s.GetStartTimeUnixNano())
		}
		if failed := s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR; failed != (s.GetName() == "attempt on one") {
			t.Errorf("%s failed: %v", s.GetName(), failed)
		}
	}
	if root.GetParentSpanId()[0] != 0xb7 {
		t.Error("the command's span is not part of the one in the environment")
	}
}

// TestOff: without a collector nothing is wrapped and nothing recorded.
func TestOff(t *testing.T) {
	for _, env := range []map[string]string{{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}} {
		ctx, finish, err := tracing.Setup(t.Context(), func(name string) string { return env[name] }, "", "plan")
		if err != nil || ctx != t.Context() {
			t.Errorf("%v: %v", env, err)
		}
		ports := []executor.BuilderPort{{Builder: builder{}}}
		if steps, traced := tracing.Run(ctx); &traced(ports)[0] != &ports[0] || steps != nil {
			t.Error("builders are wrapped, or steps recorded")
		}
		same, end := tracing.Start(ctx, "part")
		end(nil)
		if same != ctx || finish(nil) != nil {
			t.Error("something is recorded")
		}
	}
}

func TestProtocol(t *testing.T) {
	env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "carrier/pigeon"}
	if _, _, err := tracing.Setup(t.Context(), func(name string) string { return env[name] }, "", "plan"); err == nil || !strings.Contains(err.Error(), "carrier/pigeon") {
		t.Errorf("error is %v", err)
	}
}
