package web_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/graph"
	"github.com/stowage-build/stowage/internal/report/web"
	"github.com/stowage-build/stowage/planner"
)

// begun is when plans and runs of these tests begin.
func begun() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// sample makes a plan of packages in layers, each for two platforms, with every
// state and reason. It is always the same.
type sample struct {
	plan *planner.Plan
	rand *rand.Rand
	at   map[string]string // the step that gives a node
}

// names of packages, by layer.
func layersOfNames(packages int) [][]string {
	first := [][]string{
		{"base", "certs", "toolchain"},
		{"alpine-go", "alpine-node", "runtime", "lint"},
		{"proto", "auth-lib", "ui-kit", "migrations", "metrics"},
		{`service["api"]`, `service["worker"]`, `service["billing"]`, "frontend", "gateway", "admin"},
		{"e2e", "bundle"},
	}
	for n := 20; n < packages; n++ {
		at := 1 + n%7
		for len(first) <= at {
			first = append(first, nil)
		}
		first[at] = append(first[at], fmt.Sprintf("team-%d-package-%d", n%17, n))
	}
	return first
}

func newSample(packages int) *planner.Plan {
	s := &sample{rand: rand.New(rand.NewPCG(1, 2)), at: map[string]string{}, plan: &planner.Plan{
		FormatVersion: planner.FormatVersion, StowageVersion: "1.4.0", CreatedAt: begun(),
		Workspace: planner.WorkspaceInfo{Name: "acme", Registry: "ghcr.io/acme", Revision: strings.Repeat("8c1f", 10)},
		Options:   map[string]any{"push": true},
		Applyable: true, Complete: true,
		Diagnostics: []planner.Diagnostic{{Severity: "warning", Summary: "alpine:3.20 is not locked", Detail: "Run stowage lock to pin it.", Location: "base/Dockerfile:1,1"}},
	}}
	var before []string
	for l, names := range layersOfNames(packages) {
		for _, name := range names {
			s.add(l, name, before)
		}
		before = append(before, names...)
	}
	slices.SortStableFunc(s.plan.Steps, func(a, b planner.Step) int { return a.Wave - b.Wave })
	for _, step := range s.plan.Steps {
		if step.Wave > 0 {
			for len(s.plan.Waves) < step.Wave {
				s.plan.Waves = append(s.plan.Waves, nil)
			}
			s.plan.Waves[step.Wave-1] = append(s.plan.Waves[step.Wave-1], step.ID)
		}
	}
	s.critical()
	return s.plan
}

// critical is the longest path, as the planner finds it.
func (s *sample) critical() {
	g := graph.New()
	for _, step := range s.plan.Steps {
		g.AddNode(step.ID)
		for _, need := range step.Needs {
			g.AddEdge(step.ID, need)
		}
	}
	path, total, err := g.CriticalPath(func(id string) int64 { return s.stepOf(id).EstimateMS })
	if err != nil {
		panic(err)
	}
	s.plan.EstimateMS = total
	for _, id := range path {
		if step := s.stepOf(id); step.Kind == planner.KindBuild {
			s.plan.CriticalPath = append(s.plan.CriticalPath, step.Package)
		}
	}
}

func (s *sample) add(layer int, name string, before []string) {
	info := planner.PackageInfo{
		Name: name, Image: "ghcr.io/acme/" + name, Hash: digest.FromString(name).Encoded(),
		Platforms: []string{"linux/amd64", "linux/arm64"}, Dirty: name == "runtime",
	}
	info.Tag = info.Hash[:40]
	info.Ref = info.Image + ":" + info.Tag
	for range min(layer, 1+s.rand.IntN(3)) {
		if dep := before[max(0, len(before)-9)+s.rand.IntN(min(9, len(before)))]; !slices.Contains(info.Dependencies, dep) {
			info.Dependencies = append(info.Dependencies, dep)
		}
	}
	slices.Sort(info.Dependencies)
	s.plan.Packages = append(s.plan.Packages, info)
	s.plan.Selection = append(s.plan.Selection, name)
	var builds []string
	wave := 0
	for _, platform := range info.Platforms {
		step := s.node(&info, name, platform)
		wave = max(wave, step.Wave)
		if step.Kind == planner.KindBuild {
			builds = append(builds, step.ID)
		}
	}
	if len(builds) > 0 {
		s.step(planner.Step{ID: "index:" + name, Kind: planner.KindIndex, Package: name, Needs: builds, Wave: wave + 1})
		s.step(planner.Step{ID: "push:" + name, Kind: planner.KindPush, Package: name, Needs: []string{"index:" + name}, Wave: wave + 2})
	}
}

