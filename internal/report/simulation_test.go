package report_test

import (
	"strings"
	"testing"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/report"
)

func TestSimulation(t *testing.T) {
	s := &executor.Simulation{
		MakespanMS: 66_000, LowerBoundMS: 60_000, CriticalPathMS: 60_000, WorkMS: 100_000, Slots: 3, Utilisation: 0.505, Builds: 7, Unrecorded: 2,
		Notes: []string{"Builder amd stands for several and counts as one: no such host."},
		Builders: []executor.SimulatedBuilder{
			{Name: "amd", Slots: 1, Builds: 5, BusyMS: 66_000, Utilisation: 1},
			{Name: "arm", Slots: 2, Builds: 2, Emulated: 1, BusyMS: 34_000, Utilisation: 0.2576},
		},
	}
	const want = `Simulation: 7 builds on 3 slots of 2 builders.

  makespan     1m6s    10.0 % over the lower bound
  lower bound  1m0s    critical path 1m0s, work 1m40s
  utilisation  50.5 %

  BUILDER  SLOTS  BUILDS  EMULATED  BUSY  UTILISATION
  amd      1      5       0         1m6s  100.0 %
  arm      2      2       1         34s   25.8 %

The duration of 2 builds is not recorded; they are taken to last as long as --simulate-duration says.

Builder amd stands for several and counts as one: no such host.
`
	var out strings.Builder
	if err := report.Simulation(&out, s); err != nil || out.String() != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, out.String(), want)
	}
	out.Reset()
	if err := report.Simulation(&out, &executor.Simulation{}); err != nil || out.String() != "Simulation: nothing to build.\n" {
		t.Errorf("nothing is %q, %v", out.String(), err)
	}
}
