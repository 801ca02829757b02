package tracing

import (
	"context"
	"errors"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// Builders gives each attempt at a build a span, below which are BuildKit's.
// Without a span in the context builders are returned as they are.
func Builders(ctx context.Context, ports []executor.BuilderPort) []executor.BuilderPort {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ports
	}
	ports = slices.Clone(ports)
	for i := range ports {
		b := tracedBuilder{ports[i].Builder, ports[i].Name}
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
	name string
}

// Build builds, in a span.
func (b tracedBuilder) Build(ctx context.Context, req *executor.BuildRequest, progress func(executor.Progress)) (*executor.BuildResult, error) {
	pkg, platform := planner.SplitNodeID(req.Node)
	ctx, end := Start(ctx, "build "+pkg+" "+platform, attribute.String("stowage.package", pkg),
		attribute.String("stowage.platform", platform), attribute.String("stowage.builder", b.name))
	res, err := b.Builder.Build(ctx, req, progress)
	end(err)
	return res, err
}

// Steps gives each step of a run that is no build a span: builds have those of
// Builders. It is nil, and so left out of executor.Reporters, without a span in
// the context.
func Steps(ctx context.Context) executor.Reporter {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return nil
	}
	return &steps{ctx: ctx, tracer: parent.TracerProvider().Tracer(name), open: map[string]trace.Span{}}
}

// steps makes spans of events.
type steps struct {
	ctx    context.Context // that of the run
	tracer trace.Tracer
	open   map[string]trace.Span
}

// Report begins and ends the spans of steps, at the times of the events.
func (s *steps) Report(e executor.Event) {
	if e.Kind == planner.KindBuild || e.Kind == planner.KindReuse {
		return
	}
	switch e.Type {
	case executor.EventStepStarted:
		if s.open[e.Step] == nil {
			_, s.open[e.Step] = s.tracer.Start(s.ctx, string(e.Kind)+" "+e.Package, trace.WithTimestamp(e.Time),
				trace.WithAttributes(attribute.String("stowage.step", e.Step), attribute.String("stowage.package", e.Package)))
		}
	case executor.EventStepFinished:
		span := s.open[e.Step]
		if span == nil {
			return
		}
		delete(s.open, e.Step)
		span.SetAttributes(attribute.String("stowage.status", string(e.Status)))
		if e.Error != "" {
			err := errors.New(e.Error)
			span.RecordError(err, trace.WithTimestamp(e.Time))
			end(span, err)
			return
		}
		span.End(trace.WithTimestamp(e.Time))
	}
}
