package executor_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stowage-build/stowage/executor"
)

// web is a graph in which a and b may fail.
const web = `
	build:a
	build:b
	build:c
	build:ab  < build:a build:b
	build:abc < build:ab build:c
	build:bb  < build:b
	build:cc  < build:c
	index:abc < build:abc`

// failing makes the builds of nodes fail after a second.
func (h *harness) failing(nodes ...string) {
	h.does(func(ctx context.Context, node string, _ int) error {
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
		for _, n := range nodes {
			if n == node {
				return &executor.BuildError{Step: "RUN make", ExitCode: 2, Excerpt: ">>> RUN make", Err: errors.New("process failed")}
			}
		}
		return nil
	})
}

func TestKeepGoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, web)
		h.failing("a", "b")
		result := h.apply(t.Context())
		expect(t, "result", summary(result), `
			build:a failed
			build:b failed
			build:c built
			build:ab skipped build:a,build:b
			build:bb skipped build:b
			build:cc built
			build:abc skipped build:a,build:b
			index:abc skipped build:a,build:b`)
		if result.Interrupted || result.OK() {
			t.Error("result is not one of a failed run")
		}
		f := result.Failed[0]
		if f.Excerpt != ">>> RUN make" || f.Instruction != "RUN make" || f.ExitCode != 2 ||
			f.Builder != "one" || f.Attempts != 1 || f.Duration() != time.Second {
			t.Errorf("failure is %+v", f)
		}
		if f.Error != "build a for linux/amd64: process failed" {
			t.Errorf("error is %q", f.Error)
		}
		var build *executor.BuildError
		if !errors.As(f.Err, &build) {
			t.Error("the build's error is lost")
		}
	})
}

func TestStoreAndRegistryFaults(t *testing.T) {
	full := errors.New("no space left on device")
	tests := map[string]struct{ op, want string }{
		"put a node":     {"put-node", "build:a failed\nindex:a skipped build:a\npush:a skipped build:a"},
		"look up":        {"lookup", "build:a failed\nindex:a skipped build:a\npush:a skipped build:a"},
		"write an index": {"put-index", "build:a built\nindex:a failed\npush:a skipped index:a"},
		"push":           {"push", "build:a built\nindex:a indexed\npush:a failed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, "build:a\nindex:a < build:a\npush:a < index:a")
			fail := func(op, _ string) error {
				if op == tt.op {
					return full
				}
				return nil
			}
			h.store.Fail, h.registry.Fail = fail, fail
			result := h.apply(t.Context())
			expect(t, "result", summary(result), tt.want)
			if len(result.Failed) != 1 || !errors.Is(result.Failed[0].Err, full) {
				t.Errorf("failures are %v", result.Failed)
			}
		})
	}
}

// TestRegistryRetriesItself: transient faults of a registry are not retried
// once more here.
func TestRegistryRetriesItself(t *testing.T) {
	h := newHarness(t, "build:a\npush:a < build:a")
	h.registry.Fail = func(string, string) error { return &fault{"429"} }
	expect(t, "result", summary(h.apply(t.Context())), "build:a built\npush:a failed")
	expect(t, "registry", h.registry.Log(), "push "+refOf("a"))
}

// emptyBuilder answers with nothing at all.
type emptyBuilder struct{}

func (emptyBuilder) Build(context.Context, *executor.BuildRequest, func(executor.Progress)) (*executor.BuildResult, error) {
	return nil, nil
}

func TestBuilderWithoutAnswer(t *testing.T) {
	h := newHarness(t, "build:a")
	h.ports.Builders[0].Builder = emptyBuilder{}
	result := h.apply(t.Context())
	if len(result.Failed) != 1 || !strings.Contains(result.Failed[0].Error, "builder one answered with no image") {
		t.Errorf("result is %v", summary(result))
	}
}
