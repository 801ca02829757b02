package fake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/stowage-build/stowage/executor"
)

// BlobStore takes blobs of images and gives them back.
type BlobStore interface {
	BlobWriter
	ReadBlob(ctx context.Context, dgst digest.Digest) ([]byte, error)
}

// Builder is an executor.Builder in memory. It understands FROM, ARG, ENV,
// LABEL, COPY and, in RUN, the few commands of shell.go: enough for it and
// the real one to pass the same conformance tests. For a Dockerfile that has
// no instruction it makes an image whose content depends on what was asked
// for, so that the same request gives the same digest and another request
// another. Set the fields before it is used.
type Builder struct {
	// Blobs takes the images, as a store does.
	Blobs BlobStore
	// Do, when set, is what a build does before its image is made: take time,
	// block, tell of progress, fail.
	Do func(ctx context.Context, req *executor.BuildRequest, progress func(executor.Progress)) error

	mu       sync.Mutex
	requests []*executor.BuildRequest
	running  map[int]context.CancelCauseFunc
	most     int
}

var _ executor.Builder = (*Builder)(nil)

// Build is executor.Builder's.
func (b *Builder) Build(ctx context.Context, req *executor.BuildRequest, progress func(executor.Progress)) (*executor.BuildResult, error) {
	connected, end := b.begin(ctx, req)
	defer end()
	result, err := b.build(connected, req, progress)
	var lost *lostError
	if err != nil && ctx.Err() == nil && errors.As(context.Cause(connected), &lost) {
		return nil, lost
	}
	return result, err
}

func (b *Builder) build(ctx context.Context, req *executor.BuildRequest, progress func(executor.Progress)) (*executor.BuildResult, error) {
	if b.Do != nil {
		if err := b.Do(ctx, req, progress); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if hasInstruction(req.Dockerfile) {
		return interpret(ctx, b.Blobs, req, progress)
	}
	content, err := json.Marshal(contentOf(req))
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", req.Node, err)
	}
	return WriteImage(ctx, b.Blobs, ImageSpec{Platform: req.Platform, Layers: []string{string(content)}})
}

func hasInstruction(dockerfile []byte) bool {
	for line := range strings.Lines(string(dockerfile)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return true
		}
	}
	return false
}

// contentOf is what decides the image of a request without instructions.
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

// begin counts a build in. Its context ends when the connection does.
func (b *Builder) begin(ctx context.Context, req *executor.BuildRequest) (connected context.Context, end func()) {
	connected, cancel := context.WithCancelCause(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	id := len(b.requests)
	b.requests = append(b.requests, req)
	if b.running == nil {
		b.running = map[int]context.CancelCauseFunc{}
	}
	b.running[id] = cancel
	b.most = max(b.most, len(b.running))
	return connected, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.running, id)
		cancel(nil)
	}
}

// lostError is a connection that was lost.
type lostError struct{}

func (*lostError) Error() string   { return "the connection to the fake builder is lost" }
func (*lostError) Temporary() bool { return true }
func (*lostError) Lost() bool      { return true }

// Disconnect breaks the connection: builds that are running fail with an
// error that says of itself that trying again may help.
func (b *Builder) Disconnect() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, cancel := range b.running {
		cancel(&lostError{})
	}
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
