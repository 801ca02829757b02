package executor_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/planner"
)

const chain = "build:base\nbuild:mid < build:base\nbuild:leaf < build:mid\nindex:leaf < build:leaf\npush:leaf < index:leaf"

// resolving gives builds resolved hashes: of their package and the digests of
// what they use. The last part of a package's hash, version, is not in it.
func (h *harness) resolving(version string) {
	h.version(version)
	h.change = func(id string, spec *executor.BuildSpec) {
		spec.ResolvedHash = func(image func(executor.ImageUse) (string, error)) (string, error) {
			text := id
			for _, u := range spec.Uses {
				digest, err := image(u)
				if err != nil {
					return "", err
				}
				text += " " + digest
			}
			if len(spec.Uses) == 0 {
				return "", nil
			}
			return hashOf(text), nil
		}
	}
}

// version gives packages other hashes, as a change of what they are all made
// of does.
func (h *harness) version(version string) {
	for i, pkg := range h.plan.Packages {
		hash := hashOf(pkg.Name + version)
		h.plan.Packages[i].Hash, h.plan.Packages[i].Tag = hash, hash[:40]
		h.plan.Packages[i].Ref = "reg.test/" + pkg.Name + ":" + hash[:40]
	}
}

// onto has the harness use another's machine: its store, or, with another
// store, its registry.
func (h *harness) onto(other *harness, sameStore bool) {
	if sameStore {
		h.store, h.builder = other.store, other.builder
		h.builder.Blobs = other.store
		h.ports.Builders, h.ports.Store = other.ports.Builders, other.ports.Store
		h.registry = other.registry
	} else {
		h.registry = other.registry.For(h.store)
	}
	h.ports.Registry = h.registry
}

func (h *harness) wantCounts(want string) {
	h.t.Helper()
	result := h.apply(h.t.Context())
	var got []string
	for status, n := range result.Counts() {
		got = append(got, fmt.Sprintf("%d %s", n, status))
	}
	slices.Sort(got)
	if text := strings.Join(got, ", "); text != want || len(result.Warnings) > 0 {
		h.t.Errorf("counts are %s, want %s; warnings %q", text, want, result.Warnings)
	}
}

// TestCutOff: when a base is rebuilt to what it was, what is above it is not
// built, in the store or on another machine; with another base, or by force,
// it is.
func TestCutOff(t *testing.T) {
	first := newHarness(t, chain)
	first.resolving("1")
	first.wantCounts("1 indexed, 1 pushed, 3 built")

	same := newHarness(t, chain)
	same.onto(first, true)
	same.resolving("2")
	same.wantCounts("1 built, 1 indexed, 1 pushed, 2 unchanged")
	leaf := same.plan.Packages[slices.IndexFunc(same.plan.Packages, func(p planner.PackageInfo) bool { return p.Name == "leaf" })]
	if image, err := same.store.Lookup(t.Context(), leaf.Ref); err != nil || image == nil || image.Hash != leaf.Hash {
		t.Errorf("the store has %+v, %v under %s", image, err, leaf.Ref)
	}

	forced := newHarness(t, "build:base\nbuild:mid reason=forced < build:base\nbuild:leaf < build:mid")
	forced.onto(first, true)
	forced.resolving("3")
	forced.wantCounts("1 unchanged, 2 built")

	other := newHarness(t, chain)
	other.onto(first, true)
	other.resolving("4")
	change := other.change
	other.change = func(id string, spec *executor.BuildSpec) {
		if change(id, spec); strings.HasPrefix(id, "base:") {
			spec.Request.Dockerfile = []byte("# another base")
		}
	}
	other.wantCounts("1 indexed, 1 pushed, 3 built")
}

// TestCutOffThroughRegistry: another machine finds in the registry what was
// pushed, unless it may ask none, and nobody writes over a record.
func TestCutOffThroughRegistry(t *testing.T) {
	first := newHarness(t, chain)
	first.resolving("1")
	first.wantCounts("1 indexed, 1 pushed, 3 built")
	records := recordsIn(first.registry)
	if len(records) != 1 || !strings.HasPrefix(records[0], "reg.test/leaf:r-") {
		t.Fatalf("the registry has the records %q, want that of leaf, which was pushed", records)
	}
	for _, offline := range []bool{false, true} {
		second := newHarness(t, "build:base\nbuild:mid < build:base\nbuild:leaf < build:mid")
		second.onto(first, false)
		second.resolving("2")
		second.opts.Offline = offline
		want := "1 unchanged, 2 built"
		if offline {
			want = "3 built"
		}
		second.wantCounts(want)
		if offline {
			continue
		}
		// It is in this store from now on.
		third := newHarness(t, "build:base\nbuild:mid < build:base\nbuild:leaf < build:mid")
		third.onto(second, true)
		third.resolving("3")
		third.opts.Offline = true
		third.wantCounts("1 built, 2 unchanged")
	}
}

// TestCutOffComparesWholeHashes: a record whose tag is right is one of another
// build if its hash is.
func TestCutOffComparesWholeHashes(t *testing.T) {
	first := newHarness(t, chain)
	first.resolving("1")
	first.wantCounts("1 indexed, 1 pushed, 3 built")
	for _, sameStore := range []bool{true, false} {
		second := newHarness(t, "build:base\nbuild:mid < build:base\nbuild:leaf < build:mid")
		second.onto(first, sameStore)
		second.resolving("2")
		change := second.change
		second.change = func(id string, spec *executor.BuildSpec) {
			change(id, spec)
			resolve := spec.ResolvedHash
			spec.ResolvedHash = func(image func(executor.ImageUse) (string, error)) (string, error) {
				hash, err := resolve(image)
				if hash == "" {
					return "", err
				}
				return hash[:40] + strings.Repeat("0", 24), err
			}
		}
		second.wantCounts("3 built")
	}
}

// TestRecordsOfAnotherRun: what one run builds and another one pushes is recorded
// in the registry.
func TestRecordsOfAnotherRun(t *testing.T) {
	first := newHarness(t, "build:base\nbuild:leaf < build:base\nindex:leaf < build:leaf")
	first.resolving("1")
	first.wantCounts("1 indexed, 2 built")
	second := newHarness(t, "reuse:leaf in=store\npush:leaf < reuse:leaf")
	second.onto(first, true)
	second.resolving("1")
	second.wantCounts("1 pushed, 1 reused")
	if records := recordsIn(first.registry); len(records) != 1 {
		t.Errorf("the registry has the records %q, want that of leaf", records)
	}
}

func recordsIn(r *fake.Registry) []string {
	var refs []string
	for ref := range r.Tags() {
		if planner.IsResolvedRef(ref) {
			refs = append(refs, ref)
		}
	}
	return refs
}

// TestCutOffWithoutAnswer: what cannot be found out is built, with a warning.
func TestCutOffWithoutAnswer(t *testing.T) {
	h := newHarness(t, "build:base\nbuild:mid < build:base")
	h.resolving("1")
	h.registry.Fail = func(op, _ string) error {
		if op == "lookup" {
			return errors.New("no answer")
		}
		return nil
	}
	result := h.apply(t.Context())
	if !result.OK() || result.Counts()[executor.StatusBuilt] != 2 || len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], "no answer") {
		t.Errorf("counts %v, warnings %q", result.Counts(), result.Warnings)
	}
}
