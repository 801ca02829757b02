package registry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/conformance"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/internal/registry"
)

// hook is a registry whose requests a test may answer itself.
type hook struct {
	inner http.Handler
	// answer reports whether it has answered.
	answer func(w http.ResponseWriter, r *http.Request) bool
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.answer == nil || !h.answer(w, r) {
		h.inner.ServeHTTP(w, r)
	}
}

func hooked(t *testing.T) (*hook, string) {
	h := &hook{inner: memoryRegistry()}
	return h, serve(t, h)
}

// status answers everything but pings with it.
func status(code int, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v2/" {
			return false
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
		return true
	}
}

func TestStatusesThatAreErrors(t *testing.T) {
	for _, code := range []int{400, 401, 403, 405, 418, 429, 500, 502, 503, 504} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			h, host := hooked(t)
			m := machine(t, registry.Options{Tries: 3})
			ref := host + "/acme/app:1"
			put(t, m, ref, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"one"}})
			h.answer = status(code, `{"errors":[{"code":"DENIED","message":"no"}]}`)
			for op, do := range operations(t, m, ref) {
				err := do()
				answer, ok := errors.AsType[*transport.Error](err)
				if !ok || answer.StatusCode != code {
					t.Errorf("%s: error is %v, want status %d", op, err, code)
				}
				if got, want := executor.Transient(err), code == 429 || code >= 500; got != want {
					t.Errorf("%s: transient is %v, want %v", op, got, want)
				}
			}
		})
	}
}

func TestStatusesThatAreMissing(t *testing.T) {
	for _, body := range []string{
		`{"errors":[{"code":"NAME_UNKNOWN"}]}`, `{"errors":[{"code":"MANIFEST_UNKNOWN","detail":{"Tag":"1"}}]}`, "", "404 page not found",
	} {
		h, host := hooked(t)
		h.answer = status(http.StatusNotFound, body)
		r := newRegistry(t, registry.Options{})
		if image, err := r.Lookup(t.Context(), host+"/acme/app:1"); err != nil || image != nil {
			t.Errorf("404 with %q gives %v, %v; want nothing and no error", body, image, err)
		}
	}
}

// A host that is no registry has nothing, but that is not what is asked.
func TestNoRegistryIsNotMissing(t *testing.T) {
	host := serve(t, http.NotFoundHandler())
	image, err := newRegistry(t, registry.Options{}).Lookup(t.Context(), host+"/acme/app:1")
	if err == nil {
		t.Errorf("got %v and no error", image)
	}
}

func TestUnreachable(t *testing.T) {
	m := machine(t, registry.Options{Tries: 2})
	host := freeAddress(t)
	ref := host + "/acme/app:1"
	put(t, m, ref, fake.ImageSpec{Platform: "linux/amd64"})
	for op, do := range operations(t, m, ref) {
		if err := do(); err == nil || !executor.Transient(err) || !strings.HasPrefix(err.Error(), op+" "+host) {
			t.Errorf("%s: error is %v, want a transient one about %s", op, err, host)
		}
	}
}

// failing answers the first n requests that match with the fault, and then no
// more.
func failing(n int32, match func(*http.Request) bool, fault http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	var seen atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !match(r) || seen.Add(1) > n {
			return false
		}
		fault(w, r)
		return true
	}
}

// request matches requests of a method for manifests or blobs.
func request(verb string) func(*http.Request) bool {
	method, kind, _ := strings.Cut(verb, " ")
	return func(r *http.Request) bool {
		return r.Method == method && strings.Contains(r.URL.Path, "/"+kind+"/")
	}
}

// hangUp breaks the connection without an answer.
func hangUp(w http.ResponseWriter, r *http.Request) {
	_, _ = io.CopyN(io.Discard, r.Body, 100)
	panic(http.ErrAbortHandler)
}

func TestPassingFaults(t *testing.T) {
	faults := map[string]http.HandlerFunc{
		"503":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"500":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"429":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"hang up": hangUp,
	}
	for name, fault := range faults {
		for _, verb := range []string{"GET manifests", "HEAD manifests", "PUT manifests", "GET blobs", "HEAD blobs", "POST blobs", "PUT blobs"} {
			t.Run(name+" "+verb, func(t *testing.T) {
				h, host := hooked(t)
				h.answer = failing(3, request(verb), fault)
				roundTrip(t, host, registry.Options{})
			})
		}
	}
}

