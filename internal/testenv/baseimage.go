package testenv

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/stowage-build/stowage/internal/testenv/baseimage"
)

// BaseImage pushes the base image, busybox for linux/amd64 and linux/arm64, to
// r as busybox:1.
func BaseImage(t testing.TB, r *Registry) name.Reference {
	t.Helper()
	ref, err := r.pushBaseImage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func (r *Registry) pushBaseImage(ctx context.Context) (name.Reference, error) {
	ref, err := name.ParseReference(r.Host + "/busybox:1")
	if err != nil {
		return nil, fmt.Errorf("push the base image: %w", err)
	}
	return ref, baseimage.Push(ctx, ref, r.Remote()...)
}
