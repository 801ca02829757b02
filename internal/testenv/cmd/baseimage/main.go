// Command baseimage pushes the tests' base image, busybox for linux/amd64 and
// linux/arm64, to a registry as busybox:1. The demo uses it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/stowage-build/stowage/internal/testenv/baseimage"
)

func main() {
	registry := flag.String("registry", "", "`host:port` of the registry, plain http on loopback")
	flag.Parse()
	if *registry == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ref, err := run(context.Background(), *registry)
	if err != nil {
		fmt.Fprintln(os.Stderr, "baseimage:", err)
		os.Exit(1)
	}
	fmt.Println(ref)
}

// run pushes the image and returns its reference.
func run(ctx context.Context, registry string) (string, error) {
	ref, err := name.ParseReference(registry + "/busybox:1")
	if err != nil {
		return "", err
	}
	return ref.String(), baseimage.Push(ctx, ref, remote.WithAuthFromKeychain(authn.DefaultKeychain))
}
