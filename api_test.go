package stowage_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/schema"
)

// blobs lets the fake builder write into a workspace's store.
type blobs struct{ content.Store }

func (b *blobs) WriteBlob(ctx context.Context, desc ocispec.Descriptor, data []byte) error {
	return content.WriteBlob(ctx, b, "ref-"+desc.Digest.String(), bytes.NewReader(data), desc)
}

func (b *blobs) ReadBlob(ctx context.Context, dgst digest.Digest) ([]byte, error) {
	return content.ReadBlob(ctx, b, ocispec.Descriptor{Digest: dgst})
}

// TestCallersParts: a caller's own builder, registry, secrets, clock, output
// and reporter take the places of the shipped ones.
func TestCallersParts(t *testing.T) {
	c, dir := based(t)
	write(t, dir, "stowage.hcl", `
workspace {
  name      = "acme"
  registry  = "registry.test/acme"
  platforms = ["linux/amd64"]
}
package "app" {
  context           = "lib"
  dockerfile_inline = "FROM scratch\nRUN --mount=type=secret,id=token cat /run/secrets/token\n"
  refresh           = "24h"
  secret "token" {
    env = "TOKEN"
  }
}
`)
	into := &blobs{}
	var secret string
	builder := &fake.Builder{Blobs: into, Do: func(_ context.Context, req *executor.BuildRequest, _ func(executor.Progress)) error {
		value, err := req.Secrets[0].Value()
		secret = string(value)
		return err
	}}
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	var output bytes.Buffer
	ws, err := stowage.Open(t.Context(), dir, stowage.Options{
		StoreDir: t.TempDir(), Registry: c, Output: &output,
		Builders: []executor.BuilderPort{{Name: "mine", Builder: builder}},
		Secret:   func(s schema.Secret) ([]byte, error) { return []byte("value of " + s.Env), nil },
		Now:      func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	store, err := ws.Store()
	if err != nil {
		t.Fatal(err)
	}
	into.Store = store.Content()
	apply := func(opts stowage.ApplyOptions) *executor.Result {
		t.Helper()
		plan, err := ws.Plan(t.Context(), stowage.PlanOptions{Force: true})
		if err != nil {
			t.Fatal(err)
		}
		if !plan.CreatedAt.Equal(now) {
			t.Errorf("the plan is of %v", plan.CreatedAt)
		}
		result, err := ws.Apply(t.Context(), plan, opts)
		if err != nil || !result.OK() {
			t.Fatal(result, err)
		}
		return result
	}
	apply(stowage.ApplyOptions{})
	if secret != "value of TOKEN" {
		t.Errorf("the secret is %q", secret)
	}
	if !strings.Contains(output.String(), "[app linux/amd64] built") {
		t.Errorf("the output is %q", output.String())
	}
	if c.asked.Load() == 0 {
		t.Error("the registry was not asked")
	}
	output.Reset()
	told := &events{}
	apply(stowage.ApplyOptions{Reporter: told})
	if told.n == 0 || output.Len() > 0 {
		t.Errorf("the reporter was told %d events, and the output is %q", told.n, output.String())
	}
	r, err := ws.Resolve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if image, err := store.Lookup(t.Context(), r.Package("app").Ref()); err != nil || image == nil || image.Hash != r.Package("app").Hash {
		t.Errorf("the store has %+v, %v", image, err)
	}
}

// events counts events.
type events struct{ n int }

func (e *events) Report(executor.Event) { e.n++ }
