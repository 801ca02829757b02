package importer

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/stowage-build/stowage/planner"
)

// Dir makes a package of every Dockerfile at or below dirs, which are relative
// to the root.
func Dir(ctx context.Context, opts Options, dirs []string) (*Result, error) {
	d := &dockerfiles{workspace: newWorkspace(opts)}
	if err := d.find(dirs); err != nil {
		return nil, err
	}
	if len(d.packages) == 0 {
		return nil, d.nothing(dirs)
	}
	d.name()
	d.analyze()
	if len(d.packages) == 0 {
		return nil, d.nothing(dirs)
	}
	d.connect()
	d.write()
	return d.settle(ctx)
}

func (d *dockerfiles) nothing(dirs []string) error {
	return fmt.Errorf("there is no Dockerfile to import in %s%s", strings.Join(dirs, ", "), d.why())
}

// dockerfiles is an import of Dockerfiles.
type dockerfiles struct {
	*workspace
	packages []*dirPackage // in the order of paths
	registry string
}

// dirPackage is one Dockerfile.
type dirPackage struct {
	file    string
	name    string
	context string
	images  []planner.ImageUse
	// contexts are names in the Dockerfile that mean packages.
	contexts []dirContext
	unset    []unsetArg
	content  []byte
	follow   bool
}

type dirContext struct {
	name string
	of   *dirPackage
	at   position
}

func (p *dirPackage) dir() string { return path.Dir(p.file) }

// dockerfileVariant recognises the names of Dockerfiles: Dockerfile,
// Containerfile, and with a variant Dockerfile.NAME and NAME.Dockerfile.
func dockerfileVariant(name string) (variant string, ok bool) {
	for _, base := range []string{"Dockerfile", "Containerfile"} {
		if name == base {
			return "", true
		}
		after, isAfter := strings.CutPrefix(name, base+".")
		before, isBefore := strings.CutSuffix(name, "."+base)
		if isAfter && after != "dockerignore" || isBefore {
			return strings.Trim(strings.ReplaceAll(cutTo(isAfter, after, before), ".", "-"), "-"), true
		}
	}
	return "", false
}

func cutTo(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// templates are endings of files that Dockerfiles are made from.
var templates = []string{"in", "tmpl", "tpl", "template", "j2", "erb", "m4"}

// find reads the Dockerfiles. Hidden directories and those of other people's
// code, vendor and node_modules, are not looked into.
func (d *dockerfiles) find(dirs []string) error {
	seen := map[string]bool{}
	for _, dir := range dirs {
		err := fs.WalkDir(d.opts.Root, path.Clean(dir), func(name string, e fs.DirEntry, err error) error {
			base := path.Base(name)
			variant, ok := dockerfileVariant(base)
			switch {
			case err != nil:
				return fmt.Errorf("look for Dockerfiles: %w", err)
			case e.IsDir() && name != "." && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "vendor"):
				return fs.SkipDir
			case e.IsDir() || !ok || seen[name]:
				return nil
			case slices.Contains(templates, variant):
				d.notes.add(position{file: name}, "not carried over: it is a template; dockerfile_inline can be made with templatefile or replace")
				return nil
			}
			seen[name] = true
			return d.read(name)
		})
		if err != nil {
			return err
		}
	}
	slices.SortFunc(d.packages, func(a, b *dirPackage) int { return strings.Compare(a.file, b.file) })
	return nil
}

func (d *dockerfiles) read(name string) error {
	content, err := fs.ReadFile(d.opts.Root, name)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	p := &dirPackage{file: name, context: path.Dir(name), content: content}
	if context := contextOf(d.opts.Root, name, content); context != p.context {
		p.context = context
		d.notes.add(position{file: name}, "it copies files that are below %s and not below %s, so that is the context", context, p.dir())
	}
	d.packages = append(d.packages, p)
	return nil
}

// analyze finds the images that Dockerfiles name. Those that have a mistake are
// left out.
func (d *dockerfiles) analyze() {
	d.packages = slices.DeleteFunc(d.packages, func(p *dirPackage) bool {
		found, unset, err := d.workspace.analyze(p.name, p.file, p.content, planner.AnalyzeOptions{
			Args: map[string]string{}, Platform: nativePlatform, Native: nativePlatform,
		})
		if err != nil {
			at, text := dockerfileMistake(p.file, err)
			d.notes.add(at, "not carried over: %s", text)
			return true
		}
		p.images, p.unset = found.Images, unset
		return false
	})
}

// name names packages by their directories, and by the variant where a
// directory has several.
func (d *dockerfiles) name() {
	names := nameSet{}
	for _, p := range d.packages {
		variant, _ := dockerfileVariant(path.Base(p.file))
		base := path.Base(p.dir())
		if p.dir() == "." {
			base = d.opts.Name
		}
		suffix := ""
		if variant != "" && d.siblings(p) > 1 {
			suffix = "-" + variant
		}
		if p.dir() == "." && suffix != "" {
			p.name = names.take(variant, base+suffix)
			continue
		}
		p.name = names.take(base+suffix, p.dir()+suffix)
	}
}

// siblings counts the Dockerfiles of a directory.
func (d *dockerfiles) siblings(p *dirPackage) int {
	count := 0
	for _, o := range d.packages {
		if o.dir() == p.dir() {
			count++
		}
	}
	return count
}

// write makes the documents.
func (d *dockerfiles) write() {
	for _, p := range d.packages {
		doc := d.document(p.dir())
		b := block("package", p.name, position{file: p.file})
		if p.context != p.dir() {
			b.add(attribute("context", quote(relative(p.dir(), p.context)), position{file: p.file}))
		}
		if rel := relative(p.context, p.file); rel != "Dockerfile" {
			b.add(attribute("dockerfile", quote(rel), position{file: p.file}))
		}
		if p.follow {
			b.add(attribute("pins", `"follow"`, position{file: p.file}))
		}
		var entries []*node
		for _, c := range p.contexts {
			entries = append(entries, entry(c.name, "package."+c.of.name, c.at))
		}
		if len(entries) > 0 {
			b.add(mapping("contexts", entries[0].origin, entries...))
		}
		var args []*node
		for _, u := range p.unset {
			args = append(args, entry(u.name, "var."+u.variable.name, u.at))
		}
		if len(args) > 0 {
			b.add(mapping("args", args[0].origin, args...))
		}
		doc.blocks = append(doc.blocks, b)
	}
	registry := ""
	if d.registry != "" {
		registry = quote(d.registry)
	} else {
		d.notes.add(position{}, "no Dockerfile says where the images are to be: set registry in the workspace block before you push")
	}
	d.addRoot(registry, []string{nativePlatform})
}
