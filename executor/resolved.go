package executor

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"

	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// defaultEpoch is SOURCE_DATE_EPOCH of reproducible builds that set none:
// 1980-01-01, the first date that a zip archive can hold, and the date that
// the files of a context have.
const defaultEpoch = 315532800

// Provenance is what a build is told about where it comes from. It is in no
// hash: it says who built an image first.
type Provenance struct {
	// Revision is the git commit, Source the repository's URL, GoVersion the
	// commit's version as a Go module; each may be "".
	Revision, Source, GoVersion string
}

// ResolvedSpecs are the builds of a resolved workspace.
type ResolvedSpecs struct {
	Resolved *planner.Resolved
	// Root is the workspace's directory.
	Root       string
	Provenance Provenance
	// Secret reads a build secret when the build asks for it.
	Secret func(schema.Secret) ([]byte, error)
	// Proxies are HTTP_PROXY and its like. BuildKit gives them to instructions
	// and keeps them out of images and caches.
	Proxies map[string]string
	// CacheAttrs are attributes of caches of a type that the configuration does
	// not say, such as credentials; may be nil.
	CacheAttrs func(kind string) map[string]string
	// Allow lists the entitlements that builds may have: network.host,
	// security.insecure.
	Allow []string
}

// Build returns the package's build for the platform.
func (s *ResolvedSpecs) Build(pkg, platform string) (*BuildSpec, error) {
	p := s.Resolved.Package(pkg)
	if p == nil {
		return nil, fmt.Errorf("the workspace has no package %q", pkg)
	}
	o := p.Overrides[platform]
	cacheFrom, cacheTo := s.caches(p, platform)
	network := orElse(o.Network, p.Network)
	if network == "host" && !slices.Contains(s.Allow, "network.host") {
		return nil, fmt.Errorf("package %s has network = \"host\", which must be allowed with --allow network.host", pkg)
	}
	title := ""
	if p.Dockerfile == "" {
		title = "dockerfile_inline of " + pkg
	}
	spec := &BuildSpec{
		Request: BuildRequest{
			Node: planner.NodeID(pkg, platform), Platform: platform,
			Files: p.Sources.Files, Dockerfile: p.DockerfileContent, DockerfileName: path.Join(p.Context, orElse(p.Dockerfile, "Dockerfile")),
			DockerfileTitle: title,
			Target:          p.TargetFor(platform), Args: s.args(p, platform),
			Labels: s.labels(p), Annotations: p.Annotations,
			LocalContexts: map[string][]planner.File{}, RemoteContexts: map[string]string{}, PinnedContexts: map[string]PinnedContext{},
			SSH: p.SSH, Network: network, NoCache: p.NoCache || o.NoCache, Allow: s.Allow,
			ShmSize: p.ShmSize, Ulimits: p.Ulimits, ExtraHosts: p.ExtraHosts, CgroupParent: p.CgroupParent,
			NoCacheStages: p.NoCacheStages, Pull: p.Pull, CacheFrom: cacheFrom, CacheTo: cacheTo,
			Provenance: p.Attest.Provenance, SBOM: p.Attest.SBOM, Scanner: p.Attest.Scanner,
		},
		NativeOnly: p.NativeOnly(platform), Runs: p.Runs(platform), Timeout: p.Timeout, Retries: p.Retries,
	}
	if o.Timeout > 0 {
		spec.Timeout = o.Timeout
	}
	for _, u := range p.Uses(platform) {
		if u.Name != "" {
			spec.Uses = append(spec.Uses, ImageUse(u))
		}
	}
	for _, base := range p.Bases(platform) {
		pinned := base.Ref + "@" + base.Digest
		switch {
		case base.Digest == "":
		case base.Tool == planner.ToolFrontend:
			spec.Request.Frontend = pinned
		case base.Tool == planner.ToolScanner:
			spec.Request.Scanner = pinned
		default:
			spec.Bases = append(spec.Bases, base)
		}
	}
	for _, a := range p.Archives {
		spec.Archives = append(spec.Archives, archiveSpec(a))
	}
	if mayCutOff(p, platform) {
		spec.ResolvedHash = resolvedHash(p, platform)
	}
	s.contexts(p, &spec.Request)
	for _, secret := range p.Secrets {
		spec.Request.Secrets = append(spec.Request.Secrets, Secret{
			ID: secret.ID, Value: func() ([]byte, error) { return s.Secret(secret) },
		})
	}
	return spec, setEpoch(p, &spec.Request)
}

