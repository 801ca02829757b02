package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/internal/registry"
)

// connections is how many each client has.
const connections = registry.DefaultLimit

// atOnce is how many packages a plan looks up at a time; the adapter bounds
// its connections itself.
const atOnce = 64

// eachRef calls f with each line of a file, some at a time.
func eachRef(list string, some int, f func(ref string) error) error {
	file, err := os.Open(list)
	if err != nil {
		return err
	}
	defer file.Close()
	var group errgroup.Group
	group.SetLimit(some)
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		ref := lines.Text()
		group.Go(func() error { return f(ref) })
	}
	return errors.Join(group.Wait(), lines.Err())
}

// client is the bare one.
type client struct{ http.Client }

func getter() *client {
	return &client{http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}}}
}

// get reads what a tag points at.
func (c *client) get(ref string) error {
	host, rest, _ := strings.Cut(ref, "/")
	at := strings.LastIndexByte(rest, ':')
	req, err := http.NewRequest(http.MethodGet, "http://"+host+"/v2/"+rest[:at]+"/manifests/"+rest[at+1:], nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", ocispec.MediaTypeImageIndex)
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("look up %s: %s", ref, resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// lookUp does it as a plan does.
func lookUp(ctx context.Context, list string) error {
	r, err := registry.New(registry.Options{})
	if err != nil {
		return err
	}
	return eachRef(list, atOnce, func(ref string) error {
		image, err := r.Lookup(ctx, ref)
		if err == nil && image == nil {
			err = fmt.Errorf("%s is not there", ref)
		}
		return err
	})
}

// serve is a registry that has one index under every tag. It says where it
// listens, and ends with the standard input.
func serve() error {
	index := imageindex.New()
	platform, err := imageindex.ParsePlatform("linux/amd64")
	if err != nil {
		return err
	}
	imageindex.Put(index, platform, ocispec.DescriptorEmptyJSON, nil)
	data, desc, err := imageindex.Marshal(index)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/v2/") {
			return
		}
		w.Header().Set("Content-Type", desc.MediaType)
		w.Header().Set("Docker-Content-Digest", desc.Digest.String())
		_, _ = w.Write(data)
	})}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
