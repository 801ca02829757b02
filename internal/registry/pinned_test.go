package registry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"

	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/internal/layout"
	"github.com/stowage-build/stowage/internal/registry"
)

// pushBase pushes an index for two platforms, with attestations, and returns
// its digest.
func pushBase(t *testing.T, refs ...string) digest.Digest {
	t.Helper()
	m := machine(t, registry.Options{})
	var dgst string
	for _, ref := range refs {
		for _, p := range []string{"linux/amd64", "linux/arm64"} {
			put(t, m, ref, fake.ImageSpec{Platform: p, Layers: []string{p, "shared"}, Attestation: "about " + p})
		}
		push(t, m, ref)
		image, err := m.Registry.Lookup(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		dgst = image.Digest
	}
	return digest.Digest(dgst)
}

// smaller pushes another image, for linux/amd64 alone, to a tag.
func smaller(t *testing.T, host, tag string) {
	t.Helper()
	m := machine(t, registry.Options{})
	put(t, m, host+"/acme/app:"+tag, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"other"}})
	push(t, m, host+"/acme/app:"+tag)
}

func TestPullImage(t *testing.T) {
	host := serve(t, memoryRegistry())
	ref := host + "/acme/app:1"
	dgst := pushBase(t, ref)
	smaller(t, host, "2")
	for what, test := range map[string]struct {
		platforms, want []string
	}{
		"all":  {nil, []string{"linux/amd64", "linux/arm64"}},
		"one":  {[]string{"linux/arm64/v8"}, []string{"linux/arm64"}},
		"both": {[]string{"linux/arm64", "linux/amd64"}, []string{"linux/amd64", "linux/arm64"}},
	} {
		t.Run(what, func(t *testing.T) {
			s := newStore(t)
			r := newRegistry(t, registry.Options{Store: s})
			desc, err := r.PullImage(t.Context(), host+"/acme/app:2", dgst, test.platforms)
			if err != nil || desc.Digest != dgst {
				t.Fatalf("pulled %v, %v, want %s whatever the tag points at", desc, err, dgst)
			}
			if err := s.PutImage(t.Context(), ref, desc, test.want); err != nil {
				t.Fatal(err)
			}
			wantImage(t, s, ref, dgst, test.want...)
		})
	}
}

func wantImage(t *testing.T, s *layout.Store, ref string, dgst digest.Digest, platforms ...string) {
	t.Helper()
	image, err := s.Lookup(t.Context(), ref)
	if err != nil || image.Digest != dgst.String() || len(image.Manifests) != len(platforms) {
		t.Errorf("the store has %+v, %v, want %s for %v", image, err, dgst, platforms)
	}
	if problems, err := s.Verify(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("verify: %v, %v", problems, err)
	}
}

