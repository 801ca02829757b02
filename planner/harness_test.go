package planner_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

const (
	amd64 = "linux/amd64"
	arm64 = "linux/arm64"
)

// noon is the tests' clock.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// tree is a workspace in memory: file contents by path. A path that ends in a
// slash is an empty directory.
type tree map[string]string

// header is a root file's beginning.
const header = `
workspace {
  name      = "acme"
  registry  = "registry.test/acme"
  platforms = ["linux/amd64", "linux/arm64"]
}
`

// with returns a copy of the tree in which some files are others.
func (t tree) with(changes tree) tree {
	out := maps.Clone(t)
	maps.Copy(out, changes)
	return out
}

// without returns a copy of the tree that lacks some files.
func (t tree) without(names ...string) tree {
	out := maps.Clone(t)
	for _, name := range names {
		delete(out, name)
	}
	return out
}

// replace returns a copy of the tree in which a text, which must be there, is
// another.
func (t tree) replace(tb testing.TB, file, old, new string) tree {
	tb.Helper()
	if !strings.Contains(t[file], old) {
		tb.Fatalf("%s has no %q", file, old)
	}
	return t.with(tree{file: strings.Replace(t[file], old, new, 1)})
}

func (t tree) fs() fstest.MapFS {
	files := fstest.MapFS{}
	for name, content := range t {
		if dir, ok := strings.CutSuffix(name, "/"); ok {
			files[dir] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
			continue
		}
		files[name] = &fstest.MapFile{Data: []byte(content), Mode: 0o644}
	}
	return files
}

// setup is what one resolution works on.
type setup struct {
	tb          testing.TB
	files       fstest.MapFS
	sources     *sources
	dockerfiles planner.Dockerfiles
	host        string
	now         time.Time
	schema      schema.Options
	lock        *planner.Lock
	trees       planner.Trees
}

func newSetup(tb testing.TB, t tree) *setup {
	files := t.fs()
	return &setup{
		tb: tb, files: files, host: amd64, now: noon,
		sources: &sources{files: files}, dockerfiles: lineAnalyzer{},
	}
}

// load parses the configuration, which must be right.
func (s *setup) load() *schema.Workspace {
	s.tb.Helper()
	ws, diags := schema.Load(s.files, s.schema)
	if diags.HasErrors() {
		s.tb.Fatalf("load: %s", list(diags))
	}
	return ws
}

func (s *setup) options() planner.ResolveOptions {
	return planner.ResolveOptions{Sources: s.sources, Dockerfiles: s.dockerfiles, HostPlatform: s.host, Now: s.now, Lock: s.lock, Trees: s.trees}
}

// resolve loads and resolves, which must both go well.
func (s *setup) resolve() *planner.Resolved {
	s.tb.Helper()
	r, diags, err := planner.Resolve(context.Background(), s.load(), s.options())
	if err != nil {
		s.tb.Fatalf("resolve: %v", err)
	}
	if diags.HasErrors() {
		s.tb.Fatalf("resolve: %s", list(diags))
	}
	return r
}

// diagnose loads and resolves a workspace that resolving must refuse.
func (s *setup) diagnose() hcl.Diagnostics {
	s.tb.Helper()
	r, diags, err := planner.Resolve(context.Background(), s.load(), s.options())
	if err != nil {
		s.tb.Fatalf("resolve: %v", err)
	}
	if r != nil || !diags.HasErrors() {
		s.tb.Fatalf("resolving went well, with %s", list(diags))
	}
	return diags
}

// resolve resolves a tree.
func resolve(tb testing.TB, t tree) *planner.Resolved {
	tb.Helper()
	return newSetup(tb, t).resolve()
}

// list is diagnostics in full, one a line.
func list(diags hcl.Diagnostics) string {
	lines := make([]string, len(diags))
	for i, d := range diags {
		lines[i] = d.Error()
	}
	return strings.Join(lines, "\n")
}

// sources reads a file system in memory as the workspace's files. Set its
// fields before it is used.
type sources struct {
	files fstest.MapFS
	// dirty are contexts that differ from HEAD.
	dirty map[string]bool
	// fail makes contexts unreadable.
	fail map[string]error
	// seen is called with each context that is read.
	seen func(spec planner.SourceSpec)
	mu   sync.Mutex
}

func (s *sources) Set(ctx context.Context, spec planner.SourceSpec) (*planner.SourceSet, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.seen != nil {
		s.mu.Lock()
		s.seen(spec)
		s.mu.Unlock()
	}
	if err := s.fail[spec.Context]; err != nil {
		return nil, err
	}
	set := &planner.SourceSet{Dirty: s.dirty[spec.Context]}
	if err := s.collect(set, spec.Context, "", nil); err != nil {
		return nil, err
	}
	for _, extra := range spec.Extra {
		if err := s.collect(set, extra.Path, extra.To, extra.Exclude); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(set.Files, func(a, b planner.File) int { return strings.Compare(a.Path, b.Path) })
	return set, nil
}

// collect adds what is below dir to the set, as below the path to.
func (s *sources) collect(set *planner.SourceSet, dir, to string, exclude []string) error {
	if _, err := s.files.Stat(dir); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		below, ok := strings.CutPrefix(name, dir+"/")
		if dir == "." {
			below, ok = name, true
		}
		if !ok || path.Base(name) == "stowage.hcl" || slices.Contains(exclude, below) {
			continue
		}
		set.Files = append(set.Files, entryOf(path.Join(to, below), s.files[name]))
	}
	return nil
}