func archiveSpec(a schema.Archive) ArchiveSpec {
	out := ArchiveSpec{Path: a.Path, Format: a.Format}
	for _, image := range a.Images {
		out.Images = append(out.Images, ArchiveImage(image))
	}
	return out
}

// Inputs returns what the package's hash is made of.
func (s *ResolvedSpecs) Inputs(pkg string) *planner.Inputs {
	if p := s.Resolved.Package(pkg); p != nil {
		return p.Inputs
	}
	return nil
}

// contexts adds the named contexts that are no packages.
func (s *ResolvedSpecs) contexts(p *planner.Package, req *BuildRequest) {
	for name, c := range p.Contexts {
		switch {
		case c.URL != "":
			req.RemoteContexts[name] = c.URL
		case c.Path != "":
			req.LocalContexts[name] = p.LocalContexts[name].Files
		case c.Git != "":
			req.PinnedContexts[name] = PinnedContext{Kind: ContextGit, Location: c.Git, Pin: c.Pin}
		case c.File != "":
			req.PinnedContexts[name] = PinnedContext{Kind: ContextFile, Location: c.File, Pin: c.Pin}
		case c.Layout != "":
			req.PinnedContexts[name] = PinnedContext{Kind: ContextLayout, Location: s.inRoot(c.Layout), Pin: c.Pin}
		}
	}
}

// args are the arguments as configured and, where the Dockerfile declares
// them and the configuration does not set them, what the build may know about
// itself.
func (s *ResolvedSpecs) args(p *planner.Package, platform string) map[string]string {
	args := p.ArgsFor(platform)
	for name, value := range s.Proxies {
		if _, set := args[name]; !set {
			args[name] = value
		}
	}
	version := s.Provenance.GoVersion
	if p.Dirty && version != "" {
		version += "+dirty" // as the go command stamps it
	}
	for name, value := range map[string]string{
		"SOURCE": s.Provenance.Source, "REVISION": s.Provenance.Revision, "GOPKGVERSION": version,
		"PKG_HASH": p.TagHash, "PKG_IMAGE": p.Ref(),
	} {
		if _, set := args[name]; !set && value != "" && slices.Contains(p.DockerfileArgs, name) {
			args[name] = value
		}
	}
	return args
}

// labels are the labels as configured and, unless the image must come out the
// same whoever builds it, the OCI annotations' keys for source and revision.
func (s *ResolvedSpecs) labels(p *planner.Package) map[string]string {
	labels := maps.Clone(p.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	for name, value := range map[string]string{
		"org.opencontainers.image.revision": s.Provenance.Revision,
		"org.opencontainers.image.source":   s.Provenance.Source,
	} {
		if _, set := labels[name]; !set && value != "" && !p.Reproducible {
			labels[name] = value
		}
	}
	return labels
}

// setEpoch gives a reproducible build its SOURCE_DATE_EPOCH
// (https://reproducible-builds.org/specs/source-date-epoch/).
func setEpoch(p *planner.Package, req *BuildRequest) error {
	if !p.Reproducible {
		return nil
	}
	epoch := int64(defaultEpoch)
	if text, set := req.Args["SOURCE_DATE_EPOCH"]; set {
		var err error
		if epoch, err = strconv.ParseInt(text, 10, 64); err != nil {
			return fmt.Errorf("package %s: SOURCE_DATE_EPOCH %q: write Unix seconds", p.Name, text)
		}
	}
	req.Epoch = &epoch
	return nil
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}
