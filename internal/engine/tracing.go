package engine

import (
	"context"
	"fmt"
	"os"

	"github.com/moby/buildkit/util/tracing"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/grpc"

	ours "github.com/stowage-build/stowage/internal/tracing"
)

// traced makes the daemon send its spans to the collector that the environment
// names, as part of its clients' traces. Without one there are no options.
// close sends what is left.
func traced(ctx context.Context) (options []grpc.ServerOption, close func() error, err error) {
	provider, err := ours.NewProvider(ctx, os.Getenv, "buildkit", Version)
	if err != nil {
		return nil, nil, fmt.Errorf("trace builds: %w", err)
	}
	if provider == nil {
		return nil, func() error { return nil }, nil
	}
	handler := tracing.ServerStatsHandler(otelgrpc.WithTracerProvider(provider),
		otelgrpc.WithPropagators(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})))
	return []grpc.ServerOption{grpc.StatsHandler(handler)}, func() error { return ours.Flush(ctx, provider) }, nil
}
