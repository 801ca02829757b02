package importer

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/distribution/reference"
)

// LinuxKit imports the packages of linuxkit pkg build: every build.yml and
// build-*.yml at or below dirs, which are relative to the root.
//
// The rules are those of src/cmd/linuxkit/pkglib in linuxkit's repository: the
// fields and their defaults (pkglib.go), tags (pkglib.go and git.go), build
// arguments (buildarg.go), images saved into the context (depends.go).
func LinuxKit(ctx context.Context, opts Options, dirs []string) (*Result, error) {
	l := &linuxkit{workspace: newWorkspace(opts), names: nameSet{}}
	if err := l.find(dirs); err != nil {
		return nil, err
	}
	if len(l.packages) == 0 {
		return nil, fmt.Errorf("there is no package of linuxkit in %s: a package is a directory with a build.yml%s",
			strings.Join(dirs, ", "), l.why())
	}
	l.name()
	for _, step := range []func(context.Context) error{l.readTrees, l.setTags, l.readDockerfiles} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	l.write()
	return l.settle(ctx)
}

// linuxkit is an import from linuxkit.
type linuxkit struct {
	*workspace
	names    nameSet
	packages []*linuxkitPackage // in the order of paths, build.yml before its variants
}

// linuxkitPackage is one build file and what is known of its package.
type linuxkitPackage struct {
	*buildFile
	name string
	// context is the context directory: mostly the one the file is in.
	context   string
	sources   []extraSource
	platforms []string
	args      []buildArg
	// tree is what the tag is made of; "" when it is not known.
	tree  string
	parts tagParts
	// missing says that the Dockerfile is not in the repository; template is
	// what it is made from, "" if that is not known.
	missing  bool
	template string
	declared []string // the Dockerfile's ARGs
	// unset are ARGs that image names use and that have no value, each with the
	// variable that stands for it.
	unset  []unsetArg
	follow bool
}

// extraSource is one of extra-sources.
type extraSource struct {
	path string // relative to the root
	as   string // as in the build file
	to   string
	at   position
}

// repository is the image's name in full, the registry included.
func (p *linuxkitPackage) repository() string {
	named, err := reference.ParseNormalizedNamed(p.Org + "/" + p.Image)
	if err != nil {
		return p.Org + "/" + p.Image // the schema says what is wrong
	}
	return named.Name()
}

// tag is the tag that linuxkit gives the package, without a tag for dirty files.
func (p *linuxkitPackage) tag() string {
	return p.parts.with(p.tree)
}

// find reads the build files. Directories whose names begin with a dot have
// none: .github/workflows/build.yml is another thing.
func (l *linuxkit) find(dirs []string) error {
	seen := map[string]bool{}
	for _, dir := range dirs {
		err := fs.WalkDir(l.opts.Root, path.Clean(dir), func(name string, d fs.DirEntry, err error) error {
			switch base := path.Base(name); {
			case err != nil:
				return fmt.Errorf("look for packages: %w", err)
			case d.IsDir() && name != "." && (strings.HasPrefix(base, ".") || base == "node_modules"):
				return fs.SkipDir
			case d.IsDir() || !isBuildFile(base) || seen[name]:
				return nil
			}
			seen[name] = true
			return l.read(name)
		})
		if err != nil {
			return err
		}
	}
	slices.SortFunc(l.packages, func(a, b *linuxkitPackage) int {
		return cmp.Or(cmp.Compare(a.dir(), b.dir()), cmp.Compare(a.variant(), b.variant()))
	})
	return nil
}

func (l *linuxkit) read(name string) error {
	f, err := readBuildFile(l.opts.Root, name, &l.notes)
	if f == nil {
		return err
	}
	p := &linuxkitPackage{buildFile: f, context: f.dir()}
	if !l.locateDockerfile(p) {
		return nil
	}
	l.readPlatforms(p)
	l.readSources(p)
	l.packages = append(l.packages, p)
	return nil
}