// node adds the step of a node: some are built because they changed, others
// because what they are made with did.
func (s *sample) node(info *planner.PackageInfo, name, platform string) planner.Step {
	id := planner.NodeID(name, platform)
	step := planner.Step{ID: "build:" + id, Kind: planner.KindBuild, Package: name, Platform: platform, Wave: 1, EstimateMS: 4000 + s.rand.Int64N(90_000)}
	for _, dep := range info.Dependencies {
		need := s.at[planner.NodeID(dep, platform)]
		step.Needs = append(step.Needs, need)
		if strings.HasPrefix(need, "build:") {
			step.Reason, step.Changes = planner.ReasonDependencyChanged, append(step.Changes, "dependency "+dep)
			step.Wave = max(step.Wave, s.stepOf(need).Wave+1)
		}
	}
	switch changed := name == "runtime" || name == "ui-kit" || s.rand.IntN(25) == 0; {
	case changed && platform == "linux/arm64" && s.rand.IntN(3) == 0:
		step.Reason = planner.ReasonPlatformMissing
	case changed:
		step.Reason, step.Changes = planner.ReasonInputsChanged, []string{"file " + name + "/main.go", "arg VERSION"}
	case step.Reason == "" && s.rand.IntN(30) == 0:
		step.Reason = planner.ReasonMissing
	case step.Reason == "":
		step = planner.Step{ID: "reuse:" + id, Kind: planner.KindReuse, Package: name, Platform: platform, Reason: planner.ReasonInRegistry, FoundIn: "registry"}
		if s.rand.IntN(3) == 0 {
			step.Reason, step.FoundIn = planner.ReasonInStore, "store"
		}
	}
	s.at[id] = step.ID
	s.step(step)
	return step
}

func (s *sample) step(step planner.Step) {
	switch {
	case step.Kind == planner.KindBuild:
		s.plan.Summary.Build++
	case step.Kind == planner.KindIndex:
		s.plan.Summary.Index++
	case step.Kind == planner.KindPush:
		s.plan.Summary.Push++
	case step.FoundIn == "store":
		s.plan.Summary.ReuseStore++
	default:
		s.plan.Summary.ReuseRegistry++
	}
	s.plan.Steps = append(s.plan.Steps, step)
}

func (s *sample) stepOf(id string) planner.Step {
	return s.plan.Steps[slices.IndexFunc(s.plan.Steps, func(step planner.Step) bool { return step.ID == id })]
}

// details are some of every package and node.
func details() web.Details {
	return web.Details{
		Inputs: func(pkg string) []web.Input {
			inputs := []web.Input{{Kind: "arg", Label: "arg VERSION", Digest: strings.Repeat("ab", 32)}}
			for i := range 30 {
				inputs = append(inputs, web.Input{Kind: "file", Label: fmt.Sprintf("file %s/src/file_%d.go", pkg, i), Digest: strings.Repeat("0c", 32)})
			}
			return inputs
		},
		Past: func(_, platform string) []web.Past {
			var past []web.Past
			for i := range 7 {
				past = append(past, web.Past{At: begun().Add(-time.Duration(i) * 26 * time.Hour), Duration: time.Duration(20+7*i%19+len(platform)) * time.Second, OK: i != 3})
			}
			return past
		},
	}
}

