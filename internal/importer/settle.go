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
			if !w.takeOut(diags, over.files) {
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
		if diags.HasErrors() && w.takeOut(diags, over.files) {
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

// takeOut removes the nodes that errors are about, of a list the elements. It
// reports whether there were any.
func (w *workspace) takeOut(diags hcl.Diagnostics, files map[string][]byte) bool {
	var nodes []*node
	var items []string
	for _, d := range diags {
		if d.Severity != hcl.DiagError || d.Subject == nil {
			continue
		}
		n := w.nodeAt(d.Subject.Filename, d.Subject.Start.Line)
		if n == nil || n.name() == "workspace" {
			continue
		}
		w.notes.add(n.origin, "not carried over: %s: %s: %s", describe(n), d.Summary, d.Detail)
		text := ""
		if content := files[d.Subject.Filename]; d.Subject.CanSliceBytes(content) {
			text = string(d.Subject.SliceBytes(content))
		}
		nodes, items = append(nodes, n), append(items, text)
	}
	for i, n := range nodes {
		w.leaveOut(n, items[i])
	}
	return len(nodes) > 0
}

// leaveOut removes a node, or only what text is of it.
func (w *workspace) leaveOut(n *node, text string) {
	name := "package." + strings.TrimPrefix(text, ".")
	rest := slices.DeleteFunc(slices.Clone(n.items), func(item string) bool {
		return item == text || strings.HasPrefix(item, text+"[") || item == name || strings.HasPrefix(item, name+"[")
	})
	switch {
	case text != "" && len(rest) > 0 && len(rest) < len(n.items):
		n.items, n.value = rest, list(rest)
	case n.parent != nil && n.head == "default" && n.value != "null":
		n.value = "null" // who uses it says what is missing
	case n.parent != nil && n.head == "context" && n.parent.name() == "package":
		w.detach(n.parent) // another context would be another image
	default:
		w.detach(n)
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
