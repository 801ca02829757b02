package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// killApplyCommand kills stowage apply in the middle, KILLS times, each time
// with other inputs, so that there is always something to build. After each
// kill the store must be sound, and the next apply must complete:
// killapply KILLS ARG…
func killApplyCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: killapply kills args...")
	}
	kills, err := strconv.Atoi(args[0])
	ts.Check(err)
	apply := func(round int) []string {
		return append([]string{"apply", "--var", fmt.Sprintf("salt=round %d", round)}, args[1:]...)
	}
	start := time.Now()
	ts.Check(ts.Exec("stowage", apply(-1)...))
	whole := time.Since(start)
	for round := 0; kills > 0; round++ {
		if killAfter(ts, rand.N(whole), apply(round)) {
			kills--
		} else {
			whole = whole * 4 / 5 // it ends sooner than that
		}
		ts.Check(ts.Exec("stowage", "store", "verify"))
		ts.Check(ts.Exec("stowage", apply(round)...))
		ts.Check(ts.Exec("stowage", "store", "verify"))
	}
}

// killBuilderCommand kills a process of the embedded builder while stowage
// apply builds, ROUNDS times; apply must succeed all the same:
// killbuilder ROUNDS WORD ARG…
func killBuilderCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: killbuilder rounds word args...")
	}
	rounds, err := strconv.Atoi(args[0])
	ts.Check(err)
	for round := range rounds {
		stage := []string{"init", "serve"}[round%2]
		killed := make(chan error, 1)
		go func() { killed <- killStage(ts.Getenv("STOWAGE_STORE"), stage, args[1]) }()
		ts.Check(ts.Exec("stowage", append([]string{"apply", "--var", fmt.Sprintf("salt=round %d", round)}, args[2:]...)...))
		ts.Check(<-killed)
	}
}

// killStage waits until a program runs in a build and kills the stage of the
// store's engine.
func killStage(store, stage, program string) error {
	return during(program, func() (bool, error) {
		for pid, words := range processes() {
			if len(words) > 3 && words[1] == "__engine" && words[2] == stage && strings.Contains(words[3], store) {
				return true, syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		return false, nil
	})
}

// during calls do while a program runs in a build, until do says that it is
// done.
func during(program string, do func() (done bool, err error)) error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		for _, words := range processes() {
			if path.Base(words[0]) != program && !slices.ContainsFunc(words, func(w string) bool { return path.Base(w) == program }) {
				continue
			}
			if done, err := do(); done || err != nil {
				return err
			}
			break
		}
	}
	return fmt.Errorf("no %s ran, or not what it was waited for with, in a minute", program)
}

// processes are the command lines of all processes by id.
func processes() map[int][]string {
	out := map[int][]string{}
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is good
	for _, dir := range dirs {
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		pid, bad := strconv.Atoi(path.Base(dir))
		if err != nil || bad != nil || len(line) == 0 {
			continue // it has ended, or is the kernel's
		}
		out[pid] = strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
	}
	return out
}

// interruptCommand starts stowage and, when a program runs in one of its
// builds, interrupts it TIMES times, as Ctrl-C does. It must end with 130, at
// once when it is told twice. Its output is left in the file interrupted:
// interrupt TIMES PROGRAM ARG…
func interruptCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: interrupt times program args...")
	}
	times, err := strconv.Atoi(args[0])
	ts.Check(err)
	cmd := stowageCommand(ts, args[2:])
	output, err := os.Create(ts.MkAbs("interrupted"))
	ts.Check(err)
	defer output.Close()
	cmd.Stdout, cmd.Stderr = output, output
	ts.Check(cmd.Start())
	ts.Check(during(args[1], func() (bool, error) {
		for range times {
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				return false, err
			}
			time.Sleep(100 * time.Millisecond)
		}
		return true, nil
	}))
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
		if code := cmd.ProcessState.ExitCode(); code != 130 {
			ts.Fatalf("exit code %d, want 130", code)
		}
	case <-time.After(time.Minute):
		_ = cmd.Process.Kill()
		ts.Fatalf("it went on for a minute after it was interrupted")
	}
}

// stowageCommand is stowage in a script's environment.
func stowageCommand(ts *testscript.TestScript, args []string) *exec.Cmd {
	cmd := exec.Command("stowage", args...)
	for _, key := range []string{"PATH", "HOME", "TMPDIR", "STOWAGE_STORE", "STOWAGE_VAR_registry"} {
		cmd.Env = append(cmd.Env, key+"="+ts.Getenv(key))
	}
	cmd.Dir = ts.Getenv("WORK")
	return cmd
}

// killAfter starts stowage, kills it after a while, and reports whether that
// was before it had ended.
func killAfter(ts *testscript.TestScript, after time.Duration, args []string) bool {
	cmd := stowageCommand(ts, args)
	ts.Check(cmd.Start())
	time.Sleep(after)
	_ = cmd.Process.Kill()
	err := cmd.Wait()
	return err != nil
}
