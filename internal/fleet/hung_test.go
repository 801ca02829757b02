package fleet

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/engine"
	"github.com/stowage-build/stowage/internal/testenv"
)

// short are limits for tests: a daemon that is well answers within them.
func short() Limits { return Limits{Quiet: 200 * time.Millisecond, Answer: time.Second} }

// processes are those of the embedded builder.
func processes(t *testing.T, cfg engine.Config) []int {
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
		if words := strings.Split(string(line), "\x00"); len(words) > 3 && words[1] == engine.Command && strings.Contains(words[3], cfg.Root) {
			pid, err := strconv.Atoi(filepath.Base(dir))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// waitingBuild runs a build that waits until release is closed. It returns when
// the build has begun to wait; the error comes when it has ended.
func waitingBuild(t *testing.T, b executor.Builder, release <-chan struct{}) <-chan error {
	t.Helper()
	req := request(t, "x")
	req.Dockerfile = []byte("FROM scratch\nCOPY file /\nRUN --mount=type=secret,id=wait,required=true [\"/none\"]\n")
	req.NoCache = true
	waits := make(chan struct{})
	begun := sync.OnceFunc(func() { close(waits) })
	req.Secrets = []executor.Secret{{ID: "wait", Value: func() ([]byte, error) {
		begun()
		<-release
		return nil, nil
	}}}
	ended := make(chan error, 1)
	go func() {
		_, err := b.Build(t.Context(), req, ignore)
		ended <- err
	}()
	select {
	case <-waits:
	case err := <-ended:
		t.Fatalf("the build did not begin: %v", err)
	}
	return ended
}

// TestHung: a builder that is stopped gives neither progress nor an answer, and
// its builds are lost; when it goes on, it is there again.
func TestHung(t *testing.T) {
	opts := embeddedOptions(t)
	opts.Endpoints = []Endpoint{{Address: start(t, opts)}}
	opts.Limits = short()
	b := open(t, opts).Ports()[0].Builder
	release := make(chan struct{})
	ended := waitingBuild(t, b, release)
	pids := processes(t, opts.Engine)
	signal := func(s syscall.Signal) {
		for _, pid := range pids {
			if err := syscall.Kill(pid, s); err != nil {
				t.Error(err)
			}
		}
	}
	signal(syscall.SIGSTOP)
	err := <-ended
	_, ping := b.(executor.Pinger).Ping(t.Context())
	signal(syscall.SIGCONT)
	close(release)
	if !executor.Lost(err) || !strings.Contains(err.Error(), "hangs or is cut off: no progress for 200ms") {
		t.Errorf("the build's error is %v, want one of a builder that hangs", err)
	}
	if !executor.Lost(ping) {
		t.Errorf("to a ping: %v", ping)
	}
	if len(pids) == 0 {
		t.Error("no process was stopped")
	}
	if _, err := b.(executor.Pinger).Ping(t.Context()); err != nil {
		t.Errorf("when it goes on: %v", err)
	}
	if _, err := b.Build(t.Context(), request(t, "z"), ignore); err != nil {
		t.Errorf("when it goes on: %v", err)
	}
}

// TestPartitioned: so is one from which nothing comes through any more, though
// no connection is broken.
func TestPartitioned(t *testing.T) {
	opts := embeddedOptions(t)
	proxy := testenv.NewProxy(t, "unix", strings.TrimPrefix(start(t, opts), "unix://"))
	opts.Endpoints = []Endpoint{{Address: proxy.Endpoint}}
	opts.Limits = short()
	b := open(t, opts).Ports()[0].Builder
	release := make(chan struct{})
	ended := waitingBuild(t, b, release)
	proxy.Drop(true)
	if err := <-ended; !executor.Lost(err) || !strings.Contains(err.Error(), "no answer within 1s") {
		t.Errorf("the build's error is %v, want one of a builder that does not answer", err)
	}
	close(release)
	proxy.Drop(false)
	proxy.Cut() // as both sides would find out in the end
	if _, err := b.Build(t.Context(), request(t, "z"), ignore); err != nil {
		t.Errorf("when it is there again: %v", err)
	}
}

// TestQuiet: a build that makes no progress for long is left alone as long as
// the builder answers.
func TestQuiet(t *testing.T) {
	opts := embeddedOptions(t)
	opts.Endpoints = []Endpoint{{Address: start(t, opts)}}
	opts.Limits = Limits{Quiet: 10 * time.Millisecond, Answer: time.Minute}
	b := open(t, opts).Ports()[0].Builder
	release := make(chan struct{})
	ended := waitingBuild(t, b, release)
	select {
	case err := <-ended:
		t.Fatalf("it was given up: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	close(release)
	if err := <-ended; err == nil || executor.Lost(err) {
		t.Errorf("error is %v, want that of its RUN", err)
	}
}