// locateDockerfile finds the Dockerfile. A build file that is used with
// --build-yml from the directory above names it relative to that.
func (l *linuxkit) locateDockerfile(p *linuxkitPackage) bool {
	exists := func(name string) bool {
		info, err := fs.Stat(l.opts.Root, name)
		return err == nil && !info.IsDir()
	}
	switch name := path.Join(p.dir(), p.Dockerfile); {
	case strings.Contains(p.Dockerfile, "..") || path.IsAbs(p.Dockerfile):
		l.notes.add(p.at("dockerfile"), "not carried over: dockerfile %s is not below the package's directory", p.Dockerfile)
		return false
	case exists(name + ".in"):
		p.template = path.Base(name) + ".in"
		p.missing = !exists(name)
		l.notes.add(p.at("dockerfile"), "%s is made from %s: make it before you build; what it says is no edge until it is there", name, p.template)
	case exists(name):
	case p.dir() != "." && exists(path.Join(path.Dir(p.dir()), p.Dockerfile)):
		p.context = path.Dir(p.dir())
		l.notes.add(p.at("dockerfile"), "the Dockerfile %s is there only from %s, as with --build-yml, so that is the context; what else is given on the command line (--hash, --tag, --build-arg-file) is to be written into the package", p.Dockerfile, p.context)
	default:
		p.missing = true
		l.notes.add(p.at("dockerfile"), "there is no %s: it is to be made before %s is built; if linuxkit is given another one with --dockerfile, write dockerfile = … into the package", name, p.Image)
	}
	return true
}

// readPlatforms turns arches into platforms.
func (l *linuxkit) readPlatforms(p *linuxkitPackage) {
	for _, arch := range p.Arches {
		if platform := "linux/" + arch; !slices.Contains(p.platforms, platform) {
			p.platforms = append(p.platforms, platform)
		}
	}
	if len(p.platforms) == 0 {
		l.notes.add(p.at("arches"), "arches is empty, so that linuxkit builds %s for no platform; here it has the workspace's platforms: set platforms, or remove the package", p.Image)
	}
}

// readSources reads extra-sources, SRC:DST.
func (l *linuxkit) readSources(p *linuxkitPackage) {
	for i, text := range p.ExtraSources {
		at := p.at(fmt.Sprintf("extra-sources.%d", i))
		src, to, ok := strings.Cut(text, ":")
		if !ok || strings.Contains(to, ":") {
			l.notes.add(at, "not carried over: extra-sources %q is not of the form SRC:DST", text)
			continue
		}
		full, ok := l.inRoot(p.dir(), src)
		if !ok {
			l.notes.add(at, "not carried over: extra-sources %s is outside of the workspace: move it inside, or begin the workspace higher up; the tag is another without it", src)
			continue
		}
		rel := relative(p.dir(), full)
		p.sources = append(p.sources, extraSource{full, rel, path.Clean("/" + to), at})
	}
}

// relative is the path from one directory to another; both are relative to the
// root.
func relative(from, to string) string {
	split := func(p string) []string {
		if p == "." {
			return nil
		}
		return strings.Split(p, "/")
	}
	a, b := split(from), split(to)
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	return path.Join(append(slices.Repeat([]string{".."}, len(a)), b...)...)
}

// name gives each package its name: the image's, with the variant.
func (l *linuxkit) name() {
	for _, p := range l.packages {
		base := path.Base(p.Image)
		suffix := ""
		if v := p.variant(); v != "" {
			suffix = "-" + v
		}
		candidates := []string{base + suffix, base + "-" + path.Base(p.dir()) + suffix, p.dir() + suffix}
		if suffix != "" && l.alone(p) {
			candidates = append([]string{base}, candidates...)
		}
		p.name = l.names.take(candidates...)
	}
}

// alone says that no other build file makes the package's image.
func (l *linuxkit) alone(p *linuxkitPackage) bool {
	return !slices.ContainsFunc(l.packages, func(o *linuxkitPackage) bool { return o != p && o.repository() == p.repository() })
}
