package planner

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/stowage-build/stowage/schema"
)

// examine evaluates a package and reads its files: the first phase.
func (r *resolver) examine(ctx context.Context, d *schema.Declaration, known map[string]schema.Identity) outcome {
	o := outcome{name: d.Name}
	cfg, diags := r.ws.Evaluate(d, lookupIn(known))
	o.diags = diags
	if cfg == nil || o.diags.HasErrors() {
		return o
	}
	p := &Package{
		Package: cfg, Name: d.Name, Repository: d.Repository,
		LocalContexts: map[string]*SourceSet{}, nodes: map[string]*nodeUses{},
	}
	for _, read := range []func(context.Context, *Package) (hcl.Diagnostics, error){r.readSources, r.readLayouts, r.readDockerfile, r.readTree, r.addBuildArgs} {
		diags, err := read(ctx, p)
		o.diags = append(o.diags, diags...)
		if err != nil {
			o.err = fmt.Errorf("package %s: %w", d.Name, err)
			return o
		}
	}
	if p.Sources != nil {
		o.diags = append(o.diags, checkArchives(p)...)
	}
	if o.diags.HasErrors() {
		return o
	}
	o.pkg = p
	o.uses, diags = r.readImages(p, nil)
	o.diags = append(o.diags, diags...)
	return o
}

// readSources reads the source sets of the context and of named contexts.
func (r *resolver) readSources(ctx context.Context, p *Package) (hcl.Diagnostics, error) {
	var diags hcl.Diagnostics
	read := func(attribute string, spec SourceSpec) (*SourceSet, error) {
		spec.AllowOutside = p.AllowOutside
		set, err := r.opts.Sources.Set(ctx, spec)
		if err != nil {
			if !isConfigurationMistake(err) {
				return nil, err
			}
			diags = append(diags, fileDiagnostic(p, attribute, err))
			return nil, nil
		}
		p.Dirty = p.Dirty || set.Dirty
		return set, nil
	}
	var err error
	p.Sources, err = read("context", SourceSpec{Context: p.Context, Dockerfile: p.Dockerfile, Extra: p.Package.Sources})
	if err != nil {
		return diags, err
	}
	if p.Sources != nil {
		for _, i := range p.Sources.Empty {
			diags = append(diags, emptySource(p.Package.Sources[i]))
		}
	}
	for _, name := range sortedKeys(p.Contexts) {
		if dir := p.Contexts[name].Path; dir != "" {
			if p.LocalContexts[name], err = read("contexts", SourceSpec{Context: dir}); err != nil {
				return diags, err
			}
		}
	}
	return diags, nil
}

// emptySource warns of a source block that adds nothing.
func emptySource(s schema.Source) *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagWarning, Summary: "A source gives no files",
		Detail: fmt.Sprintf("Nothing from the directory %q comes into the context: git ignores what is in it, or include and exclude leave nothing. "+
			"A file that is named by itself comes even if git ignores it.", s.Path),
		Subject: &s.Range,
	}
}

// isConfigurationMistake tells a path that the configuration gets wrong from
// a disk that fails.
func isConfigurationMistake(err error) bool {
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	var mistake interface{ ConfigurationMistake() bool }
	return errors.As(err, &mistake) && mistake.ConfigurationMistake()
}

func fileDiagnostic(p *Package, attribute string, err error) *hcl.Diagnostic {
	rng := p.Range(attribute)
	return &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Cannot read the " + attribute + " of package " + p.Name,
		Detail:   capitalised(err.Error()) + ".",
		Subject:  &rng,
	}
}

func (r *resolver) readDockerfile(ctx context.Context, p *Package) (hcl.Diagnostics, error) {
	if p.Dockerfile == "" {
		p.DockerfileContent = []byte(p.DockerfileInline)
		return nil, nil
	}
	content, err := r.opts.Sources.Dockerfile(ctx, p.Context, p.Dockerfile)
	if err != nil && isConfigurationMistake(err) {
		return hcl.Diagnostics{fileDiagnostic(p, "dockerfile", err)}, nil
	}
	p.DockerfileContent = content
	return nil, err
}

// addBuildArgs gives the package the arguments from outside that its Dockerfile
// declares. A mistake in the Dockerfile is reported by whoever reads it next.
func (r *resolver) addBuildArgs(_ context.Context, p *Package) (hcl.Diagnostics, error) {
	if len(r.opts.BuildArgs) == 0 {
		return nil, nil
	}
	df, err := r.analyze(p, p.Platforms[0], r.native(p.Platforms[0]), nil)
	if err != nil {
		return nil, nil
	}
	args := maps.Clone(p.Args)
	for name, value := range r.opts.BuildArgs {
		if !slices.Contains(df.Args, name) {
			continue
		}
		if args == nil {
			args = map[string]string{}
		}
		args[name] = value
	}
	p.Args = args
	return nil, nil
}

