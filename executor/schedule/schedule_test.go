package schedule_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stowage-build/stowage/executor/schedule"
)

const (
	amd64 = "linux/amd64"
	arm64 = "linux/arm64"
)

// build is a build of a package for a platform.
func build(pkg, platform string, d time.Duration, needs ...int) schedule.Task {
	return schedule.Task{Build: true, Package: pkg, Platform: platform, Runs: []string{platform}, Duration: d, Needs: needs}
}

func simulate(t testing.TB, tasks []schedule.Task, builders []schedule.Builder, opts schedule.Options) *schedule.Simulation {
	t.Helper()
	r, err := schedule.Simulate(tasks, builders, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// where are the builders' numbers by task.
func where(r *schedule.Simulation) []int {
	var out []int
	for _, run := range r.Runs {
		out = append(out, run.Builder)
	}
	return out
}

// TestNativeBeforeEmulated: a build waits for a native builder unless it would
// be done sooner emulated.
func TestNativeBeforeEmulated(t *testing.T) {
	builders := []schedule.Builder{
		{Name: "amd", Platforms: []string{amd64, arm64}, Native: amd64, Slots: 1},
		{Name: "arm", Platforms: []string{arm64, amd64}, Native: arm64, Slots: 1},
	}
	for builds, want := range map[int]struct {
		emulated int
		makespan time.Duration
	}{
		1: {0, 1}, 2: {0, 2}, 5: {0, 5}, 6: {1, 5}, 12: {2, 10},
	} {
		var tasks []schedule.Task
		for i := range builds {
			tasks = append(tasks, build(fmt.Sprint(i), arm64, time.Minute))
		}
		r := simulate(t, tasks, builders, schedule.Options{Emulation: 5})
		emulated := 0
		for _, b := range where(r) {
			if b == 0 {
				emulated++
			}
		}
		if emulated != want.emulated || r.Makespan != want.makespan*time.Minute {
			t.Errorf("%d builds: %d are emulated and it takes %v, want %d and %dm", builds, emulated, r.Makespan, want.emulated, want.makespan)
		}
	}
}

// TestOnlyEmulated: where nobody is native, what is recorded was emulated.
func TestOnlyEmulated(t *testing.T) {
	builders := []schedule.Builder{{Name: "amd", Native: amd64, Slots: 1}}
	if r := simulate(t, []schedule.Task{build("a", arm64, time.Minute)}, builders, schedule.Options{}); r.Makespan != time.Minute {
		t.Errorf("it takes %v, want a minute", r.Makespan)
	}
}

// TestRunsItself: processors run the programs of those before them.
func TestRunsItself(t *testing.T) {
	builders := []schedule.Builder{{Name: "arm", Native: arm64, Slots: 9}, {Name: "amd", Native: amd64, Slots: 1}}
	tasks := []schedule.Task{build("a", "linux/386", 1), build("b", "linux/arm/v7", 1), build("c", amd64, 1)}
	tasks[2].Native, tasks[2].Runs = arm64, []string{arm64}
	if got := where(simulate(t, tasks, builders, schedule.Options{})); !slices.Equal(got, []int{1, 0, 0}) {
		t.Errorf("the builders are %v", got)
	}
}

// TestPrograms: builds that run programs go where those run; others anywhere.
func TestPrograms(t *testing.T) {
	builders := []schedule.Builder{
		{Name: "plain", Native: amd64, Runs: []string{amd64}, Slots: 9},
		{Name: "emulator", Native: amd64, Runs: []string{amd64, "linux/arm/v7"}, Slots: 1},
	}
	tasks := []schedule.Task{build("runs", "linux/arm/v6", 1), build("copies", arm64, 1)}
	tasks[1].Runs = nil
	for range 3 {
		tasks = append(tasks, tasks[1])
	}
	r := simulate(t, tasks, builders, schedule.Options{})
	if r.Runs[0].Builder != 1 || r.Makespan != 1 {
		t.Errorf("the builders are %v, and it takes %d", where(r), r.Makespan)
	}
	if got := builders[0].CannotRun(tasks[0]); !slices.Equal(got, []string{"linux/arm/v6"}) {
		t.Errorf("it cannot run %v", got)
	}
}

// TestAffinity: a build goes where its dependency's layers are, or where it was
// built last, if there is room; everything else stays where it was as builders
// come and go.
func TestAffinity(t *testing.T) {
	var builders []schedule.Builder
	for i := range 8 {
		builders = append(builders, schedule.Builder{Name: fmt.Sprintf("b%d", i), Slots: 5})
	}
	tasks := []schedule.Task{build("base", amd64, 1)}
	for i := range 7 {
		tasks = append(tasks, build(fmt.Sprint("user", i), amd64, 1, 0))
	}
	got := where(simulate(t, tasks, builders, schedule.Options{}))
	with := 0
	for _, b := range got[1:] {
		if b == got[0] {
			with++
		}
	}
	if with != 5 {
		t.Errorf("the builders are %v: want five of the users with their base, which has five slots", got)
	}
	last := build("base", amd64, 1)
	last.Last = builders[(got[0]+3)%8].Name
	if b := where(simulate(t, []schedule.Task{last}, builders, schedule.Options{})); b[0] != (got[0]+3)%8 {
		t.Errorf("it went to %v, and was built last on %s", b, last.Last)
	}
	moved := 0
	for i := range 100 {
		one := []schedule.Task{build(fmt.Sprint("p", i), amd64, 1)}
		all, less := where(simulate(t, one, builders, schedule.Options{}))[0], where(simulate(t, one, builders[:7], schedule.Options{}))[0]
		if all != less {
			moved++
			if all != 7 {
				t.Errorf("p%d moved from %d to %d although its builder is there", i, all, less)
			}
		}
	}
	if moved == 0 || moved > 30 {
		t.Errorf("%d of 100 packages were on one of eight builders", moved)
	}
}

// TestLost: builders that are not live get nothing, and what they had goes to
// others, emulated if need be.
func TestLost(t *testing.T) {
	builders := []schedule.Builder{{Name: "arm", Native: arm64, Slots: 1}, {Name: "amd", Native: amd64, Slots: 1}}
	tasks := []schedule.Task{build("a", arm64, time.Minute), build("b", arm64, time.Minute)}
	s, err := schedule.New(tasks, builders, schedule.Options{Jobs: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range s.Start(nil) {
		s.Queue(task)
	}
	task, b, ok := s.Next(0)
	if !ok || b != 0 {
		t.Fatalf("the first goes to %d, %v", b, ok)
	}
	s.Release(task)
	s.SetLive(0, false)
	if b, ok := s.Resume(task, 0, 0); !ok || b != 1 {
		t.Errorf("after the loss it goes to %d, %v; want the other one", b, ok)
	}
	s.Release(task)
	s.SetLive(1, false)
	if b, ok := s.Resume(task, 1, 0); ok || s.Live(task) {
		t.Errorf("with no builder left it goes to %d", b)
	}
	s.SetLive(0, true)
	if b, ok := s.Resume(task, 0, 0); !ok || b != 0 || !s.Live(task) {
		t.Errorf("with the first back it goes to %d, %v", b, ok)
	}
	if _, _, ok := s.Next(0); ok {
		t.Error("there is one job, and it is taken")
	}
	if got := s.Drain(); !slices.Equal(got, []int{1}) {
		t.Errorf("what was waiting is %v", got)
	}
}

func TestBadTasks(t *testing.T) {
	if _, err := schedule.New([]schedule.Task{{Needs: []int{1}}, {Needs: []int{0}}}, nil, schedule.Options{}); !errors.Is(err, schedule.ErrCycle) {
		t.Errorf("a cycle gives %v", err)
	}
	if _, err := schedule.New([]schedule.Task{{Needs: []int{7}}}, nil, schedule.Options{}); err == nil {
		t.Error("a need that is not there was accepted")
	}
	if _, err := schedule.Simulate([]schedule.Task{build("a", amd64, 1)}, []schedule.Builder{{Platforms: []string{arm64}}}, schedule.Options{}); err == nil {
		t.Error("a build without builder was accepted")
	}
	long := []schedule.Task{{Duration: math.MaxInt64}, {Duration: 5, Needs: []int{0}}, {Duration: -3}}
	if r := simulate(t, long, nil, schedule.Options{}); r.Makespan != math.MaxInt64 || r.CriticalPath != math.MaxInt64 {
		t.Errorf("very long: %v, %v", r.Makespan, r.CriticalPath)
	}
	if r := simulate(t, nil, nil, schedule.Options{}); r.Makespan != 0 || r.Utilisation() != 0 {
		t.Errorf("nothing takes %v", r.Makespan)
	}
}

// world is random packages for two platforms, layered as those of a monorepo
// are, on a random fleet.
func world(r *rand.Rand, nodes, builders int) ([]schedule.Task, []schedule.Builder) {
	var fleet []schedule.Builder
	for i := range builders {
		b := schedule.Builder{Name: fmt.Sprintf("builder-%03d", i), Slots: 2 + r.IntN(7), Native: amd64, Platforms: []string{amd64}}
		if i%2 == 1 {
			b.Native, b.Platforms = arm64, []string{arm64}
		}
		fleet = append(fleet, b)
	}
	depth := 3 + r.IntN(10)
	layer := max(nodes/2/depth, 1)
	var tasks []schedule.Task
	for i := range nodes / 2 {
		from := (i/layer)*layer - 1 // the last package of the layer before
		var uses []int
		for range r.IntN(4) {
			if from >= 0 {
				if d := from - r.IntN(min(layer, from+1)); !slices.Contains(uses, d) {
					uses = append(uses, d)
				}
			}
		}
		// Durations of builds are spread over orders of magnitude.
		d := time.Duration(math.Exp(r.NormFloat64()) * float64(time.Minute))
		for p, platform := range []string{amd64, arm64} {
			t := build(fmt.Sprintf("pkg-%05d", i), platform, d)
			for _, u := range uses {
				t.Needs = append(t.Needs, 2*u+p)
			}
			tasks = append(tasks, t)
		}
	}
	return tasks, fleet
}

// inWaves makes the tasks of a wave wait for all of the one before.
func inWaves(tasks []schedule.Task) []schedule.Task {
	out := slices.Clone(tasks)
	for i, t := range out {
		for _, need := range t.Needs {
			out[i].Stage = max(out[i].Stage, out[need].Stage+1)
		}
	}
	return out
}

// TestRandom: no schedule breaks a rule, and none beats the bound.
func TestRandom(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		tasks, fleet := world(r, 20+r.IntN(400), 2+r.IntN(8))
		for i := range fleet {
			if r.IntN(2) == 0 {
				fleet[i].Platforms = nil
			}
		}
		for i := range tasks {
			tasks[i].Build = r.IntN(10) > 0
		}
		opts := schedule.Options{Jobs: r.IntN(30), Order: schedule.Order(r.IntN(3))}
		if r.IntN(2) == 0 {
			tasks = inWaves(tasks)
		}
		result := simulate(t, tasks, fleet, opts)
		check(t, tasks, fleet, opts, result)
		if again := simulate(t, tasks, fleet, opts); !slices.Equal(again.Runs, result.Runs) {
			t.Error("another schedule the second time")
		}
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

func check(t *testing.T, tasks []schedule.Task, fleet []schedule.Builder, opts schedule.Options, r *schedule.Simulation) {
	t.Helper()
	type change struct {
		at   time.Duration
		by   int
		slot int
	}
	var changes []change
	for i, run := range r.Runs {
		for _, need := range tasks[i].Needs {
			if r.Runs[need].End > run.Start {
				t.Errorf("task %d starts at %v, before %d has ended", i, run.Start, need)
			}
		}
		if (run.Builder == schedule.None) == tasks[i].Build {
			t.Errorf("task %d runs on %d", i, run.Builder)
		} else if tasks[i].Build && !fleet[run.Builder].Suits(tasks[i]) {
			t.Errorf("task %d for %s runs on %+v", i, tasks[i].Platform, fleet[run.Builder])
		}
		if run.End > run.Start {
			changes = append(changes, change{run.Start, 1, run.Builder}, change{run.End, -1, run.Builder})
		}
	}
	slices.SortFunc(changes, func(a, b change) int {
		if a.at != b.at {
			return int(min(max(a.at-b.at, -1), 1))
		}
		return a.by - b.by
	})
	used, jobs := make([]int, len(fleet)), 0
	for _, c := range changes {
		if jobs += c.by; opts.Jobs > 0 && jobs > opts.Jobs {
			t.Errorf("%d tasks at once", jobs)
		}
		if c.slot != schedule.None {
			if used[c.slot] += c.by; used[c.slot] > fleet[c.slot].Slots {
				t.Errorf("%d builds at once on %+v", used[c.slot], fleet[c.slot])
			}
		}
	}
	if r.Makespan < r.Least || r.Utilisation() > 1.0001 {
		t.Errorf("it takes %v, less than the bound of %v, at %f", r.Makespan, r.Least, r.Utilisation())
	}
}

// TestNearTheBound: the median schedule is within 5 % of what none can beat,
// and no longer than those in waves and in order of arrival.
func TestNearTheBound(t *testing.T) {
	ratios := compare(t, 4000, 40, 15)
	if ratios.longest > 1.05 {
		t.Errorf("the median makespan is %.3f times the bound", ratios.longest)
	}
	if ratios.longest > ratios.firstCome || ratios.longest > ratios.waves {
		t.Errorf("medians are %+v", ratios)
	}
}

// ratios are medians of makespan over bound.
type ratios struct{ longest, firstCome, waves float64 }

func compare(t testing.TB, nodes, builders, rounds int) ratios {
	t.Helper()
	var longest, firstCome, waves []float64
	for seed := range uint64(rounds) {
		tasks, fleet := world(rand.New(rand.NewPCG(seed, 3)), nodes, builders)
		ratio := func(tasks []schedule.Task, order schedule.Order) float64 {
			r := simulate(t, tasks, fleet, schedule.Options{Order: order})
			return float64(r.Makespan) / float64(r.Least)
		}
		longest = append(longest, ratio(tasks, schedule.LongestFirst))
		firstCome = append(firstCome, ratio(tasks, schedule.FirstCome))
		waves = append(waves, ratio(inWaves(tasks), schedule.LongestFirst))
	}
	return ratios{median(longest), median(firstCome), median(waves)}
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// BenchmarkSimulate schedules random plans: how long that takes, and how long
// the schedules are as multiples of the bound, in longest-first order, in order
// of arrival, and in waves.
func BenchmarkSimulate(b *testing.B) {
	for _, size := range []struct{ nodes, builders int }{{1000, 10}, {10_000, 50}, {25_000, 200}, {50_000, 200}, {100_000, 200}} {
		b.Run(fmt.Sprintf("nodes=%d/builders=%d", size.nodes, size.builders), func(b *testing.B) {
			tasks, fleet := world(rand.New(rand.NewPCG(1, 3)), size.nodes, size.builders)
			b.ReportAllocs()
			for b.Loop() {
				simulate(b, tasks, fleet, schedule.Options{})
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*size.nodes), "µs/node")
			b.StopTimer()
			r := compare(b, size.nodes, size.builders, 9)
			b.ReportMetric(r.longest, "longest/bound")
			b.ReportMetric(r.firstCome, "first-come/bound")
			b.ReportMetric(r.waves, "waves/bound")
		})
	}
}
