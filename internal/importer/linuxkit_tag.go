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
	"strings"
	"text/template"
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
	if p.constant || p.tree != "" {
		return p.repository() + ":" + p.tag()
	}
	return p.repository() + ":" + p.before + p.context + p.after
}

// separate gives the tag of a package a suffix.
func (l *linuxkit) separate(p, first *linuxkitPackage, taken map[string]*linuxkitPackage) {
	was := p.ref()
	suffix := cmp.Or(p.variant(), path.Base(p.dir()))
	for i := 1; taken[p.ref()] != nil; i++ {
		if p.constant {
			p.before += "-" + suffix
		} else {
			p.after += "-" + suffix
		}
		suffix = fmt.Sprint(i + 1)
	}
	l.notes.add(p.at("tag"), "the tag is that of %s, which is built from other inputs (%s): this one is %s here", first.path, was, p.ref())
}

// readTag takes the template apart.
func (l *linuxkit) readTag(p *linuxkitPackage) {
	text := cmp.Or(p.Tag, "{{.Hash}}")
	parts, err := splitTemplate(text)
	switch {
	case err != nil:
		l.notes.add(p.at("tag"), "not carried over: tag %q: %s: the tag is the hash alone", text, err)
	case len(parts) == 1:
		p.before, p.constant = parts[0], true
	case len(parts) > 2:
		l.notes.add(p.at("tag"), "not carried over: tag %q has the hash more than once: the tag is the hash alone", text)
	default:
		p.before, p.after = parts[0], parts[1]
	}
}

// splitTemplate returns what a tag's template writes around the hash.
func splitTemplate(text string) ([]string, error) {
	t, err := template.New("tag").Parse(text)
	if err != nil {
		return nil, errors.New("it is no template")
	}
	var out []string
	for _, hash := range []string{"0123456789012345678901234567890123456789", "abcdefabcdefabcdefabcdefabcdefabcdefabcd"} {
		var b strings.Builder
		if err := t.Execute(&b, map[string]string{"Hash": hash}); err != nil {
			return nil, errors.New("it fails")
		}
		out = append(out, strings.ReplaceAll(b.String(), hash, "\x00"))
	}
	if out[0] != out[1] {
		return nil, errors.New("it changes the hash")
	}
	return strings.Split(out[0], "\x00"), nil
}

// tagExpression is the tag attribute's; "" for the default.
func (p *linuxkitPackage) tagExpression() string {
	switch {
	case p.constant:
		return quote(p.before)
	case p.before == "" && p.after == "":
		return ""
	}
	return `"` + inner(p.before) + "${self.hash}" + inner(p.after) + `"`
}
