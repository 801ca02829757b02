package buildkit

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tonistiigi/fsutil"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/dockerfile"
)

// storeID is what the store is called in a solve.
const storeID = "store"

// Build builds one node. See executor.Builder.
func (c *Client) Build(ctx context.Context, req *executor.BuildRequest, progress func(executor.Progress)) (*executor.BuildResult, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx) // a solve would take seconds to see it
	}
	if err := checkStages(req); err != nil {
		return nil, err
	}
	s, err := c.newSolve(ctx, req)
	if err != nil {
		return nil, err
	}
	// The transfer of files does not tell the daemon when reading one fails:
	// it would wait for the rest forever.
	solving, stop := context.WithCancel(ctx)
	defer stop()
	var ended <-chan struct{} // nil, for ever open, of a session of its own
	if !needsOwnSession(req) {
		var leave func()
		if leave, ended, err = s.join(c); err != nil {
			return nil, err
		}
		defer leave()
	}
	for _, t := range s.trees {
		t.whenFailed(stop)
	}
	status := make(chan *client.SolveStatus)
	drained := make(chan *watcher)
	go func() {
		w := &watcher{report: progress, names: map[string]string{}, noSpace: map[string]bool{}}
		for st := range status {
			w.see(st)
		}
		drained <- w
	}()
	res, err := c.buildkit.Solve(solving, nil, s.opt, status)
	w := <-drained
	if err := s.changed(); err != nil {
		return nil, err
	}
	if failed := explainPush(ctx, req, err); failed != nil {
		return nil, failed
	}
	var exit *gatewaypb.ExitError
	if err != nil && isClosed(ended) && ctx.Err() == nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("builder %s: %w", c.endpoint, &lostError{err})
	}
	if err != nil {
		return nil, c.explain(ctx, s, err, w)
	}
	return c.result(ctx, req, res)
}

// solve is a request in BuildKit's terms.
type solve struct {
	opt   client.SolveOpt
	trees []*tree
	// dockerfile is the name that users know the Dockerfile by. The daemon has
	// it from the context, or from a directory of its own.
	dockerfile string
}

func (c *Client) newSolve(ctx context.Context, req *executor.BuildRequest) (*solve, error) {
	s := &solve{dockerfile: cmp.Or(req.DockerfileTitle, insidePath(req.DockerfileName)), opt: client.SolveOpt{
		Frontend:       "dockerfile.v0",
		FrontendAttrs:  frontendAttrs(req),
		FrontendInputs: map[string]llb.State{},
		LocalMounts:    map[string]fsutil.FS{},
		OCIStores:      map[string]content.Store{storeID: c.store},
		SharedKey:      sharedKey,
		Internal:       true, // no record in the daemon's history
		Exports:        []client.ExportEntry{c.export(req)},
		Session:        []session.Attachable{c.auth},
	}}
	if err := s.addLocals(ctx, c, req); err != nil {
		return nil, err
	}
	if err := errors.Join(s.addContexts(req), s.addPinned(c, req)); err != nil {
		return nil, err
	}
	s.opt.AllowedEntitlements = req.Allow
	if err := s.addSession(req); err != nil {
		return nil, err
	}
	s.opt.CacheImports, s.opt.CacheExports = cacheEntries(req.CacheFrom), cacheEntries(req.CacheTo)
	return s, nil
}

// frontendAttrs are the options of the Dockerfile frontend: see
// frontend/dockerui/config.go.
func frontendAttrs(req *executor.BuildRequest) map[string]string {
	attrs := map[string]string{
		"platform": req.Platform,
		"filename": insidePath(req.DockerfileName),
	}
	if req.Target != "" {
		attrs["target"] = req.Target
	}
	for name, value := range req.Args {
		attrs["build-arg:"+name] = value
	}
	for name, value := range req.Labels {
		attrs["label:"+name] = value
	}
	maps.Copy(attrs, surroundingAttrs(req))
	if req.Epoch != nil {
		attrs["build-arg:SOURCE_DATE_EPOCH"] = strconv.FormatInt(*req.Epoch, 10)
	}
	if req.Provenance != "" {
		attrs["attest:provenance"] = "mode=" + req.Provenance
	}
	if req.SBOM {
		attrs["attest:sbom"] = ""
		if req.Scanner != "" {
			attrs["attest:sbom"] = "generator=" + req.Scanner
		}
	}
	// With this attribute the frontend does not look at the syntax line or argument, which
	// would have the daemon pull what it has built in.
	ref, cmdline, ok := dockerfile.Syntax(req.Dockerfile, req.Args)
	if ok && dockerfile.BuiltIn(ref) {
		attrs["cmdline"] = cmdline
	}
	if req.Frontend != "" {
		attrs["build-arg:"+dockerfile.SyntaxArg] = req.Frontend + cmdline[len(ref):]
	}
	return attrs
}

