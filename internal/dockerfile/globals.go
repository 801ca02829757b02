package dockerfile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/planner"
)

// environment is what names in FROM are expanded with.
type environment map[string]string

// Get implements shell.EnvGetter.
func (e environment) Get(name string) (string, bool) {
	v, ok := e[name]
	return v, ok
}

// Keys implements shell.EnvGetter.
func (e environment) Keys() []string { return slices.Sorted(maps.Keys(e)) }

// addGlobals sets the environment: the predefined platform arguments, then
// the ARGs before the first FROM, each with the value given for it or else
// its default.
func (a *analysis) addGlobals(stages []instructions.Stage, globals []instructions.ArgCommand) error {
	var err error
	if a.platform, err = normalPlatform(a.opts.Platform); err != nil {
		return &Error{Err: err}
	}
	if a.env, err = predefined(a.opts, stages[len(stages)-1].Name); err != nil {
		return err
	}
	for _, cmd := range globals {
		for _, arg := range cmd.Args {
			a.args[arg.Key] = true
			value, set := a.opts.Args[arg.Key]
			if !set && arg.Value != nil {
				if value, _, err = a.lex.ProcessWord(*arg.Value, a.env); err != nil {
					return &Error{Line: firstLine(cmd.Location()), Err: err}
				}
				set = true
			}
			if set {
				a.env[arg.Key] = value
			}
		}
	}
	return nil
}

// predefined are the arguments in the global scope: see "Automatic platform
// ARGs in the global scope" in the Dockerfile reference.
func predefined(opts planner.AnalyzeOptions, last string) (environment, error) {
	target, err := platforms.Parse(opts.Platform)
	if err != nil {
		return nil, &Error{Err: err}
	}
	build, err := platforms.Parse(opts.Native)
	if err != nil {
		return nil, &Error{Err: err}
	}
	env := environment{
		"BUILDPLATFORM": platforms.Format(build), "BUILDOS": build.OS, "BUILDOSVERSION": build.OSVersion,
		"BUILDARCH": build.Architecture, "BUILDVARIANT": build.Variant,
		"TARGETPLATFORM": platforms.FormatAll(target), "TARGETOS": target.OS, "TARGETOSVERSION": target.OSVersion,
		"TARGETARCH": target.Architecture, "TARGETVARIANT": target.Variant,
		"TARGETSTAGE": cmp.Or(opts.Target, last, "default"),
	}
	for name := range env {
		if v, ok := opts.Args[name]; ok {
			env[name] = v
		}
	}
	return env, nil
}

func normalPlatform(text string) (string, error) {
	p, err := platforms.Parse(text)
	if err != nil {
		return "", fmt.Errorf("platform %q: %w", text, err)
	}
	p = platforms.Normalize(p)
	return platforms.Format(ocispec.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}), nil
}
