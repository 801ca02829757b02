package registry_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/conformance"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/internal/registry"
)

const hash = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"

// put writes an image into the machine's store under ref.
func put(t *testing.T, m conformance.Machine, ref string, spec fake.ImageSpec) executor.BuildResult {
	t.Helper()
	result, err := fake.WriteImage(t.Context(), m.Store.Content, spec)
	if err != nil {
		t.Fatal(err)
	}
	err = m.Store.PutNode(t.Context(), executor.NodeEntry{Ref: ref, Hash: hash, Platform: spec.Platform, BuildResult: *result})
	if err != nil {
		t.Fatal(err)
	}
	return *result
}

// large is the text of a layer that is asked for before it is sent.
var large = randomText(128 << 10)

func randomText(size int) string {
	text := make([]byte, size)
	for i, source := 0, rand.NewPCG(1, 2); i < size; i++ {
		text[i] = byte(source.Uint64())
	}
	return string(text)
}

func push(t *testing.T, m conformance.Machine, ref string) {
	t.Helper()
	if _, err := m.Registry.Push(t.Context(), ref, executor.PushOptions{}); err != nil {
		t.Fatal(err)
	}
}

// summary counts requests by method and kind: "GET manifests".
func summary(requests []string) string {
	counts := map[string]int{}
	for _, r := range requests {
		kind := "ping"
		for _, k := range []string{"manifests", "blobs/uploads", "blobs", "token"} {
			if strings.Contains(r, "/"+k) {
				kind = k
				break
			}
		}
		method, _, _ := strings.Cut(r, " ")
		counts[method+" "+kind]++
	}
	var out []string
	for k, n := range counts {
		out = append(out, fmt.Sprintf("%d %s", n, k))
	}
	return sorted(out...)
}

func sorted(parts ...string) string {
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

func wantRequests(t *testing.T, c *registry.Counter, what, want string) {
	t.Helper()
	got := c.Requests()
	if summary(got) != want {
		t.Errorf("%s made %s; want %s:\n%s", what, summary(got), want, strings.Join(got, "\n"))
	}
}

// TestRequests pins down how many requests things take.
func TestRequests(t *testing.T) {
	for kind, test := range map[string]struct{ host, uploads string }{
		// This one does not mount, but takes the upload that it offers instead.
		"memory":       {serve(t, memoryRegistry()), "3 PUT blobs/uploads"},
		"distribution": {distribution(t, ""), "2 PUT blobs/uploads"},
	} {
		t.Run(kind, func(t *testing.T) {
			host := test.host
			count := &registry.Counter{}
			m := machine(t, registry.Options{Transport: count})
			base, app := host+"/acme/base:1", host+"/acme/app:1"
			put(t, m, base, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"shared", large}})
			put(t, m, app, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"shared", "app"}})

			if image, err := m.Registry.Lookup(t.Context(), base); err != nil || image != nil {
				t.Fatal(image, err)
			}
			wantRequests(t, count, "the first lookup", "1 GET manifests, 1 GET ping")
			push(t, m, base)
			// config and two layers, of which it asks for the large one; TAG-amd64,
			// TAG; the index was not there, and is read again before it is written.
			wantRequests(t, count, "the first push", "1 GET manifests, 1 HEAD blobs, 2 PUT manifests, 3 POST blobs/uploads, 3 PUT blobs/uploads")
			push(t, m, base)
			wantRequests(t, count, "a push of what is there", "1 GET manifests")
			if image, err := m.Registry.Lookup(t.Context(), base); err != nil || image == nil {
				t.Fatal(image, err)
			}
			wantRequests(t, count, "a lookup", "1 GET manifests")
			for _, r := range []string{host + "/acme/b:1", host + "/acme/c:1"} {
				if image, err := m.Registry.Lookup(t.Context(), r); err != nil || image != nil {
					t.Fatal(image, err)
				}
			}
			wantRequests(t, count, "two lookups in other repositories", "2 GET manifests")
			push(t, m, app)
			// It was not looked up, so the index is read before as well.
			wantRequests(t, count, "a push that mounts a layer", sorted("1 HEAD manifests", "2 GET manifests", test.uploads, "2 PUT manifests", "3 POST blobs/uploads"))
			for range 2 {
				if err := m.Registry.Tag(t.Context(), app, "latest"); err != nil {
					t.Fatal(err)
				}
			}
			wantRequests(t, count, "tagging twice", "1 PUT manifests, 2 GET manifests, 2 HEAD manifests")

			other := machine(t, registry.Options{Transport: count})
			for range 2 {
				if _, err := other.Registry.Pull(t.Context(), app, "linux/amd64"); err != nil {
					t.Fatal(err)
				}
			}
			wantRequests(t, count, "pulling twice", "1 GET ping, 3 GET blobs, 3 GET manifests")
		})
	}
}

