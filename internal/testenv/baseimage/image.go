package baseimage

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Where the static busybox binaries are. .ci/setup installs both.
const (
	AMD64Busybox = "/bin/busybox"
	ARM64Busybox = "/usr/local/lib/stowage-test/arm64/busybox"
)

// Index is an OCI index of an image for linux/amd64 and linux/arm64: busybox
// with all its applets, /etc/passwd and /tmp.
func Index(ctx context.Context) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, variant := range []struct{ arch, busybox string }{
		{"amd64", AMD64Busybox},
		{"arm64", ARM64Busybox},
	} {
		image, err := newImage(ctx, variant.arch, variant.busybox)
		if err != nil {
			return nil, fmt.Errorf("make the base image for linux/%s: %w", variant.arch, err)
		}
		platform := v1.Platform{OS: "linux", Architecture: variant.arch}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: &platform},
		})
	}
	return index, nil
}

// Push pushes Index to ref.
func Push(ctx context.Context, ref name.Reference, opts ...remote.Option) error {
	index, err := Index(ctx)
	if err != nil {
		return err
	}
	if err := remote.WriteIndex(ref, index, append(opts, remote.WithContext(ctx))...); err != nil {
		return fmt.Errorf("push the base image: %w", err)
	}
	return nil
}

func newImage(ctx context.Context, arch, busybox string) (v1.Image, error) {
	applets, err := appletsOf(ctx, busybox)
	if err != nil {
		return nil, err
	}
	layer, err := newLayer(busybox, applets)
	if err != nil {
		return nil, err
	}
	image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	image = mutate.ConfigMediaType(image, types.OCIConfigJSON)
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		OS:           "linux",
		Architecture: arch,
		Created:      v1.Time{Time: time.Unix(0, 0).UTC()},
		RootFS:       v1.RootFS{Type: "layers"},
		Config: v1.Config{
			Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
			Cmd: []string{"sh"},
		},
	})
	if err != nil {
		return nil, err
	}
	return mutate.AppendLayers(image, layer)
}

// appletsOf asks a busybox for the paths of its applets, without the leading
// slash. That the arm64 one answers also shows that the emulator works.
func appletsOf(ctx context.Context, busybox string) ([]string, error) {
	out, err := exec.CommandContext(ctx, busybox, "--list-full").Output()
	if err != nil {
		return nil, fmt.Errorf("run %s: %w: run .ci/setup first", busybox, err)
	}
	return strings.Fields(string(out)), nil
}
