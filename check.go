package stowage

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// checksAtOnce is how many Dockerfiles are checked at once.
const checksAtOnce = 8

// CheckOptions say which Dockerfiles to check.
type CheckOptions struct {
	// Packages select as on the command line, relative to Dir.
	Packages []string
	Dir      string
	// Offline asks no registry whether it has images of the workspace.
	Offline bool
	// Waiting is told of a builder that has not answered for a while; it may be
	// nil.
	Waiting func(builder string)
}

// CheckedPackage is what the builder's rules say of a package's Dockerfile.
type CheckedPackage struct {
	Package string `json:"package"`
	// Dockerfile is a path relative to the workspace root, "" when the
	// configuration has it.
	Dockerfile string         `json:"dockerfile"`
	Warnings   []CheckWarning `json:"warnings"`
	// Error is why the Dockerfile cannot be built, or that it wants its
	// warnings to be errors; nil when neither is.
	Error *CheckError `json:"error,omitempty"`
}

// CheckWarning is a rule that a Dockerfile breaks. Lines count from 1; 0 is no
// particular place.
type CheckWarning struct {
	Rule        string `json:"rule"`
	Description string `json:"description"`
	URL         string `json:"url,omitempty"`
	Detail      string `json:"detail"`
	Line        int    `json:"line"`
	EndLine     int    `json:"end_line"`
	Excerpt     string `json:"-"`
}

// CheckError is what is wrong with a Dockerfile.
type CheckError struct {
	Message string `json:"message"`
	Line    int    `json:"line"`
	EndLine int    `json:"end_line"`
	Excerpt string `json:"-"`
}

// Check has a builder check Dockerfiles by the rules of their frontends, and
// builds nothing. Images of the workspace that do not exist yet are taken for
// empty. The result is sorted by package; an error is about the builder.
func (w *Workspace) Check(ctx context.Context, opts CheckOptions) ([]CheckedPackage, error) {
	r, err := w.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	names, err := w.Select(ctx, opts.Packages, opts.Dir, false)
	if err != nil {
		return nil, err
	}
	store, err := w.Store()
	if err != nil {
		return nil, err
	}
	c := &checker{specs: &executor.ResolvedSpecs{Resolved: r, Root: w.root, Secret: w.secret, Allow: []string{"network.host"}}, store: store}
	if !opts.Offline {
		if c.registry, err = w.Registry(); err != nil {
			return nil, err
		}
	}
	if c.linter, err = w.linter(ctx, store, opts.Waiting); err != nil {
		return nil, err
	}
	out := make([]CheckedPackage, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(checksAtOnce)
	for i, name := range names {
		group.Go(func() error {
			var err error
			if out[i], err = c.check(ctx, r.Package(name)); err != nil {
				return fmt.Errorf("check the Dockerfile of %s: %w", name, err)
			}
			return nil
		})
	}
	return out, group.Wait()
}

// linter opens the first builder that checks Dockerfiles. Any does: nothing is
// run.
func (w *Workspace) linter(ctx context.Context, store Store, waiting func(string)) (executor.Linter, error) {
	builders, _, err := w.builders(ctx, store, &planner.Plan{}, ApplyOptions{Waiting: waiting})
	if err != nil {
		return nil, err
	}
	for _, b := range builders {
		if l, ok := b.Builder.(executor.Linter); ok {
			return l, nil
		}
	}
	return nil, errors.New("no builder checks Dockerfiles")
}

// checker checks Dockerfiles.
type checker struct {
	specs    *executor.ResolvedSpecs
	store    planner.Catalog
	registry planner.Catalog // nil is offline
	linter   executor.Linter
}

func (c *checker) check(ctx context.Context, p *planner.Package) (CheckedPackage, error) {
	out := CheckedPackage{Package: p.Name, Warnings: []CheckWarning{}}
	platform := p.Platforms[0]
	spec, err := c.specs.Build(p.Name, platform)
	if err != nil {
		return out, err
	}
	if p.Dockerfile != "" {
		out.Dockerfile = spec.Request.DockerfileName
	}
	absent, err := c.addImages(ctx, spec)
	if err != nil {
		return out, err
	}
	spec.Request.CacheFrom, spec.Request.CacheTo, spec.Request.NoCacheStages = nil, nil, nil
	found, err := c.linter.Lint(ctx, &spec.Request, absent)
	var failed *executor.BuildError
	if errors.As(err, &failed) {
		out.Error = &CheckError{Message: failed.Error(), Excerpt: failed.Excerpt}
		return out, nil
	}
	if err != nil {
		return out, err
	}
	for _, f := range found.Warnings {
		out.Warnings = append(out.Warnings, CheckWarning{f.Rule, f.Description, f.URL, f.Detail, f.Line, f.EndLine, f.Excerpt})
	}
	slices.SortStableFunc(out.Warnings, func(a, b CheckWarning) int { return a.Line - b.Line })
	if e := found.Error; e != nil {
		out.Error = &CheckError{e.Message, e.Line, e.EndLine, e.Excerpt}
	}
	return out, nil
}

// addImages completes a build with the images of the workspace that exist, and
// returns the names of those that do not.
func (c *checker) addImages(ctx context.Context, spec *executor.BuildSpec) (absent []string, err error) {
	for _, use := range spec.Uses {
		ref := c.specs.Resolved.Package(use.Package).Ref()
		stored, err := c.store.Lookup(ctx, ref)
		if err != nil {
			return nil, err
		}
		if stored != nil {
			if desc, ok := stored.Manifests[use.Platform]; ok {
				spec.Request.Images = append(spec.Request.Images, executor.NamedImage{Name: use.Name, Platform: use.Platform, Descriptor: desc})
				continue
			}
		}
		there, err := c.remote(ctx, ref, use.Platform)
		switch {
		case err != nil:
			return nil, err
		case there != "":
			spec.Request.RemoteContexts[use.Name] = "docker-image://" + there
		default:
			absent = append(absent, use.Name)
		}
	}
	for _, base := range spec.Bases {
		spec.Request.RemoteContexts[base.Name] = "docker-image://" + base.Ref + "@" + base.Digest
	}
	return absent, nil
}

// remote is the reference by digest of what the registry has, or "".
func (c *checker) remote(ctx context.Context, ref, platform string) (string, error) {
	if c.registry == nil {
		return "", nil
	}
	image, err := c.registry.Lookup(ctx, ref)
	if err != nil || image == nil {
		return "", err
	}
	if _, ok := image.Manifests[platform]; !ok {
		return "", nil
	}
	return ref + "@" + image.Digest, nil
}
