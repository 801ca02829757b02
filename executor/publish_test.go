package executor_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// direct is a harness whose builders push what they build.
func direct(t *testing.T, steps string) *harness {
	h := newHarness(t, steps)
	h.builder.Blobs = h.registry
	for i, s := range h.plan.Steps {
		if s.Kind == planner.KindBuild || s.Kind == planner.KindPush {
			h.plan.Steps[i].Output = planner.OutputRegistry
		}
	}
	return h
}

const directChain = `
	build:base
	build:base:linux/arm64
	build:app < build:base build:base:linux/arm64
	push:base < build:base build:base:linux/arm64
	push:app < build:app
	tag:app:latest < push:app
`

func TestBuildsGoIntoTheRegistry(t *testing.T) {
	h := direct(t, directChain)
	r := h.apply(t.Context())
	expect(t, "steps", summary(r), `
		build:base built
		build:base:linux/arm64 built
		build:app built
		push:base pushed
		push:app pushed
		tag:app:latest tagged
	`)
	if blobs := h.store.Digests(); len(blobs) > 0 {
		t.Errorf("the store has %v", blobs)
	}
	tags := h.registry.Tags()
	for _, req := range h.builder.Requests() {
		if want := "reg.test/" + strings.Split(req.Node, ":")[0]; req.PushTo != want {
			t.Errorf("%s is pushed to %q, want %q", req.Node, req.PushTo, want)
		}
		for _, image := range req.Images {
			tag := refOf(image.Name) + "-" + strings.TrimPrefix(image.Platform, "linux/")
			if image.Repository != "reg.test/base" || image.Descriptor.Digest != tags[tag] {
				t.Errorf("%s takes %+v, want %s of %s", req.Node, image, tags[tag], tag)
			}
		}
	}
	image, err := h.registry.Lookup(t.Context(), refOf("base"))
	if err != nil || image.Hash != hashOf("base") || len(image.Manifests) != 2 {
		t.Errorf("base is %+v, %v", image, err)
	}
	if tags["reg.test/app:latest"] != tags[refOf("app")] {
		t.Error("latest is something else")
	}
	if !slices.Contains(h.recorder.list, "inputs reg.test/app app") {
		t.Errorf("recorded are %q", h.recorder.list)
	}
	var steps []string
	for _, d := range r.Done {
		if d.Step.Kind == planner.KindPush && d.Descriptor.Digest == "" {
			steps = append(steps, d.Step.ID)
		}
	}
	if len(steps) > 0 {
		t.Errorf("%q have no descriptor", steps)
	}
}

// What a run has built before something failed is found by the next one, and
// the package appears only when it is complete.
func TestBuildsInTheRegistryAreFoundAgain(t *testing.T) {
	h := direct(t, directChain)
	h.does(func(_ context.Context, node string, _ int) error {
		if node == "base:linux/arm64" {
			return &executor.BuildError{Err: errors.New("fails")}
		}
		return nil
	})
	h.apply(t.Context())
	if tags := h.registry.Tags(); len(tags) != 1 || tags[refOf("base")+"-amd64"] == "" {
		t.Fatalf("after a failure there are %v", tags)
	}
	h.does(func(context.Context, string, int) error { return nil })
	expect(t, "steps", summary(h.apply(t.Context())), `
		build:base reused
		build:base:linux/arm64 built
		build:app built
		push:base pushed
		push:app pushed
		tag:app:latest tagged
	`)
	if n := h.builder.Counts()["base:"+amd64]; n != 1 {
		t.Errorf("base was built %d times for linux/amd64", n)
	}
}

// What is forced, or has a tag that names no inputs, is neither found nor kept
// before its package is complete.
func TestBuildsThatAreNotKept(t *testing.T) {
	for name, change := range map[string]func(h *harness){
		"forced": func(h *harness) { h.plan.Steps[0].Reason = planner.ReasonForced },
		"other tag": func(h *harness) {
			h.plan.Packages[0].Tag, h.plan.Packages[0].Ref = "v1", "reg.test/a:v1"
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := direct(t, "build:a\nbuild:a:linux/arm64\npush:a < build:a build:a:linux/arm64")
			change(h)
			h.does(func(_ context.Context, node string, _ int) error {
				if node != "a" {
					return &executor.BuildError{Err: errors.New("fails")}
				}
				return nil
			})
			for range 2 {
				h.apply(t.Context())
			}
			if tags := h.registry.Tags(); len(tags) > 0 {
				t.Errorf("there are %v", tags)
			}
			if n := h.builder.Counts()["a:"+amd64]; n != 2 {
				t.Errorf("it was built %d times", n)
			}
		})
	}
}

func TestReusedInTheRegistry(t *testing.T) {
	const found = "sha256:0123456789012345678901234567890123456789012345678901234567890123"
	h := direct(t, "reuse:base in=registry digest="+found+"\nbuild:app < reuse:base\npush:app < build:app")
	h.change = func(_ string, spec *executor.BuildSpec) {
		spec.Bases = []planner.Base{{Name: "alpine", Ref: "alpine:3", Digest: "sha256:1", Platform: amd64}}
	}
	expect(t, "steps", summary(h.apply(t.Context())), "reuse:base reused\nbuild:app built\npush:app pushed")
	req := h.builder.Requests()[0]
	if len(req.Images) != 1 || req.Images[0].Descriptor.Digest != found || req.Images[0].Repository != "reg.test/base" {
		t.Errorf("app takes %+v", req.Images)
	}
	if got := req.RemoteContexts["alpine"]; got != "docker-image://alpine:3@sha256:1" {
		t.Errorf("app takes alpine from %q", got)
	}
}

// What the registry has lost of a push is pushed again.
func TestPushByTheBuilderIsTriedAgain(t *testing.T) {
	h := direct(t, "build:a\npush:a < build:a")
	failed := false
	h.registry.Fail = func(op, _ string) error {
		if op == "pushed" && !failed {
			failed = true
			return &fault{"lost"}
		}
		return nil
	}
	h.opts.Delay = func(int) time.Duration { return 0 }
	r := h.apply(t.Context())
	expect(t, "steps", summary(r), "build:a built\npush:a pushed")
	if r.Done[0].Attempts != 2 {
		t.Errorf("%d attempts", r.Done[0].Attempts)
	}
}

// onlyPushes is a registry that takes nothing from builders.
type onlyPushes struct{ executor.Registry }

func TestRefusesWhatCannotGoIntoTheRegistry(t *testing.T) {
	h := direct(t, "build:a\npush:a < build:a")
	h.ports.Registry = onlyPushes{h.registry}
	h.change = func(_ string, spec *executor.BuildSpec) {
		spec.Archives = []executor.ArchiveSpec{{Path: "images.tar"}}
	}
	_, err := executor.Apply(t.Context(), h.plan, h, h.ports, h.opts)
	for _, want := range []string{
		"step build:a:linux/amd64 needs a registry that takes images from builders",
		"step push:a needs a registry that takes images from builders",
		"step build:a:linux/amd64 puts archives of images into the context",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
