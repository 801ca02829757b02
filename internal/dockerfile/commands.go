package dockerfile

import (
	"errors"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// connect finds what every instruction copies and mounts from, of stages that
// are not reachable as well: mistakes in them are mistakes.
func (a *analysis) connect() error {
	for _, s := range a.stages { // those that are added on the way have no instructions
		if err := a.connectCommands(s.commands); err != nil {
			return err
		}
	}
	return a.refuseCycles()
}

func (a *analysis) connectCommands(commands []command) error {
	for i := range commands {
		c := &commands[i]
		var err error
		switch in := c.Command.(type) {
		case *instructions.CopyCommand:
			err = a.connectCopy(c, in.From)
		case *instructions.RunCommand:
			a.connectMounts(c, instructions.GetMounts(in))
		}
		if err != nil {
			return &Error{Line: c.line, Err: err}
		}
	}
	return nil
}

// connectCopy finds what COPY --from means: a stage's number or name, or an
// image. No arguments apply.
func (a *analysis) connectCopy(c *command, from string) error {
	if from == "" {
		return nil
	}
	expanded, _, err := a.lex.ProcessWord(from, shell.EnvsFromSlice(nil))
	if err != nil {
		return err
	}
	if expanded != from {
		return errors.New("variable expansion is not supported for --from; define a stage with FROM and an ARG before the first FROM instead")
	}
	number, err := strconv.Atoi(from)
	if err != nil {
		c.sources = []*stage{a.source(from, "COPY --from", c.line)}
		return nil
	}
	if number < 0 || number >= len(a.stages) {
		return errors.New("COPY --from=" + from + ": there is no stage of that number")
	}
	c.sources = []*stage{a.stages[number]}
	return nil
}

// connectMounts finds what RUN --mount=from means. BuildKit takes a mount
// without from for one from scratch here, and so may this find a stage of that
// name.
func (a *analysis) connectMounts(c *command, mounts []*instructions.Mount) {
	for _, m := range mounts {
		from := m.From
		if from == "" {
			from = scratch
		}
		c.sources = append(c.sources, a.source(from, "RUN --mount=from", c.line))
	}
}

// source is the stage of that name, else a new one for an image.
func (a *analysis) source(name, instruction string, line int) *stage {
	if s := a.byName[strings.ToLower(name)]; s != nil {
		return s
	}
	s := &stage{image: name, instruction: instruction, line: line, isImage: true}
	a.register(s)
	return s
}

// refuseCycles refuses stages that copy or mount from each other in a circle,
// reachable or not.
func (a *analysis) refuseCycles() error {
	const open, done = 1, 2
	state := map[*stage]int{}
	var visit func(s *stage) *command
	visit = func(s *stage) *command {
		state[s] = open
		for i := range s.commands {
			for _, source := range s.commands[i].sources {
				if state[source] == open {
					return &s.commands[i]
				}
				if state[source] == done {
					continue
				}
				if c := visit(source); c != nil {
					return c
				}
			}
		}
		state[s] = done
		return nil
	}
	for _, s := range a.stages {
		if state[s] == done {
			continue
		}
		if c := visit(s); c != nil {
			return errorAt(c.line, "circular dependency: this copies or mounts from a stage that needs this one")
		}
	}
	return nil
}

// addTriggers puts ONBUILD instructions before those of a stage. They count as
// standing in the FROM line.
func (a *analysis) addTriggers(s *stage, triggers []string) error {
	var added []command
	for _, trigger := range triggers {
		c, err := parseTrigger(trigger)
		if err == nil {
			added = append(added, command{Command: c, line: s.line})
			err = a.connectCommands(added[len(added)-1:])
		}
		if err != nil {
			var at *Error
			if errors.As(err, &at) {
				err = at.Err
			}
			return errorAt(s.line, "ONBUILD %s: %w", trigger, err)
		}
		a.declare(c)
	}
	s.commands = append(added, s.commands...)
	return nil
}

func parseTrigger(text string) (instructions.Command, error) {
	parsed, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return nil, located(err)
	}
	if len(parsed.AST.Children) != 1 {
		return nil, errors.New("this is not one instruction")
	}
	c, err := instructions.ParseCommand(parsed.AST.Children[0])
	if err != nil {
		return nil, located(err)
	}
	return c, nil
}
