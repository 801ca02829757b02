package importer

import (
	"cmp"
	"context"
	"crypto/sha1"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/stowage-build/stowage/internal/dockerfile"
	"github.com/stowage-build/stowage/internal/source"
	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

var update = flag.Bool("update", false, "write what is wanted into the fixtures")

// fixture is a directory of files from an archive. Its files below want/ are
// what is expected, and not in the directory.
type fixture struct {
	t       *testing.T
	name    string
	archive *txtar.Archive
	dir     string
}

// newFixture makes the directory. @TREE(DIR)@ in a file is the git tree id of
// DIR.
func newFixture(t *testing.T, name string, more map[string]string) *fixture {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, name: name, archive: archive, dir: t.TempDir()}
	files := map[string]string{}
	for _, a := range archive.Files {
		if !strings.HasPrefix(a.Name, "want/") {
			files[a.Name] = string(a.Data)
		}
	}
	for name, content := range more {
		files[name] = content
	}
	f.fill(files)
	return f
}

var treeMark = regexp.MustCompile(`@TREE\(([^)]+)\)@`)

// fill writes files, those with marks when the directories they mention have
// none any more.
func (f *fixture) fill(files map[string]string) {
	for len(files) > 0 {
		before := len(files)
		for name, content := range files {
			if content, ok := f.resolve(content, files); ok {
				f.put(name, content)
				delete(files, name)
			}
		}
		if len(files) == before {
			f.t.Fatalf("tree ids wait for each other in %v", files)
		}
	}
}

// resolve puts tree ids in the places of marks, if the trees are complete.
func (f *fixture) resolve(content string, waiting map[string]string) (string, bool) {
	for _, m := range treeMark.FindAllStringSubmatch(content, -1) {
		for name := range waiting {
			if strings.HasPrefix(name, m[1]+"/") {
				return "", false
			}
		}
		f.git("init", "-q")
		f.git("add", "-A")
		content = strings.ReplaceAll(content, m[0], f.git("rev-parse", f.git("write-tree")+":"+m[1]))
	}
	return content, true
}

