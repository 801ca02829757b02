package dockerfile

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"sync"
	"testing"

	"github.com/stowage-build/stowage/planner"
)

const cachedContent = "ARG V=1\nFROM alpine:$V AS a\nONBUILD RUN x\nFROM --platform=$BUILDPLATFORM golang AS b\nFROM a\nCOPY --from=b / /\n"

func cachedOptions() planner.AnalyzeOptions {
	return planner.AnalyzeOptions{
		Args: map[string]string{"V": "2"}, Platform: "linux/arm64", Native: "linux/amd64",
		Contexts: []string{"c"}, OnBuild: map[string][]string{"alpine:2": {"COPY --from=x / /"}},
	}
}

// TestCache: what is remembered is what the analyzer says, also by the next
// process, until it is not asked for any more.
func TestCache(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "dockerfiles")
	want, err := Analyzer{}.Analyze([]byte(cachedContent), cachedOptions())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		c := NewCache(path)
		got, err := c.Analyze([]byte(cachedContent), cachedOptions())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("run %d: %+v, %v; want %+v", i, got, err, want)
		}
		if len(c.known) != min(i, 1) || c.added != (i == 0) {
			t.Errorf("run %d: %d known, added %t", i, len(c.known), c.added)
		}
		if err := c.Save(); err != nil {
			t.Fatal(err)
		}
	}
	c := NewCache(path)
	if _, err := c.Analyze([]byte("FROM other\n"), cachedOptions()); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	if n := remembered(path); n != 1 {
		t.Errorf("%d remembered, want the last only", n)
	}
}

// remembered counts the findings in a cache's file.
func remembered(path string) int {
	c := NewCache(path)
	c.read()
	return len(c.known)
}

// TestCacheKey: everything that Analyze is given counts.
func TestCacheKey(t *testing.T) {
	c := NewCache("")
	base := c.key([]byte(cachedContent), cachedOptions())
	for name, change := range map[string]func(*planner.AnalyzeOptions){
		"target":         func(o *planner.AnalyzeOptions) { o.Target = "a" },
		"argument":       func(o *planner.AnalyzeOptions) { o.Args["V"] = "3" },
		"argument added": func(o *planner.AnalyzeOptions) { o.Args["W"] = "" },
		"no arguments":   func(o *planner.AnalyzeOptions) { o.Args = nil },
		"platform":       func(o *planner.AnalyzeOptions) { o.Platform = "linux/amd64" },
		"native":         func(o *planner.AnalyzeOptions) { o.Native = "linux/arm64" },
		"context":        func(o *planner.AnalyzeOptions) { o.Contexts = []string{"c", "d"} },
		"triggers":       func(o *planner.AnalyzeOptions) { o.OnBuild["alpine:2"] = nil },
		"trigger's base": func(o *planner.AnalyzeOptions) { o.OnBuild = map[string][]string{"alpine": o.OnBuild["alpine:2"]} },
	} {
		opts := cachedOptions()
		change(&opts)
		if c.key([]byte(cachedContent), opts) == base {
			t.Errorf("%s does not change the key", name)
		}
	}
	if c.key([]byte(cachedContent+"\n"), cachedOptions()) == base {
		t.Error("the content does not change the key")
	}
	if fields := reflect.TypeFor[planner.AnalyzeOptions]().NumField(); fields != 6 {
		t.Errorf("AnalyzeOptions has %d fields: let the key have all of them", fields)
	}
	if other := (&Cache{version: "v0"}); other.key([]byte(cachedContent), cachedOptions()) == base {
		t.Error("the parser's version does not change the key")
	}
}

// TestCacheDamaged: a file that is not as it was written is not believed.
func TestCacheDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dockerfiles")
	c := NewCache(path)
	if _, err := c.Analyze([]byte(cachedContent), cachedOptions()); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(whole) {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 1
		for _, content := range [][]byte{damaged, whole[:i]} {
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
			if remembered(path) != 0 {
				t.Fatalf("a file damaged at byte %d is believed", i)
			}
		}
	}
}

// TestCacheShares: a Dockerfile that is parsed once gives each platform what it
// would give it alone, at the same time too.
func TestCacheShares(t *testing.T) {
	content := []byte(cachedContent + "RUN --mount=from=tools,target=/t --mount=type=cache,target=/c true\n")
	c := NewCache("")
	var wait sync.WaitGroup
	for i := range 32 {
		wait.Go(func() {
			opts := cachedOptions()
			opts.Platform = []string{"linux/amd64", "linux/arm64", "linux/riscv64"}[i%3]
			opts.Args["V"] = strconv.Itoa(i)
			have, err := c.Analyze(content, opts)
			want, alone := Analyzer{}.Analyze(content, opts)
			if err != nil || alone != nil || !reflect.DeepEqual(have, want) {
				t.Errorf("%+v, %v; want %+v, %v", have, err, want, alone)
			}
		})
	}
	wait.Wait()
}
