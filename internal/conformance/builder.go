package conformance

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// BuilderUnderTest is a builder and the store that it builds into.
type BuilderUnderTest struct {
	executor.Builder
	// Store is the blobs of the builder's store.
	Store Content
	// Digests lists them.
	Digests func(t *testing.T) []digest.Digest
	// Platform is one that the builder runs instructions for.
	Platform string
	// Base is an image for the platform, in the store, in which RUN has echo,
	// cat, sha256sum, sleep, true and exit.
	Base ocispec.Descriptor
	// Disconnect breaks the connection to the builder. The next build has a
	// new one.
	Disconnect func()
}

// baseName is what the tests' Dockerfiles call the Base.
const baseName = "base.test/shell:1"

// Builder tests the builders that open returns: a new one each time, with
// nothing but the Base in its store.
//
// The tests' Dockerfiles keep to FROM, ARG, ENV, LABEL, COPY and RUN with the
// commands of the Base, so that a builder in memory can do what they say.
func Builder(t *testing.T, open func(t *testing.T) BuilderUnderTest) {
	for name, test := range map[string]func(*testing.T, BuilderUnderTest){
		"ResultIsInTheStore":        resultIsInTheStore,
		"AnotherPlatform":           anotherPlatform,
		"AgainIsTheSame":            againIsTheSame,
		"ChangesReachTheImage":      changesReachTheImage,
		"ContextIsExact":            contextIsExact,
		"EmptyContext":              emptyContext,
		"LocalContextIsExact":       localContextIsExact,
		"DockerfileIsTheRequests":   dockerfileIsTheRequests,
		"ChangedFileFails":          changedFileFails,
		"NamedImageIsUsed":          namedImageIsUsed,
		"NamedImageMoves":           namedImageMoves,
		"NamedImagesOfPlatforms":    namedImagesOfPlatforms,
		"ArgsTargetAndLabels":       argsTargetAndLabels,
		"AnnotationsAreOnTheImage":  annotationsAreOnTheImage,
		"SecretsReachOnlyTheBuild":  secretsReachOnlyTheBuild,
		"SecretTrouble":             secretTrouble,
		"FailedInstruction":         failedInstruction,
		"WrongDockerfile":           wrongDockerfile,
		"CancelledBuildEnds":        cancelledBuildEnds,
		"CancelledBeforeItBegins":   cancelledBeforeItBegins,
		"LostConnectionIsTemporary": lostConnectionIsTemporary,
		"ProgressTellsOfASuccess":   progressTellsOfASuccess,
		"ProgressTellsOfAFailure":   progressTellsOfAFailure,
		"BuildsAtOnce":              buildsAtOnce,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// request is a build of lines of a Dockerfile, with the Base at hand.
func (b BuilderUnderTest) request(dockerfile ...string) *executor.BuildRequest {
	epoch := int64(315532800)
	return &executor.BuildRequest{
		Node: "app:" + b.Platform, Platform: b.Platform,
		Dockerfile: []byte(strings.Join(dockerfile, "\n") + "\n"), DockerfileName: "app/Dockerfile",
		Images:  []executor.NamedImage{{Name: baseName, Platform: b.Platform, Descriptor: b.Base}},
		Network: "none", Epoch: &epoch,
	}
}

// try builds, and checks what holds for every build's progress.
func (b BuilderUnderTest) try(ctx context.Context, t *testing.T, req *executor.BuildRequest, also ...func(executor.Progress)) (*executor.BuildResult, *told, error) {
	t.Helper()
	told := &told{t: t, also: also}
	result, err := b.Build(ctx, req, told.take)
	told.over.Store(true)
	told.check()
	if (result == nil) == (err == nil) {
		t.Errorf("the result is %+v, the error %v: want one of them", result, err)
	}
	return result, told, err
}

// build is a try that must not fail.
func (b BuilderUnderTest) build(t *testing.T, req *executor.BuildRequest) *executor.BuildResult {
	t.Helper()
	result, told, err := b.try(t.Context(), t, req)
	if err != nil {
		t.Fatalf("build failed: %v\n%s", err, told.output())
	}
	return result
}

// told is the progress of one build.
type told struct {
	t    *testing.T
	also []func(executor.Progress)
	busy atomic.Bool
	over atomic.Bool
	list []executor.Progress
}

func (p *told) take(e executor.Progress) {
	if p.busy.Swap(true) {
		p.t.Error("progress is called by two goroutines at once")
	}
	defer p.busy.Store(false)
	if p.over.Load() {
		p.t.Error("progress is called after the build has returned")
	}
	p.list = append(p.list, e)
	for _, f := range p.also {
		f(e)
	}
}

// check checks the fields that are documented.
func (p *told) check() {
	p.t.Helper()
	names := map[string]bool{}
	for _, e := range p.list {
		switch {
		case (e.Log == nil) == (e.Vertex == nil):
			p.t.Errorf("progress is %+v: want one of Log and Vertex", e)
		case e.Log != nil:
			if !names[e.Log.Vertex] || len(e.Log.Data) == 0 || e.Time.IsZero() {
				p.t.Errorf("a log line at %v is %+v: want a time, data and an instruction that was told of", e.Time, e.Log)
			}
		default:
			v := e.Vertex
			names[v.Name] = true
			if v.ID == "" || v.Name == "" || (v.Completed && !v.Started) || (v.Started && e.Time.IsZero()) {
				p.t.Errorf("an instruction at %v is %+v", e.Time, v)
			}
		}
	}
}

// vertices are the last states of the instructions whose name has text in it.
func (p *told) vertices(text string) []executor.Vertex {
	at := map[string]int{}
	var out []executor.Vertex
	for _, e := range p.list {
		if e.Vertex == nil || !strings.Contains(e.Vertex.Name, text) {
			continue
		}
		if n, ok := at[e.Vertex.ID]; ok {
			out[n] = *e.Vertex
			continue
		}
		at[e.Vertex.ID] = len(out)
		out = append(out, *e.Vertex)
	}
	return out
}

// logs is what the instruction wrote to one stream.
func (p *told) logs(vertex string, stderr bool) string {
	var out strings.Builder
	for _, e := range p.list {
		if e.Log != nil && e.Log.Stderr == stderr && e.Log.Vertex == vertex {
			out.Write(e.Log.Data)
		}
	}
	return out.String()
}

// output is all that was told, as text.
func (p *told) output() string {
	var out strings.Builder
	for _, e := range p.list {
		if e.Log != nil {
			fmt.Fprintf(&out, "%s: %s\n", e.Log.Vertex, e.Log.Data)
		} else {
			fmt.Fprintf(&out, "%+v\n", *e.Vertex)
		}
	}
	return out.String()
}

// image writes an image of one file, called file, that has the text in it.
func (b BuilderUnderTest) image(t *testing.T, name, platform, text string) executor.NamedImage {
	t.Helper()
	return executor.NamedImage{Name: name, Platform: platform, Descriptor: build(t, b.Store, platform, text).Manifest}
}

// sources writes files below a directory of their own and returns them as a
// source set: "path", "path*" for an executable, "path -> target", "path/".
func sources(t *testing.T, entries map[string]string) []planner.File {
	t.Helper()
	return sourcesIn(t, t.TempDir(), entries)
}
