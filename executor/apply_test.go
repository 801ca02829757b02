package executor_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/planner"
)

// image is a whole package on two platforms, pushed and tagged.
const image = `
	build:base:linux/amd64
	build:base:linux/arm64
	index:base      < build:base:linux/amd64 build:base:linux/arm64
	push:base       < index:base
	tag:base:latest < push:base
	build:app       < build:base
	index:app       < build:app
	push:app        < index:app`

func TestApply(t *testing.T) {
	h := newHarness(t, image)
	result := h.apply(t.Context())
	if !result.OK() {
		t.Fatalf("not all was done: %v", summary(result))
	}
	expect(t, "result", summary(result), `
		build:base built
		build:base:linux/arm64 built
		build:app built
		index:base indexed
		index:app indexed
		push:base pushed
		push:app pushed
		tag:base:latest tagged`)

	index, err := h.registry.Lookup(t.Context(), refOf("base"))
	if err != nil || index == nil || len(index.Manifests) != 2 || index.Hash != hashOf("base") {
		t.Fatalf("the registry has %v, %v", index, err)
	}
	tags := h.registry.Tags()
	if tags["reg.test/base:latest"] != tags[refOf("base")] {
		t.Errorf("latest is not what was pushed: %v", tags)
	}
	for _, d := range result.Done {
		if d.Step.ID == "push:base" && d.Descriptor.Digest != tags[refOf("base")] {
			t.Errorf("push says %s", d.Descriptor.Digest)
		}
	}
	for _, req := range h.builder.Requests() {
		if req.Node != "app:"+amd64 {
			continue
		}
		if len(req.Images) != 1 || req.Images[0].Name != "base" || req.Images[0].Descriptor.Digest != index.Manifests[amd64].Digest {
			t.Errorf("app was given %v, want base as built", req.Images)
		}
	}
}

func TestNothingToDo(t *testing.T) {
	h := newHarness(t, "reuse:base in=store digest=sha256:1")
	h.plan.Applyable = false
	h.ports = executor.Ports{}
	result := h.apply(t.Context())
	expect(t, "result", summary(result), "reuse:base reused")
	h.plan = &planner.Plan{}
	if result = h.apply(t.Context()); !result.OK() || len(result.Done) != 0 {
		t.Errorf("an empty plan gave %v", summary(result))
	}
}

func TestRefused(t *testing.T) {
	tests := map[string]struct {
		steps  string
		change func(h *harness)
		want   string
	}{
		"errors": {"build:a", func(h *harness) {
			h.plan.Errored = true
			h.plan.Diagnostics = []planner.Diagnostic{{Severity: "note", Summary: "n"}, {Severity: "error", Summary: "Package a is dirty", Detail: "Commit it."}}
		}, "the plan has errors: Package a is dirty: Commit it."},
		"not applyable":   {"build:a", func(h *harness) { h.plan.Applyable = false }, "not applyable"},
		"no plan":         {"build:a", func(h *harness) { h.plan = nil }, "there is no plan"},
		"schedule":        {"build:a", func(h *harness) { h.opts.Schedule = "later" }, `unknown schedule "later"`},
		"missing need":    {"build:a", func(h *harness) { h.plan.Steps[0].Needs = []string{"build:b"} }, "needs build:b, which is not in the plan"},
		"twice":           {"build:a\nbuild:a", nil, "build:a:linux/amd64 is in the plan twice"},
		"cycle":           {"build:a < build:b\nbuild:b < build:a", nil, "build:a:linux/amd64 → build:b:linux/amd64 → build:a:linux/amd64"},
		"itself":          {"index:a < index:a", nil, "index:a → index:a"},
		"unknown kind":    {"sing:a", nil, `unknown kind "sing"`},
		"load":            {"load:a", nil, "load:a needs a container engine"},
		"unknown package": {"build:a", func(h *harness) { h.plan.Packages = nil }, `package "a", which the plan does not have`},
		"need of a tag":   {"push:a\ntag:a:x < push:a\npush:b < tag:a:x", nil, "tags move after everything else"},
		"no registry":     {"push:a", func(h *harness) { h.ports.Registry = nil }, "push:a needs a registry"},
		"no store":        {"build:a", func(h *harness) { h.ports.Store = nil }, "needs a store"},
		"no builder":      {"build:a", func(h *harness) { h.ports.Builders = nil }, "no builder at all"},
		"no emulator": {"build:a:linux/arm64", func(h *harness) {
			h.change = func(_ string, spec *executor.BuildSpec) { spec.Runs = []string{amd64, arm64} }
			h.ports.Builders[0].Runs = []string{amd64 + "/v2"}
			h.ports.Builders[0].Lacks = func(platform string) string { return "Get one for " + platform }
		}, "step build:a:linux/arm64: builder one cannot run programs for linux/arm64, which RUN instructions are; it runs those for linux/amd64/v2. Get one for linux/arm64"},
		"builder platform": {"build:a:linux/arm64", func(h *harness) { h.ports.Builders[0].Platforms = []string{amd64} }, "no builder builds for linux/arm64; there is builder one for linux/amd64"},
		"native platform": {"build:a", func(h *harness) {
			h.ports.Builders[0].Native = arm64
			h.change = func(_ string, s *executor.BuildSpec) { s.NativeOnly = amd64 }
		}, "on a native platform of linux/amd64"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, tt.steps)
			if tt.change != nil {
				tt.change(h)
			}
			result, err := executor.Apply(t.Context(), h.plan, h, h.ports, h.opts)
			if err == nil || result != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want %q", err, tt.want)
			}
			if n := len(h.builder.Requests()) + len(h.registry.Log()) + len(h.events.list); n > 0 {
				t.Errorf("%d things were done all the same", n)
			}
		})
	}
}

