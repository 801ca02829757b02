package dockerfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/planner"
)

// Error is a mistake in a Dockerfile.
type Error struct {
	// Line counts from 1; 0 when it is about the whole file.
	Line int
	Err  error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Err.Error()
	}
	return fmt.Sprintf("line %d: %v", e.Line, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Location is the line of the mistake, 0 when unknown.
func (e *Error) Location() int { return e.Line }

// Analyzer implements planner.Dockerfiles.
type Analyzer struct{}

// Analyze returns the images that the stages reachable from opts.Target name.
// An error is an *Error.
func (Analyzer) Analyze(content []byte, opts planner.AnalyzeOptions) (*planner.Dockerfile, error) {
	if len(bytes.TrimSpace(content)) == 0 {
		return nil, &Error{Err: errors.New("the Dockerfile is empty")}
	}
	parsed, err := parser.Parse(bytes.NewReader(content))
	if err != nil {
		return nil, located(err)
	}
	stages, globals, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return nil, located(err)
	}
	if len(stages) == 0 {
		return nil, &Error{Err: errors.New("the Dockerfile has no FROM instruction")}
	}
	a := &analysis{opts: opts, lex: shell.NewLex(parsed.EscapeToken), contexts: contextNames(opts.Contexts)}
	if err := a.addGlobals(stages, globals); err != nil {
		return nil, err
	}
	if err := a.addStages(stages); err != nil {
		return nil, err
	}
	target, err := a.target()
	if err != nil {
		return nil, err
	}
	if err := a.reach(target); err != nil {
		return nil, err
	}
	syntax, _, _, _ := parser.DetectSyntax(content)
	return &planner.Dockerfile{Images: a.images, Args: a.argNames(), Syntax: syntax}, nil
}

// analysis is one Dockerfile being read.
type analysis struct {
	opts     planner.AnalyzeOptions
	lex      *shell.Lex
	env      environment
	contexts map[string]string // normalised name → name
	stages   []*stage
	byName   map[string]*stage // lower case
	images   []planner.ImageUse
	args     map[string]bool
}

// stage is one FROM and what follows it, its names expanded.
type stage struct {
	instructions.Stage
	index    int
	base     *stage
	context  string // the named context that takes the stage's place
	platform string
	visited  bool
}

func (s *stage) line() int { return firstLine(s.Location) }

// environment is what names in FROM are expanded with.
type environment map[string]string

// Get implements shell.EnvGetter.
func (e environment) Get(name string) (string, bool) {
	v, ok := e[name]
	return v, ok
}

// Keys implements shell.EnvGetter.
func (e environment) Keys() []string {
	keys := make([]string, 0, len(e))
	for k := range e {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// addGlobals sets the environment: the predefined platform arguments, then
// the ARGs before the first FROM, each with the value given for it or else
// its default.
func (a *analysis) addGlobals(stages []instructions.Stage, globals []instructions.ArgCommand) error {
	var err error
	if a.env, err = predefined(a.opts, stages[len(stages)-1].Name); err != nil {
		return err
	}
	a.args = map[string]bool{}
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
	stageName := opts.Target
	if stageName == "" {
		stageName = last
	}
	if stageName == "" {
		stageName = "default"
	}
	env := environment{
		"BUILDPLATFORM": platforms.Format(build), "BUILDOS": build.OS, "BUILDOSVERSION": build.OSVersion,
		"BUILDARCH": build.Architecture, "BUILDVARIANT": build.Variant,
		"TARGETPLATFORM": platforms.FormatAll(target), "TARGETOS": target.OS, "TARGETOSVERSION": target.OSVersion,
		"TARGETARCH": target.Architecture, "TARGETVARIANT": target.Variant, "TARGETSTAGE": stageName,
	}
	for name := range env {
		if v, ok := opts.Args[name]; ok {
			env[name] = v
		}
	}
	return env, nil
}

// argNames are the names of all ARGs, of stages too.
func (a *analysis) argNames() []string {
	names := make([]string, 0, len(a.args))
	for name := range a.args {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// expandPlatform reads a stage's --platform; without one a stage is for the
// target platform.
func (a *analysis) expandPlatform(s *stage) (string, error) {
	if s.Platform == "" {
		return normalPlatform(a.env["TARGETPLATFORM"])
	}
	text, _, err := a.lex.ProcessWord(s.Platform, a.env)
	if err != nil {
		return "", err
	}
	if text == "" {
		return "", fmt.Errorf("--platform=%s is empty", s.Platform)
	}
	return normalPlatform(text)
}

func normalPlatform(text string) (string, error) {
	p, err := platforms.Parse(text)
	if err != nil {
		return "", fmt.Errorf("platform %q: %w", text, err)
	}
	p = platforms.Normalize(p)
	return platforms.Format(ocispec.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}), nil
}

// located makes an *Error of one of BuildKit's.
func located(err error) error {
	var at *parser.LocationError
	line := 0
	if errors.As(err, &at) && len(at.Locations) > 0 {
		line = firstLine(at.Locations[0])
	}
	text := err.Error()
	// BuildKit puts the line in front, in its own words.
	if prefix := fmt.Sprintf("dockerfile parse error on line %d: ", line); strings.HasPrefix(text, prefix) {
		return &Error{Line: line, Err: errors.New(strings.TrimPrefix(text, prefix))}
	}
	return &Error{Line: line, Err: err}
}

func firstLine(ranges []parser.Range) int {
	if len(ranges) == 0 {
		return 0
	}
	return ranges[0].Start.Line
}
