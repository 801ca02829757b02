package executor

import (
	"context"
	"errors"
	"io"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/planner"
)

// Builder runs builds. Implementations are safe for concurrent use.
type Builder interface {
	// Build builds one node and returns the image it made, whose blobs are
	// all in the store, or in the registry if the request says so. progress is
	// called from one goroutine at a time and must not block; it is not called
	// after Build has returned.
	//
	// A failed instruction is a *BuildError. An error for which Transient
	// reports true may go away when the build is tried again. Cancelling ctx
	// cancels the build.
	Build(ctx context.Context, req *BuildRequest, progress func(Progress)) (*BuildResult, error)
}

// BuildRequest is everything that decides one build: nothing else reaches the
// builder.
type BuildRequest struct {
	// Node names the build in logs: package and platform.
	Node     string
	Platform string

	Files      []planner.File
	Dockerfile []byte
	// DockerfileName is what the Dockerfile is called in excerpts: a
	// slash-separated path.
	DockerfileName string
	// DockerfileTitle is what it is called there instead when it is no file, or
	// "".
	DockerfileTitle string
	Target          string
	Args            map[string]string
	Labels          map[string]string
	// Annotations are set on the image manifest.
	Annotations map[string]string
	// PushTo, when set, is the repository to which the builder pushes the image
	// by its digest. The store gets nothing then.
	PushTo string
	// Images are dependencies: the name a Dockerfile uses, and the manifest
	// that it stands for.
	Images []NamedImage
	// Archives are files of images in the context, besides Files.
	Archives []Archive
	// LocalContexts are named contexts that are directories.
	LocalContexts map[string][]planner.File
	// RemoteContexts are docker-image:// references by the name of a context,
	// or of an image that a Dockerfile names. Those in Images go before them.
	RemoteContexts map[string]string
	// PinnedContexts are named contexts from elsewhere.
	PinnedContexts map[string]PinnedContext

	Secrets []Secret
	SSH     []string
	Network string // none, default or host
	// ShmSize is the size of /dev/shm in bytes, 0 the builder's default;
	// Ulimits are NAME=SOFT:HARD; ExtraHosts are addresses by name;
	// CgroupParent is a control group on the builder, "" its default.
	ShmSize      int64
	Ulimits      []string
	ExtraHosts   map[string]string
	CgroupParent string
	// Allow lists entitlements: network.host, security.insecure.
	Allow   []string
	NoCache bool
	// NoCacheStages are Dockerfile stages that are built without the cache.
	NoCacheStages []string
	// Pull has the builder ask registries for images it knows already.
	Pull bool

	CacheFrom, CacheTo []Cache
	// Epoch, when set, is SOURCE_DATE_EPOCH in Unix seconds, and timestamps in
	// layers are rewritten to it.
	Epoch      *int64
	Provenance string // "", min or max
	SBOM       bool
	Scanner    string
	// Frontend is the image that reads the Dockerfile in place of the one that
	// its "# syntax=" line, or the argument BUILDKIT_SYNTAX, names; "" is that
	// one.
	Frontend string
}

// PinnedContext is a named context from elsewhere, which the builder holds to
// its pin.
type PinnedContext struct {
	Kind ContextKind
	// Location is a URL, or the absolute path of an OCI layout.
	Location string
	// Pin is COMMIT[:DIRECTORY] of a git repository, or a sha256 digest: of the
	// file, or of the layout's image.
	Pin string
}

// ContextKind is where a context comes from.
type ContextKind string

// The kinds of contexts from elsewhere.
const (
	ContextGit    ContextKind = "git"
	ContextFile   ContextKind = "file" // a directory with the file, called context
	ContextLayout ContextKind = "oci-layout"
)

// NamedImage is one image that a build may use by name.
type NamedImage struct {
	// Name is as it stands in the Dockerfile: it is normalised by the Builder.
	Name       string
	Platform   string
	Descriptor ocispec.Descriptor
	// Repository is where the builder gets the manifest, by its digest; "" is
	// the store.
	Repository string
}

