package layout

import (
	"os"
	"path/filepath"
	"testing"
)

// TestEmpty: a file is emptied, and stays read-only; one that has taken its
// place since it was looked at is left alone.
func TestEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blob")
	if err := os.WriteFile(path, []byte("wrong"), 0o444); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	d := &disk{}
	if err := os.WriteFile(path+".new", []byte("right"), 0o444); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if err := d.empty(path, before); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil || after.Size() != 5 {
		t.Fatalf("%v, %v", after, err)
	}
	if err := d.empty(path, after); err != nil {
		t.Fatal(err)
	}
	if now, err := os.Stat(path); err != nil || now.Size() != 0 || now.Mode().Perm() != 0o444 {
		t.Errorf("%v, %v", now, err)
	}
}
