package planner

import (
	"context"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/schema"
)

// Sources reads the workspace's files. Paths are slash-separated and relative
// to the workspace root; errors about a path that does not exist wrap
// fs.ErrNotExist. Implementations are safe for concurrent use.
type Sources interface {
	// Set returns the source set of a context: the files that are hashed, and
	// the only ones that are sent to the builder.
	Set(ctx context.Context, spec SourceSpec) (*SourceSet, error)
	// Dockerfile returns the bytes of the Dockerfile at contextDir/name, or of
	// another file of configuration, such as the index of an OCI layout.
	Dockerfile(ctx context.Context, contextDir, name string) ([]byte, error)
}

// Trees knows git's tree objects.
type Trees interface {
	// TreeID returns the object id of a directory's tree at HEAD, as if
	// Stowage's configuration files were not in it. For several directories
	// it is the SHA-1 of their ids one after the other. A directory that HEAD
	// does not have is an error.
	TreeID(ctx context.Context, dirs []string) (string, error)
}

// SourceSpec names a source set.
type SourceSpec struct {
	// Context is a directory.
	Context string
	// Dockerfile is the path inside Context; NAME.dockerignore beside it goes
	// before .dockerignore. "" for a named context or an inline Dockerfile.
	Dockerfile string
	// Extra are the package's source blocks.
	Extra []schema.Source
	// AllowOutside permits paths outside the workspace root.
	AllowOutside bool
}

// SourceSet is the exact content of a build context.
type SourceSet struct {
	// Files are sorted by Path, parents before children.
	Files []File
	// Dirty says that the set differs from HEAD; always false outside git.
	Dirty bool
	// LeftOut is a file of the set that a sparse checkout leaves out, relative to
	// the workspace root, or "". It is known, and cannot be sent to a builder.
	LeftOut string
	// Empty are the directories among SourceSpec.Extra that no file comes from,
	// by their indexes.
	Empty []int
}

// FileType is what a source set entry is.
type FileType string

// The types of entries. Other kinds of files are errors.
const (
	FileRegular    FileType = "file"
	FileExecutable FileType = "exec" // a regular file with the owner's x bit
	FileSymlink    FileType = "link"
	// FileDirectory is a directory that is otherwise empty.
	FileDirectory FileType = "dir"
)

// File is one entry of a source set.
type File struct {
	// Path is slash-separated, relative to the context as the builder sees it.
	Path string
	Type FileType
	// Size in bytes and Digest, the lower-case hex sha256 of the content, of
	// regular files.
	Size   int64
	Digest string
	// Link is a symlink's target, as it is on disk.
	Link string
	// Origin is the file on disk: an absolute path.
	Origin string
}

// Dockerfiles reads image names out of Dockerfiles.
type Dockerfiles interface {
	// Analyze returns the images that the stages reachable from opts.Target
	// name, ARGs expanded. An error is a mistake in the Dockerfile and has the
	// line in it.
	Analyze(content []byte, opts AnalyzeOptions) (*Dockerfile, error)
}

// AnalyzeOptions are what decides a Dockerfile's meaning.
type AnalyzeOptions struct {
	Target string
	Args   map[string]string
	// Platform is built, Native is the platform of the builder.
	Platform, Native string
	// Contexts are the named contexts: a name that is one of them means it,
	// whatever image or stage has the name too.
	Contexts []string
	// OnBuild are the ONBUILD instructions of base images that are known, by
	// ImageUse.Name. Those of the Dockerfile's own stages are always known.
	OnBuild map[string][]string
}

// Dockerfile is what planning needs to know of a Dockerfile.
type Dockerfile struct {
	Images []ImageUse
	// Args are the names of all declared ARGs, sorted.
	Args []string
	// NameArgs are those, sorted, whose values reach nothing but the names and
	// platforms of images in FROM.
	NameArgs []string
	// FromArgs are those, sorted, whose values may reach a name or a platform
	// in FROM, whatever else they reach.
	FromArgs []string
	// Syntax is the image of the frontend that reads it, by a "# syntax=" line
	// or the argument BUILDKIT_SYNTAX, or "" for what every builder has.
	Syntax string
	// OnBuild are the ONBUILD instructions that the target leaves to images
	// built on it.
	OnBuild []string
	// Runs are the platforms whose programs RUN instructions run, of stages
	// that the target reaches; normalised and sorted.
	Runs []string
}

// ImageUse is one image name in a Dockerfile.
type ImageUse struct {
	// Name is as it stands after expansion: alpine:3.20, ghcr.io/acme/base.
	Name string
	// Context is the named context that the name means, "" for an image.
	Context string
	// Platform is the platform that this use needs.
	Platform string
	// Instruction is FROM, COPY --from or RUN --mount=from.
	Instruction string
	Line        int
}

// Catalog knows which images exist. The store and the registry are catalogs.
// Implementations are safe for concurrent use.
type Catalog interface {
	// Lookup returns what exists under ref (repository:tag), or nil when
	// there is nothing. An error means that it could not be found out; it is
	// never a way to say missing.
	Lookup(ctx context.Context, ref string) (*Image, error)
}

// Image is what a catalog has under a reference.
type Image struct {
	// Digest is the digest of the index (or of the single manifest), MediaType
	// and Size, in bytes, are what it is; a catalog may leave these out.
	Digest    string
	MediaType string
	Size      int64
	// Hash is the input hash in the index's annotation AnnotationHash, or "".
	Hash string
	// Manifests are the image manifests by normalised platform whose content
	// is all there.
	Manifests map[string]ocispec.Descriptor
	// Damaged are platforms that are listed but whose content is not all there.
	Damaged []string
	// Lost says that the index itself cannot be read, so that nobody knows
	// which platforms were there: all count as damaged.
	Lost bool
}

// AnnotationHash is the annotation, on the index, that holds the input hash
// (64 hex digits) of what was built.
const AnnotationHash = "build.stowage.hash"

// Records keeps the inputs of earlier builds, so that a plan can say what
// changed. It is advice only: nothing is decided by it.
type Records interface {
	// LastInputs returns the inputs of the package's last build, or nil when
	// none is known.
	LastInputs(ctx context.Context, p *Package) (*Inputs, error)
}

// Estimator knows how long builds took.
type Estimator interface {
	// Estimate returns the expected duration of building a node, 0 if unknown.
	Estimate(repository, platform string) time.Duration
}