// insidePath makes a path that may lead out of the workspace one that does not.
func insidePath(name string) string { return strings.TrimPrefix(path.Join("/", name), "/") }

// export is where the image goes: into the store, or to a registry.
func (c *Client) export(req *executor.BuildRequest) client.ExportEntry {
	attrs := exportAttrs(req)
	if req.PushTo != "" {
		maps.Copy(attrs, c.pushAttrs(req.PushTo))
		return client.ExportEntry{Type: client.ExporterImage, Attrs: attrs}
	}
	attrs["tar"] = "false"
	return client.ExportEntry{Type: client.ExporterOCI, OutputStore: c.store, Attrs: attrs}
}

func exportAttrs(req *executor.BuildRequest) map[string]string {
	attrs := map[string]string{"oci-mediatypes": "true"}
	for name, value := range req.Annotations {
		attrs["annotation."+name] = value
	}
	if req.Epoch != nil {
		attrs["rewrite-timestamp"] = "true"
	}
	return attrs
}

// addLocals adds the context, the Dockerfile, if the context does not have it,
// and named contexts that are directories. As inputs they are taken as they are: BuildKit applies no
// .dockerignore to them, which has been done.
func (s *solve) addLocals(ctx context.Context, c *Client, req *executor.BuildRequest) error {
	archives, made, err := c.archives(ctx, req)
	if err != nil {
		return err
	}
	files, err := newTree(slices.Concat(req.Files, archives))
	if err != nil {
		return err
	}
	files.made = made
	s.addLocal("context", files)
	if at, ok := files.find(req.Dockerfile); ok { // one transfer less
		s.opt.FrontendInputs["dockerfile"], s.opt.FrontendAttrs["filename"] = s.opt.FrontendInputs["context"], at
	} else {
		s.addLocal("dockerfile", newFile(insidePath(req.DockerfileName), req.Dockerfile))
	}
	for name, files := range req.LocalContexts {
		t, err := newTree(files)
		if err != nil {
			return err
		}
		input := "named-" + name
		s.addLocal(input, t)
		s.opt.FrontendAttrs["context:"+name] = "input:" + input
	}
	return nil
}

// addLocal offers a tree to the daemon. The daemon keeps what it has got
// under the key, and compares by size and time alone what has changed since.
// All our files have one time, so the key is made of the content: other
// content is always sent anew, and the same content, for another platform
// say, never.
func (s *solve) addLocal(name string, t *tree) {
	t.name = name + "-" + t.key
	s.trees = append(s.trees, t)
	s.opt.LocalMounts[t.name] = t
	s.opt.FrontendInputs[name] = llb.Local(t.name, llb.SharedKeyHint(t.key), llb.WithCustomName("[internal] load "+name))
}

// join has the solve use the session that solves share, until leave is called.
// ended is closed when the session's connection is.
func (s *solve) join(c *Client) (leave func(), ended <-chan struct{}, err error) {
	if s.opt.SharedSession, ended, err = c.openShared(); err != nil {
		return nil, nil, fmt.Errorf("open a session: %w", err)
	}
	s.opt.SessionPreInitialized, s.opt.LocalMounts = true, nil
	withdraw := make([]func(), len(s.trees))
	for i, t := range s.trees {
		s.trees[i], withdraw[i] = c.shared.trees.add(t)
	}
	return func() {
		for _, f := range withdraw {
			f()
		}
	}, ended, nil
}

// changed reports a file that was not what it should be when it was sent.
func (s *solve) changed() error {
	for _, t := range s.trees {
		if err := t.failure(); err != nil {
			return &executor.BuildError{Err: err}
		}
	}
	return nil
}