func TestPushContinuesAnInterruptedOne(t *testing.T) {
	host := serve(t, memoryRegistry())
	count := &registry.Counter{}
	m := machine(t, registry.Options{Transport: count})
	ref := host + "/acme/app:1"
	put(t, m, ref, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"one", "two"}})
	push(t, m, ref)
	// As if the last step had not been reached.
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodDelete, "http://"+host+"/v2/acme/app/manifests/"+tag.TagStr(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	count.Requests()
	push(t, machineWith(t, m, registry.Options{Transport: count}), ref)
	wantRequests(t, count, "the second push", "1 GET ping, 1 HEAD manifests, 1 PUT manifests, 2 GET manifests")
}

// machineWith is the same store, as a new process would use it.
func machineWith(t *testing.T, m conformance.Machine, opts registry.Options) conformance.Machine {
	t.Helper()
	opts.Store = m.Store.Content.(blobs).Store
	return conformance.Machine{Store: m.Store, Registry: newRegistry(t, opts)}
}

// TestReferencesFollowWhatTheyReferTo watches the order of a push: what a
// manifest or index refers to must be there when it is written.
func TestReferencesFollowWhatTheyReferTo(t *testing.T) {
	inner := memoryRegistry()
	var mu sync.Mutex
	var order []string
	host := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r)
		if r.Method == http.MethodPut {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
		}
	}))
	m := machine(t, registry.Options{})
	ref := host + "/acme/app:1"
	amd := put(t, m, ref, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"one"}, Attestation: "a"})
	put(t, m, ref, fake.ImageSpec{Platform: "linux/arm/v7", Layers: []string{"two"}, Attestation: "b"})
	push(t, m, ref)
	about := amd.Attestations[0].Digest.String()
	place := func(what string) int {
		i := slices.Index(order, what)
		if i < 0 {
			t.Errorf("%s was not written: %v", what, order)
		}
		return i
	}
	if place("1") != len(order)-1 {
		t.Errorf("the index was not written last: %v", order)
	}
	if place("1-amd64") > place(about) {
		t.Errorf("the attestation was written before the image: %v", order)
	}
	place("1-arm-v7")
}

