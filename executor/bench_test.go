package executor_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// instant is a builder and a store that take no time and keep nothing, so
// that what is left is the executor's own.
type instant struct{ result executor.BuildResult }

func (i *instant) Build(context.Context, *executor.BuildRequest, func(executor.Progress)) (*executor.BuildResult, error) {
	return &i.result, nil
}
func (i *instant) Lookup(context.Context, string) (*planner.Image, error) { return nil, nil }
func (i *instant) PutNode(context.Context, executor.NodeEntry) error      { return nil }
func (i *instant) Report(executor.Event)                                  {}
func (i *instant) PutIndex(context.Context, string, []string, map[string]string) (ocispec.Descriptor, error) {
	return i.result.Manifest, nil
}

// instantSpecs gives each build the image of the one that it needs.
type instantSpecs struct{}

func (instantSpecs) Build(pkg, platform string) (*executor.BuildSpec, error) {
	return &executor.BuildSpec{Request: executor.BuildRequest{Node: pkg, Platform: platform}}, nil
}

func (instantSpecs) Inputs(string) *planner.Inputs { return nil }

// layeredPlan is n builds, each of which needs three of about the hundred
// before it.
func layeredPlan(n int) *planner.Plan {
	plan := &planner.Plan{Applyable: true}
	name := func(i int) string { return fmt.Sprintf("p%05d", i) }
	for i := range n {
		step := planner.Step{ID: "build:" + name(i) + ":" + amd64, Kind: planner.KindBuild, Package: name(i), Platform: amd64, Wave: 1 + i/100}
		for _, back := range []int{1 + i%97, 1 + i*7%89, 1 + i*31%83} {
			if i-back >= 0 {
				step.Needs = append(step.Needs, "build:"+name(i-back)+":"+amd64)
			}
		}
		plan.Steps = append(plan.Steps, step)
		plan.Packages = append(plan.Packages, planner.PackageInfo{Name: name(i), Ref: name(i) + ":x", Hash: name(i), Platforms: []string{amd64}})
	}
	return plan
}

// BenchmarkApply is the executor's overhead: 10,000 builds that take no time.
func BenchmarkApply(b *testing.B) {
	plan := layeredPlan(10_000)
	port := &instant{executor.BuildResult{Manifest: ocispec.Descriptor{Digest: digest.FromString("x")}}}
	for _, jobs := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("jobs=%d", jobs), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				result, err := executor.Apply(b.Context(), plan, instantSpecs{}, executor.Ports{
					Builders: []executor.BuilderPort{{Name: "instant", Builder: port, Slots: 48}},
					Store:    port, Reporter: port,
				}, executor.Options{Jobs: jobs})
				if err != nil || !result.OK() {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(plan.Steps)), "µs/step")
		})
	}
}
