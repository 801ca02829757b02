package testenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/rogpeppe/go-internal/testscript"
)

// probePackage is the program that looks around inside of a build.
const probePackage = "github.com/stowage-build/stowage/internal/testenv/cmd/probe"

// pushProbe builds the probe and pushes it as probe:1, an image of this
// machine's platform that scans for SBOMs when it is run.
func (r *Registry) pushProbe(ctx context.Context, dir string) error {
	fail := func(err error) error { return fmt.Errorf("push the probe: %w", err) }
	program := filepath.Join(dir, "probe")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, probePackage)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fail(fmt.Errorf("%w\n%s", err, out))
	}
	layer, err := programLayer(program)
	if err != nil {
		return fail(err)
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		OS: "linux", Architecture: runtime.GOARCH, RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{Entrypoint: []string{"/probe", "sbom"}},
	})
	if err == nil {
		image, err = mutate.AppendLayers(image, layer)
	}
	if err != nil {
		return fail(err)
	}
	ref, err := name.ParseReference(r.Host + "/probe:1")
	if err == nil {
		err = remote.Write(ref, image, append(r.Remote(), remote.WithContext(ctx))...)
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

func probeCommand(ts *testscript.TestScript, neg bool, args []string) {
	s := scriptOf(ts, !neg && len(args) <= 1, "probe [NAME]")
	dir := filepath.Join(s.dir, "probe")
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(s.registry(ts, nameIn(args)).pushProbe(s.t.Context(), dir))
}
