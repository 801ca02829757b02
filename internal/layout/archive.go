package layout

import (
	"fmt"
	"path"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Formats of archives.
const (
	// FormatOCI is a tar file of an OCI image layout.
	FormatOCI = "oci-archive"
	// FormatDocker is what docker save writes and docker load reads: one
	// platform of each image.
	FormatDocker = "docker-archive"
)

// Names in archives. Those of blobs are the same in both formats, as docker
// save has them since version 25.
const (
	dockerFile    = "manifest.json"
	archiveBlobs  = "blobs"
	containerName = "io.containerd.image.name" // annotation by which containerd and Docker name images
)

// dockerImage is an image in dockerFile.
type dockerImage struct {
	Config   string   // path of the image's configuration
	RepoTags []string // references, familiar ones: alpine:3.20
	Layers   []string // paths, the lowest layer first
}

// blobName is where a blob is in an archive.
func blobName(dgst digest.Digest) string {
	return path.Join(archiveBlobs, dgst.Algorithm().String(), dgst.Encoded())
}

// nameOf is what an entry of an archive's index.json is to be called here.
// The annotation for names may have only a tag, as in what docker save and
// buildx write; containerd's has it all.
func nameOf(desc ocispec.Descriptor) (string, error) {
	name := refOf(desc)
	if named, err := reference.Parse(name); err == nil {
		if _, tagged := named.(reference.NamedTagged); tagged {
			return name, nil
		}
	}
	if full := desc.Annotations[containerName]; full != "" {
		return canonicalName(full)
	}
	if name == "" {
		return "", fmt.Errorf("image %s has no name in the archive: say what to call it with --ref", desc.Digest)
	}
	return "", fmt.Errorf("image %s has only %q for a name in the archive: say what to call it with --ref", desc.Digest, name)
}

// canonicalName is repository:tag with the registry in it, for a name as
// Docker's users write it.
func canonicalName(name string) (string, error) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return "", fmt.Errorf("reference %q: %w", name, err)
	}
	if _, pinned := named.(reference.Digested); pinned {
		return "", fmt.Errorf("reference %q has a digest: an image is kept under a tag", name)
	}
	return reference.TagNameOnly(named).String(), nil
}

// cleanName is the name of a file in a tar without ./ and ../ in it.
func cleanName(name string) string {
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}