// imageUse is one image name found for a platform of a package.
type imageUse struct {
	ImageUse
	node string // the platform that is built
	// native says that the use would be another on a builder with another
	// native platform.
	native bool
}

// readImages finds the images that the Dockerfile names, for each platform,
// and those that ONBUILD instructions of its base images do.
func (r *resolver) readImages(p *Package, t triggers) ([]imageUse, hcl.Diagnostics) {
	var uses []imageUse
	var diags hcl.Diagnostics
	for _, platform := range p.Platforms {
		df, err := r.analyze(p, platform, r.native(platform), t[platform])
		if err != nil {
			diags = append(diags, dockerfileDiagnostic(p, err))
			break // the other platforms would say the same
		}
		p.DockerfileArgs, p.nameArgs = without(df.Args, df.NameArgs, df.FromArgs), df.NameArgs
		p.nodes[platform] = &nodeUses{frontend: df.Syntax, onBuild: df.OnBuild, runs: r.runs(p, platform, df, t[platform])}
		bound := r.bound(p, platform, t[platform])
		for _, use := range df.Images {
			uses = append(uses, imageUse{ImageUse: use, node: platform, native: bound(use)})
		}
	}
	return uses, diags
}

// without is names less those in two other lists.
func without(names, some, more []string) []string {
	if len(some)+len(more) == 0 {
		return names
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.Contains(some, name) || slices.Contains(more, name)
	})
}

func (r *resolver) analyze(p *Package, platform, native string, onBuild map[string][]string) (*Dockerfile, error) {
	return r.opts.Dockerfiles.Analyze(p.DockerfileContent, AnalyzeOptions{
		Target: p.TargetFor(platform), Args: p.ArgsFor(platform),
		Platform: platform, Native: native, Contexts: sortedKeys(p.Contexts),
		OnBuild: onBuild,
	})
}

// runs are the platforms whose programs any builder of the node must run. What
// a builder runs as its own platform's is not among them.
func (r *resolver) runs(p *Package, platform string, df *Dockerfile, onBuild map[string][]string) []string {
	if !mentionsBuilder(p.DockerfileContent) {
		return df.Runs
	}
	other, err := r.analyze(p, platform, r.otherNative(platform), onBuild)
	if err != nil {
		return nil
	}
	var out []string
	for _, run := range df.Runs {
		if slices.Contains(other.Runs, run) {
			out = append(out, run)
		}
	}
	return out
}

// otherNative is a platform that is not the builder's own.
func (r *resolver) otherNative(platform string) string {
	if r.native(platform) == "linux/amd64" {
		return "linux/arm64"
	}
	return "linux/amd64"
}

// bound returns a function that reports whether a use depends on the native
// platform of the builder: whether it would be gone on another.
func (r *resolver) bound(p *Package, platform string, onBuild map[string][]string) func(ImageUse) bool {
	if !mentionsBuilder(p.DockerfileContent) {
		return func(ImageUse) bool { return false }
	}
	df, err := r.analyze(p, platform, r.otherNative(platform), onBuild)
	return func(use ImageUse) bool { return err != nil || !slices.Contains(df.Images, use) }
}

// mentionsBuilder reports whether a Dockerfile has one of the names that
// BuildKit gives to parts of the builder's own platform.
func mentionsBuilder(content []byte) bool {
	for _, name := range []string{"BUILDPLATFORM", "BUILDOS", "BUILDARCH", "BUILDVARIANT"} {
		if bytes.Contains(content, []byte(name)) {
			return true
		}
	}
	return false
}

// native returns the native platform of the builder that will build platform:
// of the first declared builder that has it, else the host's. A builder that
// does not say what it is is taken for one of the host's platform, as planning
// asks none.
func (r *resolver) native(platform string) string {
	if native := r.opts.Natives[platform]; native != "" {
		return native
	}
	for _, b := range r.ws.Builders {
		if len(b.Platforms) == 0 || slices.Contains(b.Platforms, platform) {
			return cmp.Or(b.Native, r.opts.HostPlatform)
		}
	}
	return r.opts.HostPlatform
}

// dockerfileDiagnostic puts a mistake in a Dockerfile at its line.
func dockerfileDiagnostic(p *Package, err error) *hcl.Diagnostic {
	rng := p.Range("dockerfile")
	if p.Dockerfile == "" {
		rng = p.Range("dockerfile_inline")
	}
	d := &hcl.Diagnostic{
		Severity: hcl.DiagError,
		Summary:  "Cannot read the Dockerfile of package " + p.Name,
		Detail:   capitalised(err.Error()) + ".",
		Subject:  &rng,
	}
	var at interface{ Location() (line int) }
	if errors.As(err, &at) && at.Location() > 0 {
		rng = dockerfileRange(p, at.Location())
	}
	return d
}

func capitalised(s string) string {
	if s == "" {
		return s
	}
	if c := s[0]; c >= 'a' && c <= 'z' {
		return string(c-'a'+'A') + s[1:]
	}
	return s
}