// noSpecs is a Specs that knows nothing.
type noSpecs struct{}

func (noSpecs) Inputs(string) *planner.Inputs { return nil }

func (noSpecs) Build(pkg, _ string) (*executor.BuildSpec, error) {
	return nil, errors.New("no such package: " + pkg)
}

func TestRefusedByAllProblems(t *testing.T) {
	h := newHarness(t, "build:a\nbuild:b\npush:c")
	h.ports.Registry = nil
	_, err := executor.Apply(t.Context(), h.plan, noSpecs{}, h.ports, h.opts)
	for _, want := range []string{"no such package: a", "no such package: b", "push:c needs a registry"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

// TestBuiltMeanwhile: what another run has built since the plan was made is
// not built again, unless a new build was asked for.
func TestBuiltMeanwhile(t *testing.T) {
	h := newHarness(t, "build:a reason=missing\nbuild:b reason=forced\nbuild:c\nbuild:d < build:a")
	seeded := h.seed("a", amd64)
	h.seed("b", amd64)
	h.seed("c", arm64)
	expect(t, "result", summary(h.apply(t.Context())), `
		build:a reused
		build:b built
		build:c built
		build:d built`)
	for _, req := range h.builder.Requests() {
		if req.Node == "d:"+amd64 && req.Images[0].Descriptor.Digest.String() != seeded {
			t.Errorf("d was given %s for a, want the one found", req.Images[0].Descriptor.Digest)
		}
	}
}

// TestOtherHash: what is under a package's tag but made of other inputs is
// not what the plan is about.
func TestOtherHash(t *testing.T) {
	h := newHarness(t, "build:a\nreuse:b in=store\nbuild:c < reuse:b")
	h.seed("a", amd64)
	h.seed("b", amd64)
	for i := range h.plan.Packages {
		h.plan.Packages[i].Hash = hashOf("other")
	}
	result := h.apply(t.Context())
	expect(t, "result", summary(result), `
		build:a built
		reuse:b reused
		build:c failed`)
	want := "build c for linux/amd64: " + refOf("b") + " for linux/amd64 is not in the store, as it was planned to be: plan again"
	if result.Failed[0].Error != want {
		t.Errorf("error is %q, want %q", result.Failed[0].Error, want)
	}
}

func TestUseOutsideThePlan(t *testing.T) {
	h := newHarness(t, "build:a")
	h.change = func(_ string, s *executor.BuildSpec) {
		s.Uses = []executor.ImageUse{{Name: "x", Package: "x", Platform: amd64}}
	}
	result := h.apply(t.Context())
	if len(result.Failed) != 1 || !strings.Contains(result.Failed[0].Error, `does not have package "x"`) {
		t.Errorf("result is %v", summary(result))
	}
}

func TestPull(t *testing.T) {
	const steps = "reuse:base in=registry\npull:base < reuse:base\nbuild:app < pull:base"
	tests := map[string]struct {
		digest string
		want   string
		err    string
	}{
		"as planned": {"", "pull:base pulled\nbuild:app built", ""},
		"moved":      {"sha256:" + hashOf("x"), "pull:base failed\nbuild:app skipped pull:base", "plan again"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, steps)
			other := newHarness(t, image)
			other.apply(t.Context())
			h.registry = other.registry
			h.ports.Registry = registryInto(t, other, h.store)
			h.plan.Steps[1].Digest = tt.digest
			result := h.apply(t.Context())
			expect(t, "result", summary(result), "reuse:base reused\n"+tt.want)
			if tt.err != "" && !strings.Contains(result.Failed[0].Error, tt.err) {
				t.Errorf("error is %q", result.Failed[0].Error)
			}
			if tt.err == "" && h.builder.Requests()[0].Images[0].Descriptor.Digest == "" {
				t.Error("app was not given base")
			}
		})
	}
}

