package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestHashTree(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b/c", "b/d", ".git/config"} {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if files, err := hashTree(dir); files != 3 || err != nil {
		t.Errorf("hashed %d files, %v; want 3", files, err)
	}
	if _, err := hashTree(filepath.Join(dir, "missing")); err == nil {
		t.Error("no error for a directory that is not there")
	}
}
