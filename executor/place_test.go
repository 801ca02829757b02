package executor_test

import (
	"fmt"
	"testing"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
)

// placements are builders by repository.
type placements map[string]string

func (p placements) LastBuilder(repository, _ string) string    { return p[repository] }
func (p placements) RecordBuilder(string, string, string) error { return nil }

// TestBuiltWhereReusedIs: a build goes to the builder that made what it needs and
// is reused, or pulled, if that builder is there.
func TestBuiltWhereReusedIs(t *testing.T) {
	names := []string{"one", "two", "three", "four"}
	for _, steps := range []string{
		"reuse:base in=store\nbuild:app < reuse:base",
		"reuse:base in=registry\npull:base < reuse:base\nbuild:app < pull:base",
	} {
		for _, on := range names {
			h := newHarness(t, steps)
			h.seed("base", amd64)
			if _, err := h.registry.Push(t.Context(), refOf("base"), executor.PushOptions{Platforms: []string{amd64}}); err != nil {
				t.Fatal(err)
			}
			h.ports.Builders = nil
			builders := map[string]*fake.Builder{}
			for _, name := range names {
				builders[name] = &fake.Builder{Blobs: h.store}
				h.ports.Builders = append(h.ports.Builders, executor.BuilderPort{Name: name, Builder: builders[name]})
			}
			h.ports.Placements = placements{"reg.test/base": on}
			result := h.apply(t.Context())
			if !result.OK() || len(builders[on].Requests()) != 1 {
				t.Errorf("%q: not built on %s: %v", steps, on, fmt.Sprint(result.Failed, result.Done))
			}
		}
	}
}
