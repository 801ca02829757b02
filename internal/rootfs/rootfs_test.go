package rootfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/fstest"
)

// tree makes a directory with a file, a directory, and symlinks of all kinds.
func tree(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	dir := filepath.Join(top, "root")
	for _, step := range []error{
		os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755),
		os.WriteFile(filepath.Join(dir, "a", "b", "file"), []byte("content"), 0o644),
		os.WriteFile(filepath.Join(top, "secret"), []byte("secret"), 0o644),
		os.Symlink("b/file", filepath.Join(dir, "a", "inside")),
		os.Symlink("b", filepath.Join(dir, "a", "directory")),
		os.Symlink("../a/b", filepath.Join(dir, "a", "up")),
		os.Symlink("../../secret", filepath.Join(dir, "a", "outside")),
		os.Symlink("..", filepath.Join(dir, "parent")),
		os.Symlink(filepath.Join(dir, "a"), filepath.Join(dir, "absolute")),
		os.Symlink("nothing", filepath.Join(dir, "dangling")),
		os.Symlink("loop", filepath.Join(dir, "loop")),
		syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	return dir
}

func open(t *testing.T, dir string) *FS {
	t.Helper()
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestAsRoot: whatever os.Root gives or refuses, this gives or refuses.
func TestAsRoot(t *testing.T) {
	dir := tree(t)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	fast := open(t, dir)
	if fast.slow != nil {
		t.Fatal("this system lacks openat2")
	}
	for _, name := range []string{
		".", "a", "a/b", "a/b/file", "a/inside", "a/directory", "a/directory/file", "a/up/file",
		"a/outside", "parent", "parent/secret", "absolute", "absolute/b/file", "dangling", "loop",
		"nothing", "a/b/file/below", "..", "../secret", "/etc", "a//b", "",
	} {
		want, wantErr := fs.ReadFile(root.FS(), name)
		have, err := fs.ReadFile(fast, name)
		if string(have) != string(want) || (err == nil) != (wantErr == nil) || errors.Is(err, fs.ErrNotExist) != errors.Is(wantErr, fs.ErrNotExist) {
			t.Errorf("read %q: %q, %v; want %q, %v", name, have, err, want, wantErr)
		}
		wantList, wantErr := fs.ReadDir(root.FS(), name)
		list, err := fs.ReadDir(fast, name)
		if len(list) != len(wantList) || (err == nil) != (wantErr == nil) {
			t.Errorf("list %q: %v, %v; want %v, %v", name, list, err, wantList, wantErr)
			continue
		}
		for i, e := range list {
			if e.Name() != wantList[i].Name() || e.Type() != wantList[i].Type() {
				t.Errorf("list %q: %v, want %v", name, e, wantList[i])
			}
		}
	}
}

// TestEscape: the error says what is wrong.
func TestEscape(t *testing.T) {
	_, err := open(t, tree(t)).Open("a/outside")
	if !errors.Is(err, errEscapes) {
		t.Errorf("error %v", err)
	}
}

// TestFS: it is what package fs asks for, with and without openat2.
func TestFS(t *testing.T) {
	dir := tree(t)
	for _, name := range []string{"a/outside", "parent", "absolute", "dangling", "loop", "pipe"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	f := open(t, dir)
	for range 2 {
		if err := fstest.TestFS(f, "a/b/file", "a/inside"); err != nil {
			t.Error(err)
		}
		f.slow = f.root.FS()
	}
}

// TestClosed: afterwards there is nothing.
func TestClosed(t *testing.T) {
	f := open(t, tree(t))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Open("a/b/file"); err == nil {
		t.Error("a file of a closed tree can be opened")
	}
}

// TestOpenNothing: what is not there, or no directory, is an error.
func TestOpenNothing(t *testing.T) {
	dir := tree(t)
	for _, name := range []string{"nothing", "a/b/file"} {
		if _, err := Open(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s can be opened", name)
		}
	}
}
