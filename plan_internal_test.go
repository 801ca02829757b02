package stowage

import (
	"reflect"
	"strings"
	"testing"
)

// TestContradictions goes through all pairs of options: those that contradict
// each other are refused, by the names of their flags, and no others.
func TestContradictions(t *testing.T) {
	options := map[string]func(*PlanOptions){
		"push":          func(o *PlanOptions) { o.Push = true },
		"allow-dirty":   func(o *PlanOptions) { o.AllowDirty = true },
		"offline":       func(o *PlanOptions) { o.Offline = true },
		"force":         func(o *PlanOptions) { o.Force = true },
		"pull":          func(o *PlanOptions) { o.Pull = true },
		"load":          func(o *PlanOptions) { o.Load = true },
		"skip-build":    func(o *PlanOptions) { o.SkipBuild = true },
		"ignore-cached": func(o *PlanOptions) { o.IgnoreCached = true },
		"no-index":      func(o *PlanOptions) { o.NoIndex, o.Push = true, true },
		"release":       func(o *PlanOptions) { o.Release, o.Push = "v1", true },
		"platform":      func(o *PlanOptions) { o.Platforms = []string{"linux/amd64"} },
		"skip-platform": func(o *PlanOptions) { o.SkipPlatforms = []string{"linux/amd64"} },
		"output":        func(o *PlanOptions) { o.Output, o.Push = OutputRegistry, true },
	}
	refused := [][2]string{
		{"offline", "push"}, {"offline", "pull"}, {"offline", "ignore-cached"}, {"offline", "no-index"}, {"offline", "release"},
		{"force", "skip-build"}, {"force", "pull"}, {"no-index", "release"}, {"platform", "skip-platform"},
		{"output", "offline"}, {"output", "load"}, {"output", "pull"}, {"output", "skip-build"},
	}
	for a, set := range options {
		for b, also := range options {
			var o PlanOptions
			set(&o)
			also(&o)
			err := o.check()
			wrong := false
			for _, pair := range refused {
				wrong = wrong || pair == [2]string{a, b} || pair == [2]string{b, a}
			}
			if wrong != (err != nil) {
				t.Errorf("--%s with --%s: error is %v, want one: %v", a, b, err, wrong)
			}
			if err != nil && (!strings.Contains(err.Error(), "--") || !strings.Contains(err.Error(), "use one of them")) {
				t.Errorf("--%s with --%s: error is %v, want flags and what to do", a, b, err)
			}
		}
	}
	for name, o := range map[string]PlanOptions{
		"use it with --push":  {NoIndex: true},
		"in the registry":     {Release: "v1"},
		"push what they buil": {Output: OutputRegistry},
		"store or registry":   {Output: "tape", Push: true},
		`"not a tag" is no`:   {Release: "not a tag", Push: true},
		"at most 128":         {Release: strings.Repeat("x", 129), Push: true},
		"use one of them":     {Platforms: []string{"linux/s390x", "linux/arm64"}, SkipPlatforms: []string{"linux/arm64"}},
		"--skip-build forbid": {Load: true, Force: true, SkipBuild: true},
	} {
		if err := o.check(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%+v: error is %v, want %q", o, err, name)
		}
	}
	// Selecting packages contradicts nothing; everything else is in the table.
	const selecting = 3 // Packages, Dir, WithDependents
	if fields := reflect.TypeOf(PlanOptions{}).NumField(); fields != len(options)+selecting {
		t.Errorf("there are %d options, and %d in the table", fields-selecting, len(options))
	}
}
