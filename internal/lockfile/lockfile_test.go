package lockfile_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/stowage-build/stowage/internal/lockfile"
	"github.com/stowage-build/stowage/planner"
)

const sum = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// block is the text of one image's block.
func block(name, digest, platforms string) string {
	return fmt.Sprintf("image %q {\n  digest    = %s\n  platforms = %s\n}\n", name, digest, platforms)
}

func locked(platforms ...string) planner.LockedImage {
	return planner.LockedImage{Digest: sum, Platforms: platforms}
}

func TestForm(t *testing.T) {
	lock := &planner.Lock{Images: map[string]planner.LockedImage{
		"quay.io/a/b:1":                 locked("linux/amd64"),
		"docker.io/library/alpine:3.20": locked("linux/arm64", "linux/amd64"),
	}}
	got, err := lockfile.Format(lock)
	if err != nil {
		t.Fatal(err)
	}
	const want = `# Written by "stowage lock". It pins the images that are not this workspace's
# by digest: keep it under version control. "stowage lock --upgrade" moves them
# to what their tags point at.

image "docker.io/library/alpine:3.20" {
  digest    = "` + sum + `"
  platforms = ["linux/amd64", "linux/arm64"]
}

image "quay.io/a/b:1" {
  digest    = "` + sum + `"
  platforms = ["linux/amd64"]
}
`
	if string(got) != want {
		t.Errorf("the file is\n%s\nwant\n%s", got, want)
	}
}

func TestMistakes(t *testing.T) {
	const name, digest, platforms = "docker.io/library/alpine:3.20", `"` + sum + `"`, `["linux/amd64"]`
	good := block(name, digest, platforms)
	for what, test := range map[string]struct {
		text string
		line int
		want string
	}{
		"syntax":               {"<<<<<<< ours\n" + good, 1, "undo the edit"},
		"not text":             {"\xff", 1, "Not a text file"},
		"a file's attribute":   {"version = 1\n" + good, 1, "Unsupported argument"},
		"another block":        {"package \"a\" {}\n" + good, 1, "Unsupported block type"},
		"no label":             {"image {}\n", 1, "name"},
		"an image's attribute": {"image \"" + name + "\" {\n  digest = " + digest + "\n  platforms = " + platforms + "\n  plat = 1\n}\n", 4, "plat"},
		"a nested block":       {"image \"" + name + "\" {\n  digest = " + digest + "\n  platforms = " + platforms + "\n  x {}\n}\n", 4, "Unsupported block"},
		"twice":                {good + good, 5, "Image is locked twice; docker.io/library/alpine:3.20 has a block at stowage.lock.hcl:1"},
		"a familiar name":      {block("alpine:3.20", digest, platforms), 1, `"alpine:3.20" is written out in full here: "docker.io/library/alpine:3.20"`},
		"no tag":               {block("docker.io/library/alpine", digest, platforms), 1, "alpine:latest"},
		"a pinned name":        {block(name+"@"+sum, digest, platforms), 1, "needs no lock"},
		"a bad name":           {block("UPPER", digest, platforms), 1, "Bad image name"},
		"no digest":            {"image \"" + name + "\" {\n  platforms = " + platforms + "\n}\n", 1, `"digest" is required`},
		"a short digest":       {block(name, `"sha256:abc"`, platforms), 2, "64 hex digits"},
		"another algorithm":    {block(name, `"sha512:`+strings.Repeat("a", 128)+`"`, platforms), 2, "64 hex digits"},
		"a digest by template": {block(name, `"${"x"}"`, platforms), 2, "Not a string"},
		"a digest by number":   {block(name, `1`, platforms), 2, "Not a string"},
		"no platforms":         {"image \"" + name + "\" {\n  digest = " + digest + "\n}\n", 1, `"platforms" is required`},
		"empty platforms":      {block(name, digest, `[]`), 3, "a list of one platform or more"},
		"one platform":         {block(name, digest, `"linux/amd64"`), 3, "a list of one platform or more"},
		"a bad platform":       {block(name, digest, `["linux/amd64", "linux"]`), 3, "want os/arch"},
		"not normalised":       {block(name, digest, `["linux/arm64/v8"]`), 3, `"linux/arm64/v8" is written "linux/arm64" here`},
		"platform twice":       {block(name, digest, `["linux/amd64", "linux/amd64"]`), 3, "twice"},
		"platform by function": {block(name, digest, `[upper("x")]`), 3, "Not a string"},
	} {
		lock, diags := lockfile.Parse([]byte(test.text))
		if lock != nil || !diags.HasErrors() {
			t.Errorf("%s: was accepted as %v", what, lock)
			continue
		}
		d := diags[0]
		if text := d.Summary + "; " + d.Detail; !strings.Contains(text, test.want) || !strings.Contains(text, `"stowage lock"`) {
			t.Errorf("%s: %s\nwant %q and what to do", what, text, test.want)
		}
		if d.Subject == nil || d.Subject.Filename != lockfile.Name || d.Subject.Start.Line != test.line {
			t.Errorf("%s: is at %v, want line %d", what, d.Subject, test.line)
		}
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	_, diags := lockfile.Parse([]byte(block("alpine", `"x"`, `["y"]`) + block("busybox", `"x"`, `["y"]`)))
	if len(diags) != 6 {
		t.Errorf("%d diagnostics, want 6: %v", len(diags), diags)
	}
}

func TestReadNothing(t *testing.T) {
	lock, diags, err := lockfile.Read(t.TempDir())
	if lock != nil || diags != nil || err != nil {
		t.Errorf("a directory without a lock file gives %v, %v, %v", lock, diags, err)
	}
}

func TestReadNoFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, lockfile.Name)
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, _, err := lockfile.Read(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory: %v", err)
	}
	outside := filepath.Join(t.TempDir(), "lock")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := lockfile.Read(dir); err == nil {
		t.Error("a symlink out of the workspace was followed")
	}
}

