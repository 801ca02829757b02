package engine_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"

	"github.com/stowage-build/stowage/internal/engine"
	"github.com/stowage-build/stowage/internal/testenv"
)

// TestMain makes the test program the engine where a test starts one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == engine.Command {
		os.Exit(engine.Main(os.Args[2:]))
	}
	if len(os.Args) == 3 && os.Args[1] == "ensure" { // for TestStarterKilled
		_, err := engine.Ensure(context.Background(), engine.Config{Root: os.Args[2], Idle: time.Minute})
		fmt.Println(err)
		return
	}
	os.Exit(m.Run())
}

// config is an engine of the test's own, which is gone when the test ends.
func config(t *testing.T, idle time.Duration) engine.Config {
	t.Helper()
	cfg := engine.Config{Root: filepath.Join(t.TempDir(), "builder"), Idle: idle}
	t.Cleanup(func() {
		if err := engine.Stop(context.WithoutCancel(t.Context()), cfg); err != nil {
			t.Error(err)
		}
		testenv.CheckUnused(t, cfg.Root)
	})
	return cfg
}

func ensure(t *testing.T, cfg engine.Config) string {
	t.Helper()
	at, err := engine.Ensure(t.Context(), cfg)
	if err != nil {
		log, _ := os.ReadFile(cfg.LogPath())
		t.Fatalf("%v\n%s", err, log)
	}
	return at
}

