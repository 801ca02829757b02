package source_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stowage-build/stowage/internal/source"
	"github.com/stowage-build/stowage/planner"
)

// ask returns what git answers.
func ask(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).Output()
	must(t, err)
	return strings.TrimSpace(string(out))
}

// twoCommits makes a repository with a workspace in ws and two commits, the
// first with the tag v1.
func twoCommits(t testing.TB) (dir, workspace string) {
	t.Helper()
	dir = t.TempDir()
	workspace = filepath.Join(dir, "ws")
	must(t, os.MkdirAll(filepath.Join(workspace, "app"), 0o755))
	must(t, os.WriteFile(filepath.Join(workspace, "app/f"), []byte("first"), 0o644))
	must(t, os.WriteFile(filepath.Join(workspace, "app/g"), nil, 0o644))
	commit(t, dir)
	git(t, dir, "tag", "-a", "-m", "x", "v1")
	must(t, os.WriteFile(filepath.Join(workspace, "app/f"), []byte("second"), 0o644))
	git(t, dir, "commit", "-qam", "second")
	return dir, workspace
}

// expectFirst fails unless the revision has the first of twoCommits.
func expectFirst(t *testing.T, r *source.Revision) {
	t.Helper()
	s, err := r.Set(t.Context(), planner.SourceSpec{Context: "app"})
	must(t, err)
	expect(t, listed(s), "f", "g")
	want := sha256.Sum256([]byte("first"))
	if f := s.Files[0]; f.Size != 5 || f.Digest != hex.EncodeToString(want[:]) {
		t.Errorf("file %+v", f)
	}
}

func TestRevisionNames(t *testing.T) {
	dir, workspace := twoCommits(t)
	first := ask(t, dir, "rev-parse", "HEAD~1")
	git(t, dir, "update-ref", "refs/heads/-odd", first)
	git(t, dir, "branch", "br/anch", first)
	for _, name := range []string{"HEAD~1", "HEAD^", "v1", "v1^0", first, first[:9], "br/anch", "heads/-odd", ":/all", "tags/v1", "-odd"} {
		r := at(t, workspace, name)
		expectFirst(t, r)
		if id, err := r.Commit(); id != first || err != nil {
			t.Errorf("%s: commit %s, %v, want %s", name, id, err, first)
		}
	}
	for _, name := range []string{
		"", "nothing", "-nothing", "--all", "--help", "-q", "--", "HEAD..v1", "^HEAD", "v1 HEAD", strings.Repeat("1", 40), "HEAD~9", "a\x00b", "a\nb", "--end-of-options",
	} {
		_, err := open(t, workspace).At(t.Context(), name)
		if err == nil || !strings.Contains(err.Error(), "is not a revision of this repository") || !strings.Contains(err.Error(), "git fetch") {
			t.Errorf("%q: error %v", name, err)
		}
	}
	for name, want := range map[string]string{"HEAD:ws": "it is a tree", "HEAD:ws/app/f": "it is a blob"} {
		if _, err := open(t, workspace).At(t.Context(), name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", name, err, want)
		}
	}
}

func TestRevisionOutsideGit(t *testing.T) {
	_, err := open(t, t.TempDir()).At(t.Context(), "HEAD")
	if err == nil || !strings.Contains(err.Error(), "not in a git work tree") {
		t.Errorf("error %v", err)
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{".git/x": ""})
	if _, err := open(t, dir).At(t.Context(), "HEAD"); err == nil || !strings.Contains(err.Error(), "not a git repository") {
		t.Errorf("error %v", err)
	}
}

// TestRevisionFacts: git's functions answer for the revision as they do for
// the work tree when it is checked out.
func TestRevisionFacts(t *testing.T) {
	dir, workspace := twoCommits(t)
	second := at(t, workspace, "HEAD")
	if d, err := second.Describe(); d != ask(t, dir, "describe", "--tags") || err != nil {
		t.Errorf("describe %q, %v", d, err)
	}
	r := at(t, workspace, "HEAD~1")
	if d, err := r.Describe(); d != "v1" || err != nil {
		t.Errorf("describe %q, %v", d, err)
	}
	for name, rev := range map[string]string{"app": "HEAD~1:ws/app", ".": "HEAD~1:ws", "./app/": "HEAD~1:ws/app", "..": "HEAD~1:", "app/f": "HEAD~1:ws/app/f"} {
		if id, err := r.Tree(name); id != ask(t, dir, "rev-parse", rev) || err != nil {
			t.Errorf("tree of %s: %s, %v", name, id, err)
		}
	}
	for _, name := range []string{"none", "app/f/x", "../.."} {
		if id, err := r.Tree(name); err == nil {
			t.Errorf("tree of %s: %s", name, id)
		}
	}
	git(t, dir, "checkout", "-q", "HEAD~1")
	tree := open(t, workspace)
	for _, name := range []string{"app", "."} {
		have, err := r.Tree(name)
		must(t, err)
		if want, err := tree.Tree(name); have != want || err != nil {
			t.Errorf("tree of %s: %s, in the work tree %s, %v", name, have, want, err)
		}
	}
}

