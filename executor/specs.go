package executor

import (
	"time"

	"github.com/stowage-build/stowage/planner"
)

// Specs knows what goes into each build of a plan. It is asked for every
// build step before anything starts, from one goroutine, and reads no files.
type Specs interface {
	// Build returns what building the package for the platform takes.
	Build(pkg, platform string) (*BuildSpec, error)
	// Inputs returns what the package's hash is made of, nil if that is not
	// known. It is kept beside what is built, to explain later plans.
	Inputs(pkg string) *planner.Inputs
}

// BuildSpec is one build as far as it is known before its dependencies are.
type BuildSpec struct {
	// Request is the build without the Images that Uses stand for.
	Request BuildRequest
	// Uses are the workspace's images that the Dockerfile names. Each is given
	// to the build pinned by digest, as this run built, pulled or found it.
	Uses []ImageUse
	// Bases are locked images that are not the workspace's. They come from the
	// store when it has them.
	Bases []planner.Base
	// Archives are files of images that are put into the context.
	Archives []ArchiveSpec
	// ResolvedHash returns the build's resolved hash (64 hex digits; "" when it
	// has none), given the digests of the image manifests that it uses. It is
	// nil when the build is always to be made.
	ResolvedHash func(image func(ImageUse) (string, error)) (string, error)
	// NativeOnly, when set, is the only native platform of a builder that the
	// build may run on: that of a FROM --platform=$BUILDPLATFORM.
	NativeOnly string
	// Runs are the platforms whose programs the build runs.
	Runs []string
	// Timeout bounds one attempt; 0 is no bound.
	Timeout time.Duration
	// Retries is how often a failed build is tried again. Transient faults are
	// retried whatever it says.
	Retries int
}

// ImageUse is one workspace image under the name that a Dockerfile uses.
type ImageUse struct {
	Name     string
	Package  string
	Platform string
}

// ArchiveSpec is a file of images that are found before the build.
type ArchiveSpec struct {
	// Path and Format are as in Archive.
	Path, Format string
	Images       []ArchiveImage
}

// ArchiveImage is an image of the workspace, or, without Package, one that is
// fetched by the digest in its Ref.
type ArchiveImage struct {
	Ref     string
	Package string
}
