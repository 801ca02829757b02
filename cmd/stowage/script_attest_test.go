package main

import (
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"
)

// attestCommands are the scripts' commands that look at attestations.
func attestCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){"statements": statementsCommand}
}

// statementsCommand prints the in-toto statements that the registry has about a
// package's image for a platform, one a line: statements LIST PACKAGE PLATFORM
func statementsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: statements list package platform")
	}
	ref, err := name.ParseReference(refsIn(ts, args[0])[args[1]])
	ts.Check(err)
	index, err := remote.Index(ref)
	ts.Check(err)
	manifest, err := index.IndexManifest()
	ts.Check(err)
	var image v1.Hash
	for _, d := range manifest.Manifests {
		if d.Platform != nil && d.Platform.String() == args[2] {
			image = d.Digest
		}
	}
	found := 0
	for _, d := range manifest.Manifests {
		if image.Hex != "" && d.Annotations["vnd.docker.reference.digest"] == image.String() {
			about, err := remote.Image(ref.Context().Digest(d.Digest.String()))
			ts.Check(err)
			ts.Check(writeLayers(ts.Stdout(), about))
			found++
		}
	}
	fmt.Fprintf(ts.Stdout(), "%d attestation manifests\n", found)
}

func writeLayers(w io.Writer, image v1.Image) error {
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	for _, layer := range layers {
		r, err := layer.Compressed()
		if err != nil {
			return err
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%s\n", content); err != nil {
			return err
		}
	}
	return nil
}
