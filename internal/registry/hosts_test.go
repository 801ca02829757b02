package registry_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stowage-build/stowage/internal/conformance"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/internal/registry"
)

func TestMirrors(t *testing.T) {
	h, origin := hooked(t)
	mirror := serve(t, memoryRegistry())
	m := machine(t, registry.Options{})
	spec := fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"one"}}
	for _, host := range []string{origin, mirror} {
		put(t, m, host+"/acme/app:1", spec)
		push(t, m, host+"/acme/app:1")
	}
	spec.Layers = append(spec.Layers, "two")
	put(t, m, origin+"/acme/app:2", spec)
	push(t, m, origin+"/acme/app:2")

	opts := registry.Options{Tries: 1, Hosts: map[string]registry.HostConfig{origin: {Mirrors: []string{freeAddress(t), mirror}}}}
	for tag, want := range map[string]int32{"1": 0, "2": 2} { // a config and a layer are not in the mirror
		var got atomic.Int32
		h.answer = func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/blobs/") {
				got.Add(1)
			}
			return false
		}
		if _, err := machine(t, opts).Registry.Pull(t.Context(), origin+"/acme/app:"+tag, "linux/amd64"); err != nil {
			t.Fatal(err)
		}
		if got.Load() != want {
			t.Errorf("pulling %s took %d blobs from the origin, want %d", tag, got.Load(), want)
		}
	}
}

// TestRateLimit counts what the limiter lets through without looking at a
// clock: with a rate of next to nothing, the context ends the wait.
func TestRateLimit(t *testing.T) {
	host := serve(t, memoryRegistry())
	r := newRegistry(t, registry.Options{Hosts: map[string]registry.HostConfig{host: {MaxRequestsPerSecond: 0.0001}}})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Lookup(ctx, host+"/acme/app:1"); err == nil {
		t.Error("the second request was not held back")
	}
	fast := newRegistry(t, registry.Options{Hosts: map[string]registry.HostConfig{host: {MaxRequestsPerSecond: 1e6}}})
	if _, err := fast.Lookup(t.Context(), host+"/acme/app:1"); err != nil {
		t.Error(err)
	}
}

func TestErrorsHideQueries(t *testing.T) {
	h, host := hooked(t)
	m := machine(t, registry.Options{})
	ref := host + "/acme/app:1"
	put(t, m, ref, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"one"}})
	push(t, m, ref)
	gone := freeAddress(t)
	h.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		http.Redirect(w, r, "http://"+gone+"/blob?Signature="+password, http.StatusTemporaryRedirect)
		return true
	}
	_, err := machine(t, registry.Options{Tries: 1}).Registry.Pull(t.Context(), ref, "linux/amd64")
	if err == nil || !strings.Contains(err.Error(), gone) {
		t.Fatalf("error is %v, want one about %s", err, gone)
	}
	wantNoSecret(t, err)
}

func TestBadReferences(t *testing.T) {
	m := machine(t, registry.Options{})
	for _, ref := range []string{"", "UPPER/case:1", "host/app:bad tag", "host/app@sha256:abc"} {
		for op, do := range operations(t, m, ref) {
			if err := do(); err == nil {
				t.Errorf("%s: %q was accepted", op, ref)
			}
		}
	}
}

func TestWithoutAStore(t *testing.T) {
	host := serve(t, memoryRegistry())
	m := conformance.Machine{Registry: newRegistry(t, registry.Options{})}
	for _, op := range []string{"pull", "push"} {
		if err := operations(t, m, host+"/acme/app:1")[op](); err == nil {
			t.Errorf("%s without a store succeeded", op)
		}
	}
}
