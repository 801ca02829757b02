package planner_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stowage-build/stowage/planner"
)

func saved(t *testing.T, p *planner.Plan) []byte {
	t.Helper()
	b, err := p.MarshalSaved()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSavedPlanIsReadAgain(t *testing.T) {
	w := harbour(t)
	w.opts.Now = time.Now()
	w.opts.Shown = map[string]any{"packages": []string{"<a> & b", "\u2028"}, "jobs": 4, "vars": map[string]any{"x": "é\n\"\\"}}
	p := w.make()
	content := saved(t, p)
	for name, form := range map[string][]byte{
		"as written":      content,
		"no last newline": bytes.TrimSpace(content),
	} {
		again, err := planner.UnmarshalSaved(form)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(saved(t, again), content) {
			t.Errorf("%s: it is another plan", name)
		}
	}
}

// Names that are no UTF-8 must not make a plan look altered.
func TestSavedPlanOfStrangeNames(t *testing.T) {
	files := tree{"stowage.hcl": header + "package \"app\" {\n  context = \"app\"\n}\n", "app/Dockerfile": "FROM scratch\n"}
	w := newWorld(t, files.with(tree{"app/\xff\xfe": "", "app/line\nbreak": "", "app/<&>\u2028": ""}))
	w.remember(files, "app")
	if _, err := planner.UnmarshalSaved(saved(t, w.make())); err != nil {
		t.Error(err)
	}
}

// No byte can be another, none be missing, and none be added.
func TestSavedPlanAltered(t *testing.T) {
	w := newWorld(t, chain())
	w.selected("base")
	content := saved(t, w.make())
	check := func(what string, altered []byte) {
		t.Helper()
		if _, err := planner.UnmarshalSaved(altered); !errors.Is(err, planner.ErrAltered) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range bytes.TrimSpace(content) {
		altered := slices.Clone(content)
		altered[i] ^= 1
		check(fmt.Sprintf("byte %d (%q) changed", i, content[max(0, i-10):i+1]), altered)
		check(fmt.Sprintf("byte %d removed", i), slices.Delete(slices.Clone(content), i, i+1))
		check(fmt.Sprintf("a letter inserted at %d", i), slices.Insert(slices.Clone(content), i, 'x'))
	}
	for i := range len(bytes.TrimSpace(content)) - 1 {
		check(fmt.Sprintf("cut at %d", i), content[:i])
	}
	check("a property twice", bytes.Replace(content, []byte(`"applyable": true`), []byte("\"applyable\": true,\n  \"applyable\": true"), 1))
	check("another property", bytes.Replace(content, []byte(`"applyable": true`), []byte("\"applyable\": true,\n  \"more\": 1"), 1))
	check("more after it", append(slices.Clone(content), "{}"...))
	check("another version", bytes.Replace(content, []byte(`"format_version": "1.0"`), []byte(`"format_version": "9.0"`), 1))
	check("no plan", []byte("null"))
	check("nothing", nil)

	plain, err := w.make().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	check("plan --format json, which has no checksum", plain)
}

func TestCheckStale(t *testing.T) {
	files := chain()
	for name, test := range map[string]struct {
		files tree
		from  func(w *world) // when the plan was saved
		world func(w *world) // now
		want  []string       // nil when it is not stale
	}{
		"nothing changed": {},
		"comments only":   {files: files.with(tree{"stowage.hcl": files["stowage.hcl"] + "# more\n"})},
		"less to do":      {world: func(w *world) { w.stored("base", "mid") }},
		"nothing to do":   {world: func(w *world) { w.stored("base", "mid", "app", "apart") }},
		"inputs": {
			files: files.replace(t, "stowage.hcl", `package "mid" {`, "package \"mid\" {\n  revision = \"2\""),
			want:  []string{"the inputs of package app have changed", "the inputs of package mid have changed"},
		},
		"tag": {
			files: files.replace(t, "stowage.hcl", `package "apart" {`, "package \"apart\" {\n  tag = \"v2\""),
			want:  []string{"package apart was registry.test/acme/apart:"},
		},
		"package gone": {
			files: inline(map[string]string{"base": "", "mid": from("FROM registry.test/acme/base"), "app": from("FROM registry.test/acme/mid")}).
				replace(t, "stowage.hcl", `["linux/amd64", "linux/arm64"]`, `["linux/amd64"]`),
			want: []string{"package apart is not there any more"},
		},
		"package added": {
			files: files.with(tree{"stowage.hcl": files["stowage.hcl"] + "package \"new\" {\n  dockerfile_inline = \"FROM scratch\"\n}\n"}),
			want:  []string{"package new was not in it"},
		},
		"platform added": {
			files: files.replace(t, "stowage.hcl", `package "apart" {`, "package \"apart\" {\n  platforms = [\"linux/amd64\", \"linux/arm64\"]"),
			want:  []string{"build:apart:linux/arm64 was not needed and is now"},
		},
		"moved out of the store": {
			world: func(w *world) { w.pushed("base"); w.selected("mid") },
			from:  func(w *world) { w.stored("base"); w.selected("mid") },
			want:  []string{"pull:base:linux/amd64 was not needed and is now"},
		},
		"vanished": {
			world: func(w *world) { w.registry.images = map[string]*planner.Image{} },
			want:  []string{"base for linux/amd64 was there and is gone"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, files)
			w.pushed("base")
			if test.from != nil {
				test.from(w)
			}
			plan, err := planner.UnmarshalSaved(saved(t, w.make()))
			if err != nil {
				t.Fatal(err)
			}
			if test.files == nil {
				test.files = files
			}
			later := newWorld(t, test.files)
			later.registry = w.registry
			if test.world != nil {
				test.world(later)
			}
			err = planner.CheckStale(plan, later.r, later.make())
			if test.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var stale *planner.StaleError
			if !errors.As(err, &stale) || len(stale.Differences) != len(test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			for i, want := range test.want {
				if !strings.HasPrefix(stale.Differences[i], want) {
					t.Errorf("got %q, want %q", stale.Differences[i], want)
				}
			}
			if !strings.Contains(err.Error(), "stale") {
				t.Errorf("the error is %v", err)
			}
		})
	}
}
