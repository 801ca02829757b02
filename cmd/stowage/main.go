// Command stowage plans and builds a monorepo's whole set of container
// images. See https://github.com/stowage-build/stowage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/internal/tracing"
	"github.com/stowage-build/stowage/planner"
)

// version is set by the linker; without it the module's version is used.
var version string

// Exit codes, as documented in docs/commands.md.
const (
	exitDone        = 0
	exitError       = 1
	exitToDo        = 2
	exitStale       = 3
	exitInterrupted = 130
)

func main() {
	if stowage.Reexec() {
		return
	}
	tuneGC()
	// Libraries log connections that end as if that were news.
	log.SetOutput(io.Discard)
	logrus.SetOutput(io.Discard)
	os.Exit(run(os.Args[1:]))
}

// run runs the command and returns its exit code.
func run(args []string) int {
	e := newEnv(os.Stdout, os.Stderr)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go e.interrupt(signals, cancel)
	root := newRoot(e)
	root.SetArgs(args)
	err := e.execute(ctx, root, args)
	return e.exitCode(ctx, errors.Join(err, e.profiles.stop()))
}

// execute executes the command, traced if the environment names a collector. A
// trace that cannot be sent is no reason to fail.
func (e *env) execute(ctx context.Context, root *cobra.Command, args []string) error {
	command := "stowage"
	if found, _, err := root.Find(args); err == nil {
		command = found.Name()
	}
	ctx, finish, err := tracing.Setup(ctx, os.Getenv, version, command)
	if err != nil {
		return err
	}
	err = root.ExecuteContext(ctx)
	if lost := finish(err); lost != nil {
		fmt.Fprintf(e.stderr, "Warning: %v\n", lost)
	}
	return err
}

// interrupt cancels the run at the first signal and ends the process at the
// second.
func (e *env) interrupt(signals <-chan os.Signal, cancel context.CancelFunc) {
	<-signals
	cancel()
	<-signals
	if isTerminal(e.stderr) {
		fmt.Fprintln(e.stderr, "\x1b[?25h") // the live view hides the cursor
	}
	os.Exit(exitInterrupted)
}

// errToDo says that a plan with --detailed-exitcode has something to do.
var errToDo = errors.New("there is something to do")

// errFailed says that the command failed and that all has been said.
var errFailed = errors.New("failed")

// exitCode prints err, if it is one, and maps it to the exit code.
func (e *env) exitCode(ctx context.Context, err error) int {
	var diags *stowage.DiagnosticsError
	var stale *planner.StaleError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errToDo):
		return exitToDo
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintln(e.stderr, "Interrupted.")
		return exitInterrupted
	case errors.As(err, &diags):
		e.printDiagnostics(diags.Diagnostics, diags.Files)
		return exitError
	case errors.As(err, &stale), errors.Is(err, planner.ErrAltered):
		fmt.Fprintf(e.stderr, "Error: %v\nMake a new one with stowage plan --out.\n", err)
		return exitStale
	case errors.Is(err, errFailed):
		return exitError
	}
	fmt.Fprintf(e.stderr, "Error: %v\n", err)
	var dial *net.OpError
	var slow interface{ Timeout() bool }
	away := errors.As(err, &dial) && dial.Op == "dial" || errors.As(err, &slow) && slow.Timeout()
	if away && errors.Is(err, planner.ErrRegistry) {
		fmt.Fprintln(e.stderr, "Start the registry, or do without it: --offline.")
	}
	return exitError
}
