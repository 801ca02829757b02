package main

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/stowage-build/stowage/internal/testenv"
)

// fleetCommand starts builders, each with a store of its own, whose endpoints
// are then in the variables of their names: fleet NAME…
//
// They are stopped when the script ends.
func fleetCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: fleet name...")
	}
	for _, name := range args {
		if ts.Getenv(name) == "" {
			ts.Defer(func() {
				signalBuilder(ts, name, syscall.SIGCONT)
				ts.Check(ts.Exec("stowage", "builder", "stop", "--store", builderStore(ts, name)))
			})
		}
		ts.Setenv(name, startBuilder(ts, name))
		hold(ts, ts.Getenv(name))
	}
}

// holdCommand keeps the embedded builder at an endpoint from stopping because it
// has nothing to do for a while, until the script ends: hold ENDPOINT
func holdCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hold endpoint")
	}
	hold(ts, args[0])
}

func hold(ts *testscript.TestScript, endpoint string) {
	builder, err := client.New(context.Background(), endpoint)
	ts.Check(err)
	ts.Defer(func() { _ = builder.Close() }) // it may have been killed
	_, err = builder.ListWorkers(context.Background())
	ts.Check(err)
}

func builderStore(ts *testscript.TestScript, name string) string {
	return filepath.Join(ts.Getenv("TMPDIR"), "builder-"+name)
}

func startBuilder(ts *testscript.TestScript, name string) string {
	out, err := stowageCommand(ts, []string{"builder", "start", "--store", builderStore(ts, name)}).Output()
	ts.Check(err)
	return strings.TrimSpace(string(out))
}

// signalBuilder sends a signal to every process of a builder.
func signalBuilder(ts *testscript.TestScript, name string, signal syscall.Signal) {
	for pid, words := range processes() {
		if len(words) > 3 && words[1] == "__engine" && strings.Contains(words[3], builderStore(ts, name)) {
			_ = syscall.Kill(pid, signal) // it may have ended with another
		}
	}
}

// cables are connections to builders that a script can cut, by its directory and
// the builder's name.
var cables sync.Map

type cable struct{ dir, name string }

// cableCommand makes builders of fleet reachable over TCP instead, through
// something that can stop to pass anything on: cable NAME…
func cableCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: cable name...")
	}
	for _, name := range args {
		proxy, err := testenv.OpenProxy("unix", strings.TrimPrefix(ts.Getenv(name), "unix://"))
		ts.Check(err)
		key := cable{ts.Getenv("TMPDIR"), name}
		cables.Store(key, proxy)
		ts.Defer(func() {
			cables.Delete(key)
			proxy.Close()
		})
		ts.Setenv(name, proxy.Endpoint)
	}
}

// faultCommand runs stowage and, when COUNT programs run in its builds, does
// something to a builder: kill it, restart it, hang it, or cut it off, so that
// nothing passes and no connection is broken:
// fault kill|restart|hang|partition BUILDER COUNT PROGRAM ARG…
func faultCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 5 {
		ts.Fatalf("usage: fault kill|restart|hang|partition builder count program args...")
	}
	count, err := strconv.Atoi(args[2])
	ts.Check(err)
	done := make(chan error, 1)
	go func() {
		err := awaitPrograms(args[3], count)
		if err == nil {
			disturb(ts, args[0], args[1])
		}
		done <- err
	}()
	err = ts.Exec("stowage", args[4:]...)
	ts.Check(<-done)
	if (err == nil) == neg {
		ts.Fatalf("stowage ended with %v", err)
	}
}

func disturb(ts *testscript.TestScript, how, builder string) {
	switch how {
	case "kill":
		signalBuilder(ts, builder, syscall.SIGKILL)
	case "restart":
		signalBuilder(ts, builder, syscall.SIGKILL)
		time.Sleep(time.Second)
		startBuilder(ts, builder)
	case "hang":
		signalBuilder(ts, builder, syscall.SIGSTOP)
	case "partition":
		proxy, _ := cables.Load(cable{ts.Getenv("TMPDIR"), builder})
		proxy.(*testenv.Proxy).Drop(true)
	}
}

// awaitRunCommand waits until COUNT programs run in builds:
// awaitrun COUNT PROGRAM
func awaitRunCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: awaitrun count program")
	}
	count, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(awaitPrograms(args[1], count))
}

// awaitPrograms waits until so many processes have a program among their
// words, and no shell: those only say what is to be run.
func awaitPrograms(program string, count int) error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		n := 0
		for _, words := range processes() {
			if slices.Contains(words, program) && path.Base(words[0]) != "stowage" {
				n++
			}
		}
		if n >= count {
			return nil
		}
	}
	return fmt.Errorf("there were never %d %s in a minute", count, program)
}
