package source_test

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/planner"
)

func TestRevisionSubmodules(t *testing.T) {
	dir := withSubmodule(t)
	expectNow := func(rev string, want ...string) {
		t.Helper()
		s, err := at(t, dir, rev).Set(t.Context(), planner.SourceSpec{Context: "app"})
		must(t, err)
		expect(t, listed(s), want...)
	}
	spec := planner.SourceSpec{Context: "app"}
	want := read(t, open(t, dir), spec)
	if have := read(t, at(t, dir, "HEAD"), spec); !reflect.DeepEqual(have, want) {
		t.Errorf("%+v, want\n%+v", have, want)
	}
	sub := filepath.Join(dir, "app/sub")
	git(t, sub, "rm", "-q", "lib.c")
	write(t, sub, map[string]string{"new.c": "2", "sub.txt": ""})
	git(t, sub, "add", "-A")
	git(t, sub, "commit", "-qm", "two")
	write(t, dir, map[string]string{"app/sub.a": ""})
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-qm", "two")
	expectNow("HEAD", ".dockerignore", "f", "sub/.gitignore", "sub/new.c", "sub/sub.txt", "sub.a")
	if have := read(t, at(t, dir, "HEAD~1"), spec); !reflect.DeepEqual(have, want) {
		t.Errorf("the submodule's commit before:\n%+v, want\n%+v", have, want)
	}
	r := at(t, dir, "HEAD~1")
	if id, err := r.Tree("app/sub"); id != ask(t, dir, "rev-parse", "HEAD~1:app/sub") || err != nil {
		t.Errorf("tree of the submodule: %q, %v", id, err)
	}
	if id, err := r.Tree("app/sub/lib.c"); err == nil {
		t.Errorf("tree in the submodule: %q", id)
	}
}

func TestRevisionSubmodulesThatLack(t *testing.T) {
	expectLack := func(dir, want string) {
		t.Helper()
		r := at(t, dir, "HEAD")
		for _, name := range []string{"app", "app/sub", "app/sub/deep"} {
			if _, err := r.Set(t.Context(), planner.SourceSpec{Context: name}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %q", name, err, want)
			}
		}
	}
	dir := withSubmodule(t)
	git(t, dir, "submodule", "--quiet", "deinit", "-f", "app/sub")
	expectLack(dir, `run "git submodule update --init app/sub"`)
	git(t, dir, "submodule", "--quiet", "update", "--init", "app/sub")
	if n := len(read(t, at(t, dir, "HEAD"), planner.SourceSpec{Context: "app"})); n != 4 {
		t.Errorf("%d files with the submodule", n)
	}

	lost := strings.Repeat("1", 40)
	git(t, dir, "update-index", "--cacheinfo", "160000,"+lost+",app/sub")
	git(t, dir, "commit", "-qm", "lost")
	expectLack(dir, "git -C app/sub fetch origin "+lost)

	// One that is not sent is not needed.
	write(t, dir, map[string]string{"app/.dockerignore": "sub"})
	git(t, dir, "commit", "-qm", "without", "app/.dockerignore")
	s, err := at(t, dir, "HEAD").Set(t.Context(), planner.SourceSpec{Context: "app"})
	must(t, err)
	expect(t, listed(s), ".dockerignore", "f")
}
