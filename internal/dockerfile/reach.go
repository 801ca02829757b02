package dockerfile

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/stowage-build/stowage/planner"
)

// maxStages is how many stages and images there may be. Only triggers that copy
// from an image with such triggers need more, and they need more each round.
const maxStages = 10_000

// resolve notes the images that target needs. ONBUILD instructions may need
// more, so it goes on until there is nothing new.
func (a *analysis) resolve(target *stage) error {
	for more := true; more; {
		reach(target)
		if err := a.noteImages(); err != nil {
			return err
		}
		var err error
		if more, err = a.trigger(); err != nil {
			return err
		}
	}
	if err := a.checkOrder(); err != nil {
		return err
	}
	slices.SortStableFunc(a.images, func(x, y planner.ImageUse) int { return cmp.Compare(x.Line, y.Line) })
	return nil
}

// reach marks a stage and all that it needs.
func reach(target *stage) {
	pending := []*stage{target}
	seen := map[*stage]bool{}
	for len(pending) > 0 {
		s := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if seen[s] {
			continue
		}
		seen[s], s.reachable = true, true
		if s.parent != nil {
			pending = append(pending, s.parent)
		}
		for _, c := range s.commands {
			pending = append(pending, c.sources...)
		}
	}
}

// noteImages notes the images that are the bases of reachable stages. The
// names of the others must be well-formed too.
func (a *analysis) noteImages() error {
	for _, s := range a.stages {
		if s.parent != nil || s.noted || (s.image == scratch && s.context == "") {
			continue
		}
		s.noted = s.reachable
		named, err := reference.ParseNormalizedNamed(s.image)
		if err != nil {
			return errorAt(s.line, "%s %q: %w", s.instruction, s.image, err)
		}
		if !s.reachable {
			continue
		}
		use := planner.ImageUse{
			Name: s.image, Platform: cmp.Or(s.platform, a.platform), Instruction: s.instruction, Line: s.line,
			Context: cmp.Or(s.context, a.contexts[normalName(reference.TagNameOnly(named).String())]),
		}
		if use.Context != "" {
			use.Name = use.Context
		}
		a.images = append(a.images, use)
	}
	return nil
}

// runs are the platforms whose programs reachable stages run.
func (a *analysis) runs() []string {
	found := map[string]bool{}
	for _, s := range a.stages {
		if !s.reachable || s.context != "" || s.isImage {
			continue // not built here
		}
		for _, c := range s.commands {
			if _, ok := c.Command.(*instructions.RunCommand); ok {
				found[cmp.Or(s.ownPlatform(), a.platform)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// ownPlatform is the platform that the stage, or the one it is based on, asks
// for, or "". That of a base stage counts, whatever the stage's own says.
func (s *stage) ownPlatform() string {
	for s.parent != nil {
		s = s.parent
	}
	return s.platform
}

// trigger adds the ONBUILD instructions that apply to reachable stages: of the
// stage that one is based on, or of its base image. It reports whether they
// copy or mount from anything. BuildKit does so for images that are only copied
// from, too: it executes nothing there, but resolves what they name.
func (a *analysis) trigger() (bool, error) {
	if len(a.stages) > maxStages {
		return false, &Error{Err: errors.New("ONBUILD instructions of base images copy from each other without end")}
	}
	more := false
	for _, s := range slices.Clone(a.stages) {
		if !s.reachable || s.triggered {
			continue
		}
		s.triggered = true
		triggers := a.triggersOf(s)
		if err := a.addTriggers(s, triggers); err != nil {
			return false, err
		}
		for _, c := range s.commands[:len(triggers)] {
			more = more || len(c.sources) > 0
		}
	}
	return more, nil
}

func (a *analysis) triggersOf(s *stage) []string {
	switch {
	case s.parent != nil:
		return s.parent.onBuild()
	case s.context != "":
		return a.triggers[normalName(s.context)]
	}
	return a.triggers[normalName(s.image)]
}

// checkOrder refuses instructions of reachable stages that copy or mount from
// a stage that comes later.
func (a *analysis) checkOrder() error {
	for _, s := range a.stages {
		if !s.reachable || s.context != "" || s.isImage {
			continue // not built here
		}
		for _, c := range s.commands {
			for i, source := range c.sources {
				if source.isImage || source.context != "" || source.index <= s.index || !mountsFrom(c, i) {
					continue
				}
				return errorAt(c.line, "stage %s must be defined before what copies or mounts from it", nameOf(source))
			}
		}
	}
	return nil
}

// mountsFrom reports whether the source of a mount is really used: a mount
// that names none is from the context, or from scratch if it is a cache.
func mountsFrom(c command, i int) bool {
	run, ok := c.Command.(*instructions.RunCommand)
	if !ok {
		return true
	}
	m := instructions.GetMounts(run)[i]
	return m.From != "" || m.Type == instructions.MountTypeCache
}

func nameOf(s *stage) string {
	if s.name == "" {
		return fmt.Sprint(s.index)
	}
	return s.name
}
