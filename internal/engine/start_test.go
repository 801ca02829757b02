package engine_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/stowage-build/stowage/internal/engine"
)

// TestKilledInStart: whoever waits for the engine does not notice.
func TestKilledInStart(t *testing.T) {
	cfg := config(t, time.Minute)
	started := make(chan error, 1)
	go func() {
		_, err := engine.Ensure(t.Context(), cfg)
		started <- err
	}()
	var pids []int
	for len(pids) == 0 {
		pids = stages(t, cfg, "init")
	}
	if err := errors.Join(syscall.Kill(pids[0], syscall.SIGKILL), <-started); err != nil {
		t.Fatal(err)
	}
	if pids := stages(t, cfg, "serve"); len(pids) != 1 {
		t.Errorf("processes %v, want one", pids)
	}
}

// TestStarterKilled: an engine whose starter was killed before it served does
// not stay to be in the next one's way.
func TestStarterKilled(t *testing.T) {
	cfg := config(t, time.Minute)
	if err := os.MkdirAll(cfg.Root, 0o700); err != nil {
		t.Fatal(err)
	}
	lock := flock.New(filepath.Join(cfg.Root, "lock"))
	if err := lock.Lock(); err != nil { // so that the start does not come to its end
		t.Fatal(err)
	}
	starter := exec.Command(os.Args[0], "ensure", cfg.Root)
	if err := starter.Start(); err != nil {
		t.Fatal(err)
	}
	for len(stages(t, cfg, "serve")) == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := starter.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = starter.Wait() // it was killed
	awaitStopped(t, cfg)
	log, err := os.ReadFile(cfg.LogPath())
	if err != nil || !strings.Contains(string(log), "nobody waits for it any more") {
		t.Errorf("the log says: %s, %v", log, err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	ensure(t, cfg)
}

// TestTemporaryFiles: what an engine that was killed leaves is gone with the
// next one, and that one leaves nothing.
func TestTemporaryFiles(t *testing.T) {
	cfg := config(t, time.Minute)
	socket := strings.TrimPrefix(ensure(t, cfg), "unix://")
	tmp := strings.TrimSuffix(socket, ".sock") + ".tmp"
	left := filepath.Join(tmp, "buildkit-mount1")
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(stages(t, cfg, "init")[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	awaitStopped(t, cfg)
	ensure(t, cfg)
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a temporary file of the engine before: %v", err)
	}
	if err := engine.Stop(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(tmp); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory for temporary files: %v", err)
	}
}
