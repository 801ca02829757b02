package main

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/rogpeppe/go-internal/testscript"
)

// moveTagCommand makes a tag in REGISTRY point at another image: what it
// pointed at, with a file /moved in it. movetag NAME:TAG TEXT
func moveTagCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: movetag name:tag text")
	}
	ref, err := name.NewTag(ts.Getenv("REGISTRY") + "/" + args[0])
	ts.Check(err)
	index, err := remote.Index(ref)
	ts.Check(err)
	moved, err := withFile(index, "moved", args[1])
	ts.Check(err)
	ts.Check(remote.WriteIndex(ref, moved))
}

// goBuildCommand builds a program of this module, or of one that it depends on,
// without the C library. gobuild FILE PACKAGE
func goBuildCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: gobuild file package")
	}
	cmd := exec.Command("go", "build", "-trimpath", "-o", ts.MkAbs(args[0]), args[1])
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	ts.Logf("%s", out)
	ts.Check(err)
}

// withFile adds a file to each image of an index.
func withFile(index v1.ImageIndex, path, text string) (v1.ImageIndex, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(text))}); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(w, text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	out := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, desc := range manifest.Manifests {
		image, err := index.Image(desc.Digest)
		if err != nil {
			return nil, err
		}
		if image, err = mutate.AppendLayers(image, layer); err != nil {
			return nil, err
		}
		out = mutate.AppendManifests(out, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: desc.Platform}})
	}
	return out, nil
}
