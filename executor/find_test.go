package executor_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stowage-build/stowage/executor"
)

// finder finds a builder in each search, as long as it has some.
type finder struct {
	mu    sync.Mutex
	ports []executor.BuilderPort
	err   error
	asked []time.Duration // since the beginning
	began time.Time
}

func (f *finder) Find(context.Context) ([]executor.BuilderPort, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, time.Since(f.began))
	if len(f.ports) == 0 {
		return nil, f.err
	}
	one := f.ports[:1:1]
	f.ports = f.ports[1:]
	return one, f.err
}

// TestFound: builders that come while a run goes on are used, and are looked for
// every half a minute. What keeps one from being found is told once.
func TestFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, many(8))
		first, second := newMachine(h, 0, 0), newMachine(h, 0, 0)
		f := &finder{ports: []executor.BuilderPort{{Name: "two", Builder: second, Slots: 3}}, err: errors.New("no such host"), began: time.Now()}
		h.ports.Builders = []executor.BuilderPort{{Name: "one", Builder: first, Slots: 1}}
		h.ports.Finder, h.opts.Jobs, h.opts.Grow = f, 1, true
		result := h.apply(t.Context())
		took(t, result, 150*time.Second) // 1 at 0 s, 3 at 30 s, 1 at 60 s, 3 at 90 s
		if !result.OK() || len(second.Requests()) != 6 {
			t.Errorf("result is %v, with %d builds on the second", summary(result), len(second.Requests()))
		}
		f.mu.Lock() // a last search may be under way
		defer f.mu.Unlock()
		if len(f.asked) < 4 || f.asked[0] != 30*time.Second || f.asked[1] != time.Minute {
			t.Errorf("it was looked for builders after %v", f.asked)
		}
		if got := strings.Count(warnings(result), "no such host"); got != 1 {
			t.Errorf("warnings are %q", result.Warnings)
		}
		found := 0
		for _, e := range h.events.list {
			if e.Type == executor.EventBuilderFound && e.Builder == "two" && e.Slots["two"] == 3 {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%d events tell of the second builder", found)
		}
	})
}

// TestFoundInPlaceOfLost: when a builder is lost, others are looked for at once,
// and do its builds.
func TestFoundInPlaceOfLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, "build:a")
		lost, next := newMachine(h, 10500*time.Millisecond, 0), newMachine(h, 0, 0)
		f := &finder{ports: []executor.BuilderPort{{Name: "next", Builder: next}}, began: time.Now()}
		h.ports.Builders, h.ports.Finder = []executor.BuilderPort{{Name: "lost", Builder: lost}}, f
		result := h.apply(t.Context())
		took(t, result, 71*time.Second)
		if !result.OK() || len(next.Requests()) != 1 {
			t.Errorf("result is %v: %v", summary(result), result.Failed)
		}
	})
}

// TestFoundDown: a builder that is found and does not answer is used when it
// does.
func TestFoundDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, many(6))
		first, second := newMachine(h, 0, 0), newMachine(h, 0, 50*time.Second)
		second.down = true
		f := &finder{ports: []executor.BuilderPort{{Name: "two", Builder: second, Lost: errors.New("connection refused")}}, began: time.Now()}
		h.ports.Builders, h.ports.Finder = []executor.BuilderPort{{Name: "one", Builder: first, Slots: 1}}, f
		result := h.apply(t.Context())
		if !result.OK() || len(second.Requests()) == 0 || !strings.Contains(warnings(result), "builder two is lost and gets no builds until it answers: connection refused") {
			t.Errorf("result is %v, with %d builds on the second and %q", summary(result), len(second.Requests()), result.Warnings)
		}
	})
}
