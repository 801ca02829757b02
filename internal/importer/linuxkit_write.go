package importer

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// write makes the documents.
func (l *linuxkit) write() {
	var repositories, platforms []string
	for _, p := range l.packages {
		repositories = append(repositories, p.repository())
		if len(p.platforms) > 0 {
			platforms = append(platforms, strings.Join(p.platforms, " "))
		}
	}
	registry, short := registryOf(repositories)
	usual := strings.Fields(cmp.Or(commonest(platforms), "linux/amd64"))
	byDir := map[string][]*linuxkitPackage{}
	for _, p := range l.packages {
		byDir[p.dir()] = append(byDir[p.dir()], p)
	}
	for dir, packages := range byDir {
		l.writeDir(dir, packages, short, usual)
	}
	defaults := block("defaults", "", position{}, attribute("network", `"none"`, position{}))
	if l.opts.Trees != nil {
		defaults.comment = "Tags are git's tree ids, as linuxkit makes them. They say nothing of arguments\nor of the images that packages are made from."
		defaults.children = slices.Insert(defaults.children, 0, attribute("cache_mode", `"git-tree"`, position{}))
	}
	if registry != "" {
		registry = quote(registry)
	}
	l.addRoot(registry, usual, defaults)
}

// writeDir makes the document of a directory.
func (l *linuxkit) writeDir(dir string, packages []*linuxkitPackage, short func(string) string, usual []string) {
	d := l.document(dir)
	var files []string
	for _, p := range packages {
		files = append(files, path.Base(p.path))
		d.blocks = append(d.blocks, l.packageBlock(p, short(p.repository()), usual))
	}
	d.head = "From " + strings.Join(files, ", ") + "."
	if len(packages) > 1 && !l.hasPackagesBelow(dir) {
		d.shareDefaults()
	}
}

func (l *linuxkit) hasPackagesBelow(dir string) bool {
	return dir == "." || slices.ContainsFunc(l.packages, func(p *linuxkitPackage) bool { return strings.HasPrefix(p.dir(), dir+"/") })
}

// shareDefaults moves what all packages of a document say into a defaults
// block.
func (d *document) shareDefaults() {
	var shared []*node
	for _, n := range d.blocks[0].children {
		if n.name() == "image" || n.name() == "tag" {
			continue
		}
		text := n.text()
		everywhere := !slices.ContainsFunc(d.blocks, func(b *node) bool {
			return !slices.ContainsFunc(b.children, func(c *node) bool { return c.text() == text })
		})
		if everywhere {
			shared = append(shared, n)
		}
	}
	if len(shared) == 0 {
		return
	}
	for _, b := range d.blocks {
		b.children = slices.DeleteFunc(b.children, func(c *node) bool {
			return slices.ContainsFunc(shared, func(s *node) bool { return s.text() == c.text() })
		})
	}
	d.blocks = slices.Insert(d.blocks, 0, block("defaults", "", shared[0].origin, shared...))
}

// packageBlock makes the block of a package.
func (l *linuxkit) packageBlock(p *linuxkitPackage, image string, usual []string) *node {
	b := block("package", p.name, p.at("image"))
	add := func(name, expression, field string) { b.add(attribute(name, expression, p.at(field))) }
	if image != p.name {
		add("image", quote(image), "image")
	}
	if p.context != p.dir() {
		add("context", quote(relative(p.dir(), p.context)), "dockerfile")
	}
	if p.generated {
		l.addGenerated(p, b)
	} else if p.Dockerfile != "Dockerfile" {
		add("dockerfile", quote(p.Dockerfile), "dockerfile")
	}
	if len(p.platforms) > 0 && !slices.Equal(slices.Sorted(slices.Values(p.platforms)), slices.Sorted(slices.Values(usual))) {
		add("platforms", quoted(p.platforms), "arches")
	}
	if p.Network {
		add("network", `"default"`, "network")
	}
	if p.DisableCache {
		add("no_cache", "true", "disable-cache")
	}
	if l.opts.Trees != nil && p.tree == "" {
		add("cache_mode", `"content"`, "image")
	}
	if tag := p.tagExpression(); tag != "" {
		add("tag", tag, "tag")
	}
	if p.follow {
		add("pins", `"follow"`, "dockerfile")
	}
	l.addArgs(p, b)
	l.addLabels(p, b)
	for _, s := range p.sources {
		b.add(block("source", s.as, s.at, attribute("to", quote(s.to), s.at)))
	}
	l.addArchives(p, b)
	if p.Trust != nil {
		l.notes.add(p.at("disable-content-trust"), "not carried over: disable-content-trust: there is no content trust to disable")
	}
	return b
}