// addContexts pins the workspace's images by digest and platform.
func (s *solve) addContexts(req *executor.BuildRequest) error {
	for _, image := range req.Images {
		name, err := contextName(image.Name)
		if err != nil {
			return err
		}
		platform, err := platforms.Parse(image.Platform)
		if err != nil {
			return fmt.Errorf("image %s: %w", image.Name, err)
		}
		key := "context:" + name + "::" + platforms.FormatAll(platforms.Normalize(platform))
		from := "oci-layout://" + storeID
		if image.Repository != "" {
			from = "docker-image://" + image.Repository
		}
		s.opt.FrontendAttrs[key] = from + "@" + image.Descriptor.Digest.String()
	}
	for name, url := range req.RemoteContexts {
		key, err := contextName(name)
		if err != nil {
			return err
		}
		s.opt.FrontendAttrs["context:"+key] = url
	}
	return nil
}

// contextName is a name in the form in which the frontend looks it up: see
// NamedContext in frontend/dockerui/config.go. It is familiar and without
// :latest.
func contextName(name string) (string, error) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return "", fmt.Errorf("image name %q: %w", name, err)
	}
	return strings.TrimSuffix(reference.FamiliarString(named), ":latest"), nil
}

// addSession adds what the daemon may ask for during the solve.
func (s *solve) addSession(req *executor.BuildRequest) error {
	if len(req.Secrets) > 0 {
		s.opt.Session = append(s.opt.Session, secretsprovider.NewSecretProvider(secretStore(req.Secrets)))
	}
	if len(req.SSH) == 0 {
		return nil
	}
	var agents []sshprovider.AgentConfig
	for _, id := range req.SSH {
		name, paths, _ := strings.Cut(id, "=")
		agent := sshprovider.AgentConfig{ID: name}
		if paths != "" {
			agent.Paths = strings.Split(paths, ",")
		}
		agents = append(agents, agent)
	}
	provider, err := sshprovider.NewSSHAgentProvider(agents)
	if err != nil {
		return fmt.Errorf("ssh %s: %w", strings.Join(req.SSH, ", "), err)
	}
	s.opt.Session = append(s.opt.Session, provider)
	return nil
}

// result reads what was built from the store. What was pushed is as the daemon
// says.
func (c *Client) result(ctx context.Context, req *executor.BuildRequest, res *client.SolveResponse) (*executor.BuildResult, error) {
	encoded, err := base64.StdEncoding.DecodeString(res.ExporterResponse[exptypes.ExporterImageDescriptorKey])
	if err != nil || len(encoded) == 0 {
		return nil, errors.Join(fmt.Errorf("builder %s: the image has no descriptor", c.endpoint), err)
	}
	var desc ocispec.Descriptor
	if err := json.Unmarshal(encoded, &desc); err != nil {
		return nil, fmt.Errorf("builder %s: read the image's descriptor: %w", c.endpoint, err)
	}
	platform, err := platforms.Parse(req.Platform)
	if err != nil {
		return nil, err
	}
	platform = platforms.Normalize(platform)
	if req.PushTo != "" || desc.MediaType != ocispec.MediaTypeImageIndex {
		return &executor.BuildResult{Manifest: plain(desc, &platform)}, nil
	}
	blob, err := content.ReadBlob(ctx, c.store, desc)
	if err != nil {
		return nil, fmt.Errorf("read the built index: %w", err)
	}
	var index ocispec.Index
	if err := json.NewDecoder(bytes.NewReader(blob)).Decode(&index); err != nil {
		return nil, fmt.Errorf("read the built index: %w", err)
	}
	return split(index, &platform)
}

// split takes an index of one image and its attestations apart.
func split(index ocispec.Index, platform *ocispec.Platform) (*executor.BuildResult, error) {
	const kind = "vnd.docker.reference.type"
	out := &executor.BuildResult{}
	for _, d := range index.Manifests {
		if d.Annotations[kind] == "attestation-manifest" {
			out.Attestations = append(out.Attestations, d)
		} else if out.Manifest.Digest == "" {
			out.Manifest = plain(d, platform)
		}
	}
	if out.Manifest.Digest == "" {
		return nil, errors.New("the built index has no image")
	}
	return out, nil
}

// plain is the descriptor without what BuildKit says about this very build.
func plain(d ocispec.Descriptor, platform *ocispec.Platform) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size, Platform: platform}
}
