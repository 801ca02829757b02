package report_test

import (
	"testing"
	"time"

	"github.com/stowage-build/stowage/internal/report"
	"github.com/stowage-build/stowage/planner"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second:             "0.0s",
		0:                        "0.0s",
		340 * time.Millisecond:   "0.3s",
		9949 * time.Millisecond:  "9.9s",
		9960 * time.Millisecond:  "10s",
		10 * time.Second:         "10s",
		59999 * time.Millisecond: "1m0s",
		time.Minute:              "1m0s",
		250 * time.Second:        "4m10s",
		time.Hour - time.Second:  "59m59s",
		62 * time.Minute:         "1h2m",
		50 * time.Hour:           "50h0m",
	} {
		if got := report.Duration(d); got != want {
			t.Errorf("%d: got %s, want %s", d, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 1234: "1.2 kB", 9949: "9.9 kB", 9950: "10 kB", 30e6: "30 MB",
		999_499: "999 kB", 999_500: "1.0 MB", 2_500_000_000: "2.5 GB", 7e15: "7000 TB",
	} {
		if got := report.Bytes(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestStepName(t *testing.T) {
	for want, s := range map[string]planner.Step{
		"app linux/amd64":      build("app", amd64),
		"push app":             step(planner.KindPush, "app"),
		"pull app linux/amd64": {ID: "pull:app:linux/amd64", Kind: planner.KindPull, Package: "app", Platform: amd64},
		`tag app["x"]:latest`:  {ID: `tag:app["x"]:latest`, Kind: planner.KindTag, Package: `app["x"]`, Tag: "latest"},
		"index a[2Jb":          step(planner.KindIndex, "a\x00[2Jb"),
	} {
		if got := report.StepName(s.Kind, s.Package, s.Platform, s.ID); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
