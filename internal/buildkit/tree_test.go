package buildkit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/session/secrets"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
	"golang.org/x/sys/unix"

	"github.com/stowage-build/stowage/planner"
)

// planned is a file on disk as it is planned.
func planned(t *testing.T, name, text string) planner.File {
	t.Helper()
	sum := sha256.Sum256([]byte(text))
	f := planner.File{
		Path: name, Type: planner.FileRegular, Size: int64(len(text)), Digest: hex.EncodeToString(sum[:]),
		Origin: filepath.Join(t.TempDir(), "origin"),
	}
	if err := os.WriteFile(f.Origin, []byte(text), 0o777); err != nil {
		t.Fatal(err)
	}
	return f
}

func mustTree(t *testing.T, files ...planner.File) *tree {
	t.Helper()
	tr, err := newTree(files)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// walk describes what Walk finds: "MODE SIZE NAME[ -> LINK]".
func walk(t *testing.T, tr *tree, target string) []string {
	t.Helper()
	var out []string
	err := tr.Walk(t.Context(), target, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		s := info.Sys().(*types.Stat)
		if s.ModTime != 315532800e9 || s.Uid != 0 || s.Gid != 0 || len(s.Xattrs) != 0 {
			t.Errorf("%s is of %d, %d:%d; want 1980-01-01, 0:0", name, s.ModTime, s.Uid, s.Gid)
		}
		line := fmt.Sprintf("%v %d %s", info.Mode(), info.Size(), s.Path)
		if s.Linkname != "" {
			line += " -> " + s.Linkname
		}
		out = append(out, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// sample has what sorts unlike its path: "a/" comes before "a-" and "a.b".
func sample(t *testing.T) *tree {
	t.Helper()
	program := planned(t, "a/b/c", "abc")
	program.Type = planner.FileExecutable
	return mustTree(t,
		planned(t, "a.b/c", "1"), planned(t, "a-b", "22"), program, planned(t, "a/b.c", ""),
		planner.File{Path: "l", Type: planner.FileSymlink, Link: "../out"},
		planner.File{Path: "e/m/pty", Type: planner.FileDirectory}, planner.File{Path: "a/b", Type: planner.FileDirectory},
	)
}

// TestTreeIsExact: the set's files and the directories above them, in the
// order that the transfer needs, with fixed modes, owners and times.
func TestTreeIsExact(t *testing.T) {
	all := []string{
		"drwxr-xr-x 0 a", "drwxr-xr-x 0 a/b", "-rwxr-xr-x 3 a/b/c", "-rw-r--r-- 0 a/b.c", "-rw-r--r-- 2 a-b",
		"drwxr-xr-x 0 a.b", "-rw-r--r-- 1 a.b/c", "drwxr-xr-x 0 e", "drwxr-xr-x 0 e/m", "drwxr-xr-x 0 e/m/pty",
		"Lrwxrwxrwx 0 l -> ../out",
	}
	expect(t, walk(t, sample(t), ""), all...)
	expect(t, walk(t, sample(t), "/"), all...)
	expect(t, walk(t, sample(t), "a"), all[:4]...)
	expect(t, walk(t, sample(t), "/a/b"), all[1:3]...)
	expect(t, walk(t, sample(t), "none"))
	expect(t, walk(t, mustTree(t), ""))
	if _, err := newTree([]planner.File{{Path: "x", Type: "socket"}}); err == nil || !strings.Contains(err.Error(), "x") {
		t.Errorf("a socket gives %v", err)
	}
}

// TestTreeStops as fs.WalkDir does.
func TestTreeStops(t *testing.T) {
	stop := errors.New("stop")
	for _, c := range []struct {
		at     string
		answer error
		want   string
		err    error
	}{
		{"a", fs.SkipDir, "a a-b a.b a.b/c e e/m e/m/pty l", nil},
		{"a/b/c", fs.SkipDir, "a a/b a/b/c a/b.c a-b a.b a.b/c e e/m e/m/pty l", nil},
		{"a.b/c", fs.SkipAll, "a a/b a/b/c a/b.c a-b a.b a.b/c", nil},
		{"a/b", stop, "a a/b", stop},
	} {
		var seen []string
		err := sample(t).Walk(t.Context(), "", func(name string, _ fs.DirEntry, _ error) error {
			seen = append(seen, name)
			if name == c.at {
				return c.answer
			}
			return nil
		})
		if !errors.Is(err, c.err) || strings.Join(seen, " ") != c.want {
			t.Errorf("%v at %s: saw %q, %v; want %q", c.answer, c.at, seen, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sample(t).Walk(ctx, "", func(string, fs.DirEntry, error) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled, the walk ends with %v", err)
	}
}

// TestTreeThroughFilter: the way in which BuildKit's client serves it, with
// patterns and links followed.
func TestTreeThroughFilter(t *testing.T) {
	filtered, err := fsutil.NewFilterFS(sample(t), &fsutil.FilterOpt{IncludePatterns: []string{"a/b"}, FollowPaths: []string{"a/b"}})
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	err = filtered.Walk(t.Context(), "/", func(name string, _ fs.DirEntry, err error) error {
		seen = append(seen, name)
		return err
	})
	if err != nil || strings.Join(seen, " ") != "a a/b a/b/c" {
		t.Errorf("saw %q, %v", seen, err)
	}
}

// TestTreeKey names the content and nothing else.
func TestTreeKey(t *testing.T) {
	base := planned(t, "f", "one")
	key := mustTree(t, base).key
	same := planned(t, "f", "one")
	if mustTree(t, same).key != key {
		t.Error("another place on disk gives another key")
	}
	exec, link, dir := base, base, base
	exec.Type = planner.FileExecutable
	link.Type, link.Link, link.Digest = planner.FileSymlink, base.Digest, ""
	dir.Type, dir.Digest = planner.FileDirectory, ""
	for name, files := range map[string][]planner.File{
		"content": {planned(t, "f", "eno")}, "name": {planned(t, "g", "one")}, "mode": {exec}, "link": {link}, "directory": {dir},
		"more": {base, planned(t, "g", "")}, "nothing": nil, "a name with a line": {planned(t, "f\" file x\n\"g", "one")},
	} {
		if mustTree(t, files...).key == key {
			t.Errorf("another %s gives the same key", name)
		}
	}
}

// TestTreeReads: the content of files as planned, any other is an error that
// is kept and stops the build.
func TestTreeReads(t *testing.T) {
	const text = "as planned"
	for name, c := range map[string]struct {
		damage func(at string) error
		want   string // in the error; none if it is ""
	}{
		"as planned":   {func(string) error { return nil }, ""},
		"same length":  {func(at string) error { return os.WriteFile(at, []byte("AS PLANNED"), 0o600) }, "changed after it was hashed"},
		"shorter":      {func(at string) error { return os.Truncate(at, 3) }, "changed after it was hashed"},
		"longer":       {func(at string) error { return os.WriteFile(at, []byte(text+"!"), 0o600) }, "changed after it was hashed"},
		"gone":         {os.Remove, "no such file"},
		"a directory":  {func(at string) error { return errors.Join(os.Remove(at), os.Mkdir(at, 0o700)) }, "changed after it was hashed"},
		"a pipe":       {func(at string) error { return errors.Join(os.Remove(at), unix.Mkfifo(at, 0o600)) }, "changed after it was hashed"},
		"link to same": {func(at string) error { return errors.Join(os.Rename(at, at+"2"), os.Symlink(at+"2", at)) }, "changed after it was hashed"},
		"directory by a link": {func(at string) error {
			dir := filepath.Dir(at)
			return errors.Join(os.Rename(dir, dir+"2"), os.Symlink(dir+"2", dir))
		}, "changed after it was hashed"},
		"a file for the directory": {func(at string) error {
			return errors.Join(os.RemoveAll(filepath.Dir(at)), os.WriteFile(filepath.Dir(at), nil, 0o600))
		}, "changed after it was hashed"},
		"another at its place": {func(at string) error { return errors.Join(os.Remove(at), os.WriteFile(at, []byte(text), 0o600)) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := planned(t, "dir/f", text)
			tr := mustTree(t, f)
			stopped := 0
			tr.whenFailed(func() { stopped++ })
			if err := c.damage(f.Origin); err != nil {
				t.Fatal(err)
			}
			r, err := tr.Open("dir/f")
			if err != nil {
				t.Fatalf("an error of Open is taken for an empty file: %v", err)
			}
			got, err := io.ReadAll(r)
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			if c.want == "" {
				if err != nil || string(got) != text || tr.failure() != nil || stopped != 0 {
					t.Errorf("read %q, %v, %v; stopped %d times", got, err, tr.failure(), stopped)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), f.Origin) {
				t.Errorf("error is %v, want %q about %s", err, c.want, f.Origin)
			}
			if tr.failure() != err || stopped == 0 {
				t.Errorf("kept is %v, stopped %d times", tr.failure(), stopped)
			}
		})
	}
	tr := mustTree(t, planned(t, "f", ""))
	if _, err := tr.Open("g"); !errors.Is(err, fs.ErrNotExist) || tr.failure() != nil {
		t.Errorf("what is not there gives %v and %v", err, tr.failure())
	}
}

// TestNewFile: a Dockerfile in memory, with the directories above it.
func TestNewFile(t *testing.T) {
	tr := newFile("deep/er/Dockerfile", []byte("FROM x\n"))
	expect(t, walk(t, tr, ""), "drwxr-xr-x 0 deep", "drwxr-xr-x 0 deep/er", "-rw-r--r-- 7 deep/er/Dockerfile")
	r, err := tr.Open("deep/er/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "FROM x\n" {
		t.Errorf("read %q, %v", got, err)
	}
	for _, other := range []*tree{newFile("Dockerfile", []byte("FROM x\n")), newFile("deep/er/Dockerfile", []byte("FROM y\n"))} {
		if other.key == tr.key {
			t.Error("another file has the same key")
		}
	}
	if got := insidePath("../../out/side"); got != "out/side" {
		t.Errorf("a path that leads out becomes %q", got)
	}
}

func TestSecretStore(t *testing.T) {
	trouble := errors.New("not set")
	s := secretStore{
		{ID: "a", Value: func() ([]byte, error) { return []byte("value"), nil }},
		{ID: "b", Value: func() ([]byte, error) { return nil, trouble }},
	}
	if got, err := s.GetSecret(t.Context(), "a"); err != nil || string(got) != "value" {
		t.Errorf("the secret is %q, %v", got, err)
	}
	if _, err := s.GetSecret(t.Context(), "b"); !errors.Is(err, trouble) {
		t.Errorf("error is %v", err)
	}
	if _, err := s.GetSecret(t.Context(), "c"); !errors.Is(err, secrets.ErrNotFound) {
		t.Errorf("error is %v", err)
	}
}