func TestFaultInAnAnswer(t *testing.T) {
	for name, fault := range map[string]http.HandlerFunc{
		"hang up": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "150")
			_, _ = io.WriteString(w, strings.Repeat("x", 100))
			panic(http.ErrAbortHandler)
		},
		"short": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 100)) },
	} {
		t.Run(name, func(t *testing.T) {
			h, host := hooked(t)
			m, other := machine(t, registry.Options{}), machine(t, registry.Options{})
			ref := host + "/acme/app:1"
			put(t, m, ref, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"one"}})
			push(t, m, ref)
			h.answer = failing(3, request("GET blobs"), fault)
			if _, err := other.Registry.Pull(t.Context(), ref, "linux/amd64"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestRetryAfterTooLongIsTheResult(t *testing.T) {
	h, host := hooked(t)
	h.answer = func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Retry-After", "86400")
		return status(http.StatusTooManyRequests, "")(w, r)
	}
	_, err := newRegistry(t, registry.Options{}).Lookup(t.Context(), host+"/acme/app:1")
	if answer, ok := errors.AsType[*transport.Error](err); !ok || answer.StatusCode != 429 {
		t.Errorf("error is %v, want status 429", err)
	}
}

func TestCancelEndsTheWait(t *testing.T) {
	h, host := hooked(t)
	ctx, cancel := context.WithCancel(t.Context())
	h.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v2/" {
			cancel()
		}
		return status(http.StatusServiceUnavailable, "")(w, r)
	}
	_, err := newRegistry(t, registry.Options{RetryInterval: time.Hour}).Lookup(ctx, host+"/acme/app:1")
	if !errors.Is(err, context.Canceled) || executor.Transient(err) {
		t.Errorf("error is %v, want that of the context", err)
	}
}

func TestLyingRegistry(t *testing.T) {
	lies := map[string]struct {
		match func(*http.Request) bool
		body  string
	}{
		"blob":             {func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/blobs/") }, "something else"},
		"manifest":         {func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/manifests/sha256:") }, `{"schemaVersion":2}`},
		"index":            {func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/manifests/1") }, `{"schemaVersion":2,"manif`},
		"HTML":             {func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/manifests/1") }, `<html>log in</html>`},
		"an endless blob":  {func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/blobs/") }, strings.Repeat("x", 1<<20)},
		"an empty answer":  {func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/manifests/1") }, ``},
		"an index of null": {func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/manifests/1") }, `null`},
	}
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			h, host := hooked(t)
			m, other := machine(t, registry.Options{}), machine(t, registry.Options{})
			ref := host + "/acme/app:1"
			result := put(t, m, ref, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"one"}})
			push(t, m, ref)
			h.answer = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodGet || !lie.match(r) {
					return false
				}
				_, _ = io.WriteString(w, lie.body)
				return true
			}
			if got, err := other.Registry.Pull(t.Context(), ref, "linux/amd64"); err == nil {
				t.Errorf("pulled %v", got)
			}
			err := other.Store.PutNode(t.Context(), executor.NodeEntry{Ref: ref, Platform: "linux/amd64", BuildResult: result})
			if err == nil {
				t.Error("the store took the image for complete")
			}
			problems, err := other.Store.Content.(blobs).Verify(t.Context())
			if err != nil || len(problems) != 0 {
				t.Errorf("the store has problems: %v, %v", problems, err)
			}
		})
	}
}

// A token may not allow to read the repository to mount from.
func TestMountRefused(t *testing.T) {
	for _, code := range []int{http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusInternalServerError} {
		h, host := hooked(t)
		var refused atomic.Int32
		h.answer = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("mount") == "" {
				return false
			}
			refused.Add(1)
			w.WriteHeader(code)
			return true
		}
		roundTrip(t, host, registry.Options{})
		if refused.Load() == 0 {
			t.Errorf("%d: no mount was tried", code)
		}
	}
}

func TestPushOfADamagedStore(t *testing.T) {
	host := serve(t, memoryRegistry())
	m := machine(t, registry.Options{})
	ref := host + "/acme/app:1"
	put(t, m, ref, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"one"}})
	image, err := m.Store.Lookup(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	m.Store.Content.RemoveBlob(layerOf(t, m, image.Manifests["linux/amd64"]))
	if _, err := m.Registry.Push(t.Context(), ref, executor.PushOptions{}); err == nil || !strings.Contains(err.Error(), "from the store") {
		t.Errorf("error is %v, want one about the store", err)
	}
	for _, tag := range []string{"", "-amd64"} {
		if image, err := m.Registry.Lookup(t.Context(), ref+tag); err != nil || image != nil {
			t.Errorf("%s%s is %v, %v; want nothing", ref, tag, image, err)
		}
	}
}

func layerOf(t *testing.T, m conformance.Machine, desc ocispec.Descriptor) digest.Digest {
	t.Helper()
	data, err := m.Store.Content.ReadBlob(t.Context(), desc.Digest)
	if err != nil {
		t.Fatal(err)
	}
	_, layers, _ := strings.Cut(string(data), `"layers"`)
	return digest.Digest(digest.DigestRegexp.FindString(layers))
}

// TestPushMergesWhatCameMeanwhile has another machine push while ours does.
func TestPushMergesWhatCameMeanwhile(t *testing.T) {
	h, host := hooked(t)
	one, two := machine(t, registry.Options{}), machine(t, registry.Options{})
	ref := host + "/acme/app:1"
	put(t, one, ref, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"one"}})
	put(t, two, ref, fake.ImageSpec{Platform: "linux/arm64", Layers: []string{"two"}})
	var meanwhile atomic.Bool
	h.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/manifests/1-amd64") && r.Method == http.MethodPut && !meanwhile.Swap(true) {
			push(t, two, ref)
		}
		return false
	}
	push(t, one, ref)
	image, err := one.Registry.Lookup(t.Context(), ref)
	if err != nil || len(image.Manifests) != 2 {
		t.Errorf("the registry has %+v, %v; want both platforms", image, err)
	}
}
