package layout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/gofrs/flock"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/internal/imageindex"
)

// Fault is what is wrong in a store.
type Fault string

// The faults that Verify finds.
const (
	// FaultIndexFile is an index.json that is missing or cannot be read as
	// one. The rest is said of the entries from before its last change.
	FaultIndexFile Fault = "index_file"
	// FaultMissing is a blob that something refers to and that is not there.
	FaultMissing Fault = "missing"
	// FaultSize is a blob of another size than its descriptor says, for
	// example a truncated one.
	FaultSize Fault = "size"
	// FaultContent is a blob whose content has another digest than its name.
	// Verify makes it empty, so that it is a FaultSize from then on.
	FaultContent Fault = "content"
	// FaultMalformed is a blob with the right digest that is not the manifest
	// or index that its descriptor says it is.
	FaultMalformed Fault = "malformed"
	// FaultLeftover is half written content of a process that is dead. It
	// takes space and does no other harm; the next Open removes it.
	FaultLeftover Fault = "leftover"
)

// Problem is one thing that is wrong with the store.
type Problem struct {
	Fault Fault `json:"fault"`
	// Ref is the package reference that the blob is reached from, Platform the
	// image's, "" for the index itself.
	Ref      string        `json:"ref,omitempty"`
	Platform string        `json:"platform,omitempty"`
	Digest   digest.Digest `json:"digest,omitempty"`
	// What says it in words.
	What string `json:"what"`
}

// String is the problem as one line.
func (p Problem) String() string {
	s := p.What
	if p.Platform != "" {
		s = p.Platform + ": " + s
	}
	if p.Ref != "" {
		s = p.Ref + ": " + s
	}
	return s
}

// Verify reads and hashes everything that index.json refers to, each blob
// once, and returns what is wrong, in the order of references. Blobs found
// damaged are no longer taken for existing, by any process: what is built or
// pulled next replaces them. An error means that the check itself failed.
func (s *Store) Verify(ctx context.Context) ([]Problem, error) {
	v := &verifier{store: s, blobs: map[digest.Digest]func() error{}}
	v.group, v.ctx = errgroup.WithContext(ctx)
	v.group.SetLimit(runtime.GOMAXPROCS(0))
	c, err := s.pinned(ctx)
	if err != nil {
		return nil, fmt.Errorf("verify the store: %w", err)
	}
	if c.damage != nil {
		v.problems = append(v.problems, Problem{Fault: FaultIndexFile, What: c.damage.Error()})
	}
	for _, desc := range c.index.Manifests {
		v.group.Go(func() error { return v.entry(desc) })
	}
	if err := v.group.Wait(); err != nil {
		return nil, fmt.Errorf("verify the store: %w", err)
	}
	if err := v.leftovers(filepath.Join(s.dir, ingestDir)); err != nil {
		return nil, fmt.Errorf("verify the store: %w", err)
	}
	slices.SortFunc(v.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Ref, b.Ref), cmp.Compare(a.Platform, b.Platform),
			cmp.Compare(a.Digest, b.Digest), cmp.Compare(a.What, b.What))
	})
	return slices.Compact(v.problems), nil
}

// verifier is one run of Verify.
type verifier struct {
	store *Store
	ctx   context.Context
	group *errgroup.Group

	mu       sync.Mutex
	blobs    map[digest.Digest]func() error
	problems []Problem
}

func (v *verifier) report(where Problem, err error) error {
	fault, ok := errors.AsType[*blobFault](err)
	if !ok {
		return err
	}
	where.Fault, where.What = fault.fault, fault.Error()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.problems = append(v.problems, where)
	return nil
}

