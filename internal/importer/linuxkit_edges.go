package importer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/stowage-build/stowage/planner"
)

// nativePlatform stands for the builder's while Dockerfiles are looked at.
const nativePlatform = "linux/amd64"

// linuxkitUse is one image of the workspace that a Dockerfile names.
type linuxkitUse struct {
	planner.ImageUse
	of       *linuxkitPackage // nil when the tag is of no package as it is now
	building string           // the platform that is built
}

// readDockerfiles reads build arguments and Dockerfiles: packages whose
// Dockerfile cannot be planned are left out, the others get their edges.
func (l *linuxkit) readDockerfiles(context.Context) error {
	for _, p := range l.packages {
		l.readArgs(p)
	}
	uses := map[*linuxkitPackage][]linuxkitUse{}
	var err error
	l.packages = slices.DeleteFunc(l.packages, func(p *linuxkitPackage) bool {
		if err != nil || p.missing {
			return false
		}
		found, problem := l.usesOf(p)
		uses[p] = found
		var reading *fs.PathError
		if errors.As(problem, &reading) {
			err = problem
		} else if problem != nil {
			at, text := dockerfileMistake(path.Join(p.context, p.Dockerfile), problem)
			l.notes.add(at, "package %s is not carried over: %s; write it by hand, with what its builds are given on the command line in args", p.name, text)
		}
		return problem != nil
	})
	if err != nil {
		return err
	}
	for l.narrow(uses) {
	}
	for _, p := range l.packages {
		l.pins(p, uses[p])
	}
	l.dropArgs()
	return nil
}

// dockerfileMistake takes apart what is wrong in a Dockerfile.
func dockerfileMistake(file string, err error) (position, string) {
	if at, ok := err.(interface {
		Location() int
		Unwrap() error
	}); ok {
		return position{file, at.Location()}, at.Unwrap().Error()
	}
	return position{file, 0}, err.Error()
}

// dropArgs takes out the arguments that refer to packages which are left out.
func (l *linuxkit) dropArgs() {
	for _, p := range l.packages {
		p.args = slices.DeleteFunc(p.args, func(a buildArg) bool {
			lost := a.of != nil && !slices.Contains(l.packages, a.of)
			if lost {
				l.notes.add(a.at, "not carried over: build argument %s: package %s is not carried over", a.name, a.of.name)
			}
			return lost
		})
	}
}

// usesOf finds the images of the workspace that a package's Dockerfile names.
func (l *linuxkit) usesOf(p *linuxkitPackage) ([]linuxkitUse, error) {
	content, err := fs.ReadFile(l.opts.Root, path.Join(p.context, p.Dockerfile))
	if err != nil {
		return nil, fmt.Errorf("read the Dockerfile: %w", err)
	}
	args := map[string]string{}
	for _, a := range p.args {
		args[a.name] = a.value
	}
	p.unset = nil
	platforms := p.platforms
	if len(platforms) == 0 {
		platforms = []string{nativePlatform}
	}
	var out []linuxkitUse
	for _, platform := range platforms {
		found, unset, err := l.analyze(p.name, path.Join(p.context, p.Dockerfile), content, planner.AnalyzeOptions{Args: args, Platform: platform, Native: nativePlatform})
		if err != nil {
			return nil, err
		}
		p.unset = append(p.unset, unset...)
		p.declared = found.Args
		for _, use := range found.Images {
			if of, mine := l.owner(use.Name); mine {
				out = append(out, linuxkitUse{use, of, platform})
			}
		}
	}
	return out, nil
}

// owner finds the package that a name means. It also says whether the
// repository is the workspace's: another tag of it means no package.
func (l *linuxkit) owner(name string) (of *linuxkitPackage, mine bool) {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return nil, false
	}
	_, digested := named.(reference.Digested)
	tag := "latest"
	if t, ok := named.(reference.Tagged); ok {
		tag = t.Tag()
	}
	for _, p := range l.packages {
		if p.repository() != named.Name() {
			continue
		}
		mine = true
		if !digested && (tag == "latest" || tag == p.tag()) {
			return p, true
		}
	}
	return nil, mine
}

// pins decides whether a package's pins of workspace images follow what is
// built: they do when all are of what the images are now. Its own repository
// at an older tag is an image like any other.
func (l *linuxkit) pins(p *linuxkitPackage, uses []linuxkitUse) {
	var current, frozen []linuxkitUse
	for _, u := range uses {
		switch {
		case u.of != nil && u.of != p:
			current = append(current, u)
		case u.of == nil && !strings.HasPrefix(normalName(u.Name), p.repository()+":"):
			frozen = append(frozen, u)
		}
	}
	p.follow = len(current) > 0 && len(frozen) == 0
	if len(current) == 0 {
		return
	}
	noted := map[string]bool{}
	for _, f := range frozen {
		if noted[f.Name] {
			continue
		}
		noted[f.Name] = true
		l.notes.add(position{path.Join(p.context, p.Dockerfile), f.Line},
			"%s is not what its package is now, while %s is: pins of package %s are respected, and none follows", f.Name, current[0].Name, p.name)
	}
}

// normalName writes a name in full.
func normalName(name string) string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return named.String()
}

// narrow takes platforms from packages that need an image of the workspace for
// a platform that it is not built for: linuxkit fails to build them. It
// reports whether it took any.
func (l *linuxkit) narrow(uses map[*linuxkitPackage][]linuxkitUse) bool {
	changed := false
	for _, p := range l.packages {
		for _, u := range uses[p] {
			if u.of == nil || u.of == p || len(u.of.platforms) == 0 || slices.Contains(u.of.platforms, u.Platform) ||
				!slices.Contains(p.platforms, u.building) || len(p.platforms) == 1 {
				continue
			}
			changed = true
			p.platforms = slices.DeleteFunc(slices.Clone(p.platforms), func(s string) bool { return s == u.building })
			l.notes.add(p.at("arches"), "not carried over: %s for %s needs %s for %s (%s:%d), which is not built for it", p.name, u.building, u.of.name, u.Platform, path.Join(p.context, p.Dockerfile), u.Line)
		}
	}
	return changed
}
