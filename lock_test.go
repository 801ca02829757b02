package stowage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// catalog is a registry that knows what tags point at.
type catalog struct {
	executor.Registry
	images map[string]*planner.Image
	asked  atomic.Int32
}

func (c *catalog) Lookup(_ context.Context, ref string) (*planner.Image, error) {
	c.asked.Add(1)
	if strings.Contains(ref, "down.test") {
		return nil, fmt.Errorf("look up %s: connection refused", ref)
	}
	return c.images[ref], nil
}

// digestOf is a digest of one repeated digit.
func digestOf(digit string) string { return "sha256:" + strings.Repeat(digit, 64) }

// point makes a tag point at an image.
func (c *catalog) point(ref, digit string, platforms ...string) {
	image := &planner.Image{Digest: digestOf(digit), Manifests: map[string]ocispec.Descriptor{}}
	for _, p := range platforms {
		image.Manifests[p] = ocispec.Descriptor{}
	}
	c.images[ref] = image
}

const (
	alpine = "docker.io/library/alpine:3.20"
	edge   = "docker.io/library/alpine:edge"
	tool   = "quay.io/acme/tool:1"
	lock   = "stowage.lock.hcl"
)

// based is a catalog, and a workspace whose packages use what it has.
func based(t *testing.T) (*catalog, string) {
	t.Helper()
	c := &catalog{images: map[string]*planner.Image{}}
	for ref, digit := range map[string]string{alpine: "a", edge: "b", tool: "c"} {
		c.point(ref, digit, "linux/amd64", "linux/arm64")
	}
	dir := t.TempDir()
	write(t, dir, "stowage.hcl", `
workspace {
  name      = "acme"
  registry  = "registry.test/acme"
  platforms = ["linux/amd64", "linux/arm64"]
}
package "app" {
  context = "app"
}
package "lib" {
  context = "lib"
}
`)
	write(t, dir, "app/Dockerfile", "FROM alpine:3.20\nCOPY --from=quay.io/acme/tool:1 / /\nCOPY --from=registry.test/acme/lib / /\n")
	write(t, dir, "lib/Dockerfile", "FROM alpine:edge AS e\nFROM alpine:3.20\nCOPY --from=e / /\n")
	return c, dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// open opens the workspace in dir.
func open(t *testing.T, c executor.Registry, dir string) *stowage.Workspace {
	t.Helper()
	ws, err := stowage.Open(t.Context(), dir, stowage.Options{
		StoreDir: t.TempDir(), Registry: c, Getenv: func(string) (string, bool) { return "", false },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	return ws
}

// locking locks the workspace in dir and returns what changed: + added,
// > moved, - removed, ! lacking.
func locking(t *testing.T, c executor.Registry, dir string, opts stowage.LockOptions) string {
	t.Helper()
	changes, err := open(t, c, dir).Lock(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return told(changes)
}

func told(c *stowage.LockChanges) string {
	var out []string
	for sign, list := range map[string][]stowage.LockChange{"+": c.Added, ">": c.Moved, "-": c.Removed} {
		for _, i := range list {
			out = append(out, sign+i.Name)
		}
	}
	for _, l := range c.Lacking {
		out = append(out, "!"+l.Name+" "+strings.Join(l.Platforms, ","))
	}
	slices.Sort(out)
	return fmt.Sprintf("%s =%d", strings.Join(out, " "), c.Unchanged)
}

func wantText(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

func TestLock(t *testing.T) {
	c, dir := based(t)
	ws := open(t, c, dir)
	changes, err := ws.CheckLock(t.Context(), stowage.LockOptions{})
	if err != nil || c.asked.Load() > 0 {
		t.Fatalf("a check: %v, %d lookups", err, c.asked.Load())
	}
	wantText(t, "a check", told(changes), "+"+alpine+" +"+edge+" +"+tool+" =0")
	if _, err := os.Stat(filepath.Join(dir, lock)); !os.IsNotExist(err) {
		t.Errorf("a check wrote: %v", err)
	}
	before, err := ws.Resolve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if changes, err = ws.Lock(t.Context(), stowage.LockOptions{}); err != nil {
		t.Fatal(err)
	}
	wantText(t, "the first lock", told(changes), "+"+alpine+" +"+edge+" +"+tool+" =0")
	wantText(t, "users", strings.Join(changes.Added[0].Packages, " "), "app lib")
	after, err := ws.Resolve(t.Context())
	if err != nil || after.Package("app").Hash == before.Package("app").Hash {
		t.Errorf("what is locked is not in the hash: %v", err)
	}

	// What is there stays, whatever tags point at by now.
	c.point(alpine, "d", "linux/amd64")
	asked := c.asked.Load()
	wantText(t, "a second lock", locking(t, c, dir, stowage.LockOptions{}), " =3")
	if c.asked.Load() != asked {
		t.Error("what is locked was looked up")
	}

	// What is used is added, and what is not goes.
	write(t, dir, "lib/Dockerfile", "FROM alpine:3.20\nCOPY --from=quay.io/acme/tool:2 / /")
	c.point("quay.io/acme/tool:2", "e", "linux/amd64", "linux/arm64")
	changes, err = open(t, c, dir).CheckLock(t.Context(), stowage.LockOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := "+quay.io/acme/tool:2 -" + edge + " =2"
	wantText(t, "a check", told(changes), want)
	wantText(t, "a lock", locking(t, c, dir, stowage.LockOptions{}), want)
	if changes, err = open(t, c, dir).CheckLock(t.Context(), stowage.LockOptions{}); err != nil || !changes.Empty() {
		t.Errorf("a check after that: %s, %v", told(changes), err)
	}
}

func TestLockUpgrade(t *testing.T) {
	for what, test := range map[string]struct {
		references []string
		want       string
	}{
		"all":               {nil, ">" + alpine + " >" + edge + " >" + tool + " =0"},
		"a repository":      {[]string{"alpine"}, ">" + alpine + " >" + edge + " =1"},
		"a tag":             {[]string{"alpine:3.20"}, ">" + alpine + " =2"},
		"a full name":       {[]string{edge}, ">" + edge + " =2"},
		"a full repository": {[]string{"docker.io/library/alpine", "alpine:edge"}, ">" + alpine + " >" + edge + " =1"},
		"two":               {[]string{"quay.io/acme/tool", "alpine:edge"}, ">" + edge + " >" + tool + " =1"},
	} {
		t.Run(what, func(t *testing.T) {
			c, dir := based(t)
			locking(t, c, dir, stowage.LockOptions{})
			for _, ref := range []string{alpine, edge, tool} {
				c.point(ref, "f", "linux/amd64", "linux/arm64")
			}
			upgrade := stowage.LockOptions{Upgrade: true, References: test.references}
			wantText(t, "upgrade", locking(t, c, dir, upgrade), test.want)
			n := strings.Count(test.want, ">")
			wantText(t, "again", locking(t, c, dir, upgrade), " =3")
			text, err := os.ReadFile(filepath.Join(dir, lock))
			if err != nil || strings.Count(string(text), digestOf("f")) != n {
				t.Errorf("the file is\n%s%v", text, err)
			}
		})
	}
}

// An upgrade adds what is missing, too.
func TestLockUpgradeAdds(t *testing.T) {
	c, dir := based(t)
	got := locking(t, c, dir, stowage.LockOptions{Upgrade: true, References: []string{"alpine:edge"}})
	wantText(t, "upgrade without a lock file", got, "+"+alpine+" +"+edge+" +"+tool+" =0")
}

func TestLockReferences(t *testing.T) {
	c, dir := based(t)
	for what, test := range map[string]struct {
		opts stowage.LockOptions
		want string
	}{
		"no upgrade":    {stowage.LockOptions{References: []string{"alpine"}}, "--upgrade"},
		"another tag":   {stowage.LockOptions{Upgrade: true, References: []string{"alpine:3.2"}}, "no package uses an image alpine:3.2; did you mean alpine:3.20?"},
		"a slip":        {stowage.LockOptions{Upgrade: true, References: []string{"quay.io/acme/tol"}}, "did you mean quay.io/acme/tool:1?"},
		"nothing like":  {stowage.LockOptions{Upgrade: true, References: []string{"debian:12-slim"}}, "no package uses an image debian:12-slim"},
		"a digest":      {stowage.LockOptions{Upgrade: true, References: []string{"alpine@" + digestOf("a")}}, "it has a digest"},
		"the workspace": {stowage.LockOptions{Upgrade: true, References: []string{"registry.test/acme/lib"}}, "no package uses"},
		"no reference":  {stowage.LockOptions{Upgrade: true, References: []string{"UPPER"}}, "UPPER"},
	} {
		_, err := open(t, c, dir).Lock(t.Context(), test.opts)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", what, err, test.want)
		}
	}
	if c.asked.Load() > 0 {
		t.Errorf("%d lookups for nothing", c.asked.Load())
	}
}

// TestLockFails: everything that is wrong is said, and nothing is written.
func TestLockFails(t *testing.T) {
	c, dir := based(t)
	locking(t, c, dir, stowage.LockOptions{})
	before, err := os.ReadFile(filepath.Join(dir, lock))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "app/Dockerfile", "FROM none:1 AS a\nFROM down.test/x:1 AS b\nFROM chart:1 AS c\nFROM alpine:3.20\nCOPY --from=a / /\nCOPY --from=b / /\nCOPY --from=c / /\n")
	c.point("docker.io/library/chart:1", "e")
	_, err = open(t, c, dir).Lock(t.Context(), stowage.LockOptions{Upgrade: true})
	for _, want := range []string{
		"no such image: docker.io/library/none:1, which is used by app", "down.test/x:1: connection refused",
		"docker.io/library/chart:1, which is used by app, is not a container image",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not have %q: %v", want, err)
		}
	}
	if after, err := os.ReadFile(filepath.Join(dir, lock)); err != nil || string(after) != string(before) {
		t.Errorf("the lock file is\n%s%v", after, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := open(t, c, dir).Lock(ctx, stowage.LockOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A platform that packages need and an image has not got is told, and an
// upgrade may find it.
func TestLockLacks(t *testing.T) {
	c, dir := based(t)
	c.point(tool, "c", "linux/amd64")
	want := "!" + tool + " linux/arm64 +" + alpine + " +" + edge + " +" + tool + " =0"
	wantText(t, "lock", locking(t, c, dir, stowage.LockOptions{}), want)
	changes, err := open(t, c, dir).CheckLock(t.Context(), stowage.LockOptions{})
	if err != nil || changes.Empty() {
		t.Errorf("a check is content: %v", err)
	}
	wantText(t, "check", told(changes), "!"+tool+" linux/arm64 =3")
	c.point(tool, "d", "linux/arm64", "linux/amd64")
	wantText(t, "upgrade", locking(t, c, dir, stowage.LockOptions{Upgrade: true}), ">"+tool+" =2")
}

// A registry that knows mirrors is asked by way of them.
func TestLockResolves(t *testing.T) {
	c, dir := based(t)
	r := &mirrored{catalog: c}
	locking(t, r, dir, stowage.LockOptions{})
	if r.resolved.Load() != 3 || c.asked.Load() > 0 {
		t.Errorf("%d resolved, %d looked up; want 3 and 0", r.resolved.Load(), c.asked.Load())
	}
}

type mirrored struct {
	*catalog
	resolved atomic.Int32
}

func (m *mirrored) Resolve(_ context.Context, ref string) (*planner.Image, error) {
	m.resolved.Add(1)
	return m.images[ref], nil
}

// TestLockChangesInJSON: lists are never null.
func TestLockChangesInJSON(t *testing.T) {
	c, dir := based(t)
	locking(t, c, dir, stowage.LockOptions{})
	changes, err := open(t, c, dir).CheckLock(t.Context(), stowage.LockOptions{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(changes)
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, "no changes", string(text), `{"added":[],"moved":[],"removed":[],"lacking":[],"unchanged":3}`)
}

func TestOpenBrokenLock(t *testing.T) {
	c, dir := based(t)
	write(t, dir, lock, "image \"alpine\" {}\n")
	_, err := stowage.Open(t.Context(), dir, stowage.Options{StoreDir: t.TempDir(), Registry: c})
	var diags *stowage.DiagnosticsError
	if !errors.As(err, &diags) || diags.Files[lock] == nil {
		t.Errorf("error %v, want diagnostics with the file", err)
	}
}

func TestPullLockedNeedsALock(t *testing.T) {
	c, dir := based(t)
	if _, err := open(t, c, dir).PullLocked(t.Context(), stowage.PullOptions{}); err == nil || !strings.Contains(err.Error(), "stowage lock writes one") {
		t.Errorf("without a lock file: %v", err)
	}
	locking(t, c, dir, stowage.LockOptions{})
	if _, err := open(t, c, dir).PullLocked(t.Context(), stowage.PullOptions{}); err == nil || !strings.Contains(err.Error(), "the caller's own") {
		t.Errorf("from a registry that cannot: %v", err)
	}
}