func (f *fixture) put(name, content string) {
	f.t.Helper()
	full := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// git runs git in the directory, without the user's configuration.
func (f *fixture) git(args ...string) string {
	f.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
	cmd.Dir = f.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := cmd.Output()
	if err != nil {
		f.t.Fatalf("git %v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

func (f *fixture) commit() {
	f.git("init", "-q")
	f.git("add", "-A")
	f.git("commit", "-q", "-m", "all")
}

// tree reads the directory as it is now.
func (f *fixture) tree() *source.Tree {
	f.t.Helper()
	t, err := source.New(f.dir, source.Options{})
	if err != nil {
		f.t.Fatal(err)
	}
	return t
}

// head is HEAD's trees, nil without a commit.
func (f *fixture) head() planner.Trees {
	f.t.Helper()
	sources := f.tree()
	revision, err := sources.Revision(context.Background())
	if err != nil {
		f.t.Fatal(err)
	}
	if revision == "" {
		return nil
	}
	r, err := sources.At(context.Background(), revision)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { r.Close() })
	return r
}

func (f *fixture) options() Options {
	return Options{Root: f.root().FS(), RootPath: f.dir, Name: "test", Trees: f.head(), Sources: f.tree(), Dockerfiles: dockerfile.Analyzer{}}
}

func (f *fixture) root() *os.Root {
	f.t.Helper()
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { root.Close() })
	return root
}

// write writes a result, and wants it to load without a word, to be formatted
// and to be all that a second import would write.
func (f *fixture) write(do func(Options) (*Result, error)) *Result {
	f.t.Helper()
	result, err := do(f.options())
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := result.Write(f.root(), false); err != nil {
		f.t.Fatal(err)
	}
	if _, diags := schema.Load(f.root().FS(), schema.Options{}); len(diags) > 0 {
		f.t.Errorf("the result does not load: %v", diags)
	}
	for _, file := range result.Files {
		formatted, diags := schema.Format(file.Content, file.Path)
		if len(diags) > 0 || string(formatted) != string(file.Content) {
			f.t.Errorf("%s is not formatted", file.Path)
		}
	}
	again, err := do(f.options())
	if err != nil {
		f.t.Fatal(err)
	}
	if written, err := again.Write(f.root(), false); err != nil || len(written) > 0 {
		f.t.Errorf("a second import writes %v, %v", written, err)
	}
	return result
}

// resolved resolves the workspace that has been written.
func (f *fixture) resolved() *planner.Resolved {
	f.t.Helper()
	ws, diags := schema.Load(f.root().FS(), schema.Options{})
	if diags.HasErrors() {
		f.t.Fatal(diags)
	}
	r, diags, err := planner.Resolve(context.Background(), ws, planner.ResolveOptions{
		Sources: f.tree(), Dockerfiles: dockerfile.Analyzer{}, Trees: f.head(), HostPlatform: "linux/amd64",
	})
	if err != nil || diags.HasErrors() {
		f.t.Fatal(err, diags)
	}
	return r
}

// describe lists packages with their references, tree ids by name, platforms
// and dependencies.
func (f *fixture) describe(r *planner.Resolved, trees map[string]string) string {
	ids := map[string]string{}
	err := filepath.WalkDir(f.dir, func(p string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(f.dir, p)
		switch {
		case err != nil:
			return err
		case d.Name() == ".git":
			return fs.SkipDir
		case d.IsDir() && rel != ".":
			ids[f.withoutConfig(rel)] = "<" + rel + ">"
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	for id, name := range trees {
		ids[id] = name
	}
	var lines []string
	for _, p := range r.Packages {
		ref := p.Ref()
		for id, name := range ids {
			ref = strings.ReplaceAll(ref, id, name)
		}
		var needs []string
		for _, e := range p.Edges {
			if !slices.Contains(needs, e.To) {
				needs = append(needs, e.To)
			}
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", p.Name, ref, strings.Join(p.Platforms, ","), strings.Join(needs, " "))))
	}
	return strings.Join(lines, "\n") + "\n"
}

// withoutConfig is git's id of a directory as it was committed first.
func (f *fixture) withoutConfig(dir string) string {
	first, _, _ := strings.Cut(f.git("rev-list", "--max-parents=0", "HEAD"), "\n")
	cmd := exec.Command("git", "rev-parse", "-q", "--verify", first+":"+dir)
	cmd.Dir = f.dir
	out, err := cmd.Output()
	return cmp.Or(strings.TrimSpace(string(out)), "none "+dir, fmt.Sprint(err))
}

// joined is the id of several trees or files.
func (f *fixture) joined(names ...string) string {
	var ids strings.Builder
	for _, n := range names {
		ids.WriteString(f.git("rev-parse", "HEAD:"+n))
	}
	return fmt.Sprintf("%x", sha1.Sum([]byte(ids.String())))
}

// want compares with a file of the archive.
func (f *fixture) want(name, have string) {
	f.t.Helper()
	name = "want/" + name
	i := slices.IndexFunc(f.archive.Files, func(a txtar.File) bool { return a.Name == name })
	if *update {
		if i < 0 {
			i = len(f.archive.Files)
			f.archive.Files = append(f.archive.Files, txtar.File{Name: name})
		}
		f.archive.Files[i].Data = []byte(have)
		if err := os.WriteFile(filepath.Join("testdata", f.name), txtar.Format(f.archive), 0o644); err != nil {
			f.t.Fatal(err)
		}
		return
	}
	if i < 0 {
		f.t.Errorf("%s: there is no %s", f.name, name)
		return
	}
	if want := string(f.archive.Files[i].Data); have != want {
		f.t.Errorf("%s: %s is\n%s\nand not\n%s", f.name, name, have, want)
	}
}

func (f *fixture) wantFiles(r *Result, names ...string) {
	f.t.Helper()
	for _, name := range names {
		i := slices.IndexFunc(r.Files, func(file File) bool { return file.Path == name })
		if i < 0 {
			f.t.Errorf("%s is not written", name)
			continue
		}
		f.want(name, string(r.Files[i].Content))
	}
}

func (f *fixture) wantNotes(r *Result) {
	f.t.Helper()
	var b strings.Builder
	for _, n := range r.Notes {
		b.WriteString(n.String() + "\n")
	}
	f.want("notes", b.String())
}
