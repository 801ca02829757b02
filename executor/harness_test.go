package executor_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/graph"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/planner"
)

const (
	amd64 = "linux/amd64"
	arm64 = "linux/arm64"
)

// harness is a plan with everything to run it on.
type harness struct {
	t        testing.TB
	plan     *planner.Plan
	store    *fake.Store
	registry *fake.Registry
	builder  *fake.Builder
	recorder *recorder
	logs     *logs
	events   *events
	ports    executor.Ports
	opts     executor.Options
	// change, when set, changes what is known of a build.
	change func(node string, spec *executor.BuildSpec)
}

// newHarness makes a plan of lines "STEP [KEY=VALUE…] [< NEED…]". A build
// step without platform is for linux/amd64. A build uses the images of the
// builds, pulls and reused nodes that it needs.
func newHarness(t testing.TB, steps string) *harness {
	t.Helper()
	h := &harness{t: t, store: &fake.Store{}, recorder: &recorder{}, logs: &logs{}, events: &events{}}
	h.registry = fake.NewRegistry(h.store)
	h.builder = &fake.Builder{Blobs: h.store}
	h.plan = parsePlan(t, steps)
	h.ports = executor.Ports{
		Builders: []executor.BuilderPort{{Name: "one", Builder: h.builder, Slots: 1000}},
		Store:    h.store, Registry: h.registry, Recorder: h.recorder, Logs: h.logs, Reporter: h.events,
	}
	h.opts.Jobs = 1000
	return h
}

func parsePlan(t testing.TB, text string) *planner.Plan {
	t.Helper()
	plan := &planner.Plan{Applyable: true}
	for line := range strings.Lines(text) {
		left, needs, _ := strings.Cut(line, "<")
		fields := strings.Fields(left)
		if len(fields) == 0 {
			continue
		}
		step := parseStep(t, fields[0])
		for _, f := range fields[1:] {
			set(t, &step, f)
		}
		for _, need := range strings.Fields(needs) {
			step.Needs = append(step.Needs, parseStep(t, need).ID)
		}
		plan.Steps = append(plan.Steps, step)
	}
	complete(t, plan)
	return plan
}

// parseStep reads KIND:PACKAGE[:PLATFORM|:TAG].
func parseStep(t testing.TB, id string) planner.Step {
	t.Helper()
	parts := strings.SplitN(id, ":", 3)
	if len(parts) < 2 {
		t.Fatalf("step %q has no package", id)
	}
	s := planner.Step{Kind: planner.Kind(parts[0]), Package: parts[1]}
	rest := strings.Join(parts[2:], "")
	switch s.Kind {
	case planner.KindBuild, planner.KindPull, planner.KindReuse:
		s.Platform = rest
		if rest == "" {
			s.Platform = amd64
		}
		s.ID = strings.Join([]string{parts[0], parts[1], s.Platform}, ":")
	default:
		s.Tag = rest
		s.ID = id
	}
	return s
}

func set(t testing.TB, s *planner.Step, field string) {
	t.Helper()
	key, value, _ := strings.Cut(field, "=")
	switch key {
	case "ms":
		if _, err := fmt.Sscan(value, &s.EstimateMS); err != nil {
			t.Fatal(err)
		}
	case "reason":
		s.Reason = planner.Reason(value)
	case "in":
		s.FoundIn = value
	case "digest":
		s.Digest = value
	default:
		t.Fatalf("unknown field %q", field)
	}
}

// complete adds packages and waves.
func complete(t testing.TB, plan *planner.Plan) {
	t.Helper()
	g := graph.New()
	platforms := map[string][]string{}
	for _, s := range plan.Steps {
		g.AddNode(s.ID)
		for _, need := range s.Needs {
			g.AddEdge(s.ID, need)
		}
		list := platforms[s.Package]
		if s.Platform != "" && !slices.Contains(list, s.Platform) {
			list = append(list, s.Platform)
		}
		platforms[s.Package] = list
	}
	for name, list := range platforms {
		slices.Sort(list)
		hash := hashOf(name)
		plan.Packages = append(plan.Packages, planner.PackageInfo{
			Name: name, Image: "reg.test/" + name, Tag: hash[:40], Ref: refOf(name), Hash: hash, Platforms: list,
		})
	}
	slices.SortFunc(plan.Packages, func(a, b planner.PackageInfo) int { return strings.Compare(a.Name, b.Name) })
	waves, err := g.Waves()
	if err != nil {
		return
	}
	for i, wave := range waves {
		for j, s := range plan.Steps {
			if slices.Contains(wave, s.ID) {
				plan.Steps[j].Wave = i + 1
			}
		}
	}
}

func hashOf(pkg string) string {
	sum := sha256.Sum256([]byte(pkg))
	return hex.EncodeToString(sum[:])
}

func refOf(pkg string) string { return "reg.test/" + pkg + ":" + hashOf(pkg)[:40] }

// Inputs is executor.Specs'.
func (h *harness) Inputs(pkg string) *planner.Inputs {
	return &planner.Inputs{Package: pkg, Hash: hashOf(pkg)}
}

// Build is executor.Specs'.
func (h *harness) Build(pkg, platform string) (*executor.BuildSpec, error) {
	spec := &executor.BuildSpec{
		Request: executor.BuildRequest{Node: pkg + ":" + platform, Platform: platform, Dockerfile: []byte("# " + pkg)},
	}
	for _, s := range h.plan.Steps {
		if s.Kind != planner.KindBuild || s.Package != pkg || s.Platform != platform {
			continue
		}
		for _, need := range s.Needs {
			if dep := parseStep(h.t, need); dep.Platform != "" {
				spec.Uses = append(spec.Uses, executor.ImageUse{Name: dep.Package, Package: dep.Package, Platform: dep.Platform})
			}
		}
	}
	if h.change != nil {
		h.change(pkg+":"+platform, spec)
	}
	return spec, nil
}

