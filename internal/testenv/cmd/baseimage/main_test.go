package main

import (
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/stowage-build/stowage/internal/testenv"
)

func TestPushesWhereItSays(t *testing.T) {
	r := testenv.NewRegistry(t)
	ref, err := run(t.Context(), r.Host)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Index(parsed, r.Remote()...); err != nil {
		t.Error(err)
	}
	if err := r.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t.Context(), r.Host); err == nil {
		t.Error("no error without a registry")
	}
}