// TestRoundTrip writes random locks and reads them.
func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	for seed := range uint64(50) {
		want := randomLock(rand.New(rand.NewPCG(seed, 0)))
		if err := lockfile.Write(dir, want); err != nil {
			t.Fatal(err)
		}
		got, diags, err := lockfile.Read(dir)
		if err != nil || diags.HasErrors() || !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: read %v, %v, %v\nwrote %v", seed, got, diags, err, want)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory has %v, %v; want the lock file alone", entries, err)
	}
}

func randomLock(r *rand.Rand) *planner.Lock {
	hosts := []string{"docker.io/library", "quay.io", "localhost:5000", "[::1]:5000/a", "registry.test:443/x_y/z--z"}
	platforms := []string{"linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64", "windows/amd64"}
	lock := &planner.Lock{Images: map[string]planner.LockedImage{}}
	for range r.IntN(6) {
		name := fmt.Sprintf("%s/image%d:v%d.x_Y", hosts[r.IntN(len(hosts))], r.IntN(9), r.IntN(9))
		some := slices.Clone(platforms)
		r.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
		some = some[:1+r.IntN(len(some))]
		slices.Sort(some)
		lock.Images[name] = planner.LockedImage{Digest: digest.FromString(name).String(), Platforms: some}
	}
	return lock
}

// TestWriteOnlyChanges: a file that is right already is not replaced.
func TestWriteOnlyChanges(t *testing.T) {
	dir := t.TempDir()
	lock := &planner.Lock{Images: map[string]planner.LockedImage{"quay.io/a/b:1": locked("linux/amd64")}}
	stat := func() os.FileInfo {
		t.Helper()
		if err := lockfile.Write(dir, lock); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, lockfile.Name))
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	first := stat()
	if !os.SameFile(first, stat()) {
		t.Error("a file that was right was replaced")
	}
	lock.Images["quay.io/a/c:1"] = locked("linux/amd64")
	if os.SameFile(first, stat()) {
		t.Error("the file was written in place, not replaced")
	}
	if mode := first.Mode().Perm(); mode != 0o644 {
		t.Errorf("the file has mode %o", mode)
	}
}

func TestWriteRefusesWhatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	for _, lock := range []map[string]planner.LockedImage{
		{"alpine": locked("linux/amd64")},
		{"quay.io/a/b:1": {Digest: "sha256:1", Platforms: []string{"linux/amd64"}}},
		{"quay.io/a/b:1": locked()},
		{"quay.io/a/b:1": locked("linux/arm64/v8")},
		{"quay.io/a/b:1": locked("linux/amd64", "linux/amd64")},
	} {
		if err := lockfile.Write(dir, &planner.Lock{Images: lock}); err == nil {
			t.Errorf("%v was written", lock)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, lockfile.Name)); !os.IsNotExist(err) {
		t.Errorf("a refused lock left a file: %v", err)
	}
}

// FuzzParse: whatever the text, it is refused with an error at a place, or
// means what its canonical form means.
func FuzzParse(f *testing.F) {
	f.Add([]byte(block("docker.io/library/alpine:3.20", `"`+sum+`"`, `["linux/amd64", "linux/arm64"]`)))
	f.Add([]byte(block("alpine", "[for x in [1]: x]", "{}")))
	f.Add([]byte("image \"a\" \"b\" {\n\n}\n= <<EOT\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		lock, diags := lockfile.Parse(src)
		if lock == nil {
			if !diags.HasErrors() {
				t.Fatal("neither a lock nor an error")
			}
			return
		}
		text, err := lockfile.Format(lock)
		if err != nil {
			t.Fatal(err)
		}
		again, diags := lockfile.Parse(text)
		if diags.HasErrors() || !reflect.DeepEqual(again, lock) {
			t.Fatalf("%v became %v: %v", lock, again, diags)
		}
	})
}