// Archive is a file of images in a context. The same images give the same
// bytes.
type Archive struct {
	// Path is slash-separated, relative to the context.
	Path string
	// Format is docker (what docker save writes) or oci (an OCI layout).
	Format string
	// Images are manifests in the store, each called by its Name.
	Images []NamedImage
}

// Secret is a build secret whose value is read when the build asks for it.
type Secret struct {
	ID    string
	Value func() ([]byte, error)
}

// BuildResult is a built image. All blobs are in the store. After a build with
// PushTo they are in that repository, and Manifest alone is set: to what was
// pushed, an image manifest or an index of one and its attestations.
type BuildResult struct {
	// Manifest is the image manifest, its Platform set.
	Manifest ocispec.Descriptor
	// Attestations are manifests about Manifest, as BuildKit annotates them.
	Attestations []ocispec.Descriptor
}

// BuildError is a build that failed by its own doing: trying again on another
// builder would not help.
type BuildError struct {
	// Excerpt is the Dockerfile's lines, the failing ones marked; may be "".
	Excerpt string
	// Step is the failing instruction, for example "RUN make".
	Step     string
	ExitCode int
	// NoSpace says that the instruction's program wrote of no space left: on the
	// builder's disk, or on a file system of its own.
	NoSpace bool
	Err     error
}

func (e *BuildError) Error() string { return e.Err.Error() }
func (e *BuildError) Unwrap() error { return e.Err }

// Progress is something that happened inside a build. Exactly one of Log and
// Vertex is set.
type Progress struct {
	Time   time.Time
	Log    *LogLine
	Vertex *Vertex
}

// LogLine is output of an instruction, possibly several lines, not
// necessarily ending in a newline.
type LogLine struct {
	Vertex string // name of the instruction
	Stderr bool
	Data   []byte
}

// Vertex is a change of one instruction's state.
type Vertex struct {
	ID, Name           string
	Started, Completed bool
	Cached             bool
	Error              string
}

// Store is the local OCI layout. Implementations are safe for concurrent use
// by any number of goroutines and processes.
type Store interface {
	planner.Catalog
	// PutNode adds a built or pulled image to the index under entry.Ref,
	// creating it if need be and keeping the platforms it has. It returns
	// after the change is durable. Doing it again changes nothing.
	PutNode(ctx context.Context, entry NodeEntry) error
	// PutIndex orders the index under ref by platforms (others after them,
	// sorted; attestations last) and returns its descriptor. It fails when
	// one of platforms is not there.
	PutIndex(ctx context.Context, ref string, platforms []string, annotations map[string]string) (ocispec.Descriptor, error)
}

// NodeLocker is a Store that keeps two runs from building one node at the same
// time.
type NodeLocker interface {
	// LockNode waits, as long as ctx lets it, until no other run builds the
	// platform of ref, and keeps others from it until unlock is called or the
	// process dies. Nothing else is locked meanwhile.
	LockNode(ctx context.Context, ref, platform string) (unlock func(), err error)
}

// NodeEntry is one node's image for the store.
type NodeEntry struct {
	Ref      string
	Hash     string // input hash, kept in AnnotationHash of the index
	Platform string
	// Platforms is the package's order of platforms.
	Platforms []string
	BuildResult
}

// Attacher is a Store or Registry that keeps artifacts beside images.
type Attacher interface {
	// Attach makes data an artifact of a type about the index subject, in
	// ref's repository: a referrer of it. It takes the place of one of the same
	// type.
	Attach(ctx context.Context, ref string, subject ocispec.Descriptor, artifactType string, data []byte) error
}

