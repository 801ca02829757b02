package schedule_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stowage-build/stowage/executor/schedule"
)

// TestGrowth: a node of a plan of 100,000 costs about as much as one of 1,000. It
// is steps that are counted, not time; a heap is looked at a few more times for
// each ten times as much that is in it.
func TestGrowth(t *testing.T) {
	perNode := map[int]float64{}
	for _, nodes := range []int{1_000, 10_000, 100_000} {
		tasks, fleet := world(rand.New(rand.NewPCG(1, 2)), nodes, 20)
		for i := range fleet { // so that builds are emulated too, which is a queue more
			fleet[i].Platforms = nil
		}
		r := simulate(t, tasks, fleet, schedule.Options{})
		perNode[nodes] = float64(r.Looks) / float64(len(tasks))
		t.Logf("%d nodes: %.1f looks each", nodes, perNode[nodes])
	}
	if perNode[1_000] < 5 {
		t.Errorf("%.1f looks for each node: they are not counted", perNode[1_000])
	}
	for _, nodes := range []int{10_000, 100_000} {
		if ratio := perNode[nodes] / perNode[nodes/10]; ratio > 1.5 {
			t.Errorf("%d nodes cost %.1f each, and a tenth of them %.1f", nodes, perNode[nodes], perNode[nodes/10])
		}
	}
}