func TestLimitOfRequestsAtOnce(t *testing.T) {
	inner := memoryRegistry()
	var now, most atomic.Int32
	gate, open := make(chan struct{}), sync.Once{}
	host := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/manifests/") {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			if n == 3 {
				open.Do(func() { close(gate) })
			}
			<-gate // all three at once, or nobody goes on
			now.Add(-1)
		}
		inner.ServeHTTP(w, r)
	}))
	r := newRegistry(t, registry.Options{Hosts: map[string]registry.HostConfig{host: {Limit: 3}}})
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			if _, err := r.Lookup(t.Context(), fmt.Sprintf("%s/acme/app%d:1", host, i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := most.Load(); got != 3 {
		t.Errorf("%d requests were made at once, want 3", got)
	}
}

// TestRegistryThatForgetsBlobs empties the registry of blobs between two pushes
// of one process, which takes them for known.
func TestRegistryThatForgetsBlobs(t *testing.T) {
	inner, forgotten := memoryRegistry(), false
	var mu sync.Mutex
	host := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/manifests/2-amd64") && !forgotten {
			inner, forgotten = memoryRegistry(), true
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}`))
			return
		}
		inner.ServeHTTP(w, r)
	}))
	m, other := machine(t, registry.Options{}), machine(t, registry.Options{})
	for _, tag := range []string{"1", "2"} {
		put(t, m, host+"/acme/app:"+tag, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"one"}})
		push(t, m, host+"/acme/app:"+tag)
	}
	if _, err := other.Registry.Pull(t.Context(), host+"/acme/app:2", "linux/amd64"); err != nil {
		t.Error(err)
	}
}

// TestSharedBlobIsSentOnce pushes images that share a layer to many
// repositories at once.
func TestSharedBlobIsSentOnce(t *testing.T) {
	host := distribution(t, "")
	count := &registry.Counter{}
	m := machine(t, registry.Options{Transport: count})
	const repos = 8
	var shared string
	var wg sync.WaitGroup
	for i := range repos {
		ref := fmt.Sprintf("%s/acme/app%d:1", host, i)
		result := put(t, m, ref, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{large}})
		shared = layerOf(t, m, result.Manifest).String()
	}
	for i := range repos {
		wg.Go(func() { push(t, m, fmt.Sprintf("%s/acme/app%d:1", host, i)) })
	}
	wg.Wait()
	asked, uploads := 0, 0
	for _, r := range count.Requests() {
		if strings.HasPrefix(r, "HEAD") && strings.HasSuffix(r, "/blobs/"+shared) {
			asked++
		}
		if strings.HasPrefix(r, "PUT") && strings.Contains(r, "/blobs/uploads/") {
			uploads++
		}
	}
	if asked != 1 || uploads != 2 {
		t.Errorf("the layer was asked for %d times and %d blobs were uploaded, want 1 and, with the config, 2", asked, uploads)
	}
}

// TestRequestsOfRecords: who has pushed an image need not ask whether it is
// there before writing what is about it.
func TestRequestsOfRecords(t *testing.T) {
	host := distribution(t, "")
	ref, record := host+"/acme/app:1", host+"/acme/app:r-1"
	attach := func(m conformance.Machine, subject ocispec.Descriptor) {
		if err := m.Registry.(executor.Attacher).Attach(t.Context(), ref, subject, "application/x", []byte("inputs")); err != nil {
			t.Fatal(err)
		}
	}
	count := &registry.Counter{}
	m := machine(t, registry.Options{Transport: count})
	image := put(t, m, ref, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"app"}})
	entry := executor.NodeEntry{Ref: record, Hash: hash, Platform: "linux/amd64", BuildResult: image}
	pushResolved := func(m conformance.Machine) {
		if err := m.Registry.(executor.ResolvedPusher).PushResolved(t.Context(), entry); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range []string{ref, record} {
		if found, err := m.Registry.Lookup(t.Context(), r); err != nil || found != nil {
			t.Fatal(found, err)
		}
	}
	index, err := m.Registry.Push(t.Context(), ref, executor.PushOptions{})
	if err != nil {
		t.Fatal(err)
	}
	count.Requests()
	attach(m, index)
	wantRequests(t, count, "attaching to what was pushed", "1 GET manifests, 1 POST blobs/uploads, 1 PUT blobs/uploads, 2 PUT manifests")
	pushResolved(m)
	wantRequests(t, count, "a record of what was pushed", "1 PUT manifests")
	pushResolved(m)
	wantRequests(t, count, "the record again", "1 HEAD manifests")

	other := machine(t, registry.Options{Transport: count})
	attach(other, index)
	wantRequests(t, count, "attaching what another machine has attached", "1 GET ping, 1 HEAD manifests")
	entry.Ref = host + "/acme/app:r-2"
	pushResolved(other)
	wantRequests(t, count, "a record of what another machine has pushed", "1 PUT manifests, 2 HEAD manifests")
}
