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
	registry, cut := registryOf(repositories)
	org := l.usualOrg(cut)
	usual := strings.Fields(cmp.Or(commonest(platforms), "linux/amd64"))
	byDir := map[string][]*linuxkitPackage{}
	for _, p := range l.packages {
		byDir[p.dir()] = append(byDir[p.dir()], p)
	}
	for dir, packages := range byDir {
		l.writeDir(dir, packages, func(p *linuxkitPackage) string { return shortImage(cut(p.repository()), org, p.name) }, usual)
	}
	defaults := block("defaults", "", position{}, attribute("network", `"none"`, position{}))
	if l.opts.Trees != nil {
		defaults.comment = "Tags are git's tree ids, as linuxkit makes them. They say nothing of arguments\nor of the images that packages are made from."
		defaults.children = slices.Insert(defaults.children, 0, attribute("cache_mode", `"git-tree"`, position{}))
	}
	if org != "" {
		defaults.add(attribute("image", `"`+inner(org)+`/${self.name}"`, position{}))
	}
	if registry != "" {
		registry = quote(registry)
	}
	l.addRoot(registry, usual, defaults)
}

// usualOrg is what stands before most image names, below the registry: "" if
// that is nothing.
func (l *linuxkit) usualOrg(cut func(string) string) string {
	var orgs []string
	for _, p := range l.packages {
		orgs = append(orgs, path.Dir(cut(p.repository())))
	}
	if org := commonest(orgs); org != "." {
		return org
	}
	return ""
}

// shortImage is the image attribute of a package: "" where it is the default.
func shortImage(image, org, name string) string {
	if image == path.Join(org, name) {
		return ""
	}
	return image
}

// writeDir makes the document of a directory.
func (l *linuxkit) writeDir(dir string, packages []*linuxkitPackage, image func(*linuxkitPackage) string, usual []string) {
	d := l.document(dir)
	var files []string
	for _, p := range packages {
		files = append(files, path.Base(p.path))
		d.blocks = append(d.blocks, l.packageBlock(p, image(p), usual))
	}
	d.head = "From " + strings.Join(files, ", ") + "."
	if len(packages) > 1 && !l.hasPackagesBelow(dir) {
		d.shareDefaults()
	}
}

func (l *linuxkit) hasPackagesBelow(dir string) bool {
	return dir == "." || slices.ContainsFunc(l.packages, func(p *linuxkitPackage) bool { return strings.HasPrefix(p.dir(), dir+"/") })
}

// packageBlock makes the block of a package.
func (l *linuxkit) packageBlock(p *linuxkitPackage, image string, usual []string) *node {
	b := block("package", p.name, p.at("image"))
	add := func(name, expression, field string) { b.add(attribute(name, expression, p.at(field))) }
	if image != "" {
		add("image", quote(image), "image")
	}
	if p.context != p.dir() {
		add("context", quote(relative(p.dir(), p.context)), "dockerfile")
	}
	if p.missing || p.template != "" {
		l.addMissing(p, b)
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
	if tag := p.parts.expression(); tag != "" {
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

// addMissing makes the package take a Dockerfile that other means write.
// Without it a build fails, and says what is missing.
func (l *linuxkit) addMissing(p *linuxkitPackage, b *node) {
	n := attribute("dockerfile_inline", fmt.Sprintf("fileexists(%[1]s) ? file(%[1]s) : %[2]s",
		quote(relative(p.dir(), path.Join(p.context, p.Dockerfile))), quote("FROM scratch\nCOPY "+path.Base(p.Dockerfile)+"-is-not-made-yet /\n")), p.at("dockerfile"))
	n.comment = p.Dockerfile + " is not in the repository."
	if p.template != "" {
		n.comment = fmt.Sprintf("%s is made from %s.", p.Dockerfile, p.template)
	}
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
	for _, u := range p.unset {
		entries = append(entries, entry(u.name, "var."+u.variable.name, u.at))
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
	switch target := cmp.Or(d.Target, d.TargetDir); {
	case d.Target != "" && d.TargetDir != "" || d.FromFile != "" && len(d.List) > 0:
		l.notes.add(at, "not carried over: depends.docker-images has two of what there can be one of: target or target-dir, list or from-file")
		return
	case target == "" || len(images) == 0:
		l.notes.add(at, "not carried over: depends.docker-images has no images, or no place to put them")
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
