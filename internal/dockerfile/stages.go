package dockerfile

import (
	"errors"
	"fmt"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// scratch is the name of the empty image.
const scratch = "scratch"

// stage is one FROM and what follows it, or an image that an instruction
// copies or mounts from.
type stage struct {
	name        string // as in FROM … AS, lower case, or ""
	image       string // the base, expanded: an image unless parent is set
	parent      *stage // the base, when it is a stage
	platform    string // of --platform, or ""
	context     string // the named context that takes the stage's place
	commands    []command
	index       int
	line        int
	instruction string // what names the image: see planner.ImageUse
	isImage     bool   // no stage of the Dockerfile

	reachable, noted, triggered bool
}

// command is one instruction of a stage.
type command struct {
	instructions.Command
	line    int
	sources []*stage // what it copies or mounts from; nil where from the context
}

// addStage expands a stage's names. Its base is an earlier stage of that very
// name, or an image.
func (a *analysis) addStage(st instructions.Stage) error {
	s := &stage{name: st.Name, line: firstLine(st.Location), instruction: "FROM"}
	var err error
	if s.image, _, err = a.lex.ProcessWord(st.BaseName, a.env); err != nil {
		return &Error{Line: s.line, Err: err}
	}
	if s.image == "" {
		return errorAt(s.line, "base name (%s) should not be blank: give the ARG a value", st.BaseName)
	}
	if s.platform, err = a.expandPlatform(st.Platform); err != nil {
		return &Error{Line: s.line, Err: err}
	}
	if s.context, err = a.contextOfStage(st.Name); err != nil {
		return &Error{Line: s.line, Err: err}
	}
	a.register(s)
	if s.context != "" {
		s.parent = nil
	}
	for _, c := range st.Commands {
		s.commands = append(s.commands, command{Command: c, line: firstLine(c.Location())})
		a.declare(c)
	}
	return nil
}

// register adds a stage, so that later ones can be based on it.
func (a *analysis) register(s *stage) {
	s.index = len(a.stages)
	s.parent = a.byName[s.image]
	a.stages = append(a.stages, s)
	if s.name != "" {
		a.byName[strings.ToLower(s.name)] = s
	}
}

// expandPlatform reads a --platform; "" is none.
func (a *analysis) expandPlatform(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	expanded, _, err := a.lex.ProcessWord(text, a.env)
	if err != nil {
		return "", err
	}
	if expanded == "" {
		return "", fmt.Errorf("--platform=%s is empty", text)
	}
	return normalPlatform(expanded)
}

// declare notes the arguments that an instruction declares.
func (a *analysis) declare(c instructions.Command) {
	if arg, ok := c.(*instructions.ArgCommand); ok {
		for _, kv := range arg.Args {
			a.args[kv.Key] = true
		}
	}
}

// target is the stage to build: the last one, or the one of that name.
func (a *analysis) target() (*stage, error) {
	if a.opts.Target == "" {
		return a.stages[len(a.stages)-1], nil
	}
	if s := a.byName[strings.ToLower(a.opts.Target)]; s != nil {
		return s, nil
	}
	names, best, distance := []string{}, "", 4
	for _, s := range a.stages {
		if s.name == "" {
			continue
		}
		names = append(names, s.name)
		if d := levenshtein.Distance(a.opts.Target, s.name, nil); d < distance {
			best, distance = s.name, d
		}
	}
	text := fmt.Sprintf("there is no stage %q", a.opts.Target)
	if best != "" {
		text += fmt.Sprintf("; did you mean %q?", best)
	}
	if len(names) > 0 {
		text += " (the stages are " + strings.Join(names, ", ") + ")"
	} else {
		text += ", and no stage has a name"
	}
	return nil, &Error{Err: errors.New(text)}
}

// onBuild are the instructions that a stage leaves to images built on it.
func (s *stage) onBuild() []string {
	var out []string
	for _, c := range s.commands {
		if trigger, ok := c.Command.(*instructions.OnbuildCommand); ok {
			out = append(out, trigger.Expression)
		}
	}
	return out
}

// contextOfStage is the named context that takes the place of a stage, or "".
// BuildKit looks every stage up, so that a stage's name must be one that a
// context could have.
func (a *analysis) contextOfStage(name string) (string, error) {
	if name == "" || strings.EqualFold(name, scratch) || strings.EqualFold(name, "context") {
		return "", nil
	}
	if _, err := reference.ParseNormalizedNamed(name); err != nil {
		return "", fmt.Errorf("stage name %q: %w", name, err)
	}
	return a.contexts[normalName(name)], nil
}

// contextNames indexes named contexts by the form in which BuildKit compares
// names.
func contextNames(names []string) map[string]string {
	out := make(map[string]string, len(names))
	for _, name := range names {
		out[normalName(name)] = name
	}
	return out
}

// normalName is a name as BuildKit looks it up among named contexts: familiar
// and without :latest (NamedContext in frontend/dockerui/config.go). What is
// no image name stands for itself.
func normalName(name string) string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return strings.TrimSuffix(reference.FamiliarString(named), ":latest")
}
