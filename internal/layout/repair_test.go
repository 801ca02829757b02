package layout_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stowage-build/stowage/internal/layout"
)

// damages of index.json, by what it is then; removed is none.
var damages = map[string]string{
	"removed": "", "empty": "", "truncated": `{"schemaVersion":2,"manifests":[{"mediaType":"applic`, "garbage": "\x00\xff\x13\x37",
	"other JSON": `[1,2]`, "null": "null", "two": `{"schemaVersion":2,"manifests":[]}{"schemaVersion":2}`,
}

// lastRef is put last, so that only the lost index.json has it.
const lastRef = "r.test/last:1"

// damagedStore has ref, lost lastRef, and its index.json is what.
func damagedStore(t *testing.T, what string) (s *layout.Store, dir string) {
	t.Helper()
	dir = t.TempDir()
	s = open(t, dir)
	put(t, s, ref, "linux/amd64")
	put(t, s, lastRef, "linux/amd64")
	path := filepath.Join(dir, "index.json")
	err := os.Remove(path)
	if err == nil && what != "removed" {
		err = os.WriteFile(path, []byte(damages[what]), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return open(t, dir), dir
}

func TestDamagedIndexFile(t *testing.T) {
	for what := range damages {
		t.Run(what, func(t *testing.T) {
			s, dir := damagedStore(t, what)
			wantDamage(t, s, dir)
			if damage, err := s.Repair(t.Context()); err != nil || !errors.Is(damage, layout.ErrCorrupt) {
				t.Errorf("repairing gives %v, %v", damage, err)
			}
			wantClean(t, s)
			if damage, err := s.Repair(t.Context()); damage != nil || err != nil {
				t.Errorf("repairing again gives %v, %v", damage, err)
			}
			kept, err := os.ReadFile(filepath.Join(dir, "index.json.damaged"))
			if what != "removed" && (err != nil || string(kept) != damages[what]) {
				t.Errorf("the damaged file is kept as %q, %v", kept, err)
			}
			if image, err := s.Lookup(t.Context(), lastRef); image != nil || err != nil {
				t.Errorf("the store has %+v, %v of what was lost", image, err)
			}
			if _, err := s.Collect(t.Context(), layout.CollectOptions{}); err != nil {
				t.Error(err)
			}
			if image, err := s.Lookup(t.Context(), ref); err != nil || len(image.Manifests) != 1 {
				t.Errorf("after collecting the store has %+v, %v", image, err)
			}
		})
	}
}

// wantDamage wants what was there before the last change, the rest as lost,
// and nothing changed by looking.
func wantDamage(t *testing.T, s *layout.Store, dir string) {
	t.Helper()
	before, _ := os.ReadFile(filepath.Join(dir, "index.json"))
	if damage, err := s.Damage(); err != nil || !errors.Is(damage, layout.ErrCorrupt) || !strings.Contains(damage.Error(), dir) {
		t.Errorf("the damage is %v, %v", damage, err)
	}
	if image, err := s.Lookup(t.Context(), ref); err != nil || image == nil || len(image.Manifests) != 1 {
		t.Errorf("the store has %+v, %v of what was there before", image, err)
	}
	if image, err := s.Lookup(t.Context(), lastRef); err != nil || image == nil || !image.Lost {
		t.Errorf("the store has %+v, %v of what nobody knows", image, err)
	}
	if got := problems(t, s); len(got) != 1 || got[0].Fault != layout.FaultIndexFile {
		t.Errorf("problems are %v, want one about index.json", got)
	}
	if entries, err := s.List(t.Context()); err != nil || len(entries) != 1 || entries[0].Ref != ref {
		t.Errorf("listed %+v, %v", entries, err)
	}
	if _, err := s.Collect(t.Context(), layout.CollectOptions{}); !errors.Is(err, layout.ErrCorrupt) {
		t.Errorf("collecting gives %v", err)
	}
	if after, _ := os.ReadFile(filepath.Join(dir, "index.json")); string(after) != string(before) {
		t.Errorf("the file was changed to %q", after)
	}
}

func TestPuttingRepairs(t *testing.T) {
	for what := range damages {
		t.Run(what, func(t *testing.T) {
			s, _ := damagedStore(t, what)
			put(t, s, ref, "linux/amd64")
			wantClean(t, s)
			put(t, s, lastRef, "linux/amd64")
			wantClean(t, s)
			if entries, err := s.List(t.Context()); err != nil || len(entries) != 2 {
				t.Errorf("listed %+v, %v", entries, err)
			}
		})
	}
}

func TestRepairWithoutThePrevious(t *testing.T) {
	_, dir := damagedStore(t, "truncated")
	if err := os.WriteFile(filepath.Join(dir, "index.json.previous"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	if image, err := s.Lookup(t.Context(), ref); err != nil || image == nil || !image.Lost {
		t.Errorf("the store has %+v, %v; want it lost", image, err)
	}
	put(t, s, ref, "linux/amd64")
	wantClean(t, s)
}

func TestManyRepair(t *testing.T) {
	_, dir := damagedStore(t, "truncated")
	var repaired atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		s := open(t, dir)
		all.Go(func() {
			damage, err := s.Repair(t.Context())
			if err != nil {
				t.Error(err)
			}
			if damage != nil {
				repaired.Add(1)
			}
		})
	}
	all.Wait()
	if repaired.Load() != 1 {
		t.Errorf("%d repaired it", repaired.Load())
	}
	wantClean(t, open(t, dir))
}
