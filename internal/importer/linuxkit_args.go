package importer

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// buildArg is one build argument.
type buildArg struct {
	name  string
	value string           // as linuxkit gives it
	of    *linuxkitPackage // the package whose reference the value is, or nil
	at    position
}

// The values that linuxkit replaces by references to packages.
const (
	lktPackage  = "@lkt:pkg:"
	lktPackages = "@lkt:pkgs:"
	lktAny      = "@lkt:"
)

// readArgs reads buildArgs. A later one of a name replaces an earlier.
func (l *linuxkit) readArgs(p *linuxkitPackage) {
	for i, text := range p.BuildArgs {
		at := p.at(fmt.Sprintf("buildArgs.%d", i))
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			l.notes.add(at, "not carried over: build argument %q is not of the form NAME=VALUE", text)
			continue
		}
		for _, a := range l.expandArg(p, name, value, at) {
			p.args = slices.DeleteFunc(p.args, func(o buildArg) bool { return o.name == a.name })
			p.args = append(p.args, a)
		}
	}
}

// expandArg gives @lkt: values their meaning.
func (l *linuxkit) expandArg(p *linuxkitPackage, name, value string, at position) []buildArg {
	dir, isPackage := strings.CutPrefix(value, lktPackage)
	glob, isPackages := strings.CutPrefix(value, lktPackages)
	switch {
	case isPackage:
		if of := l.packageAt(p, dir, value, at); of != nil {
			return []buildArg{{name, of.reference(), of, at}}
		}
		return nil
	case isPackages && !strings.Contains(name, "%"):
		l.notes.add(at, "not carried over: build argument %s=%s: the name must have a %%", name, value)
		return nil
	case isPackages:
		return l.expandGlob(p, name, glob, at)
	case strings.HasPrefix(value, lktAny):
		l.notes.add(at, "not carried over: build argument %s=%s is of a kind that linuxkit does not know", name, value)
		return nil
	}
	return []buildArg{{name: name, value: value, at: at}}
}

// expandGlob makes an argument for each package that a glob matches: % in the
// name is the image's name, in capitals.
func (l *linuxkit) expandGlob(p *linuxkitPackage, name, glob string, at position) []buildArg {
	pattern, ok := l.inRoot(p.dir(), glob)
	matches, err := fs.Glob(l.opts.Root, pattern)
	if !ok || err != nil || len(matches) == 0 {
		l.notes.add(at, "not carried over: build argument %s=%s%s matches no directory of the workspace", name, lktPackages, glob)
		return nil
	}
	var out []buildArg
	for _, dir := range matches {
		info, err := fs.Stat(l.opts.Root, dir)
		if err != nil || !info.IsDir() || strings.HasPrefix(path.Base(dir), ".") {
			continue
		}
		if of := l.packageAt(p, relative(p.dir(), dir), lktPackages+glob, at); of != nil {
			stem := strings.ToUpper(strings.NewReplacer("/", "_", "-", "_").Replace(of.Org + "/" + of.Image))
			out = append(out, buildArg{strings.ReplaceAll(name, "%", stem), of.reference(), of, at})
		}
	}
	return out
}

// packageAt is the package of a directory's build.yml, or nil.
func (l *linuxkit) packageAt(p *linuxkitPackage, dir, value string, at position) *linuxkitPackage {
	full, ok := l.inRoot(p.dir(), dir)
	i := slices.IndexFunc(l.packages, func(o *linuxkitPackage) bool { return o.dir() == full && o.variant() == "" })
	if !ok || i < 0 {
		l.notes.add(at, "not carried over: build argument %s: %s is not among the packages that are imported", value, dir)
		return nil
	}
	return l.packages[i]
}

// reference is what linuxkit puts in the place of @lkt:pkg:.
func (p *linuxkitPackage) reference() string { return p.Org + "/" + p.Image + ":" + p.tag() }
