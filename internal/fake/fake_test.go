package fake_test

import (
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/stowage-build/stowage/internal/conformance"
	"github.com/stowage-build/stowage/internal/fake"
)

func TestStore(t *testing.T) {
	conformance.Store(t, func(*testing.T) conformance.StoreUnderTest {
		s := &fake.Store{}
		return conformance.StoreUnderTest{Store: s, Content: s}
	})
}

func TestRegistry(t *testing.T) {
	conformance.Registry(t, func(*testing.T) conformance.RegistryUnderTest {
		r := fake.NewRegistry(nil)
		return conformance.RegistryUnderTest{
			Prefix: "registry.test/acme",
			Machine: func(*testing.T) conformance.Machine {
				s := &fake.Store{}
				return conformance.Machine{
					Store:    conformance.StoreUnderTest{Store: s, Content: s},
					Registry: r.For(s),
				}
			},
		}
	})
}

func TestBuilder(t *testing.T) {
	conformance.Builder(t, func(t *testing.T) conformance.BuilderUnderTest {
		s := &fake.Store{}
		base, err := fake.WriteImage(t.Context(), s, fake.ImageSpec{Platform: "linux/amd64"})
		if err != nil {
			t.Fatal(err)
		}
		b := &fake.Builder{Blobs: s}
		return conformance.BuilderUnderTest{
			Builder: b, Store: s, Platform: "linux/amd64", Base: base.Manifest,
			Digests:    func(*testing.T) []digest.Digest { return s.Digests() },
			Disconnect: b.Disconnect,
		}
	})
}