// stages returns the processes of an engine's stage on a root.
func stages(t *testing.T, cfg engine.Config, stage string) []int {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, dir := range dirs {
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil {
			continue // it has ended
		}
		words := strings.Split(string(line), "\x00")
		if len(words) > 3 && words[1] == engine.Command && words[2] == stage && strings.Contains(words[3], cfg.Root) {
			pid, err := strconv.Atoi(filepath.Base(dir))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// awaitStopped waits for the engine's processes to end. Asking the engine
// would be a connection, which keeps it.
func awaitStopped(t *testing.T, cfg engine.Config) {
	t.Helper()
	for len(stages(t, cfg, "init"))+len(stages(t, cfg, "serve")) > 0 {
		select {
		case <-t.Context().Done():
			t.Fatal("the engine does not stop")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestOneForManyStarters(t *testing.T) {
	cfg := config(t, time.Minute)
	endpoints := make([]string, 8)
	var group sync.WaitGroup
	for i := range endpoints {
		group.Go(func() {
			at, err := engine.Ensure(t.Context(), cfg)
			if err != nil {
				t.Error(err)
			}
			endpoints[i] = at
		})
	}
	group.Wait()
	for _, at := range endpoints {
		if at != endpoints[0] {
			t.Errorf("endpoints %q", endpoints)
		}
	}
	if pids := stages(t, cfg, "serve"); len(pids) != 1 {
		t.Errorf("processes %v, want one", pids)
	}
}

func TestStopsWhenIdle(t *testing.T) {
	cfg := config(t, 300*time.Millisecond)
	at := ensure(t, cfg)
	c, err := client.New(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.ListWorkers(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A connection keeps it: three times the idle time must not stop it.
	time.Sleep(900 * time.Millisecond)
	if _, err := c.ListWorkers(t.Context()); err != nil {
		t.Fatalf("it stopped under a client: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	awaitStopped(t, cfg)
	if log, err := os.ReadFile(cfg.LogPath()); err != nil || strings.Contains(string(log), "engine: ") {
		t.Errorf("it did not stop in good order: %v\n%s", err, log)
	}
	if again := ensure(t, cfg); again != at {
		t.Errorf("the endpoint was %s and is %s: the state did not stay", at, again)
	}
}

func TestStateRemoved(t *testing.T) {
	cfg := config(t, time.Minute)
	old := ensure(t, cfg)
	if err := os.RemoveAll(cfg.Root); err != nil {
		t.Fatal(err)
	}
	if at := ensure(t, cfg); at == old {
		t.Error("the new store has the old one's engine")
	}
	for len(stages(t, cfg, "serve")) > 1 {
		time.Sleep(20 * time.Millisecond)
	}
	if _, running := engine.Running(t.Context(), cfg); !running {
		t.Error("the new engine is gone")
	}
}

func TestKilled(t *testing.T) {
	for _, stage := range []string{"init", "serve"} {
		t.Run(stage, func(t *testing.T) {
			cfg := config(t, time.Minute)
			ensure(t, cfg)
			pids := stages(t, cfg, stage)
			if len(pids) != 1 {
				t.Fatalf("processes %v", pids)
			}
			if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			awaitStopped(t, cfg)
			testenv.CheckUnused(t, cfg.Root)
			ensure(t, cfg)
		})
	}
}

// TestUncommittedSnapshots: a directory whose number was never committed does
// not fail the snapshot that gets the number.
func TestUncommittedSnapshots(t *testing.T) {
	cfg := config(t, time.Minute)
	ensure(t, cfg)
	found, err := filepath.Glob(filepath.Join(cfg.Root, "buildkit-*", "runc-*", "snapshots", "snapshots"))
	if err != nil || len(found) != 1 {
		t.Fatalf("directories of snapshots %q, %v", found, err)
	}
	for range 2 { // without a database, then with one
		if err := engine.Stop(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		awaitStopped(t, cfg)
		for i := range 100 {
			if err := os.MkdirAll(filepath.Join(found[0], strconv.Itoa(i), "fs"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		solve(t, ensure(t, cfg))
	}
}

// solve makes two snapshots.
func solve(t *testing.T, endpoint string) {
	t.Helper()
	c, err := client.New(t.Context(), endpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	name := strconv.FormatInt(time.Now().UnixNano(), 36)
	state := llb.Scratch().File(llb.Mkdir("/"+name, 0o755)).File(llb.Mkfile("/"+name+"/file", 0o644, []byte(name)))
	definition, err := state.Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Solve(t.Context(), definition, client.SolveOpt{}, nil); err != nil {
		t.Error(err)
	}
}

func TestLongPath(t *testing.T) {
	cfg := engine.Config{Root: filepath.Join(t.TempDir(), strings.Repeat("deep/", 40), "builder"), Idle: time.Minute}
	ensure(t, cfg)
	if err := engine.Stop(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	awaitStopped(t, cfg)
}

func TestStopIsIdempotent(t *testing.T) {
	cfg := config(t, time.Minute)
	for range 2 {
		if err := engine.Stop(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSaysWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := engine.Ensure(t.Context(), engine.Config{Root: filepath.Join(t.TempDir(), "builder")})
	if err == nil || !strings.Contains(err.Error(), "apt install runc") {
		t.Errorf("without runc: %v", err)
	}
}

// TestCannotServe: the reason of a failed start reaches the starter.
func TestCannotServe(t *testing.T) {
	cfg := config(t, time.Minute)
	if err := os.MkdirAll(cfg.Root, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cfg.Root, "id"), []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cfg.Root, "buildkit-0123456789abcdef"), []byte("a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := engine.Ensure(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "not a directory") || !strings.Contains(err.Error(), "engine.log") {
		t.Errorf("with a file in its place: %v", err)
	}
}

// TestRootless starts an engine as a user with subordinate ids. The user is
// made for the test.
func TestRootless(t *testing.T) {
	name := "stowage-" + strconv.Itoa(os.Getpid())
	if out, err := exec.Command("useradd", "--no-create-home", "--shell", "/bin/sh", name).CombinedOutput(); err != nil {
		t.Fatalf("useradd: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("userdel", "--force", name).CombinedOutput(); err != nil {
			t.Errorf("userdel: %v: %s", err, out)
		}
	})
	dir, err := os.MkdirTemp("", "stowage-rootless-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if out, err := exec.Command("chown", name, dir).CombinedOutput(); err != nil {
		t.Fatalf("chown: %v: %s", err, out)
	}
	program := filepath.Join(dir, "engine.test")
	if out, err := exec.Command("install", "-m", "755", os.Args[0], program).CombinedOutput(); err != nil {
		t.Fatalf("install: %v: %s", err, out)
	}
	cmd := exec.Command("su", name, "-c", program+" -test.run '^TestAsUser$' -test.v")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "STOWAGE_TEST_ROOT="+filepath.Join(dir, "builder"), "XDG_RUNTIME_DIR="+dir)
	out, err := cmd.CombinedOutput()
	awaitStopped(t, engine.Config{Root: filepath.Join(dir, "builder")})
	if err != nil || !strings.Contains(string(out), "--- PASS: TestAsUser") {
		log, _ := os.ReadFile(filepath.Join(dir, "builder", "engine.log"))
		t.Fatalf("%v\n%s\n%s", err, out, log)
	}
}

// TestAsUser is the part of TestRootless that the user runs.
func TestAsUser(t *testing.T) {
	root := os.Getenv("STOWAGE_TEST_ROOT")
	if root == "" {
		return // not started by TestRootless
	}
	if os.Geteuid() == 0 {
		t.Fatal("this is root")
	}
	cfg := engine.Config{Root: root, Idle: time.Minute}
	at := ensure(t, cfg)
	c, err := client.New(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	workers, err := c.ListWorkers(t.Context())
	if err != nil || len(workers) != 1 {
		t.Errorf("workers %v, %v", workers, err)
	}
	if err := engine.Stop(t.Context(), cfg); err != nil {
		t.Error(err)
	}
}