// registryInto is a registry with what from's has, whose pulls go into store.
func registryInto(t *testing.T, from *harness, store *fake.Store) executor.Registry {
	t.Helper()
	image, err := from.store.Lookup(t.Context(), refOf("base"))
	if err != nil {
		t.Fatal(err)
	}
	return &pullRegistry{Registry: from.registry, from: from, store: store, result: executor.BuildResult{Manifest: image.Manifests[amd64]}}
}

// pullRegistry copies all there is.
type pullRegistry struct {
	*fake.Registry
	from   *harness
	store  *fake.Store
	result executor.BuildResult
}

func (r *pullRegistry) Pull(ctx context.Context, _, _ string) (*executor.BuildResult, error) {
	for _, d := range r.from.store.Digests() {
		data, err := r.from.store.ReadBlob(ctx, d)
		if err != nil {
			return nil, err
		}
		desc := r.result.Manifest
		desc.Digest, desc.Size = d, int64(len(data))
		if err := r.store.WriteBlob(ctx, desc, data); err != nil {
			return nil, err
		}
	}
	return &r.result, nil
}

// TestIndexKeepsPlatforms: an index is in the package's order of platforms,
// with those that the store had before.
func TestIndexKeepsPlatforms(t *testing.T) {
	h := newHarness(t, "build:a:linux/arm64\nindex:a < build:a:linux/arm64\npush:a < index:a")
	h.seed("a", amd64)
	h.plan.Packages[0].Platforms = []string{amd64, arm64}
	if result := h.apply(t.Context()); !result.OK() {
		t.Fatal(summary(result))
	}
	index := h.store.Index(refOf("a"))
	if len(index.Manifests) != 2 || index.Manifests[0].Platform.Architecture != "amd64" {
		t.Errorf("index is %v", index.Manifests)
	}
}

// pushes records how Push is called.
type pushes struct {
	*fake.Registry
	platforms []string
	overwrite bool
}

func (p *pushes) Push(ctx context.Context, ref string, opts executor.PushOptions) (desc ocispec.Descriptor, err error) {
	p.platforms, p.overwrite = opts.Platforms, opts.Overwrite
	return p.Registry.Push(ctx, ref, opts)
}

func TestPushOverwrites(t *testing.T) {
	tests := map[string]struct {
		reason, tag string
		want        bool
	}{
		"tag names the hash":    {"inputs_changed", "v1-" + hashOf("a")[:40], false},
		"forced":                {"forced", hashOf("a")[:40], true},
		"damaged":               {"damaged", hashOf("a")[:40], true},
		"tag of something else": {"inputs_changed", "v1", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, "reuse:a:linux/arm64 in=registry\nbuild:a reason="+tt.reason+"\nindex:a < build:a\npush:a < index:a reuse:a:linux/arm64")
			h.plan.Packages[0].Tag = tt.tag
			h.plan.Packages[0].Ref = "reg.test/a:" + tt.tag
			registry := &pushes{Registry: h.registry}
			h.ports.Registry = registry
			if result := h.apply(t.Context()); !result.OK() {
				t.Fatal(result.Failed)
			}
			if registry.overwrite != tt.want {
				t.Errorf("overwrite is %v", registry.overwrite)
			}
			expect(t, "platforms", registry.platforms, amd64)
		})
	}
}

// TestInputsAreAttached: the inputs of a package are kept beside its index, in
// the store and, when it is pushed, in the registry.
func TestInputsAreAttached(t *testing.T) {
	h := newHarness(t, "build:a\nindex:a < build:a\npush:a < index:a")
	if result := h.apply(t.Context()); !result.OK() {
		t.Fatal(result.Failed)
	}
	for name, from := range map[string]interface {
		Attached(ctx context.Context, ref, artifactType string) ([]byte, error)
	}{"store": h.store, "registry": h.registry} {
		data, err := from.Attached(t.Context(), refOf("a"), planner.InputsType)
		var inputs planner.Inputs
		if err != nil || json.Unmarshal(data, &inputs) != nil || inputs.Hash != hashOf("a") {
			t.Errorf("the %s has %q, %v", name, data, err)
		}
	}
}

func TestRecorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, "build:a\nbuild:b\nbuild:c")
		h.seed("b", amd64)
		h.opts.Jobs = 1
		h.does(func(ctx context.Context, node string, attempt int) error {
			if err := sleep(ctx, 3*time.Second); node == "c" {
				return errors.Join(err, errors.New("no"))
			}
			return nil
		})
		h.recorder.err = errors.New("disk full")
		result := h.apply(t.Context())
		expect(t, "recorded", h.recorder.list, `
			duration reg.test/a linux/amd64 3s
			inputs reg.test/a a`)
		expect(t, "warnings", result.Warnings, `
			record how long a:linux/amd64 took: disk full
			record the inputs of a:linux/amd64: disk full`)
	})
}
