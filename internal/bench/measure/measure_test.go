package measure_test

import (
	"context"
	"errors"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stowage-build/stowage/internal/bench/measure"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   measure.Spread
	}{
		{[]float64{2}, measure.Spread{Median: 2, Min: 2, Max: 2}},
		{[]float64{9, 1}, measure.Spread{Median: 5, Min: 1, Max: 9}},
		{[]float64{3, 1, 2}, measure.Spread{Median: 2, Min: 1, Max: 3}},
		{[]float64{8, 1, 4, 2}, measure.Spread{Median: 3, Min: 1, Max: 8}},
	} {
		if got := measure.SpreadOf(c.values); got != c.want {
			t.Errorf("SpreadOf(%v) = %v, want %v", c.values, got, c.want)
		}
	}
	unsorted := []float64{3, 1}
	measure.SpreadOf(unsorted)
	if unsorted[0] != 3 {
		t.Error("the caller's values were sorted: they belong to rounds")
	}
}

func TestRatiosAreOfOneRound(t *testing.T) {
	got := measure.Ratios([]float64{2, 9, 5}, []float64{1, 3})
	if len(got) != 2 || got[0] != 2 || got[1] != 3 {
		t.Errorf("got %v, want [2 3]", got)
	}
}

func TestLineThrough(t *testing.T) {
	near := func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }
	exact := measure.LineThrough([]float64{1, 2, 5}, []float64{5, 7, 13})
	if !near(exact.Start, 3) || !near(exact.Slope, 2) || !near(exact.R2, 1) {
		t.Errorf("a line gives %+v, want 3 + 2x, R² 1", exact)
	}
	// By hand: the means are 2 and 3, Σdxdy = 2, Σdx² = 2, Σdy² = 26, so that
	// the slope is 1 and R² is 2²/(2·26).
	bent := measure.LineThrough([]float64{1, 2, 3}, []float64{3, 0, 5})
	if !near(bent.Start, 2.0/3) || !near(bent.Slope, 1) || bent.R2 > 0.5 {
		t.Errorf("scattered points give %+v", bent)
	}
}

func TestRun(t *testing.T) {
	used, err := measure.Command{Args: []string{"sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"}}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if used.Wall <= 0 || used.CPU <= 0 || used.Peak < 100<<10 || used.Peak > 1<<30 {
		t.Errorf("a shell's loop used %+v", used)
	}
}

func TestRunFails(t *testing.T) {
	_, err := measure.Command{Args: []string{"sh", "-c", "echo no such thing >&2; exit 3"}}.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "exit status 3: no such thing") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = measure.Command{Args: []string{"sleep", "60"}}.Run(ctx)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that the deadline has passed", err)
	}
}

func TestThen(t *testing.T) {
	a := measure.Usage{Wall: 1, CPU: 2, Peak: 30}
	b := measure.Usage{Wall: 10, CPU: 20, Peak: 3}
	if got, want := a.Then(b), (measure.Usage{Wall: 11, CPU: 22, Peak: 30}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestRunSaysWhatWasMoved(t *testing.T) {
	used, err := measure.Command{Args: []string{"dd", "if=/dev/zero", "of=/dev/null", "bs=1M", "count=5"}}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const want, rest = 5 << 20, 1 << 20
	if used.Read < want || used.Read > want+rest || used.Written < want || used.Written > want+rest {
		t.Errorf("dd of %d bytes read %d and wrote %d", want, used.Read, used.Written)
	}
}

func TestProcess(t *testing.T) {
	self := measure.Process(os.Getpid())
	before, err := self.Usage()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile("/proc/self/maps"); err != nil {
		t.Fatal(err)
	}
	after, err := self.Usage()
	if err != nil {
		t.Fatal(err)
	}
	used := after.Since(before)
	if used.Read < 1<<10 || used.CPU < 0 || used.Peak < 1<<20 {
		t.Errorf("this process used %+v", used)
	}
	if _, err := measure.Process(-1).Usage(); err == nil {
		t.Error("no error for a process that there is not")
	}
}

func TestForgetPeak(t *testing.T) {
	self := measure.Process(os.Getpid())
	held := make([]byte, 64<<20)
	for i := range held {
		held[i] = 1
	}
	before, err := self.Usage()
	if err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(held)
	debug.FreeOSMemory()
	if err := self.ForgetPeak(); err != nil {
		t.Fatal(err)
	}
	after, err := self.Usage()
	if err != nil || after.Peak > before.Peak-(32<<20) {
		t.Errorf("the peak went from %d to %d, %v", before.Peak, after.Peak, err)
	}
}
