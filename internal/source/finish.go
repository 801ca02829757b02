package source

import (
	"strings"

	"github.com/stowage-build/stowage/planner"
)

// finish makes a set of the entries, which are sorted: parents come right
// before what is below them. Two files at one path are a mistake unless they
// are one and the same.
func (b *builder) finish() (*planner.SourceSet, error) {
	set := &planner.SourceSet{Dirty: b.dirty, Empty: b.empty}
	kept := b.kept[:0]       // the files of the set
	parents := b.parents[:0] // of the last entry, those that are in the set
	defer func() { b.kept, b.parents = kept, parents }()
	for i := range b.entries {
		e := &b.entries[i]
		if e.gone || e.late {
			set.Dirty = set.Dirty || b.git
		}
		if e.gone {
			continue
		}
		if e.leftOut && set.LeftOut == "" {
			set.LeftOut = e.rel
		}
		for len(parents) > 0 && !contains(parents[len(parents)-1].Path, e.Path) {
			parents = parents[:len(parents)-1]
		}
		var last *entry
		if len(parents) > 0 {
			last = parents[len(parents)-1]
		}
		switch {
		case last == nil:
		case last.Path == e.Path && (last.rel == e.rel || last.Type == planner.FileDirectory && e.Type == planner.FileDirectory):
			continue
		case last.Path == e.Path:
			return nil, mistake("%s and %s both go to %s in the context; give one of them another place with to, or exclude it", last.rel, e.rel, e.Path)
		case last.Type != planner.FileDirectory:
			return nil, mistake("%s goes to %s in the context, below %s, which is a file there", e.rel, e.Path, last.rel)
		default: // the directory is not empty any more
			kept, parents = kept[:len(kept)-1], parents[:len(parents)-1]
		}
		kept, parents = append(kept, e), append(parents, e)
	}
	set.Files = make([]planner.File, 0, len(kept))
	for _, e := range kept {
		set.Files = append(set.Files, e.File)
	}
	return set, nil
}

// contains reports whether name is dir or below it.
func contains(dir, name string) bool {
	return strings.HasPrefix(name, dir) && (len(name) == len(dir) || name[len(dir)] == '/')
}

// comparePaths orders paths component by component, parents before children.
func comparePaths(a, b string) int {
	for i := range min(len(a), len(b)) {
		switch {
		case a[i] == b[i]:
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		default:
			return int(a[i]) - int(b[i])
		}
	}
	return len(a) - len(b)
}
