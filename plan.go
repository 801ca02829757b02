package stowage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stowage-build/stowage/internal/tracing"
	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// PlanOptions shape a plan; see the flags of the same names. Their JSON form is
// the plan's "options".
type PlanOptions struct {
	// Packages select as on the command line, relative to Dir.
	Packages       []string `json:"packages,omitempty"`
	Dir            string   `json:"dir,omitempty"`
	WithDependents bool     `json:"with_dependents,omitempty"`
	Platforms      []string `json:"platforms,omitempty"`
	SkipPlatforms  []string `json:"skip_platforms,omitempty"`
	Push           bool     `json:"push,omitempty"`
	AllowDirty     bool     `json:"allow_dirty,omitempty"`
	// Offline asks no registry.
	Offline bool `json:"offline,omitempty"`
	// Force builds what is selected although it exists.
	Force bool `json:"force,omitempty"`
	// Pull copies what is selected and only in the registry into the store.
	Pull bool `json:"pull,omitempty"`
	// Load gives what is selected to the container engine that the docker
	// command would use.
	Load bool `json:"load,omitempty"`
	// SkipBuild builds nothing; what does not exist is an error.
	SkipBuild bool `json:"skip_build,omitempty"`
	// IgnoreCached takes dependencies from the registry although the store has
	// them.
	IgnoreCached bool `json:"ignore_cached,omitempty"`
	// NoIndex pushes per-platform tags only.
	NoIndex bool `json:"no_index,omitempty"`
	// Release is a tag to move to every selected package.
	Release string `json:"release,omitempty"`
	// Output is where builders put images: OutputStore, which "" is too, or
	// OutputRegistry. Then builders push them by digest, and no image bytes
	// pass this machine.
	Output string `json:"output,omitempty"`
}

// Where builders put images.
const (
	OutputStore    = planner.OutputStore
	OutputRegistry = planner.OutputRegistry
)

// Plan finds out what must be done. It writes nothing but caches, and needs
// no builder.
func (w *Workspace) Plan(ctx context.Context, opts PlanOptions) (*planner.Plan, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	r, err := w.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	names, err := w.Select(ctx, opts.Packages, opts.Dir, opts.WithDependents)
	if err != nil {
		return nil, err
	}
	store, err := w.Store()
	if err != nil {
		return nil, err
	}
	revision, err := w.sources.Revision(ctx)
	if err != nil {
		return nil, err
	}
	shown, err := w.shown(opts)
	if err != nil {
		return nil, err
	}
	ports := planner.Ports{Store: store, Records: records{w, opts.Offline}, Estimator: w.estimator()}
	if !opts.Offline {
		if ports.Registry, err = w.Registry(); err != nil {
			return nil, err
		}
		if w.opts.RegistryLookup != nil {
			ports.Registry = toldCatalog{ports.Registry, w.opts.RegistryLookup}
		}
	}
	making, end := tracing.Start(ctx, "look up and plan")
	plan, err := planner.Make(making, r, ports, planner.Options{
		Packages: names, Platforms: opts.Platforms, SkipPlatforms: opts.SkipPlatforms,
		Push: opts.Push, AllowDirty: opts.AllowDirty, Shown: shown,
		Force: opts.Force, Pull: opts.Pull, SkipBuild: opts.SkipBuild, IgnoreCached: opts.IgnoreCached,
		NoIndex: opts.NoIndex, Release: opts.Release, Load: opts.Load, Output: opts.Output,
		Version: w.opts.Version, Now: w.opts.Now(), Revision: revision,
	})
	end(err)
	if errors.Is(err, planner.ErrRegistry) && w.config.Registry == "" {
		return nil, fmt.Errorf("%w\nImages without a registry are Docker Hub's: set registry in the workspace block", err)
	}
	if err != nil {
		return nil, err
	}
	if err := warnOfDamage(plan, store); err != nil {
		return nil, err
	}
	if opts.Push {
		uncommitted, err := w.uncommitted(ctx)
		if err != nil {
			return nil, err
		}
		if uncommitted != "" {
			plan.Diagnostics = append(plan.Diagnostics, planner.Diagnostic{
				Severity: "warning", Summary: "The configuration is not committed", Detail: uncommitted + ".",
			})
		}
	}
	return plan, w.hintRelease(ctx, plan, opts)
}

// toldCatalog tells of what is looked up.
type toldCatalog struct {
	planner.Catalog
	tell func(ref string) (done func())
}

// Lookup tells of the lookup while it goes on.
func (c toldCatalog) Lookup(ctx context.Context, ref string) (*planner.Image, error) {
	defer c.tell(ref)()
	return c.Catalog.Lookup(ctx, ref)
}

// uncommitted says that the configuration is not as in HEAD, so that what is
// pushed has tags that no commit leads to; "" is that it is.
func (w *Workspace) uncommitted(ctx context.Context) (string, error) {
	files, err := w.sources.Uncommitted(ctx, slices.Sorted(maps.Keys(w.config.Files)))
	if len(files) == 0 {
		return "", err
	}
	return strings.Join(files, ", ") + " differs from HEAD, so what is pushed could not be found again from a commit", err
}

// hintRelease remarks that the commit has a release's tag and that none is
// made. Nothing is guessed.
func (w *Workspace) hintRelease(ctx context.Context, plan *planner.Plan, opts PlanOptions) error {
	if !opts.Push || opts.NoIndex || opts.Release != "" {
		return nil
	}
	tags, err := w.sources.ReleaseTags(ctx)
	if err == nil && len(tags) == 1 && releaseTag.MatchString(tags[0]) {
		plan.Diagnostics = append(plan.Diagnostics, planner.Diagnostic{
			Severity: "note", Summary: "The commit is tagged " + tags[0],
			Detail: fmt.Sprintf("Nothing is released. --release %s moves that tag of every selected package.", tags[0]),
		})
	}
	return err
}

