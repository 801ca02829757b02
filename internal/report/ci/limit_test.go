package ci_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stowage-build/stowage/internal/report/ci"
	"github.com/stowage-build/stowage/planner"
)

// TestLimit: whatever is to be built, there are no more jobs than may be, each
// build is in one, and jobs are for one platform where there is room.
func TestLimit(t *testing.T) {
	p := newPlan()
	for i := range 700 {
		p.build(fmt.Sprintf("p%d:%s", i, amd64))
		if i%2 == 0 {
			p.build(fmt.Sprintf("p%d:%s", i, arm64))
		}
	}
	for _, by := range []ci.By{ci.ByGraph, ci.ByWaves} {
		for _, limit := range []int{1, 2, 7, 256} {
			jobs := split(t, p, by, limit)
			seen, names := map[string]int{}, map[string]bool{}
			for _, job := range jobs.Waves[0] {
				names[job.Name] = true
				if limit > 1 && len(job.Platforms) != 1 {
					t.Errorf("%s, %d: a job for %q", by, limit, job.Platforms)
				}
				for _, name := range job.Packages {
					for _, platform := range job.Platforms {
						seen[planner.NodeID(name, platform)]++
					}
				}
			}
			if jobs.Count() > limit || len(names) != jobs.Count() {
				t.Errorf("%s, %d: %d jobs with %d names", by, limit, jobs.Count(), len(names))
			}
			for _, s := range p.Steps {
				if s.Kind == planner.KindBuild && seen[planner.NodeID(s.Package, s.Platform)] != 1 {
					t.Fatalf("%s, %d: %s is in %d jobs", by, limit, s.ID, seen[planner.NodeID(s.Package, s.Platform)])
				}
			}
		}
	}
	if finish := split(t, p, ci.ByGraph, 256).Finish; finish[0] != "stowage index '*'" {
		t.Errorf("finish with %.80q", finish)
	}
}

// TestLimitOfWaves: the limit is for all waves together, and each has as many
// jobs as its builds are of all.
func TestLimitOfWaves(t *testing.T) {
	wide, chain := newPlan(), newPlan()
	for i := range 300 {
		wide.build(fmt.Sprintf("base%d:%s", i, amd64))
		chain.build(fmt.Sprintf("p%d:%s", i, amd64), fmt.Sprintf("p%d:%s", i-1, amd64))
	}
	for i := range 300 {
		wide.build(fmt.Sprintf("app%d:%s", i, amd64), fmt.Sprintf("base%d:%s", i, amd64))
	}
	wide.build("top:"+amd64, "app0:"+amd64).build("top:"+arm64, "app0:"+amd64)
	for _, test := range []struct {
		name         string
		plan         plan
		limit, waves int
		want         []int
	}{
		{"wide", wide, 256, 0, []int{127, 127, 2}},
		{"wide", wide, 255, 0, []int{127, 126, 2}},
		{"wide", wide, 3, 0, []int{1, 1, 1}},
		{"wide", wide, 2, 0, []int{1, 1}},
		{"wide", wide, 1, 0, []int{1}},
		{"wide", wide, 1000, 2, []int{300, 300}},
		{"wide", wide, 256, 2, []int{128, 128}},
		{"wide", wide, 256, 9, []int{127, 127, 2}},
		{"chain", chain, 256, 0, slices.Repeat([]int{1}, 256)},
		{"chain", chain, 256, 4, []int{1, 1, 1, 1}},
	} {
		jobs, err := ci.Split(test.plan.Plan, ci.Options{By: ci.ByWaves, Limit: test.limit, Waves: test.waves})
		if err != nil {
			t.Fatal(err)
		}
		var sizes []int
		for _, wave := range jobs.Waves {
			sizes = append(sizes, len(wave))
		}
		if !slices.Equal(sizes, test.want) {
			t.Errorf("%s, %d, %d: %d", test.name, test.limit, test.waves, sizes)
		}
		checkOrder(t, test.plan, jobs)
	}
}

// checkOrder: each build is in one job, and what it needs is in a job of an
// earlier wave or in the same.
func checkOrder(t *testing.T, p plan, jobs *ci.Jobs) {
	t.Helper()
	in, wave, n := map[string]int{}, map[string]int{}, 0
	for i, list := range jobs.Waves {
		for _, job := range list {
			n++
			for _, name := range job.Packages {
				for _, platform := range job.Platforms {
					id := "build:" + planner.NodeID(name, platform)
					if in[id] != 0 {
						t.Errorf("%s is in two jobs", id)
					}
					in[id], wave[id] = n, i
				}
			}
		}
	}
	for _, s := range p.Steps {
		if s.Kind == planner.KindBuild && in[s.ID] == 0 {
			t.Errorf("%s is in no job", s.ID)
		}
		for _, need := range s.Needs {
			if in[need] > 0 && in[need] != in[s.ID] && wave[need] >= wave[s.ID] {
				t.Errorf("%s is no later than %s", s.ID, need)
			}
		}
	}
}
