package fake_test

import (
	"testing"

	"github.com/stowage-build/stowage/internal/conformance"
	"github.com/stowage-build/stowage/internal/fake"
)

func TestStore(t *testing.T) {
	conformance.Store(t, func(*testing.T) conformance.StoreUnderTest {
		s := &fake.Store{}
		return conformance.StoreUnderTest{Store: s, Content: s}
	})
}
