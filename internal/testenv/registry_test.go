package testenv

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/stowage-build/stowage/internal/testenv/baseimage"
)

// TestBaseImageInEachRegistry pushes the base image over plain http and over
// TLS, and reads it back.
func TestBaseImageInEachRegistry(t *testing.T) {
	for scheme, start := range map[string]func(testing.TB) *Registry{"http": NewRegistry, "https": NewSecureRegistry} {
		t.Run(scheme, func(t *testing.T) {
			r := start(t)
			ref := BaseImage(t, r)
			index, err := remote.Index(ref, r.Remote()...)
			if err != nil {
				t.Fatal(err)
			}
			if err := validate.Index(index); err != nil {
				t.Error(err)
			}
			manifest, err := index.IndexManifest()
			if err != nil {
				t.Fatal(err)
			}
			var platforms []string
			for _, m := range manifest.Manifests {
				platforms = append(platforms, m.Platform.String())
			}
			if want := []string{"linux/amd64", "linux/arm64"}; !slices.Equal(platforms, want) {
				t.Errorf("platforms %q, want %q", platforms, want)
			}
			want, err := baseimage.Index(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got, want := digestOf(t, index), digestOf(t, want); got != want {
				t.Errorf("made again, the digest is %s; it was %s", want, got)
			}
		})
	}
}

func digestOf(t *testing.T, index v1.ImageIndex) string {
	t.Helper()
	d, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

func TestRegistryKeepsItsDataUntilWiped(t *testing.T) {
	r := NewRegistry(t)
	host := r.Host
	ref := BaseImage(t, r)
	if err := r.Restart(); err != nil {
		t.Fatal(err)
	}
	expectStatus(t, r, ref, 0)
	if err := r.Wipe(); err != nil {
		t.Fatal(err)
	}
	expectStatus(t, r, ref, http.StatusNotFound)
	if r.Host != host {
		t.Errorf("the registry moved from %s to %s", host, r.Host)
	}
	if err := r.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Head(ref, r.Remote()...); err == nil {
		t.Error("the registry answers after Stop")
	}
	expectUsers(t, r.dir, 0)
}

func TestSecureRegistryWantsPassword(t *testing.T) {
	r := NewSecureRegistry(t)
	ref := BaseImage(t, r)
	expectStatus(t, r, ref, 0)
	_, err := remote.Head(ref, remote.WithTransport(r.transport))
	if status(err) != http.StatusUnauthorized {
		t.Errorf("without a password: %v, want status 401", err)
	}
	if _, err := remote.Head(ref); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without the authority: %v, want a certificate error", err)
	}
	if other := NewSecureRegistry(t); other.Password() == r.Password() || r.Password() == "" {
		t.Errorf("passwords %q and %q", r.Password(), other.Password())
	}
}

// expectStatus looks ref up; want is the status of the error, 0 for none.
func expectStatus(t *testing.T, r *Registry, ref name.Reference, want int) {
	t.Helper()
	_, err := remote.Head(ref, r.Remote()...)
	if (err == nil) != (want == 0) || status(err) != want {
		t.Errorf("look up %s: %v, want status %d", ref, err, want)
	}
}

func status(err error) int {
	var terr *transport.Error
	if errors.As(err, &terr) {
		return terr.StatusCode
	}
	return 0
}

func TestRegistryThatCannotStart(t *testing.T) {
	r := NewRegistry(t)
	second := &Registry{Host: r.Host, dir: t.TempDir(), transport: &http.Transport{}}
	if err := second.Start(); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("a second registry on one port: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := StartRegistry(t.TempDir()); err == nil || !strings.Contains(err.Error(), "run .ci/setup first") {
		t.Errorf("without docker-registry: %v", err)
	}
}