func TestRevisionInShallowClone(t *testing.T) {
	dir, _ := twoCommits(t)
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, dir, "clone", "-q", "--depth=1", "file://"+dir, clone)
	first := ask(t, dir, "rev-parse", "HEAD~1")
	for name, want := range map[string]string{
		"HEAD~1":        "git fetch --deepen=100",
		first:           "git fetch --depth=1 origin " + first,
		"v1":            "git fetch --depth=1 origin v1",
		"origin/stable": "git fetch --depth=1 origin stable:refs/remotes/origin/stable",
	} {
		_, err := open(t, filepath.Join(clone, "ws")).At(t.Context(), name)
		for _, part := range []string{"is not a revision of this repository", "shallow clone", "git fetch --unshallow", want} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: error %v, want %q", name, err, part)
			}
		}
	}
	git(t, clone, "fetch", "-q", "--depth=1", "origin", first)
	expectFirst(t, at(t, filepath.Join(clone, "ws"), first))
}

// TestRevisionInPartialClone: nothing is downloaded, and what the work tree
// has is not needed.
func TestRevisionInPartialClone(t *testing.T) {
	dir, _ := twoCommits(t)
	git(t, dir, "config", "uploadpack.allowFilter", "true")
	git(t, dir, "config", "uploadpack.allowAnySHA1InWant", "true")
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, dir, "clone", "-q", "--filter=blob:none", "file://"+dir, clone)
	workspace := filepath.Join(clone, "ws")
	if s, err := at(t, workspace, "HEAD").Set(t.Context(), planner.SourceSpec{Context: "app"}); err != nil || len(s.Files) != 2 {
		t.Errorf("what is checked out: %v, %v", s, err)
	}
	r := at(t, workspace, "HEAD~1")
	for range 2 {
		_, err := r.Set(t.Context(), planner.SourceSpec{Context: "app"})
		for _, part := range []string{"ws/app/f as it was at HEAD~1", "partial clone", "nothing is downloaded", "git fetch --refetch --no-filter origin"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("error %v, want %q", err, part)
			}
		}
	}
	git(t, clone, "fetch", "-q", "--refetch", "--no-filter", "origin")
	expectFirst(t, at(t, workspace, "HEAD~1"))

	treeless := filepath.Join(t.TempDir(), "treeless")
	git(t, dir, "clone", "-q", "--filter=tree:0", "file://"+dir, treeless)
	_, err := open(t, filepath.Join(treeless, "ws")).At(t.Context(), "HEAD~1")
	if err == nil || !strings.Contains(err.Error(), "partial clone") || !strings.Contains(err.Error(), "--refetch") {
		t.Errorf("without trees: error %v", err)
	}
}

// TestRevisionOfDamagedRepository: an object that is missing or damaged is
// named, and a later request is answered all the same.
func TestRevisionOfDamagedRepository(t *testing.T) {
	dir, workspace := twoCommits(t)
	id := ask(t, dir, "rev-parse", "HEAD~1:ws/app/f")
	path := filepath.Join(dir, ".git/objects", id[:2], id[2:])
	good, err := os.ReadFile(path)
	must(t, err)
	must(t, os.Remove(path))
	tree := open(t, workspace)
	for name, damage := range map[string][]byte{"missing": nil, "damaged": []byte("nonsense")} {
		if damage != nil {
			must(t, os.WriteFile(path, damage, 0o644))
		}
		r, err := tree.At(t.Context(), "HEAD~1")
		must(t, err)
		_, err = r.Set(t.Context(), planner.SourceSpec{Context: "app"})
		if err == nil || !strings.Contains(err.Error(), "ws/app/f") || !strings.Contains(err.Error(), "git fsck") {
			t.Errorf("%s: error %v", name, err)
		}
		_ = os.Remove(path)
		must(t, os.WriteFile(path, good, 0o644))
		if content, err := r.Dockerfile(t.Context(), "app", "f"); string(content) != "first" || err != nil {
			t.Errorf("%s, repaired: %q, %v", name, content, err)
		}
		must(t, r.Close())
		must(t, os.Remove(path))
	}
}

// TestRevisionProcesses: git is asked for the revision, not for each context,
// and the work tree is as it was.
func TestRevisionProcesses(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		files[name+"/f"], files[name+"/Dockerfile"], files[name+"/.dockerignore"] = name, "FROM "+name, "Dockerfile"
	}
	write(t, dir, files)
	commit(t, dir)
	leave(t, dir)
	before := ask(t, dir, "status", "--porcelain")
	index, err := os.ReadFile(filepath.Join(dir, ".git/index"))
	must(t, err)
	calls := countGit(t)
	r := at(t, dir, "HEAD~1")
	for _, name := range []string{"a", "b", "c", "d", "e", "a", "."} {
		_, err := r.Set(t.Context(), planner.SourceSpec{Context: name, Dockerfile: "Dockerfile"})
		must(t, err)
	}
	// Where the workspace is, the commit, its files, objects; and three for the
	// work tree.
	if have := calls(); len(have) > 7 {
		t.Errorf("%d git processes: %q", len(have), have)
	}
	after, err := os.ReadFile(filepath.Join(dir, ".git/index"))
	must(t, err)
	if status := ask(t, dir, "status", "--porcelain"); status != before || !bytes.Equal(index, after) {
		t.Errorf("the work tree was touched: %q", status)
	}
}