// apply runs the plan, which must be accepted.
func (h *harness) apply(ctx context.Context) *executor.Result {
	h.t.Helper()
	result, err := executor.Apply(ctx, h.plan, h, h.ports, h.opts)
	if err != nil {
		h.t.Fatal(err)
	}
	return result
}

// seed puts an image of the package into the store and returns its digest.
func (h *harness) seed(pkg, platform string) string {
	h.t.Helper()
	res, err := fake.WriteImage(h.t.Context(), h.store, fake.ImageSpec{Platform: platform, Layers: []string{"seed " + pkg}})
	if err != nil {
		h.t.Fatal(err)
	}
	err = h.store.PutNode(h.t.Context(), executor.NodeEntry{
		Ref: refOf(pkg), Hash: hashOf(pkg), Platform: platform, Platforms: []string{platform}, BuildResult: *res,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return res.Manifest.Digest.String()
}

// does makes builds do what do says of their node: take time, fail.
func (h *harness) does(do func(ctx context.Context, node string, attempt int) error) {
	var mu sync.Mutex
	attempts := map[string]int{}
	h.builder.Do = func(ctx context.Context, req *executor.BuildRequest, _ func(executor.Progress)) error {
		mu.Lock()
		attempts[req.Node]++
		attempt := attempts[req.Node]
		mu.Unlock()
		return do(ctx, strings.TrimSuffix(req.Node, ":"+amd64), attempt)
	}
}

// sleep waits, unless ctx ends before.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sleeper makes each node's build take what takes says.
func sleeper(takes map[string]time.Duration) func(context.Context, *executor.BuildRequest, func(executor.Progress)) error {
	return func(ctx context.Context, req *executor.BuildRequest, _ func(executor.Progress)) error {
		return sleep(ctx, takes[req.Node])
	}
}

// each makes all builds take d.
func (h *harness) each(d time.Duration) {
	h.does(func(ctx context.Context, _ string, _ int) error { return sleep(ctx, d) })
}

// summary is how each step ended, in the plan's order, by its id without
// linux/amd64: "build:a built".
func summary(r *executor.Result) []string {
	var out []string
	add := func(s planner.Step, text string) {
		out = append(out, fmt.Sprintf("%02d %s %s", s.Wave, strings.TrimSuffix(s.ID, ":"+amd64), text))
	}
	for _, d := range r.Done {
		add(d.Step, string(d.Status))
	}
	for _, f := range r.Failed {
		add(f.Step, "failed")
	}
	for _, s := range r.Skipped {
		add(s.Step, "skipped "+strings.ReplaceAll(strings.Join(s.Because, ","), ":"+amd64, ""))
	}
	for _, c := range r.Cancelled {
		add(c.Step, "cancelled")
	}
	slices.Sort(out)
	for i := range out {
		out[i] = out[i][3:]
	}
	return out
}

// expect compares lines.
func expect(t testing.TB, what string, got []string, want string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if !slices.Equal(got, lines) {
		t.Errorf("%s:\n  %s\nwant:\n  %s", what, strings.Join(got, "\n  "), strings.Join(lines, "\n  "))
	}
}

// fault is an error that may go away.
type fault struct{ text string }

func (f *fault) Error() string   { return f.text }
func (f *fault) Temporary() bool { return true }

// recorder is an executor.Recorder.
type recorder struct {
	mu   sync.Mutex
	list []string
	err  error
}

func (r *recorder) add(line string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, line)
	return r.err
}

func (r *recorder) RecordInputs(repository string, inputs *planner.Inputs) error {
	return r.add("inputs " + repository + " " + inputs.Package)
}

func (r *recorder) RecordDuration(repository, platform string, d time.Duration) error {
	return r.add(fmt.Sprintf("duration %s %s %s", repository, platform, d))
}

// logs is an executor.Logs in memory.
type logs struct {
	mu     sync.Mutex
	opened map[string]int
	text   map[string]string
	closed map[string]int
	// open and write make opening and writing fail.
	open, write error
}

func (l *logs) NodeLog(node string) (io.WriteCloser, string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open != nil {
		return nil, "", l.open
	}
	if l.opened == nil {
		l.opened, l.text, l.closed = map[string]int{}, map[string]string{}, map[string]int{}
	}
	l.opened[node]++
	return &logFile{l, node}, "/logs/" + node, nil
}

type logFile struct {
	logs *logs
	node string
}

func (f *logFile) Write(p []byte) (int, error) {
	f.logs.mu.Lock()
	defer f.logs.mu.Unlock()
	if f.logs.write != nil {
		return 0, f.logs.write
	}
	f.logs.text[f.node] += string(p)
	return len(p), nil
}

func (f *logFile) Close() error {
	f.logs.mu.Lock()
	defer f.logs.mu.Unlock()
	f.logs.closed[f.node]++
	return nil
}

// events is an executor.Reporter that keeps all events. It needs no lock: the
// executor calls it from one goroutine, which ends before Apply returns.
type events struct {
	list []executor.Event
	// slow, when set, is done for each.
	slow func()
}

func (e *events) Report(event executor.Event) {
	if e.slow != nil {
		e.slow()
	}
	e.list = append(e.list, event)
}

// lines are the events of some types as "TYPE STEP", in order.
func (e *events) lines(types ...executor.EventType) []string {
	var out []string
	for _, event := range e.list {
		if slices.Contains(types, event.Type) {
			out = append(out, strings.TrimSpace(string(event.Type)+" "+strings.TrimSuffix(event.Step, ":"+amd64)))
		}
	}
	return out
}
