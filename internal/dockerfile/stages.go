package dockerfile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/stowage-build/stowage/planner"
)

const scratch = "scratch"

// addStages expands the stages' names and connects them. A stage's base is an
// earlier stage of that very name, or an image.
func (a *analysis) addStages(stages []instructions.Stage) error {
	a.byName = map[string]*stage{}
	for i, st := range stages {
		s := &stage{Stage: st, index: i}
		base, _, err := a.lex.ProcessWord(st.BaseName, a.env)
		if err == nil && base == "" {
			err = fmt.Errorf("base name (%s) should not be blank: give the ARG a value", st.BaseName)
		}
		if err == nil {
			s.BaseName = base
			s.platform, err = a.expandPlatform(s)
		}
		if err != nil {
			return &Error{Line: s.line(), Err: err}
		}
		s.context = a.contexts[normalName(st.Name)]
		if s.context == "" {
			s.base = a.byName[s.BaseName]
		}
		a.stages = append(a.stages, s)
		if st.Name != "" {
			a.byName[strings.ToLower(st.Name)] = s
		}
		a.declare(s)
	}
	return nil
}

// declare notes the ARGs of a stage.
func (a *analysis) declare(s *stage) {
	for _, c := range s.Commands {
		if arg, ok := c.(*instructions.ArgCommand); ok {
			for _, kv := range arg.Args {
				a.args[kv.Key] = true
			}
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
		if s.Name == "" {
			continue
		}
		names = append(names, s.Name)
		if d := levenshtein.Distance(a.opts.Target, s.Name, nil); d < distance {
			best, distance = s.Name, d
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

// reach visits the stages that target needs, and notes the images they name.
func (a *analysis) reach(target *stage) error {
	pending := []*stage{target}
	for len(pending) > 0 {
		s := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if s.visited {
			continue
		}
		s.visited = true
		if s.context != "" {
			a.addContext(s.context, s.platform, "FROM", s.line())
			continue
		}
		if s.base != nil {
			pending = append(pending, s.base)
		} else {
			a.addImage(s.BaseName, s.platform, "FROM", s.line())
		}
		for _, c := range s.Commands {
			more, err := a.sources(s, c)
			if err != nil {
				return &Error{Line: firstLine(c.Location()), Err: err}
			}
			pending = append(pending, more...)
		}
	}
	slices.SortStableFunc(a.images, func(x, y planner.ImageUse) int { return x.Line - y.Line })
	return nil
}

// sources returns the stages that an instruction copies or mounts from, and
// notes the images.
func (a *analysis) sources(s *stage, c instructions.Command) ([]*stage, error) {
	switch c := c.(type) {
	case *instructions.CopyCommand:
		if c.From == "" {
			return nil, nil
		}
		if err := a.unexpanded(c.From); err != nil {
			return nil, err
		}
		if i, err := strconv.Atoi(c.From); err == nil {
			if i < 0 || i >= len(a.stages) || i == s.index {
				return nil, fmt.Errorf("COPY --from=%d: there is no such stage before this one", i)
			}
			return a.stages[i : i+1], nil
		}
		return a.from(c.From, "COPY --from", firstLine(c.Location())), nil
	case *instructions.RunCommand:
		var stages []*stage
		for _, m := range instructions.GetMounts(c) {
			if m.From != "" {
				stages = append(stages, a.from(m.From, "RUN --mount=from", firstLine(c.Location()))...)
			}
		}
		return stages, nil
	}
	return nil, nil
}

// unexpanded refuses variables where BuildKit does.
func (a *analysis) unexpanded(from string) error {
	result, _, err := a.lex.ProcessWord(from, shell.EnvsFromSlice(nil))
	if err == nil && result != from {
		err = errors.New("variable expansion is not supported for --from; define a stage with FROM and an ARG before the first FROM instead")
	}
	return err
}

// from is the stage of that name, or notes an image.
func (a *analysis) from(name, instruction string, line int) []*stage {
	if s := a.byName[strings.ToLower(name)]; s != nil {
		return []*stage{s}
	}
	platform, err := normalPlatform(a.env["TARGETPLATFORM"])
	if err != nil {
		platform = a.opts.Platform
	}
	a.addImage(name, platform, instruction, line)
	return nil
}

// addImage notes an image, or the named context that takes its place.
func (a *analysis) addImage(name, platform, instruction string, line int) {
	if name == scratch {
		return
	}
	if context := a.contexts[normalName(name)]; context != "" {
		a.addContext(context, platform, instruction, line)
		return
	}
	a.images = append(a.images, planner.ImageUse{Name: name, Platform: platform, Instruction: instruction, Line: line})
}

func (a *analysis) addContext(name, platform, instruction string, line int) {
	a.images = append(a.images, planner.ImageUse{Name: name, Context: name, Platform: platform, Instruction: instruction, Line: line})
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
// and without :latest. What is no image name stands for itself.
func normalName(name string) string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return strings.TrimSuffix(reference.FamiliarString(named), ":latest")
}