// entry checks one entry of index.json.
func (v *verifier) entry(desc ocispec.Descriptor) error {
	where := Problem{Ref: desc.Annotations[ocispec.AnnotationRefName], Digest: desc.Digest}
	if err := v.blob(desc); err != nil {
		return v.report(where, err)
	}
	idx, err := v.store.readIndex(v.ctx, desc)
	if err != nil {
		return v.report(where, malformed(desc, err))
	}
	about := map[string]string{}
	for _, d := range imageindex.Images(idx) {
		about[d.Digest.String()] = imageindex.FormatPlatform(d.Platform)
	}
	for _, d := range idx.Manifests {
		where.Platform = cmp.Or(about[d.Digest.String()], about[d.Annotations[imageindex.AnnotationReferenceDigest]])
		if err := v.manifest(where, d); err != nil {
			return err
		}
	}
	return nil
}

// manifest checks an image or attestation manifest and what it refers to.
func (v *verifier) manifest(where Problem, desc ocispec.Descriptor) error {
	where.Digest = desc.Digest
	if err := v.blob(desc); err != nil {
		return v.report(where, err)
	}
	data, err := v.store.readBlob(v.ctx, desc)
	if err != nil {
		return v.report(where, malformed(desc, err))
	}
	m, err := parseManifest(desc, data)
	if err != nil {
		return v.report(where, malformed(desc, err))
	}
	for _, d := range append([]ocispec.Descriptor{m.Config}, m.Layers...) {
		where.Digest = d.Digest
		if err := v.blob(d); err != nil {
			if err := v.report(where, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// blob checks size and content, once for each digest.
func (v *verifier) blob(desc ocispec.Descriptor) error {
	v.mu.Lock()
	check, ok := v.blobs[desc.Digest]
	if !ok {
		check = sync.OnceValue(func() error { return v.store.checkBlob(v.ctx, desc) })
		v.blobs[desc.Digest] = check
	}
	v.mu.Unlock()
	return check()
}

// leftovers reports what dead processes left.
func (v *verifier) leftovers(root string) error {
	return eachStale(root, leaseSuffix, func(lease *flock.Flock) error {
		v.problems = append(v.problems, Problem{Fault: FaultLeftover, What: "half written content of a process that is gone: " + lease.Path()})
		return nil
	})
}

// blobFault is the error of a blob that is not what it should be.
type blobFault struct {
	fault Fault
	text  string
}

func (e *blobFault) Error() string { return e.text }

// malformed is the fault of a blob that is whole but cannot be understood.
func malformed(desc ocispec.Descriptor, err error) error {
	if !damaged(err) {
		return err
	}
	return &blobFault{FaultMalformed, fmt.Sprintf("blob %s is not the %s it should be: %v", desc.Digest, desc.MediaType, err)}
}

// checkBlob reads the whole blob. What is wrong with it is a *blobFault.
func (s *Store) checkBlob(ctx context.Context, desc ocispec.Descriptor) error {
	ra, err := s.content.open(desc.Digest)
	if errdefs.IsNotFound(err) {
		return &blobFault{FaultMissing, fmt.Sprintf("blob %s is missing", desc.Digest)}
	}
	if errdefs.IsInvalidArgument(err) {
		return &blobFault{FaultMalformed, err.Error()}
	}
	if err != nil {
		return err
	}
	defer ra.Close()
	file := ra.info
	if file.Size() != desc.Size {
		s.content.distrust(desc.Digest, file)
		return &blobFault{FaultSize, fmt.Sprintf("blob %s has %d bytes, want %d", desc.Digest, file.Size(), desc.Size)}
	}
	hash := digest.SHA256.Digester()
	if _, err := io.Copy(hash.Hash(), &stoppable{ctx, content.NewReader(ra)}); err != nil {
		return err
	}
	if got := hash.Digest(); got != desc.Digest {
		s.content.spoil(desc.Digest, file)
		return &blobFault{FaultContent, fmt.Sprintf("blob %s has content %s", desc.Digest, got)}
	}
	return nil
}

// stoppable ends reading when ctx is done.
type stoppable struct {
	ctx context.Context
	io.Reader
}

func (r *stoppable) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}
