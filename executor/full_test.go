package executor_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
)

// full is the error of a builder whose disk is full.
type full struct{ fault }

func (*full) Full() bool { return true }

var (
	errFull    = &full{fault{"write /var/lib/x: no space left on device"}}
	errNoSpace = &executor.BuildError{ExitCode: 1, NoSpace: true, Err: errors.New("RUN make ended with exit code 1")}
)

// limited are builders that fail builds, by their names, as long as err says.
func limited(h *harness, err func(builder, node string) error, names ...string) map[string]*machine {
	out := map[string]*machine{}
	h.ports.Builders = nil
	for _, name := range names {
		m := &machine{Builder: &fake.Builder{Blobs: h.store, Do: func(ctx context.Context, req *executor.BuildRequest, _ func(executor.Progress)) error {
			if e := err(name, strings.TrimSuffix(req.Node, ":"+amd64)); e != nil {
				return e
			}
			return sleep(ctx, time.Minute)
		}}}
		out[name] = m
		h.ports.Builders = append(h.ports.Builders, executor.BuilderPort{Name: name, Builder: m, Slots: 2})
	}
	return out
}

// TestFullDisk: what a builder has no room for is built on another one, and it
// gets a pause.
func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, many(8))
		builders := limited(h, func(builder, _ string) error {
			if builder == "small" {
				return errFull
			}
			return nil
		}, "small", "large")
		result := h.apply(t.Context())
		if !result.OK() || len(builders["large"].Requests()) != 8 {
			t.Errorf("result is %v: %+v", summary(result), result.Failed)
		}
		seen := map[string]bool{}
		for _, req := range builders["small"].Requests() {
			if seen[req.Node] {
				t.Errorf("%s was built again where there is no room for it", req.Node)
			}
			seen[req.Node] = true
		}
		for _, want := range []string{"the disk of builder small is full: write /var/lib/x: no space left on device; make room there with `stowage builder prune small`; it gets no builds for 10s"} {
			if !strings.Contains(warnings(result), want) {
				t.Errorf("warnings are %q, want %q", result.Warnings, want)
			}
		}
	})
}

// TestFullDisksOnly: with no other builder a build fails, and says whose disk is
// full. What there is room for is built there all the same.
func TestFullDisksOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, "build:big\nbuild:a\nbuild:b < build:a")
		builders := limited(h, func(_, node string) error {
			if node == "big" {
				return errFull
			}
			return nil
		}, "one", "two")
		result := h.apply(t.Context())
		expect(t, "result", summary(result), "build:a built\nbuild:big failed\nbuild:b built")
		for _, want := range []string{"no builder for linux/amd64 is left", "the disk of builder one is full", "the disk of builder two is full", "stowage builder prune two"} {
			if !strings.Contains(result.Failed[0].Error, want) {
				t.Errorf("the reason is %q, want %q in it", result.Failed[0].Error, want)
			}
		}
		if n := len(builders["one"].Requests()) + len(builders["two"].Requests()); n != 4 {
			t.Errorf("%d builds were made", n)
		}
	})
}

// TestProgramWithoutSpace: a program that wrote of no space left may mean the
// builder's disk, so its build is made once on another builder. There it tells:
// if it fails again it was its own doing.
func TestProgramWithoutSpace(t *testing.T) {
	for name, c := range map[string]struct {
		full             []string
		attempts, failed int
		warned           bool
	}{
		"disk":      {[]string{"a"}, 2, 0, true},
		"its own":   {[]string{"a", "b", "c"}, 2, 1, false},
		"one alone": {nil, 1, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t, "build:x")
				names := []string{"a", "b", "c"}
				if c.full == nil {
					names = names[:1]
				}
				attempts, first := 0, ""
				limited(h, func(builder, _ string) error {
					if attempts++; attempts == 1 {
						first = builder
					}
					if len(c.full) == 1 && builder != first {
						return nil
					}
					return errNoSpace
				}, names...)
				result := h.apply(t.Context())
				if attempts != c.attempts || len(result.Failed) != c.failed || strings.Contains(warnings(result), "is full") != c.warned {
					t.Errorf("%d attempts, %v, %q", attempts, summary(result), result.Warnings)
				}
				if c.failed > 0 && !strings.Contains(result.Failed[0].Error, "it wrote of no space left: if that is the disk of builder") {
					t.Errorf("the reason is %q", result.Failed[0].Error)
				}
			})
		})
	}
}