// check refuses options that contradict each other, by the names of their
// flags.
func (o PlanOptions) check() error {
	for _, c := range []struct {
		wrong bool
		text  string
	}{
		{o.Offline && o.Push, "--push asks the registry, --offline forbids it"},
		{o.Offline && o.Pull, "--pull asks the registry, --offline forbids it"},
		{o.Offline && o.IgnoreCached, "--ignore-cached asks the registry, --offline forbids it"},
		{o.Force && o.SkipBuild, "--force builds, --skip-build forbids it"},
		{o.Force && o.Pull, "--force builds what is selected, --pull takes it from the registry"},
		{o.NoIndex && o.Release != "", "--release points at an index, --no-index leaves it out"},
		{o.direct() && o.Load, "--load takes images from the store, --output registry leaves it out"},
		{o.direct() && o.Pull, "--pull puts images into the store, --output registry leaves it out"},
		{o.direct() && o.SkipBuild, "--skip-build pushes what the store has, --output registry leaves it out"},
		{o.direct() && o.Offline, "--output registry asks the registry, --offline forbids it"},
	} {
		if c.wrong {
			return errors.New(c.text + "; use one of them")
		}
	}
	for _, p := range o.Platforms {
		if slices.Contains(o.SkipPlatforms, p) {
			return fmt.Errorf("--platform %s asks for what --skip-platform %s leaves out; use one of them", p, p)
		}
	}
	switch {
	case o.Output != "" && o.Output != OutputStore && !o.direct():
		return fmt.Errorf("--output %q: use %s or %s", o.Output, OutputStore, OutputRegistry)
	case o.direct() && !o.Push:
		return errors.New("--output registry has builders push what they build; use it with --push")
	case o.NoIndex && !o.Push:
		return errors.New("--no-index is about what is pushed; use it with --push")
	case o.Release != "" && !o.Push:
		return errors.New("--release moves a tag in the registry; use it with --push")
	case o.Release != "" && !releaseTag.MatchString(o.Release):
		return fmt.Errorf("--release %q is no tag: write letters, digits, _, . and -, at most 128", o.Release)
	}
	return nil
}

// direct reports whether builders push what they build.
func (o PlanOptions) direct() bool { return o.Output == OutputRegistry }

// releaseTag is what the distribution specification takes for a tag.
var releaseTag = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)

// shown are the options as a plan records them, with the values of variables
// that flags gave. Those of sensitive ones are left out: apply must be given
// them again.
func (w *Workspace) shown(opts PlanOptions) (map[string]any, error) {
	encoded, err := json.Marshal(opts)
	if err != nil {
		return nil, fmt.Errorf("record the options: %w", err)
	}
	shown := map[string]any{}
	if err := json.Unmarshal(encoded, &shown); err != nil {
		return nil, fmt.Errorf("record the options: %w", err)
	}
	vars := map[string]any{}
	for _, v := range w.config.Variables {
		if v.FromFlag && !v.Sensitive {
			vars[v.Name] = v.Value
		}
	}
	if len(vars) > 0 {
		shown["vars"] = vars
	}
	if len(w.opts.BuildArgs) > 0 {
		shown["build_args"] = w.opts.BuildArgs
	}
	if len(w.opts.Set) > 0 {
		shown["set"] = w.opts.Set
	}
	if len(w.natives) > 0 {
		shown["natives"] = w.natives
	}
	if !w.opts.At.IsZero() {
		shown["at"] = w.opts.At.Format(time.RFC3339)
	}
	return shown, nil
}

// Restore adds to opts what a saved plan was made with: its variables, build
// arguments, settings, builders' platforms and time. Sensitive variables are
// not in it and must be given again.
func Restore(opts *Options, saved *planner.Plan) {
	vars, _ := saved.Options["vars"].(map[string]any)
	var restored []schema.Var
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if text, ok := vars[name].(string); ok {
			restored = append(restored, schema.Var{Name: name, Value: text})
		}
	}
	opts.Vars = append(restored, opts.Vars...)
	if args, ok := saved.Options["build_args"].(map[string]any); ok {
		opts.BuildArgs = map[string]string{}
		for name, value := range args {
			opts.BuildArgs[name], _ = value.(string)
		}
	}
	if settings, ok := saved.Options["set"].([]any); ok {
		var restored []string
		for _, s := range settings {
			text, _ := s.(string) // an altered plan is refused by its checksum
			restored = append(restored, text)
		}
		opts.Set = append(restored, opts.Set...)
	}
	opts.Natives = map[string]string{}
	natives, _ := saved.Options["natives"].(map[string]any)
	for platform, native := range natives {
		opts.Natives[platform], _ = native.(string)
	}
	if text, ok := saved.Options["at"].(string); ok {
		opts.At, _ = time.Parse(time.RFC3339, text) // an altered plan is refused by its checksum
	}
}

// Replan makes a saved plan's plan again and returns it. It is a
// *planner.StaleError when the workspace gives something else.
func (w *Workspace) Replan(ctx context.Context, saved *planner.Plan) (*planner.Plan, error) {
	encoded, err := json.Marshal(saved.Options)
	if err != nil {
		return nil, fmt.Errorf("read the saved plan: %w", err)
	}
	var opts PlanOptions
	if err := json.Unmarshal(encoded, &opts); err != nil {
		return nil, fmt.Errorf("%w: %w", planner.ErrAltered, err)
	}
	plan, err := w.Plan(ctx, opts)
	if err != nil {
		return nil, err
	}
	r, err := w.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	return plan, planner.CheckStale(saved, r, plan)
}