// ran makes up a run of a plan on two builders: one build fails, what needs it
// is skipped, one is tried twice.
func ran(t testing.TB, plan *planner.Plan) (*executor.Result, *web.Record) {
	t.Helper()
	dir := t.TempDir()
	record := web.NewRecord()
	result := &executor.Result{StartedAt: begun()}
	ends, failed := map[string]time.Duration{}, map[string]bool{}
	free := map[string]time.Duration{"amd": 0, "arm": 0, "": 0}
	last := time.Duration(0)
	for _, s := range plan.Steps {
		if s.Kind == planner.KindReuse {
			result.Done = append(result.Done, executor.Done{Ran: executor.Ran{Step: s}, Status: executor.StatusReused})
			continue
		}
		if i := slices.IndexFunc(s.Needs, func(n string) bool { return failed[n] }); i >= 0 {
			failed[s.ID] = true
			result.Skipped = append(result.Skipped, executor.Skip{Step: s, Because: []string{s.Needs[i]}})
			continue
		}
		builder := map[string]string{"linux/amd64": "amd", "linux/arm64": "arm"}[s.Platform]
		start := free[builder] / 2
		for _, n := range s.Needs {
			start = max(start, ends[n])
		}
		took := max(time.Duration(s.EstimateMS)*time.Millisecond, 900*time.Millisecond)
		at := func(d time.Duration) time.Time { return begun().Add(start + d) }
		event := func(d time.Duration, e executor.Event) {
			e.Time, e.Step, e.Kind, e.Package, e.Platform, e.Builder = at(d), s.ID, s.Kind, s.Package, s.Platform, builder
			record.Report(e)
		}
		attempts := 1
		event(0, executor.Event{Type: executor.EventStepStarted, Attempt: 1})
		if s.Package == "runtime" && s.Platform == "linux/arm64" {
			attempts = 2
			event(2*time.Second, executor.Event{Type: executor.EventStepRetry, Attempt: 1, Error: "connection to the builder was lost"})
			event(4*time.Second, executor.Event{Type: executor.EventStepStarted, Attempt: 2})
		}
		for i := range 5 {
			v := executor.EventVertex{Name: fmt.Sprintf("[%d/5] RUN make part-%d", i+1, i), Started: true}
			event(took*time.Duration(i)/5, executor.Event{Type: executor.EventStepProgress, Vertex: &v})
			w := v
			w.Completed, w.Cached = true, i < 3
			event(took*time.Duration(i+1)/5, executor.Event{Type: executor.EventStepProgress, Vertex: &w})
		}
		event(took, executor.Event{Type: executor.EventStepFinished})
		ran := executor.Ran{Step: s, Builder: builder, Attempts: attempts, StartedAt: at(0), FinishedAt: at(took)}
		ends[s.ID], free[builder] = start+took, free[builder]+took
		last = max(last, start+took)
		log := filepath.Join(dir, fmt.Sprint(len(ends))+".log")
		if err := os.WriteFile(log, []byte("[1/5] RUN make\n\x1b[31mcompiling\x1b[0m </script><img src=x onerror=alert(1)>\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		switch {
		case s.Kind == planner.KindBuild && s.Package == "ui-kit" && builder == "arm":
			failed[s.ID] = true
			result.Failed = append(result.Failed, executor.Failure{
				Ran: ran, Error: "exit code 2: process \"/bin/sh -c make\" did not complete", LogPath: log,
				Excerpt: "Dockerfile:4\n   2 |     FROM alpine-node\n   3 |     COPY . .\n   4 | >>> RUN make\n   5 |     CMD [\"ui\"]",
			})
		default:
			status := map[planner.Kind]executor.Status{planner.KindBuild: executor.StatusBuilt, planner.KindIndex: executor.StatusIndexed, planner.KindPush: executor.StatusPushed}[s.Kind]
			done := executor.Done{Ran: ran, Status: status}
			if s.Kind == planner.KindBuild {
				done.LogPath = log
				done.Descriptor.Digest = digest.FromString(s.ID)
			}
			result.Done = append(result.Done, done)
		}
	}
	result.FinishedAt = begun().Add(last)
	return result, record
}
