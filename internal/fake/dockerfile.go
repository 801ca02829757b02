package fake

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/imageindex"
)

// interpreter builds the Dockerfile of one request.
type interpreter struct {
	req      *executor.BuildRequest
	blobs    BlobStore
	progress func(executor.Progress)
	stages   []instructions.Stage
	args     map[string]string // those before the first FROM
	built    map[int]*stage
}

// stage is what the instructions of a Dockerfile's stage have made so far.
type stage struct {
	files       files
	env, labels map[string]string
	args        map[string]string
}

// interpret builds the request's Dockerfile.
func interpret(ctx context.Context, blobs BlobStore, req *executor.BuildRequest, progress func(executor.Progress)) (*executor.BuildResult, error) {
	i := &interpreter{req: req, blobs: blobs, progress: progress, args: map[string]string{}, built: map[int]*stage{}}
	if err := i.parse(); err != nil {
		return nil, err
	}
	last := len(i.stages) - 1
	if req.Target != "" {
		var ok bool
		if last, ok = instructions.HasStage(i.stages, req.Target); !ok {
			return nil, &executor.BuildError{Err: fmt.Errorf("target stage %q could not be found", req.Target)}
		}
	}
	s, err := i.stage(ctx, last)
	if err != nil {
		return nil, err
	}
	return i.write(ctx, s)
}

func (i *interpreter) parse() error {
	ast, err := parser.Parse(bytes.NewReader(i.req.Dockerfile))
	if err != nil {
		return i.failure(err, located(err), "")
	}
	stages, args, err := instructions.Parse(ast.AST, nil)
	if err != nil {
		return i.failure(err, located(err), "")
	}
	i.stages = stages
	for _, arg := range args {
		if err := declare(i.args, i.req.Args, arg.Args, expander(i.args)); err != nil {
			return i.failure(err, arg.Location(), "")
		}
	}
	return nil
}

func located(err error) []parser.Range {
	var at *parser.LocationError
	if errors.As(err, &at) && len(at.Locations) > 0 {
		return at.Locations[0]
	}
	return nil
}