func TestPullImageOfOneManifest(t *testing.T) {
	host := serve(t, memoryRegistry())
	pushBase(t, host+"/acme/app:1")
	s := newStore(t)
	r := newRegistry(t, registry.Options{Store: s})
	image, err := r.Resolve(t.Context(), host+"/acme/app:1-arm64")
	if err != nil || len(image.Manifests) != 1 || image.Manifests["linux/arm64"].Digest.String() != image.Digest {
		t.Fatalf("a single manifest is %+v, %v", image, err)
	}
	desc, err := r.PullImage(t.Context(), host+"/acme/app:1-arm64", digest.Digest(image.Digest), []string{"linux/arm64"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutImage(t.Context(), "base:1", desc, nil); err != nil {
		t.Fatal(err)
	}
	wantImage(t, s, "base:1", digest.Digest(image.Digest), "linux/arm64")
}

func TestPullImageOfNothing(t *testing.T) {
	host := serve(t, memoryRegistry())
	ref := host + "/acme/app:1"
	dgst := pushBase(t, ref)
	r := newRegistry(t, registry.Options{Store: newStore(t)})
	for what, err := range map[string]error{
		"a digest":     second(r.PullImage(t.Context(), ref, digest.FromString("x"), nil)),
		"a repository": second(r.PullImage(t.Context(), host+"/acme/none:1", dgst, nil)),
		"a platform":   second(r.PullImage(t.Context(), ref, dgst, []string{"linux/s390x"})),
	} {
		if !errors.Is(err, errdefs.ErrNotFound) {
			t.Errorf("%s that is not there: %v", what, err)
		}
	}
	for what, err := range map[string]error{
		"a bad digest":    second(r.PullImage(t.Context(), ref, "sha256:x", nil)),
		"a bad reference": second(r.PullImage(t.Context(), "UPPER/x:1", dgst, nil)),
		"a bad platform":  second(r.PullImage(t.Context(), ref, dgst, []string{"linux"})),
		"no store":        second(newRegistry(t, registry.Options{}).PullImage(t.Context(), ref, dgst, nil)),
	} {
		if err == nil {
			t.Errorf("%s was accepted", what)
		}
	}
}

func second[A any](_ A, err error) error { return err }

// TestPullImageFromMirror: a registry that is down is not needed when a mirror
// has it all; what a mirror lacks comes from the registry.
func TestPullImageFromMirror(t *testing.T) {
	h, origin := hooked(t)
	mirror := serve(t, memoryRegistry())
	dgst := pushBase(t, origin+"/acme/app:1", mirror+"/cache/acme/app:1")
	var asked atomic.Int32
	h.answer = func(w http.ResponseWriter, r *http.Request) bool {
		asked.Add(1)
		http.Error(w, "down", http.StatusServiceUnavailable)
		return true
	}
	hosts := map[string]registry.HostConfig{origin: {Mirrors: []string{freeAddress(t), mirror + "/cache"}}}
	r := newRegistry(t, registry.Options{Store: newStore(t), Tries: 1, Hosts: hosts})
	if _, err := r.PullImage(t.Context(), origin+"/acme/app:1", dgst, nil); err != nil {
		t.Error(err)
	}
	image, err := r.Resolve(t.Context(), origin+"/acme/app:1")
	if err != nil || image == nil || image.Digest != dgst.String() || asked.Load() > 0 {
		t.Errorf("resolved to %+v, %v, with %d requests to the registry", image, err, asked.Load())
	}
	if _, err := r.Resolve(t.Context(), origin+"/acme/app:2"); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("what the mirror has not, with the registry down: %v", err)
	}
	h.answer = nil
	if image, err := r.Resolve(t.Context(), origin+"/acme/app:2"); err != nil || image != nil {
		t.Errorf("what nobody has: %v, %v", image, err)
	}
}

// TestResolveAsksMirrorsFirst, unlike Lookup, which is about images that are
// built here.
func TestResolveAsksMirrorsFirst(t *testing.T) {
	origin, mirror := serve(t, memoryRegistry()), serve(t, memoryRegistry())
	dgst := pushBase(t, mirror+"/acme/app:1")
	smaller(t, origin, "1")
	smaller(t, origin, "2")
	r := newRegistry(t, registry.Options{Hosts: map[string]registry.HostConfig{origin: {Mirrors: []string{mirror}}}})
	image, err := r.Resolve(t.Context(), origin+"/acme/app:1")
	if err != nil || image.Digest != dgst.String() {
		t.Errorf("resolved to %+v, %v, want the mirror's", image, err)
	}
	looked, err := r.Lookup(t.Context(), origin+"/acme/app:1")
	if err != nil || looked.Digest == dgst.String() {
		t.Errorf("looked up %+v, %v, want the registry's own", looked, err)
	}
	if image, err = r.Resolve(t.Context(), origin+"/acme/app:2"); err != nil || image == nil {
		t.Errorf("what the mirror has not: %+v, %v", image, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Resolve(ctx, origin+"/acme/app:1"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestPullImageWithoutMediaTypes: OCI's forms need not name themselves.
func TestPullImageWithoutMediaTypes(t *testing.T) {
	h, host := hooked(t)
	ref := host + "/acme/app:1"
	pushBase(t, ref)
	m := machine(t, registry.Options{})
	if _, err := m.Registry.Pull(t.Context(), ref, "linux/arm64"); err != nil {
		t.Fatal(err)
	}
	image, err := m.Registry.Lookup(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []any{image.Manifests["linux/arm64"]}})
	if err != nil {
		t.Fatal(err)
	}
	for text, ok := range map[string]bool{string(index): true, `{"schemaVersion":2}`: false, `{"mediaType":"text/plain","manifests":[]}`: false, "[": false} {
		h.answer = func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, digest.FromString(text).String()) {
				return false
			}
			_, err := bytes.NewBufferString(text).WriteTo(w)
			return err == nil
		}
		r := newRegistry(t, registry.Options{Store: newStore(t)})
		if _, err := r.PullImage(t.Context(), ref, digest.FromString(text), nil); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestMirrorNames(t *testing.T) {
	for mirror, ok := range map[string]bool{
		"mirror.test": true, "mirror.test:5000": true, "mirror": true, "mirror.test/proxy/docker.io": true,
		"https://mirror.test": false, "": false, "/x": false, "mirror.test/UPPER": false, "mirror.test/a b": false,
	} {
		_, err := registry.New(registry.Options{Hosts: map[string]registry.HostConfig{"registry.test": {Mirrors: []string{mirror}}}})
		if (err == nil) != ok {
			t.Errorf("%q: %v", mirror, err)
		}
	}
}
