package layout_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/stowage-build/stowage/internal/layout"
)

func TestRemoveImages(t *testing.T) {
	dir := t.TempDir()
	for _, ref := range []string{"r.test/a:1", "r.test/a:2", "r.test/b/c:1"} {
		putAs(t, dir, ref, "linux/amd64", ref)
		attachTo(t, dir, ref)
	}
	s := open(t, dir)
	if _, err := s.Remove(t.Context(), []string{"r.test/a:1", "r.test/x*"}); err == nil || !strings.Contains(err.Error(), "r.test/x*") {
		t.Errorf("removing what is not there gives %v", err)
	}
	wantRefs(t, dir, "r.test/a:1", "r.test/a:2", "r.test/b/c:1")
	got, err := s.Remove(t.Context(), []string{"*:1", "r.test/a:1"})
	if err != nil || !slices.Equal(got, []string{"r.test/a:1", "r.test/b/c:1"}) {
		t.Errorf("removed %v, %v", got, err)
	}
	wantRefs(t, dir, "r.test/a:2")
	data, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil || strings.Count(string(data), ":sha256-") != 1 {
		t.Errorf("index.json has lists about what was removed: %s, %v", data, err)
	}
}

func TestRemoveKeepsWhatIsAboutTheSameImage(t *testing.T) {
	dir := t.TempDir()
	for _, ref := range []string{"r.test/a:1", "r.test/a:2"} {
		putAs(t, dir, ref, "linux/amd64", "same")
	}
	attachTo(t, dir, "r.test/a:1")
	for _, tag := range []string{"1", "2"} {
		with(t, dir, func(s *layout.Store) {
			if got, err := s.Attached(t.Context(), "r.test/a:2", "application/vnd.test"); err != nil || got == nil {
				t.Errorf("attached is %s, %v", got, err)
			}
		})
		remove(t, dir, "r.test/a:"+tag)
	}
	data, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil || strings.Contains(string(data), digest.SHA256.String()) {
		t.Errorf("index.json is %s, %v", data, err)
	}
}