// failure is an error of the lines, with an excerpt as BuildKit prints it.
func (i *interpreter) failure(err error, at []parser.Range, step string) error {
	out := &executor.BuildError{Step: step, Err: err}
	var exit exitError
	if errors.As(err, &exit) {
		out.ExitCode = int(exit)
		out.Err = fmt.Errorf("%s ended with exit code %d", step, exit)
	}
	if len(at) == 0 {
		return out
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s:%d\n", cmp.Or(i.req.DockerfileTitle, i.req.DockerfileName), at[0].Start.Line)
	for n, line := range strings.Split(string(i.req.Dockerfile), "\n") {
		mark := "   "
		if slices.ContainsFunc(at, func(r parser.Range) bool { return r.Start.Line <= n+1 && n+1 <= r.End.Line }) {
			mark = ">>>"
		}
		fmt.Fprintf(&text, " %3d | %s %s\n", n+1, mark, line)
	}
	out.Excerpt = strings.TrimRight(text.String(), "\n")
	return out
}

// stage makes a stage, once.
func (i *interpreter) stage(ctx context.Context, n int) (*stage, error) {
	if s := i.built[n]; s != nil {
		return s, nil
	}
	from := i.stages[n]
	s := &stage{files: files{}, env: map[string]string{}, labels: map[string]string{}, args: map[string]string{}}
	name, err := expander(i.args)(from.BaseName)
	if err == nil && name != "scratch" {
		var base *stage
		if base, err = i.source(ctx, n, name, from.Platform); err == nil {
			s.files = maps.Clone(base.files)
			maps.Copy(s.env, base.env)
			maps.Copy(s.labels, base.labels)
		}
	}
	if err != nil {
		return nil, i.failed(ctx, err, from.Location, "FROM "+from.BaseName)
	}
	for k, cmd := range from.Commands {
		text := fmt.Sprint(cmd)
		v := executor.Vertex{ID: fmt.Sprintf("%d.%d", n, k), Name: strings.TrimSpace(fmt.Sprintf("[%s %d/%d] %s", from.Name, k+1, len(from.Commands), text))}
		i.vertex(v)
		v.Started = true
		i.vertex(v)
		err := i.step(ctx, n, s, cmd, v.Name)
		v.Completed = true
		if err != nil {
			v.Error = err.Error()
		}
		i.vertex(v)
		if err != nil {
			return nil, i.failed(ctx, err, cmd.Location(), v.Name)
		}
	}
	i.built[n] = s
	return s, nil
}

// failed leaves apart what ends the build from outside.
func (i *interpreter) failed(ctx context.Context, err error, at []parser.Range, step string) error {
	var known *executor.BuildError
	if ctx.Err() != nil || errors.As(err, &known) {
		return err
	}
	return i.failure(err, at, step)
}

func (i *interpreter) vertex(v executor.Vertex) {
	i.progress(executor.Progress{Time: time.Now(), Vertex: &v})
}

// source is what FROM and --from name: a stage, a directory or an image.
func (i *interpreter) source(ctx context.Context, before int, name, platform string) (*stage, error) {
	if n, ok := instructions.HasStage(i.stages[:before], name); ok {
		return i.stage(ctx, n)
	}
	if list, ok := i.req.LocalContexts[name]; ok {
		set, err := sourceSet(list)
		return &stage{files: set}, err
	}
	if platform == "" {
		platform = i.req.Platform
	}
	want, err := imageindex.ParsePlatform(platform)
	if err != nil {
		return nil, err
	}
	for _, image := range i.req.Images {
		have, err := imageindex.ParsePlatform(image.Platform)
		if err != nil {
			return nil, err
		}
		if sameImage(name, image.Name) && imageindex.FormatPlatform(&have) == imageindex.FormatPlatform(&want) {
			set, err := readImage(ctx, i.blobs, image.Descriptor)
			return &stage{files: set}, err
		}
	}
	return nil, fmt.Errorf("%s for %s: not found", name, platform)
}

// sameImage compares image names, of which neither need be in full.
func sameImage(a, b string) bool {
	x, errX := reference.ParseNormalizedNamed(a)
	y, errY := reference.ParseNormalizedNamed(b)
	if errX != nil || errY != nil {
		return false
	}
	return familiar(x) == familiar(y)
}

func familiar(n reference.Named) string {
	return strings.TrimSuffix(reference.FamiliarString(n), ":latest")
}

// step does one instruction.
func (i *interpreter) step(ctx context.Context, n int, s *stage, cmd instructions.Command, name string) error {
	vars := maps.Clone(s.args)
	maps.Copy(vars, s.env)
	if c, ok := cmd.(instructions.SupportsSingleWordExpansion); ok {
		if err := c.Expand(expander(vars)); err != nil {
			return err
		}
	}
	switch c := cmd.(type) {
	case *instructions.ArgCommand:
		return declare(s.args, i.req.Args, c.Args, func(s string) (string, error) { return s, nil })
	case *instructions.EnvCommand:
		for _, kv := range c.Env {
			s.env[kv.Key] = kv.Value
		}
		return nil
	case *instructions.LabelCommand:
		for _, kv := range c.Labels {
			s.labels[kv.Key] = kv.Value
		}
		return nil
	case *instructions.CopyCommand:
		return i.copy(ctx, n, s, c)
	case *instructions.RunCommand:
		return i.run(ctx, s, c, vars, name)
	}
	return fmt.Errorf("the fake builder has no instruction %s", cmd.Name())
}

func (i *interpreter) copy(ctx context.Context, n int, s *stage, c *instructions.CopyCommand) error {
	from, err := sourceSet(i.req.Files)
	if err == nil && c.From != "" {
		var source *stage
		if source, err = i.source(ctx, n, c.From, ""); err == nil {
			from = source.files
		}
	}
	if err != nil {
		return err
	}
	for _, src := range c.SourcePaths {
		if err := s.files.copy(from, src, c.DestPath); err != nil {
			return err
		}
	}
	return nil
}

func (i *interpreter) run(ctx context.Context, s *stage, c *instructions.RunCommand, vars map[string]string, name string) error {
	secrets := map[string][]byte{}
	for _, m := range instructions.GetMounts(c) {
		if m.Type != instructions.MountTypeSecret {
			return fmt.Errorf("the fake builder has no mount of type %s", m.Type)
		}
		value, ok, err := i.secret(m.CacheID)
		switch {
		case err != nil:
			return err
		case ok:
			secrets[inside(cmp.Or(m.Target, "/run/secrets/"+m.CacheID))] = value
		case m.Required:
			return fmt.Errorf("secret %s: not found", m.CacheID)
		}
	}
	p := &process{files: s.files, secrets: secrets, env: vars, output: func(stderr bool, data []byte) {
		i.progress(executor.Progress{Time: time.Now(), Log: &executor.LogLine{Vertex: name, Stderr: stderr, Data: data}})
	}}
	return p.run(ctx, strings.Join(c.CmdLine, " "))
}

func (i *interpreter) secret(id string) (value []byte, found bool, err error) {
	for _, s := range i.req.Secrets {
		if s.ID == id {
			value, err = s.Value()
			return value, true, err
		}
	}
	return nil, false, nil
}

// declare gives arguments their values: the request's, else the default.
func declare(to, given map[string]string, args []instructions.KeyValuePairOptional, expand instructions.SingleWordExpander) error {
	for _, arg := range args {
		if value, ok := given[arg.Key]; ok {
			to[arg.Key] = value
		} else if arg.Value != nil {
			value, err := expand(*arg.Value)
			if err != nil {
				return err
			}
			to[arg.Key] = value
		}
	}
	return nil
}

func expander(vars map[string]string) instructions.SingleWordExpander {
	lex := shell.NewLex('\\')
	return func(word string) (string, error) {
		text, _, err := lex.ProcessWord(word, variables(vars))
		return text, err
	}
}

// variables is a shell.EnvGetter.
type variables map[string]string

func (v variables) Get(name string) (string, bool) { value, ok := v[name]; return value, ok }
func (v variables) Keys() []string                 { return slices.Sorted(maps.Keys(v)) }

// write writes the stage's image.
func (i *interpreter) write(ctx context.Context, s *stage) (*executor.BuildResult, error) {
	platform, err := imageindex.ParsePlatform(i.req.Platform)
	if err != nil {
		return nil, err
	}
	image := &imageWriter{ctx: ctx, w: i.blobs}
	labels := maps.Clone(s.labels)
	maps.Copy(labels, i.req.Labels)
	config := ocispec.Image{Platform: platform, RootFS: ocispec.RootFS{Type: "layers"}, Config: ocispec.ImageConfig{Labels: labels}}
	for _, name := range slices.Sorted(maps.Keys(s.env)) {
		config.Config.Env = append(config.Config.Env, name+"="+s.env[name])
	}
	manifest := newManifest()
	manifest.Annotations = i.req.Annotations
	layer := image.write(ocispec.MediaTypeImageLayer, s.files.tar())
	manifest.Layers = []ocispec.Descriptor{layer}
	config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, layer.Digest)
	manifest.Config = image.json(ocispec.MediaTypeImageConfig, config)
	result := &executor.BuildResult{Manifest: image.json(ocispec.MediaTypeImageManifest, manifest)}
	result.Manifest.Platform = &platform
	if image.err != nil {
		return nil, fmt.Errorf("write image for %s: %w", i.req.Platform, image.err)
	}
	return result, nil
}
