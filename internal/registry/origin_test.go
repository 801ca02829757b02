package registry_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/internal/registry"
)

// mounts remembers which repositories blobs were to be mounted from.
type mounts struct {
	registry.Counter
	mu   sync.Mutex
	from []string
}

func (m *mounts) RoundTrip(req *http.Request) (*http.Response, error) {
	if from := req.URL.Query().Get("from"); from != "" {
		m.mu.Lock()
		m.from = append(m.from, from)
		m.mu.Unlock()
	}
	return m.Counter.RoundTrip(req)
}

// TestMountsWhatEarlierRunsHavePushed: a layer that another repository has is
// not sent again by a later run. What the registry turns out not to have there
// is sent, in as many requests as ever.
func TestMountsWhatEarlierRunsHavePushed(t *testing.T) {
	host := distribution(t, "")
	m := machine(t, registry.Options{})
	base, app := host+"/acme/base:1", host+"/acme/app:1"
	never, other := host+"/acme/never:1", host+"/acme/other:1"
	put(t, m, base, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{large}})
	put(t, m, app, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{large, "app"}})
	put(t, m, "elsewhere.example.com/a:1", fake.ImageSpec{Platform: "linux/amd64", Layers: []string{large}})
	for _, ref := range []string{never, other} {
		put(t, m, ref, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{large + "more"}})
	}
	for _, push := range []struct{ ref, from, posts, puts string }{
		{base, "", "2 POST blobs/uploads", "2 PUT blobs/uploads"},
		{app, "acme/base", "3 POST blobs/uploads", "2 PUT blobs/uploads"},
		{other, "acme/never", "2 POST blobs/uploads", "2 PUT blobs/uploads"},
	} {
		count := &mounts{}
		later := newRegistry(t, registry.Options{Store: m.Store.Store.(registry.Store), Transport: count})
		if _, err := later.Push(t.Context(), push.ref, executor.PushOptions{}); err != nil {
			t.Fatal(err)
		}
		wantRequests(t, &count.Counter, "a push of "+push.ref,
			sorted("1 GET ping", "1 HEAD blobs", "1 HEAD manifests", "2 GET manifests", "2 PUT manifests", push.posts, push.puts))
		if got := strings.Join(count.from, " "); got != push.from {
			t.Errorf("a push of %s asked to mount from %q, want %q", push.ref, got, push.from)
		}
	}
}