// addGenerated makes the package take a Dockerfile that other means write.
// Without it a build fails, and says what is missing.
func (l *linuxkit) addGenerated(p *linuxkitPackage, b *node) {
	n := attribute("dockerfile_inline", fmt.Sprintf("fileexists(%[1]s) ? file(%[1]s) : %[2]s",
		quote(p.Dockerfile), quote("FROM scratch\nCOPY "+path.Base(p.Dockerfile)+"-is-not-made-yet /\n")), p.at("dockerfile"))
	n.comment = fmt.Sprintf("%s is made from %s.in.", p.Dockerfile, path.Base(p.Dockerfile))
	b.add(n)
}

func (l *linuxkit) addArgs(p *linuxkitPackage, b *node) {
	var entries []*node
	for _, a := range p.args {
		value := quote(a.value)
		if a.of != nil {
			value = "package." + a.of.name + ".ref"
		}
		entries = append(entries, entry(a.name, value, a.at))
	}
	given := slices.ContainsFunc(p.args, func(a buildArg) bool { return a.name == "SOURCE" })
	if p.GitRepo != "" && !given && slices.Contains(p.declared, "SOURCE") {
		entries = append(entries, entry("SOURCE", quote(p.GitRepo), p.at("gitrepo")))
	}
	if len(entries) > 0 {
		b.add(mapping("args", p.at("buildArgs"), entries...))
	}
}

func (l *linuxkit) addLabels(p *linuxkitPackage, b *node) {
	var entries []*node
	if p.GitRepo != "" {
		entries = append(entries, entry("org.opencontainers.image.source", quote(p.GitRepo), p.at("gitrepo")))
	}
	if p.Config != nil {
		value, err := asJSON(p.Config)
		if err != nil {
			l.notes.add(p.at("config"), "not carried over: config: %s", err)
		} else {
			entries = append(entries, entry("org.mobyproject.config", "jsonencode("+literal(value)+")", p.at("config")))
		}
	}
	if len(entries) > 0 {
		b.add(mapping("labels", p.at("config"), entries...))
	}
}

// addArchives turns depends.docker-images into archive blocks: one for all
// images, or one for each in a directory.
func (l *linuxkit) addArchives(p *linuxkitPackage, b *node) {
	d := p.Depends.DockerImages
	at := p.at("depends.docker-images")
	if !p.has("depends.docker-images") {
		return
	}
	images := d.List
	if d.FromFile != "" {
		content, err := fs.ReadFile(l.opts.Root, path.Join(p.dir(), d.FromFile))
		if err != nil {
			l.notes.add(p.at("depends.docker-images.from-file"), "not carried over: depends.docker-images: %s", err)
			return
		}
		for line := range strings.Lines(string(content)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				images = append(images, line)
			}
		}
	}
	if !l.opts.Archives {
		l.notes.add(at, "not carried over: depends.docker-images (%s): this version has no archive blocks yet; save the images into %s before building",
			strings.Join(images, ", "), cmp.Or(d.Target, d.TargetDir))
		return
	}
	if d.TargetDir == "" {
		b.add(block("archive", d.Target, at, attribute("images", quoted(images), at)))
		return
	}
	for _, image := range images {
		name, digest, _ := strings.Cut(image, "@")
		file := path.Join(d.TargetDir, path.Base(name)+"@"+digest+".tar")
		b.add(block("archive", file, at, attribute("images", quoted([]string{image}), at)))
	}
}
