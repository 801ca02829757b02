package tracing

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// Run gives each step of a run a span. Below that of a build are its attempts,
// and below those BuildKit's own spans, if its builds are done by builders that
// traced returns and its events are reported to the reporter. Without a span in
// the context there is no reporter, and builders are returned as they are.
func Run(ctx context.Context) (reporter executor.Reporter, traced func([]executor.BuilderPort) []executor.BuilderPort) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return nil, func(ports []executor.BuilderPort) []executor.BuilderPort { return ports }
	}
	s := &steps{ctx: ctx, tracer: parent.TracerProvider().Tracer(name), open: map[string]trace.Span{}}
	return s, s.traced
}

// traced are builders whose builds have spans.
func (s *steps) traced(ports []executor.BuilderPort) []executor.BuilderPort {
	ports = slices.Clone(ports)
	for i := range ports {
		b := tracedBuilder{ports[i].Builder, ports[i].Name, s}
		ports[i].Builder = b
		if p, ok := b.Builder.(executor.Pinger); ok {
			ports[i].Builder = struct {
				tracedBuilder
				executor.Pinger
			}{b, p}
		}
	}
	return ports
}

// tracedBuilder is a builder whose builds have spans.
type tracedBuilder struct {
	executor.Builder
	name  string
	steps *steps
}

// Build builds, in a span of the attempt.
func (b tracedBuilder) Build(ctx context.Context, req *executor.BuildRequest, progress func(executor.Progress)) (*executor.BuildResult, error) {
	pkg, platform := planner.SplitNodeID(req.Node)
	step := b.steps.span(executor.Event{
		Step: string(planner.KindBuild) + ":" + req.Node, Kind: planner.KindBuild, Package: pkg, Platform: platform, Time: time.Now(),
	})
	ctx, end := Start(trace.ContextWithSpan(ctx, step), "attempt on "+b.name, attribute.String("stowage.builder", b.name))
	res, err := b.Builder.Build(ctx, req, progress)
	end(err)
	return res, err
}

// steps are the spans of steps.
type steps struct {
	ctx    context.Context // that of the run
	tracer trace.Tracer
	mu     sync.Mutex
	open   map[string]trace.Span
}

// span is the span of the event's step, which begins with it unless it has
// before: an attempt may be told of after it has begun.
func (s *steps) span(e executor.Event) trace.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	if span := s.open[e.Step]; span != nil {
		return span
	}
	title := string(e.Kind) + " " + e.Package
	attributes := []attribute.KeyValue{attribute.String("stowage.step", e.Step), attribute.String("stowage.package", e.Package)}
	if e.Platform != "" {
		title += " " + e.Platform
		attributes = append(attributes, attribute.String("stowage.platform", e.Platform))
	}
	_, span := s.tracer.Start(s.ctx, title, trace.WithTimestamp(e.Time), trace.WithAttributes(attributes...))
	s.open[e.Step] = span
	return span
}

// Report begins and ends the spans of steps, at the times of the events. What is
// only reused has none.
func (s *steps) Report(e executor.Event) {
	if e.Kind == planner.KindReuse {
		return
	}
	switch e.Type {
	case executor.EventStepStarted:
		s.span(e)
	case executor.EventStepFinished:
		s.mu.Lock()
		span := s.open[e.Step]
		delete(s.open, e.Step)
		s.mu.Unlock()
		if span == nil { // it was skipped
			return
		}
		span.SetAttributes(attribute.String("stowage.status", string(e.Status)))
		if e.Error != "" {
			fail(span, errors.New(e.Error))
		}
		span.End(trace.WithTimestamp(e.Time))
	}
}
