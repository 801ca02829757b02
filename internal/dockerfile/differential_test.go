//go:build !race

// BuildKit's frontend races with itself where a stage mounts a cache
// (resolveReachableStages reads what resolveBaseImage writes), so what
// compares with it is run apart, without the race detector.

package dockerfile_test

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/dockerfile"
	"github.com/stowage-build/stowage/planner"
)

// recorder is the daemon that BuildKit's frontend talks to. It has every
// image, and notes what is asked for.
type recorder struct {
	gateway.Client
	opts map[string]string
	// onBuild are the ONBUILD instructions of images, by full name.
	onBuild map[string][]string

	mu   sync.Mutex
	seen []string
}

func (r *recorder) ResolveImageConfig(_ context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := platforms.Normalize(*opt.ImageOpt.Platform)
	r.seen = append(r.seen, ref+" "+platforms.Format(p))
	image := dockerspec.DockerOCIImage{
		Image:  ocispec.Image{Platform: p, RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromString("")}}},
		Config: dockerspec.DockerOCIImageConfig{DockerOCIImageConfigExt: dockerspec.DockerOCIImageConfigExt{OnBuild: r.onBuild[ref]}},
	}
	config, err := json.Marshal(image)
	return ref, "", config, err
}

func (r *recorder) BuildOpts() gateway.BuildOpts {
	native := platforms.MustParse("linux/amd64")
	return gateway.BuildOpts{
		Opts: r.opts, LLBCaps: pb.Caps.CapSet(pb.Caps.All()), Caps: gatewaypb.Caps.CapSet(gatewaypb.Caps.All()),
		Workers: []gateway.WorkerInfo{{Platforms: []ocispec.Platform{native}}},
	}
}

func (r *recorder) Inputs(context.Context) (map[string]llb.State, error) {
	return map[string]llb.State{dockerui.DefaultLocalNameContext: llb.Scratch()}, nil
}

// contextImage is the image that stands in for a named context.
func contextImage(name string) string {
	return "context.test/" + digest.FromString(name).Encoded()[:8] + ":latest"
}

// buildkitImages are the images that BuildKit itself asks for.
func buildkitImages(t testing.TB, content string, opts planner.AnalyzeOptions) ([]string, error) {
	t.Helper()
	r := &recorder{opts: map[string]string{"target": opts.Target}, onBuild: map[string][]string{}}
	for name, value := range opts.Args {
		r.opts["build-arg:"+name] = value
	}
	for _, name := range opts.Contexts {
		r.opts["context:"+name] = "docker-image://" + contextImage(name)
	}
	for name, triggers := range opts.OnBuild {
		if slices.Contains(opts.Contexts, name) {
			r.onBuild[contextImage(name)] = triggers
			continue
		}
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		r.onBuild[reference.TagNameOnly(named).String()] = triggers
	}
	target, err := platforms.Parse(opts.Platform)
	if err != nil {
		t.Fatal(err)
	}
	client, err := dockerui.NewClient(r)
	if err != nil {
		t.Fatal(err)
	}
	_, err = dockerfile2llb.Dockerfile2LLB(t.Context(), []byte(content), dockerfile2llb.ConvertOpt{
		Config: client.Config, Client: client, TargetPlatform: &target, MetaResolver: r,
	})
	slices.Sort(r.seen)
	return slices.Compact(r.seen), err
}

func ourImages(t testing.TB, content string, opts planner.AnalyzeOptions) ([]string, error) {
	t.Helper()
	df, err := dockerfile.Analyzer{}.Analyze([]byte(content), opts)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, i := range df.Images {
		name := i.Name
		if i.Context != "" {
			name = contextImage(i.Context)
		}
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			t.Errorf("image %q: %v", name, err)
			continue
		}
		if i.Line < 1 || i.Line > strings.Count(content, "\n")+1 {
			t.Errorf("image %q is in line %d", name, i.Line)
		}
		out = append(out, reference.TagNameOnly(named).String()+" "+i.Platform)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// compare has BuildKit read the same Dockerfile: the images and platforms must
// be those that it asks a registry for, and what is an error for it must be
// one for us.
func compare(t testing.TB, c testCase) {
	t.Helper()
	c.opts.Platform, c.opts.Native = cmp.Or(c.opts.Platform, "linux/arm64"), "linux/amd64"
	have, haveErr := ourImages(t, c.content, c.opts)
	want, wantErr := buildkitImages(t, c.content, c.opts)
	if (haveErr != nil) != (wantErr != nil) {
		t.Errorf("error %v, BuildKit's is %v", haveErr, wantErr)
	}
	if strings.Contains(c.content, "ONBUILD") || len(c.opts.OnBuild) > 0 {
		// BuildKit does not look up beforehand what a stage copies from that
		// only an ONBUILD instruction reaches, though the build needs it.
		have = slices.DeleteFunc(have, func(image string) bool { return !slices.Contains(want, image) })
	}
	if haveErr == nil && wantErr == nil && !slices.Equal(have, want) {
		t.Errorf("images %q, BuildKit asks for %q", have, want)
	}
	if t.Failed() {
		t.Fatalf("options %+v\n%s", c.opts, c.content)
	}
}

func TestAgainstBuildKit(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) { compare(t, cases[name]) })
	}
}

// TestRandomDockerfiles compares Dockerfiles put together at random.
func TestRandomDockerfiles(t *testing.T) {
	for seed := range uint64(5000) {
		compare(t, randomCase(seed))
	}
}
