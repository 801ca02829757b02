package importer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
)

// readTrees finds the tree ids that tags are made of.
func (l *linuxkit) readTrees(ctx context.Context) error {
	if l.opts.Trees == nil {
		l.notes.add(position{}, "the workspace is in no git repository, or nothing is committed: tags are made of input hashes, and are others than linuxkit's")
		return nil
	}
	for _, p := range l.packages {
		dirs := []string{p.context}
		for _, s := range p.sources {
			dirs = append(dirs, s.path)
		}
		var err error
		p.tree, err = l.opts.Trees.TreeID(ctx, dirs)
		if errors.Is(err, fs.ErrNotExist) {
			l.notes.add(p.at("image"), "%s is not committed, so its tag is made of its input hash: %s", p.context, err)
			continue
		}
		if err != nil {
			return fmt.Errorf("read the git tree of %s: %w", p.context, err)
		}
	}
	return nil
}

// setTags reads the tag templates, and makes tags differ that would be one for
// packages that are built from different inputs.
func (l *linuxkit) setTags(context.Context) error {
	taken := map[string]*linuxkitPackage{}
	l.packages = slices.DeleteFunc(l.packages, func(p *linuxkitPackage) bool {
		l.readTag(p)
		first := taken[p.ref()]
		switch {
		case first == nil:
		case p.same(first):
			l.notes.add(p.at("image"), "left out: it says the same as %s", first.path)
			return true
		default:
			l.separate(p, first, taken)
		}
		taken[p.ref()] = p
		return false
	})
	return nil
}

// same says that two build files make the same image.
func (p *linuxkitPackage) same(o *linuxkitPackage) bool {
	a, b := *p.buildFile, *o.buildFile
	a.path, a.lines, b.path, b.lines = "", nil, "", nil
	return p.context == o.context && reflect.DeepEqual(a, b)
}

// ref tells tags apart before trees are known, too.
func (p *linuxkitPackage) ref() string {
	if p.tree != "" {
		return p.repository() + ":" + p.tag()
	}
	return p.repository() + ":" + p.parts.with(p.context)
}

// separate gives the tag of a package a suffix.
func (l *linuxkit) separate(p, first *linuxkitPackage, taken map[string]*linuxkitPackage) {
	was := p.ref()
	suffix := cmp.Or(p.variant(), path.Base(p.dir()))
	for i := 1; taken[p.ref()] != nil; i++ {
		p.parts = append(p.parts, tagPart{text: "-" + suffix}).join()
		suffix = fmt.Sprint(i + 1)
	}
	l.notes.add(p.at("tag"), "the tag is that of %s, which is built from other inputs (%s): this one is %s here", first.path, was, p.ref())
}

// readTag takes the template apart.
func (l *linuxkit) readTag(p *linuxkitPackage) {
	text := cmp.Or(p.Tag, "{{.Hash}}")
	parts, err := parseTag(text)
	if err != nil {
		l.notes.add(p.at("tag"), "not carried over: tag %q: %s: the tag is the hash alone", text, err)
		parts = tagParts{{hash: true, to: -1}}
	}
	p.parts = parts
}
