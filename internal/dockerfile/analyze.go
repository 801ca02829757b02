package dockerfile

import (
	"bytes"
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/stowage-build/stowage/planner"
)

// Analyzer implements planner.Dockerfiles.
type Analyzer struct{}

var _ planner.Dockerfiles = Analyzer{}

// Analyze returns the images that the stages reachable from opts.Target name.
// An error is an *Error.
func (Analyzer) Analyze(content []byte, opts planner.AnalyzeOptions) (*planner.Dockerfile, error) {
	f, err := parse(content)
	if err != nil {
		return nil, err
	}
	return f.analyze(opts)
}

// file is a parsed Dockerfile. Analyzing it does not change it.
type file struct {
	stages  []instructions.Stage
	globals []instructions.ArgCommand
	escape  rune
	syntax  string
}

func parse(content []byte) (*file, error) {
	if len(bytes.TrimSpace(content)) == 0 {
		return nil, &Error{Err: errors.New("the Dockerfile is empty")}
	}
	parsed, err := parser.Parse(bytes.NewReader(content))
	if err != nil {
		return nil, located(err)
	}
	f := &file{escape: parsed.EscapeToken}
	if f.stages, f.globals, err = instructions.Parse(parsed.AST, nil); err != nil {
		return nil, located(err)
	}
	if len(f.stages) == 0 {
		return nil, &Error{Err: errors.New("the Dockerfile has no FROM instruction")}
	}
	f.syntax, _, _, _ = parser.DetectSyntax(content)
	return f, nil
}

func (f *file) analyze(opts planner.AnalyzeOptions) (*planner.Dockerfile, error) {
	a := &analysis{
		opts: opts, lex: shell.NewLex(f.escape), contexts: contextNames(opts.Contexts),
		byName: map[string]*stage{}, args: map[string]bool{}, triggers: map[string][]string{},
	}
	if syntax := cmp.Or(firstWord(opts.Args[SyntaxArg]), f.syntax); syntax != "" && !BuiltIn(syntax) {
		a.syntax = syntax
	}
	for name, triggers := range opts.OnBuild {
		a.triggers[normalName(name)] = triggers
	}
	target, err := a.read(f.stages, f.globals)
	if err != nil {
		return nil, err
	}
	return &planner.Dockerfile{
		Images: a.images, Args: slices.Sorted(maps.Keys(a.args)), Syntax: a.syntax, OnBuild: target.onBuild(), Runs: a.runs(),
		NameArgs: a.nameArgs(f), FromArgs: f.fromArgs(),
	}, nil
}

// SyntaxArg is the argument that names a frontend in the place of the
// "# syntax=" line: see Build in frontend/dockerfile/builder.
const SyntaxArg = "BUILDKIT_SYNTAX"

// Syntax is the image of the frontend that a Dockerfile is for, by its line or
// an argument, and the whole of what says so, which may have options for it. It
// is false when nothing does.
func Syntax(content []byte, args map[string]string) (ref, cmdline string, ok bool) {
	if value := strings.TrimSpace(args[SyntaxArg]); value != "" {
		return firstWord(value), value, true
	}
	ref, cmdline, _, ok = parser.DetectSyntax(content)
	return ref, cmdline, ok
}

func firstWord(text string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	return word
}

// BuiltIn reports whether a "# syntax=" line names the Dockerfile
// frontend that every daemon has built in: docker/dockerfile at a stable
// version. Others are pulled by the daemon, as the line asks.
func BuiltIn(ref string) bool {
	name, tag, tagged := strings.Cut(strings.TrimPrefix(ref, "docker.io/"), ":")
	if name != "docker/dockerfile" {
		return false
	}
	if !tagged || tag == "latest" {
		return true
	}
	return strings.Trim(tag, "0123456789.") == ""
}

// analysis is one Dockerfile being read.
type analysis struct {
	opts     planner.AnalyzeOptions
	lex      *shell.Lex
	platform string            // the target's, normalised
	env      environment       // the global scope
	syntax   string            // the image of another frontend, or ""
	contexts map[string]string // normalised name → name
	// stages are those of the Dockerfile, then one for each image that an
	// instruction copies or mounts from: numbers count them all.
	stages []*stage
	byName map[string]*stage // lower case
	images []planner.ImageUse
	// triggers are the ONBUILD instructions of base images and named contexts,
	// by normalised name.
	triggers map[string][]string
	args     map[string]bool
}

// read goes through the Dockerfile and returns the stage to build.
func (a *analysis) read(stages []instructions.Stage, globals []instructions.ArgCommand) (*stage, error) {
	if err := a.addGlobals(stages, globals); err != nil {
		return nil, err
	}
	for _, st := range stages {
		if err := a.addStage(st); err != nil {
			return nil, err
		}
	}
	target, err := a.target()
	if err != nil {
		return nil, err
	}
	if err := a.connect(); err != nil {
		return nil, err
	}
	return target, a.resolve(target)
}
