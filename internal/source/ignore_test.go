package source_test

import (
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil"

	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// transferred is what BuildKit's own file transfer takes of a directory: its
// files, and the directories that are sent with nothing in them.
func transferred(t *testing.T, dir string, opt *fsutil.FilterOpt) []string {
	t.Helper()
	base, err := fsutil.NewFS(dir)
	if err != nil {
		t.Fatal(err)
	}
	filtered, err := fsutil.NewFilterFS(base, opt)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	dirs := map[string]bool{}
	if err := filtered.Walk(t.Context(), "", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		all = append(all, path)
		dirs[path] = d.IsDir()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var out []string
	for i, path := range all {
		switch {
		case !dirs[path]:
			out = append(out, path)
		case i+1 == len(all) || !strings.HasPrefix(all[i+1], path+"/"):
			out = append(out, path+" dir")
		}
	}
	return out
}

var ignoredFiles = map[string]string{
	"a": "", "a.md": "", "README.md": "", "src/a.go": "", "src/a.md": "", "src/deep/b.go": "", "src/deep/c.md": "",
	"vendor/x/y": "", "vendor/keep/z": "", ".env": "", "Dockerfile": "", "node_modules/m/index.js": "", "dir with space/f": "",
	"void/deep/": "", "docs/one.md": "", "docs/img/two.md": "",
}

// TestIgnoreAgainstBuildKit compares the set with what BuildKit sends with the
// same .dockerignore.
func TestIgnoreAgainstBuildKit(t *testing.T) {
	for _, ignore := range []string{
		"", "*.md", "**/*.md", "*\n!src", "*\n!src/deep", "vendor\n!vendor/keep", "vendor/*\n!vendor/keep", "**\n!**/*.go",
		"src/**/deep", "# comment\n\n  *.md  \n", "/a", "./a", "a/", "!a", ".*", "Dockerfile\n.dockerignore", "dir with space",
		"**/node_modules", "src\n!src/a.go\nsrc/a.go", "[a-b]*", "?", "*.md\n!README.md", "!*.md\n*.md", "src/../a", "**/deep/**",
		"src/*.go", "void", "void/deep", "vendor/*/*", "docs/**/*.md", "docs\n!docs/img", "*\n!**/deep", "**/*\n!docs/img/two.md",
		"\ufeff*.md", "src\\a", "*\n! src", "src/**\n!src/deep/**", "vendor\n!**/z", "/\n", ".", "..", "../a", "**", "*\n!*",
	} {
		t.Run(ignore, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, ignoredFiles)
			write(t, dir, map[string]string{".dockerignore": ignore})
			compareWithBuildKit(t, dir, ignore)
		})
	}
}

// TestRandomIgnoreFiles does the same with patterns put together at random.
func TestRandomIgnoreFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, ignoredFiles)
	r := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "*", "**", "src", "deep", "vendor", "*.md", "*.go", "keep", "docs", "img", "?", "void", "[a-d]*"}
	for range 300 {
		var lines []string
		for range 1 + r.IntN(4) {
			var line []string
			for range 1 + r.IntN(3) {
				line = append(line, parts[r.IntN(len(parts))])
			}
			lines = append(lines, strings.Repeat("!", r.IntN(2))+strings.Join(line, "/"))
		}
		ignore := strings.Join(lines, "\n")
		write(t, dir, map[string]string{".dockerignore": ignore})
		compareWithBuildKit(t, dir, ignore)
		if t.Failed() {
			t.Fatalf("with the patterns %q", lines)
		}
	}
}

func compareWithBuildKit(t *testing.T, dir, ignore string) {
	t.Helper()
	patterns, err := ignorefile.ReadAll(strings.NewReader(ignore))
	if err != nil {
		t.Fatal(err)
	}
	want := transferred(t, dir, &fsutil.FilterOpt{ExcludePatterns: patterns})
	if have := listed(set(t, dir, planner.SourceSpec{Context: "."})); !slices.Equal(have, want) {
		t.Errorf("files\n  %q, BuildKit sends\n  %q", have, want)
	}
}

// TestSourcesAgainstBuildKit compares what a source block takes with what
// BuildKit sends with the same include and exclude patterns.
func TestSourcesAgainstBuildKit(t *testing.T) {
	for _, c := range []struct{ include, exclude []string }{
		{nil, []string{"**/*.md"}},
		{[]string{"*.md"}, nil},
		{[]string{"**/*.md"}, []string{"docs"}},
		{[]string{"src", "vendor/keep"}, []string{"**/*.md"}},
		{[]string{"src/deep/b.go"}, nil},
		{[]string{"void"}, nil},
		{[]string{"**/*.go", "!**/deep/*"}, nil},
		{[]string{"nothing"}, nil},
		{[]string{"src"}, []string{"src/deep/*"}},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "from"), ignoredFiles)
		write(t, dir, map[string]string{"app/": ""})
		have := listed(set(t, dir, planner.SourceSpec{Context: "app", Extra: []schema.Source{
			{Path: "from", To: ".", Include: c.include, Exclude: c.exclude},
		}}))
		want := transferred(t, filepath.Join(dir, "from"), &fsutil.FilterOpt{IncludePatterns: c.include, ExcludePatterns: c.exclude})
		if !slices.Equal(have, want) {
			t.Errorf("include %q, exclude %q: files\n  %q, BuildKit sends\n  %q", c.include, c.exclude, have, want)
		}
	}
}

func TestIgnoreFileOfTheDockerfile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": "", "b": "", "build/Dockerfile": "", ".dockerignore": "a", "build/Dockerfile.dockerignore": "b"})
	expect(t, listed(set(t, dir, planner.SourceSpec{Context: ".", Dockerfile: "build/Dockerfile"})),
		".dockerignore", "a", "build/Dockerfile", "build/Dockerfile.dockerignore")
	expect(t, listed(set(t, dir, planner.SourceSpec{Context: ".", Dockerfile: "other"})),
		".dockerignore", "b", "build/Dockerfile", "build/Dockerfile.dockerignore")
}

func TestBadIgnoreFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"app/a": "", "app/.dockerignore": "[a"})
	_, err := open(t, dir).Set(t.Context(), planner.SourceSpec{Context: "app"})
	expectMistake(t, err, "app/.dockerignore")
}