func entryOf(name string, f *fstest.MapFile) planner.File {
	out := planner.File{Path: name, Type: planner.FileRegular, Origin: "/checkout/" + name}
	switch {
	case f.Mode&fs.ModeSymlink != 0:
		out.Type, out.Link = planner.FileSymlink, string(f.Data)
		return out
	case f.Mode.IsDir():
		out.Type = planner.FileDirectory
		return out
	case f.Mode&0o100 != 0:
		out.Type = planner.FileExecutable
	}
	sum := sha256.Sum256(f.Data)
	out.Size, out.Digest = int64(len(f.Data)), hex.EncodeToString(sum[:])
	return out
}

func (s *sources) Dockerfile(_ context.Context, dir, name string) ([]byte, error) {
	return fs.ReadFile(s.files, path.Join(dir, name))
}

// lineAnalyzer reads Dockerfiles of one instruction a line. It takes every
// stage for reachable.
type lineAnalyzer struct{}

// badLine is a mistake at a line of a Dockerfile.
type badLine int

func (b badLine) Error() string { return fmt.Sprintf("line %d: unknown instruction", int(b)) }
func (b badLine) Location() int { return int(b) }

func (lineAnalyzer) Analyze(content []byte, opts planner.AnalyzeOptions) (*planner.Dockerfile, error) {
	a := &analysis{opts: opts, out: &planner.Dockerfile{}, values: map[string]string{
		"BUILDPLATFORM": opts.Native, "TARGETPLATFORM": opts.Platform,
	}}
	for i, line := range strings.Split(string(content), "\n") {
		if err := a.instruction(i+1, strings.Fields(line)); err != nil {
			return nil, err
		}
	}
	slices.Sort(a.out.Args)
	return a.out, nil
}

type analysis struct {
	opts   planner.AnalyzeOptions
	out    *planner.Dockerfile
	values map[string]string
	stages []string
	from   bool // there was a FROM
}

func (a *analysis) expand(s string) string {
	for name, value := range a.values {
		s = strings.ReplaceAll(s, "${"+name+"}", value)
		s = strings.ReplaceAll(s, "$"+name, value)
	}
	return s
}

func (a *analysis) instruction(line int, words []string) error {
	if len(words) == 0 {
		return nil
	}
	switch words[0] {
	case "ARG":
		name, value, _ := strings.Cut(words[1], "=")
		if given, ok := a.opts.Args[name]; ok {
			value = given
		}
		a.values[name] = a.expand(value)
		if !slices.Contains(a.out.Args, name) {
			a.out.Args = append(a.out.Args, name)
		}
		if !a.from {
			a.out.NameArgs = append(a.out.NameArgs, name)
		} else {
			a.out.NameArgs = slices.DeleteFunc(a.out.NameArgs, func(n string) bool { return n == name })
		}
	case "FROM":
		a.from = true
		platform := a.opts.Platform
		if p, ok := strings.CutPrefix(words[1], "--platform="); ok {
			platform, words = a.expand(p), words[1:]
		}
		for _, name := range a.out.NameArgs {
			if strings.Contains(words[1], name) && !slices.Contains(a.out.FromArgs, name) {
				a.out.FromArgs = append(a.out.FromArgs, name)
			}
		}
		a.use(line, "FROM", words[1], platform)
		if len(words) == 4 {
			a.stages = append(a.stages, words[3])
		}
	case "COPY", "RUN":
		for _, word := range words[1:] {
			if name, ok := strings.CutPrefix(word, "--from="); ok {
				a.use(line, "COPY --from", name, a.opts.Platform)
			}
			if _, name, ok := strings.Cut(word, ",from="); ok && strings.HasPrefix(word, "--mount=") {
				a.use(line, "RUN --mount=from", name, a.opts.Platform)
			}
		}
	case "LABEL", "ENV":
	default:
		return badLine(line)
	}
	return nil
}

func (a *analysis) use(line int, instruction, name, platform string) {
	name = a.expand(name)
	if name == "scratch" || slices.Contains(a.stages, name) {
		return
	}
	use := planner.ImageUse{Name: name, Platform: platform, Instruction: instruction, Line: line}
	if slices.Contains(a.opts.Contexts, name) {
		use.Context = name
	}
	a.out.Images = append(a.out.Images, use)
}

// elsewhere is sources in another checkout.
type elsewhere struct{ planner.Sources }

func (e elsewhere) Set(ctx context.Context, spec planner.SourceSpec) (*planner.SourceSet, error) {
	set, err := e.Sources.Set(ctx, spec)
	if err != nil {
		return nil, err
	}
	for i := range set.Files {
		set.Files[i].Origin = "/elsewhere" + set.Files[i].Origin
	}
	return set, nil
}
