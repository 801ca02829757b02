package fake

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/stowage-build/stowage/executor"
)

// Builder is an executor.Builder that runs nothing: it makes a small image
// whose content depends on what was asked for, so that the same request gives
// the same digest and another request another. Set the fields before it is
// used.
type Builder struct {
	// Blobs takes the images, as a store does.
	Blobs BlobWriter
	// Do, when set, is what a build does before its image is made: take time,
	// block, tell of progress, fail.
	Do func(ctx context.Context, req *executor.BuildRequest, progress func(executor.Progress)) error

	mu       sync.Mutex
	requests []*executor.BuildRequest
	running  int
	most     int
}

var _ executor.Builder = (*Builder)(nil)

// Build is executor.Builder's.
func (b *Builder) Build(ctx context.Context, req *executor.BuildRequest, progress func(executor.Progress)) (*executor.BuildResult, error) {
	b.begin(req)
	defer b.end()
	if b.Do != nil {
		if err := b.Do(ctx, req, progress); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	content, err := json.Marshal(contentOf(req))
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", req.Node, err)
	}
	return WriteImage(ctx, b.Blobs, ImageSpec{Platform: req.Platform, Layers: []string{string(content)}})
}

// contentOf is what decides the image of a request.
func contentOf(req *executor.BuildRequest) map[string]any {
	files := map[string]string{}
	for _, f := range req.Files {
		files[f.Path] = f.Digest + f.Link
	}
	images := map[string]string{}
	for _, i := range req.Images {
		images[i.Name] = i.Descriptor.Digest.String()
	}
	return map[string]any{
		"platform": req.Platform, "dockerfile": string(req.Dockerfile), "target": req.Target,
		"args": req.Args, "labels": req.Labels, "files": files, "images": images,
	}
}

func (b *Builder) begin(req *executor.BuildRequest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests = append(b.requests, req)
	b.running++
	b.most = max(b.most, b.running)
}

func (b *Builder) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running--
}

// Requests returns what was asked for, in order of arrival.
func (b *Builder) Requests() []*executor.BuildRequest {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.requests)
}

// Counts returns how often each node was asked for.
func (b *Builder) Counts() map[string]int {
	counts := map[string]int{}
	for _, req := range b.Requests() {
		counts[req.Node]++
	}
	return counts
}

// Nodes returns the nodes that were asked for, sorted.
func (b *Builder) Nodes() []string {
	return slices.Sorted(maps.Keys(b.Counts()))
}

// Most returns how many builds ran at once, at most.
func (b *Builder) Most() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.most
}