// TestRevisionEnvironment: no home directory, another language, and variables
// such as those that git sets for its hooks.
func TestRevisionEnvironment(t *testing.T) {
	other := t.TempDir()
	write(t, other, map[string]string{"other": ""})
	commit(t, other)
	_, workspace := twoCommits(t)
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "LANG"} {
		t.Setenv(name, "")
		must(t, os.Unsetenv(name))
	}
	t.Setenv("LC_ALL", "de_DE.UTF-8")
	t.Setenv("GIT_DIR", filepath.Join(other, ".git"))
	t.Setenv("GIT_WORK_TREE", other)
	t.Setenv("GIT_OBJECT_DIRECTORY", filepath.Join(other, ".git/objects"))
	t.Setenv("GIT_LITERAL_PATHSPECS", "1")
	expectFirst(t, at(t, workspace, "HEAD~1"))
}

// TestRevisionConcurrently: many at once, some of whom give up.
func TestRevisionConcurrently(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, manyFiles(200))
	commit(t, dir)
	want := read(t, open(t, dir), planner.SourceSpec{Context: "app"})
	leave(t, dir)
	r := at(t, dir, "HEAD~1")
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			if i%2 == 0 {
				cancel()
			}
			defer cancel()
			_, err := r.Set(ctx, planner.SourceSpec{Context: "app", Dockerfile: string(rune('a' + i))})
			if i%2 == 0 && !errors.Is(err, context.Canceled) || i%2 == 1 && err != nil {
				t.Errorf("reader %d: %v", i, err)
			}
		})
	}
	wait.Wait()
	if have := read(t, r, planner.SourceSpec{Context: "app"}); !reflect.DeepEqual(have, want) {
		t.Error("another set after some gave up")
	}
}

// TestRevisionCancelled: whoever waits for git can give up, and the next gets
// another process. The git of this test answers one request and then hangs.
func TestRevisionCancelled(t *testing.T) {
	_, workspace := twoCommits(t)
	bin := t.TempDir()
	real, err := exec.LookPath("git")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(bin, "git"), []byte("#!/bin/sh\ncase \"$*\" in *cat-file*) ;; *) exec "+real+" \"$@\" ;; esac\n"+
		"read -r name\necho \"$name\" | "+real+" \"$@\"\nread -r name || exit 0\ntouch "+bin+"/hangs\nexec sleep 30\n"), 0o755))
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	r := at(t, workspace, "HEAD~1")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for _, err := os.Stat(bin + "/hangs"); err != nil; _, err = os.Stat(bin + "/hangs") {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if _, err := r.Dockerfile(ctx, "app", "f"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if content, err := r.Dockerfile(t.Context(), "app", "f"); string(content) != "first" || err != nil {
		t.Errorf("afterwards: %q, %v", content, err)
	}
}

func TestRevisionClosed(t *testing.T) {
	_, workspace := twoCommits(t)
	r := at(t, workspace, "HEAD~1")
	expectFirst(t, r)
	must(t, r.Close())
	must(t, r.Close())
	if _, err := r.Dockerfile(t.Context(), "app", "f"); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("error %v", err)
	}
}

func TestRevisionBeforeTheWorkspace(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"f": ""})
	commit(t, dir)
	write(t, dir, map[string]string{"deep/ws/stowage.hcl": "", "deep/ws/app/f": ""})
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-qm", "workspace")
	r := at(t, filepath.Join(dir, "deep/ws"), "HEAD~1")
	if _, err := r.Set(t.Context(), planner.SourceSpec{Context: "app"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if id, err := at(t, filepath.Join(dir, "deep/ws"), "HEAD").Tree("."); id != ask(t, dir, "rev-parse", "HEAD:deep/ws") || err != nil {
		t.Errorf("tree %q, %v", id, err)
	}
}

func TestRevisionInWorktree(t *testing.T) {
	dir, _ := twoCommits(t)
	other := filepath.Join(t.TempDir(), "other")
	git(t, dir, "worktree", "add", "-q", other)
	expectFirst(t, at(t, filepath.Join(other, "ws"), "HEAD~1"))
}

// TestRevisionOfSHA256Repository: object ids may be longer.
func TestRevisionOfSHA256Repository(t *testing.T) {
	dir := t.TempDir()
	git(t, dir, "init", "-q", "--object-format=sha256")
	write(t, dir, map[string]string{"app/f": "1"})
	commit(t, dir)
	expectSame(t, dir, ".", planner.SourceSpec{Context: "app"})
}