// Registry is the remote side. Implementations retry transient faults and are
// safe for concurrent use.
type Registry interface {
	planner.Catalog
	// Pull copies the image manifest with the digest under ref, what it refers
	// to, and the attestations about it that ref's index has, into the store's
	// content, and returns their descriptors.
	Pull(ctx context.Context, ref, platform string) (*BuildResult, error)
	// Push uploads what the store has under ref: every image under its
	// per-platform tag, then attestations, then the index under ref's tag,
	// which keeps the platforms that the registry's index has already. Unless
	// told to overwrite, a platform that the registry has stays as it is there.
	// It returns the index as pushed.
	Push(ctx context.Context, ref string, opts PushOptions) (ocispec.Descriptor, error)
	// Tag makes tag, in ref's repository, point at what ref points at.
	Tag(ctx context.Context, ref, tag string) error
}

// Loader is a container engine that keeps images of its own, such as Docker.
// Implementations are safe for concurrent use.
type Loader interface {
	// Load gives the engine images of the store, whose Platform is set: each
	// under its per-platform tag, and that of the engine's own platform under
	// ref too. An image that the engine has is not sent again.
	Load(ctx context.Context, ref string, images []ocispec.Descriptor) error
}

// Fetcher has images that are not the workspace's. Implementations are safe
// for concurrent use.
type Fetcher interface {
	// Fetch returns the image manifest for platform of ref, which has a
	// digest (repository[:tag]@digest). Its content is in the store then.
	Fetch(ctx context.Context, ref, platform string) (ocispec.Descriptor, error)
}

// PushOptions say what of a package is pushed.
type PushOptions struct {
	// Platforms that the store has, in the package's order.
	Platforms []string
	// All are the package's platforms. Those that the store does not have may
	// be pushed by other machines at the same time.
	All []string
	// Overwrite replaces platforms that the registry has.
	Overwrite bool
	// Anew says that images were built although they exist: each of their blobs
	// is asked for, and what the registry has lost is sent again.
	Anew bool
	// NoIndex pushes images under their per-platform tags and no index. The
	// descriptor is then empty.
	NoIndex bool
}

// Recorder keeps what was built for later plans.
type Recorder interface {
	RecordInputs(repository string, inputs *planner.Inputs) error
	RecordDuration(repository, platform string, d time.Duration) error
}

// Placements remember where packages were built, so that they are built there
// again, where their layers are. Implementations are safe for concurrent use.
type Placements interface {
	// LastBuilder names the builder of the node's last build, "" if that is not
	// known.
	LastBuilder(repository, platform string) string
	RecordBuilder(repository, platform, builder string) error
}

// Logs keeps the output of builds. Implementations are safe for concurrent use.
type Logs interface {
	// NodeLog opens the log of a node (package:platform), which is new in each
	// run, and says where it is. It is called once for each build. An error
	// says which log it is about: the build goes on without it.
	NodeLog(node string) (w io.WriteCloser, path string, err error)
}

// Reporter is told what happens. Report is called from one goroutine, in the
// order of events. A run does not wait for it, except at the end, when the
// last event must have been taken.
type Reporter interface {
	Report(Event)
}

// Ports are the ways out. Only what the plan's steps need must be there.
type Ports struct {
	// Builders in order of preference.
	Builders []BuilderPort
	// Finder, which may be nil, finds more of them.
	Finder   Finder
	Store    Store
	Registry Registry
	Loader   Loader
	Fetcher  Fetcher
	// Recorder, Placements, Logs and Reporter may be nil: then nothing is kept
	// or told.
	Recorder   Recorder
	Placements Placements
	Logs       Logs
	Reporter   Reporter
	// Clock gives the times in results and events; nil is time.Now.
	Clock func() time.Time
}

// Transient reports whether err says of itself that trying again may help. A
// BuildError never does, whatever it is about.
func Transient(err error) bool {
	for err != nil {
		if _, ok := err.(*BuildError); ok {
			return false
		}
		if t, ok := err.(interface{ Temporary() bool }); ok {
			return t.Temporary()
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return false
		}
		err = u.Unwrap()
	}
	return false
}

// Lost reports whether err says of itself that the builder was lost: what it
// was building is better built elsewhere. It is Transient too.
func Lost(err error) bool {
	var lost interface{ Lost() bool }
	return Transient(err) && errors.As(err, &lost) && lost.Lost()
}
