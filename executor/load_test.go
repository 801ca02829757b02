package executor_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// engine is an executor.Loader that keeps what it was given.
type engine struct {
	loaded []string
	err    error
}

func (e *engine) Load(_ context.Context, ref string, images []ocispec.Descriptor) error {
	for _, d := range images {
		e.loaded = append(e.loaded, fmt.Sprintf("%s %s/%s %s", ref, d.Platform.OS, d.Platform.Architecture, d.Digest))
	}
	return e.err
}

// TestLoad: a load step gives the engine what was built, pulled and found of
// its own package, and nothing else.
func TestLoad(t *testing.T) {
	h := newHarness(t, `
		reuse:a in=store
		build:a:linux/arm64 < reuse:b
		reuse:b in=store
		index:a < build:a:linux/arm64
		load:a < reuse:a build:a:linux/arm64
	`)
	into := &engine{}
	h.ports.Loader = into
	stored := h.seed("a", amd64)
	h.seed("b", amd64)
	res := h.apply(t.Context())
	var built string
	for _, d := range res.Done {
		if d.Step.ID == "build:a:linux/arm64" {
			built = d.Descriptor.Digest.String()
		}
	}
	expect(t, "loaded", into.loaded, refOf("a")+" linux/arm64 "+built+"\n"+refOf("a")+" linux/amd64 "+stored)
	expect(t, "steps", summary(res), `
		reuse:a reused
		reuse:b reused
		build:a:linux/arm64 built
		index:a indexed
		load:a loaded
	`)
}

// TestLoadFails: what cannot be loaded fails alone.
func TestLoadFails(t *testing.T) {
	h := newHarness(t, "build:a\nload:a < build:a\npush:a < build:a")
	h.ports.Loader = &engine{err: errors.New("no space left")}
	expect(t, "steps", summary(h.apply(t.Context())), "build:a built\nload:a failed\npush:a pushed")
}
