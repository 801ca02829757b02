package stowage

import (
	"context"
	"errors"
	"fmt"
	"io"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/layout"
	"github.com/stowage-build/stowage/internal/registry"
	"github.com/stowage-build/stowage/schema"
)

// The options and results of a LocalStore's methods.
type (
	CollectOptions = layout.CollectOptions
	Collected      = layout.Collected
	CollectedImage = layout.CollectedImage
	ExportOptions  = layout.ExportOptions
	ImportOptions  = layout.ImportOptions
	ArchivedImage  = layout.ArchivedImage
)

// Formats of archives, for ExportOptions.
const (
	FormatOCI    = layout.FormatOCI
	FormatDocker = layout.FormatDocker
)

// LocalStore is the shipped store by itself, for use without a workspace. It
// is safe for concurrent use, as is its directory by any number of processes.
// What it has looked up or written is in use until it is closed: no collection
// removes it.
type LocalStore struct{ layout *layout.Store }

// OpenStore opens the store in dir, creating it if need be.
func OpenStore(dir string) (*LocalStore, error) {
	s, err := layout.Open(dir)
	if err != nil {
		return nil, err
	}
	return &LocalStore{layout: s}, nil
}

// Dir is the store's absolute path.
func (s *LocalStore) Dir() string { return s.layout.Dir() }

// Close gives up what the store holds.
func (s *LocalStore) Close() error { return s.layout.Close() }

// Damage says what is wrong with the store's index.json; nil is nothing. As
// long as it is damaged, the store has what it had before the last change.
// Apply repairs it, and so does whatever adds or removes an image.
func (s *LocalStore) Damage() (damage, err error) { return s.layout.Damage() }

// Remove removes the images that the patterns match: references, or patterns
// in which * stands for any characters and ? for any one. It returns their
// references, sorted. The space is free after Collect. A pattern that matches
// nothing is an error, and nothing is removed.
func (s *LocalStore) Remove(ctx context.Context, patterns []string) ([]string, error) {
	return s.layout.Remove(ctx, patterns)
}

// Collect removes images by the limits in opts, and what nothing refers to. It
// leaves what any live process uses, and may run at any time.
func (s *LocalStore) Collect(ctx context.Context, opts CollectOptions) (*Collected, error) {
	return s.layout.Collect(ctx, opts)
}

// Export writes the images that the patterns match (see Remove) to w as an
// archive. After an error w has a part of one.
func (s *LocalStore) Export(ctx context.Context, w io.Writer, patterns []string, opts ExportOptions) ([]ArchivedImage, error) {
	return s.layout.Export(ctx, w, patterns, opts)
}

// Import puts an archive's images into the store: all, or after an error none.
func (s *LocalStore) Import(ctx context.Context, r io.Reader, opts ImportOptions) ([]ArchivedImage, error) {
	return s.layout.Import(ctx, r, opts)
}

// PushOptions say how images are pushed from a store.
type PushOptions struct {
	// Registries say how to reach registries, as the blocks of a workspace do.
	Registries []*schema.Registry
	// Overwrite replaces platforms that the registry has under the same input
	// hash.
	Overwrite bool
	// Version is what the registry is told of this program; "" is this
	// module's version.
	Version string
	// RegistryWaiting is as that of Options.
	RegistryWaiting func(host string)
}

// PushedImage is an image that the registry has.
type PushedImage struct {
	Ref string `json:"ref"`
	// Digest is that of the index in the registry.
	Digest string `json:"digest"`
}

// pushesAtOnce is how many images are pushed at once. Each registry has its
// own limit besides.
const pushesAtOnce = 4

// Push pushes the images that the patterns match (see Remove), under their
// own references. Platforms that the registry has beside them stay. The result,
// by reference, has those that were pushed also when others were not.
func (s *LocalStore) Push(ctx context.Context, patterns []string, opts PushOptions) ([]PushedImage, error) {
	refs, err := s.layout.Match(ctx, patterns)
	if err != nil {
		return nil, fmt.Errorf("push from the store: %w", err)
	}
	if opts.Version == "" {
		opts.Version = Version()
	}
	remote, err := registry.New(registry.Options{
		Store: s.layout, Hosts: registryHosts(opts.Registries), UserAgent: "stowage/" + opts.Version, Waiting: opts.RegistryWaiting,
	})
	if err != nil {
		return nil, err
	}
	descs, faults := make([]ocispec.Descriptor, len(refs)), make([]error, len(refs))
	var g errgroup.Group
	g.SetLimit(pushesAtOnce)
	for i, ref := range refs {
		g.Go(func() error {
			descs[i], faults[i] = remote.Push(ctx, ref, executor.PushOptions{Overwrite: opts.Overwrite})
			return nil
		})
	}
	_ = g.Wait() // the errors are in faults
	var pushed []PushedImage
	for i, ref := range refs {
		if faults[i] == nil {
			pushed = append(pushed, PushedImage{Ref: ref, Digest: descs[i].Digest.String()})
		}
	}
	return pushed, errors.Join(faults...)
}

// registryHosts is what the registry adapter is told of registry blocks.
func registryHosts(blocks []*schema.Registry) map[string]registry.HostConfig {
	hosts := map[string]registry.HostConfig{}
	for _, r := range blocks {
		hosts[r.Host] = registry.HostConfig{Insecure: r.Insecure, Mirrors: r.Mirrors, MaxRequestsPerSecond: r.MaxRequestsPerSecond}
	}
	return hosts
}
