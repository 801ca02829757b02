package layout_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/gofrs/flock"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/internal/layout"
)

// hammerDir is the environment variable that makes the test binary a process
// that writes into the layout there.
const hammerDir = "LAYOUT_TEST_HAMMER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(hammerDir); dir != "" {
		if err := hammer(dir, os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// hammerRefs is how many references every hammering process writes to. They
// are the same for all, so that processes write to the same indexes.
const hammerRefs = 10

// hammer puts a platform of its own into all references, several at once,
// and says on stdout what is done. "forever" goes on with new content.
func hammer(dir, platform, how string) error {
	switch how {
	case "churn":
		return churn(dir, platform)
	case "collect":
		return collectForever(dir)
	case "verify":
		return verifyForever(dir)
	case "export":
		return exportForever(dir)
	}
	s, err := layout.Open(dir)
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(4)
	for round := 0; ; round++ {
		for i := range hammerRefs {
			g.Go(func() error { return hammerOnce(s, i, round, platform) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
		if how != "forever" {
			return s.Close()
		}
	}
}

func hammerOnce(s *layout.Store, i, round int, platform string) error {
	ctx := context.Background()
	big := strings.Repeat("x", rand.IntN(1<<18))
	result, err := fake.WriteImage(ctx, blobs{s}, fake.ImageSpec{
		Platform: platform, Attestation: "round", Layers: []string{"shared", fmt.Sprint(round, platform, big)},
	})
	if err != nil {
		return err
	}
	ref := fmt.Sprintf("registry.test/app:%d", i)
	err = s.PutNode(ctx, executor.NodeEntry{Ref: ref, Hash: hash, Platform: platform, BuildResult: *result})
	if err != nil {
		return err
	}
	fmt.Println(ref)
	return nil
}

// hammering starts a hammering process.
func hammering(t *testing.T, dir, platform, how string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), exe, platform, how)
	cmd.Env = append(os.Environ(), hammerDir+"="+dir)
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &out
}

func TestProcessesAtOnceLoseNothing(t *testing.T) {
	dir := t.TempDir()
	platforms := []string{"linux/amd64", "linux/arm64", "linux/s390x"}
	var cmds []*exec.Cmd
	for _, p := range platforms {
		cmd, _ := hammering(t, dir, p, "once")
		cmds = append(cmds, cmd)
	}
	for _, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir)
	wantClean(t, s)
	entries, err := s.List(t.Context())
	if err != nil || len(entries) != hammerRefs {
		t.Fatalf("%d entries, %v; want %d", len(entries), err, hammerRefs)
	}
	for _, e := range entries {
		if len(e.Platforms) != len(platforms) {
			t.Errorf("%s has %v, want %v", e.Ref, e.Platforms, platforms)
		}
	}
}

func TestKilledProcessesLeaveAValidLayout(t *testing.T) {
	dir := t.TempDir()
	for range 20 {
		amd, amdOut := hammering(t, dir, "linux/amd64", "forever")
		arm, armOut := hammering(t, dir, "linux/arm64", "forever")
		time.Sleep(time.Duration(rand.IntN(80)) * time.Millisecond)
		_ = amd.Process.Kill()
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		_ = arm.Process.Kill()
		_ = amd.Wait()
		_ = arm.Wait()

		wantValidIndexFile(t, dir)
		s := open(t, dir)
		wantClean(t, s)
		if n := ingesting(t, dir); n != 0 {
			t.Errorf("%d half written files are left", n)
		}
		for platform, out := range map[string]*bytes.Buffer{"linux/amd64": amdOut, "linux/arm64": armOut} {
			wantDone(t, s, platform, out)
		}
		if t.Failed() {
			return
		}
	}
}

// wantDone wants what a process said it had done to be in the store.
func wantDone(t *testing.T, s *layout.Store, platform string, out *bytes.Buffer) {
	t.Helper()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		image, err := s.Lookup(t.Context(), lines.Text())
		if err != nil || image == nil || image.Manifests[platform].Digest == "" {
			t.Errorf("%s for %s was put and is not there: %+v, %v", lines.Text(), platform, image, err)
		}
	}
}

// wantValidIndexFile reads the layout as a stranger would.
func wantValidIndexFile(t *testing.T, dir string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if os.IsNotExist(err) {
		if _, err := os.Stat(filepath.Join(dir, "oci-layout")); err == nil {
			t.Error("there is oci-layout but no index.json")
		}
		return
	}
	var idx ocispec.Index
	if err := json.Unmarshal(data, &idx); err != nil {
		t.Errorf("index.json: %v", err)
	}
	for _, d := range idx.Manifests {
		info, err := os.Stat(filepath.Join(dir, "blobs/sha256", d.Digest.Encoded()))
		if err != nil || info.Size() != d.Size {
			t.Errorf("%s: %v, %v", d.Digest, info, err)
		}
	}
}

