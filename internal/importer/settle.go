package importer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// settle renders the workspace and loads it. What is refused is taken out and
// noted, from the inside outwards, until nothing is.
func (w *workspace) settle(ctx context.Context) (*Result, error) {
	for {
		files, err := w.render()
		if err != nil {
			return nil, err
		}
		over := &overlay{FS: w.opts.Root, files: map[string][]byte{}}
		for _, f := range files {
			over.files[f.Path] = f.Content
		}
		ws, diags := schema.Load(over, schema.Options{})
		if diags.HasErrors() {
			if !w.takeOut(diags) {
				return nil, fmt.Errorf("what was made does not load: %w", diags)
			}
			continue
		}
		_, diags, err = planner.Resolve(ctx, ws, planner.ResolveOptions{
			Sources: w.opts.Sources, Dockerfiles: w.opts.Dockerfiles, Trees: w.opts.Trees, HostPlatform: nativePlatform,
		})
		if err != nil {
			return nil, fmt.Errorf("check what was made: %w", err)
		}
		if diags.HasErrors() && w.takeOut(diags) {
			continue
		}
		w.noteMistakes(diags)
		return &Result{Files: files, Notes: w.notes.sorted()}, nil
	}
}

// noteMistakes notes what is wrong and not in the configuration: in a
// Dockerfile, say.
func (w *workspace) noteMistakes(diags hcl.Diagnostics) {
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		at := position{}
		if d.Subject != nil {
			at = position{d.Subject.Filename, d.Subject.Start.Line}
		}
		w.notes.add(at, "to be put right before anything can be planned: %s: %s", d.Summary, d.Detail)
	}
}

// render returns the documents that have blocks, formatted.
func (w *workspace) render() ([]File, error) {
	var files []File
	for _, d := range w.documents {
		if len(d.blocks) == 0 {
			continue
		}
		content, diags := schema.Format(d.render(), d.path)
		if diags.HasErrors() {
			return nil, fmt.Errorf("write %s: %w", d.path, errors.Join(diags.Errs()...))
		}
		files = append(files, File{d.path, content})
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// takeOut removes the nodes that errors are about. It reports whether there
// were any.
func (w *workspace) takeOut(diags hcl.Diagnostics) bool {
	removed := false
	for _, d := range diags {
		if d.Severity != hcl.DiagError || d.Subject == nil {
			continue
		}
		n := w.nodeAt(d.Subject.Filename, d.Subject.Start.Line)
		if n == nil || n.name() == "workspace" {
			continue
		}
		w.notes.add(n.origin, "not carried over: %s: %s: %s", describe(n), d.Summary, d.Detail)
		switch {
		case n.parent != nil && n.head == "default" && n.value != "null":
			n.value = "null" // who uses it says what is missing
		case n.parent != nil && n.head == "context" && n.parent.name() == "package":
			w.leaveOut(n.parent) // another context would be another image
		default:
			w.leaveOut(n)
		}
		removed = true
	}
	return removed
}

// leaveOut removes a node; groups lose a package that is removed.
func (w *workspace) leaveOut(n *node) {
	w.detach(n)
	name, ok := strings.CutPrefix(n.head, "package ")
	if !ok {
		return
	}
	bare := "package." + strings.Trim(name, `"`)
	for _, d := range w.documents {
		for _, b := range d.blocks {
			for _, c := range b.children {
				if len(c.items) > 0 {
					c.items = slices.DeleteFunc(c.items, func(s string) bool {
						return s == name || s == bare || strings.HasPrefix(s, bare+"[")
					})
					c.value = list(c.items)
				}
			}
		}
	}
}

// describe names a node and what it is in.
func describe(n *node) string {
	if n.parent == nil {
		return n.head
	}
	return describe(n.parent) + ", " + n.head
}

// nodeAt finds the node on a line of a document. Lines of comments and of
// nodes that have been removed have none.
func (w *workspace) nodeAt(file string, line int) *node {
	for _, d := range w.documents {
		if d.path != file {
			continue
		}
		for _, b := range d.blocks {
			if n := b.at(line); n != nil {
				return n
			}
		}
	}
	return nil
}

func (w *workspace) detach(n *node) {
	if n.parent != nil {
		n.remove()
		return
	}
	for _, d := range w.documents {
		d.blocks = slices.DeleteFunc(d.blocks, func(b *node) bool { return b == n })
	}
}
