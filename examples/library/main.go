// Command library plans and applies a workspace through Stowage's Go API: a
// caller with its own clock, secrets and reporter, and the shipped store,
// registry and builder.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/schema"
)

func main() {
	// The embedded builder is this program, executed again.
	if stowage.Reexec() {
		return
	}
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: library WORKSPACE STORE")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "library:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir, store string) error {
	ws, err := stowage.Open(ctx, dir, stowage.Options{
		StoreDir: store,
		Vars:     []schema.Var{{Name: "greeting", Value: "hello from a program"}},
		Secret: func(s schema.Secret) ([]byte, error) {
			return []byte("the value of " + s.ID), nil
		},
		Now: func() time.Time { return time.Now().UTC() },
	})
	if err != nil {
		return err
	}
	defer ws.Close()
	plan, err := ws.Plan(ctx, stowage.PlanOptions{Offline: true})
	if err != nil {
		return err
	}
	for _, step := range plan.Steps {
		fmt.Printf("wave %d: %s %s\n", step.Wave, step.ID, step.Reason)
	}
	result, err := ws.Apply(ctx, plan, stowage.ApplyOptions{Reporter: reporter{}})
	if err != nil {
		return err
	}
	for _, f := range result.Failed {
		return f.Err
	}
	fmt.Printf("built %d\n", result.Counts()[executor.StatusBuilt])
	return nil
}

// reporter prints what has ended.
type reporter struct{}

// Report prints the end of a build.
func (reporter) Report(e executor.Event) {
	if e.Type == executor.EventStepFinished && e.Status == executor.StatusBuilt {
		fmt.Printf("%s: %s\n", e.Step, e.Digest)
	}
}