func TestOpenLeavesLiveWritersAlone(t *testing.T) {
	dir := t.TempDir()
	one := open(t, dir)
	data, desc := blob("hello")
	w := writer(t, one.Content(), "r", desc)
	write(t, w, data[:2])
	two := open(t, dir)
	wantClean(t, two)
	write(t, w, data[2:])
	if err := w.Commit(t.Context(), desc.Size, desc.Digest); err != nil {
		t.Fatal(err)
	}
	if _, err := content.ReadBlob(t.Context(), two.Content(), desc); err != nil {
		t.Error(err)
	}
}

func TestLeftoversAreFoundAndRemoved(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, ref, "linux/amd64")
	// What a killed process leaves: its lease, which nobody holds, and files.
	ingest := filepath.Join(dir, "ingest")
	if err := os.WriteFile(filepath.Join(ingest, "123.lease"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(ingest, "123"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(ingest, "123", "x"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := problems(t, s); len(got) != 1 || got[0].Fault != layout.FaultLeftover || got[0].Ref != "" {
		t.Errorf("problems are %v, want one leftover", got)
	}
	wantClean(t, open(t, dir))
	if _, err := os.Stat(filepath.Join(ingest, "123")); !os.IsNotExist(err) {
		t.Errorf("the leftover is still there: %v", err)
	}
}

func TestStoresInOneProcessShareADirectory(t *testing.T) {
	dir := t.TempDir()
	stores := []*layout.Store{open(t, dir), open(t, dir), open(t, dir)}
	archs := []string{"linux/amd64", "linux/arm64", "linux/s390x"}
	var g errgroup.Group
	for i, s := range stores {
		for n := range hammerRefs {
			g.Go(func() error { return hammerOnce(s, n, 0, archs[i]) })
		}
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, s := range stores {
		for n := range hammerRefs {
			image, err := s.Lookup(t.Context(), fmt.Sprintf("registry.test/app:%d", n))
			if err != nil || image == nil || len(image.Manifests) != len(archs) {
				t.Errorf("%d: %+v, %v", n, image, err)
			}
		}
	}
}

func TestPutNodeGivesUpWithItsContext(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, ref, "linux/amd64")
	result, err := fake.WriteImage(t.Context(), blobs{s}, fake.ImageSpec{Platform: "linux/arm64"})
	if err != nil {
		t.Fatal(err)
	}
	release := holdLock(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	entry := executor.NodeEntry{Ref: ref, Hash: hash, Platform: "linux/arm64", BuildResult: *result}
	go func() { done <- s.PutNode(ctx, entry) }()
	cancel()
	if err := <-done; err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("PutNode gives %v", err)
	}
	release()
	put(t, s, "registry.test/other:1", "linux/amd64")
	if image, err := s.Lookup(t.Context(), ref); err != nil || len(image.Manifests) != 1 {
		t.Errorf("the store has %+v, %v; want nothing of what was given up", image, err)
	}
	if err := s.PutNode(t.Context(), entry); err != nil {
		t.Error(err)
	}
}

func TestListMeasures(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, ref, "linux/amd64")
	put(t, s, ref, "linux/arm64")
	entries, err := s.List(t.Context())
	if err != nil || len(entries) != 1 {
		t.Fatalf("listed %+v, %v", entries, err)
	}
	e := entries[0]
	if e.Ref != ref || e.Hash != hash || strings.Join(e.Platforms, " ") != "linux/amd64 linux/arm64" {
		t.Errorf("entry is %+v", e)
	}
	var want int64
	for _, d := range reachable(t, s) {
		info, err := s.Content().Info(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		want += info.Size
	}
	if e.Size != want {
		t.Errorf("size is %d, want %d", e.Size, want)
	}
}

// reachable follows every digest that is mentioned, as a stranger would.
func reachable(t *testing.T, s *layout.Store) []digest.Digest {
	t.Helper()
	desc, err := s.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	all := []digest.Digest{desc.Digest}
	for i := 0; i < len(all); i++ {
		data, err := blobs{s}.ReadBlob(t.Context(), all[i])
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(data) {
			continue
		}
		for _, text := range digest.DigestRegexp.FindAllString(string(data), -1) {
			if d := digest.Digest(text); !slices.Contains(all, d) && d.Validate() == nil {
				all = append(all, d)
			}
		}
	}
	return all
}

// holdLock takes the layout's lock, as another process would.
func holdLock(t *testing.T, dir string) (release func()) {
	t.Helper()
	l := flock.New(filepath.Join(dir, "index.lock"))
	if held, err := l.TryLock(); err != nil || !held {
		t.Fatalf("lock: %v, %v", held, err)
	}
	return func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}
