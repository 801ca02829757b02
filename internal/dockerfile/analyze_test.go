package dockerfile_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/dockerfile"
	"github.com/stowage-build/stowage/planner"
)

// recorder is a registry that has every image, and notes what was asked for.
type recorder struct {
	mu   sync.Mutex
	seen []string
}

func (r *recorder) ResolveImageConfig(_ context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	platform := platforms.Format(platforms.Normalize(*opt.ImageOpt.Platform))
	r.seen = append(r.seen, ref+" "+platform)
	p := *opt.ImageOpt.Platform
	config := fmt.Sprintf(`{"architecture":%q,"os":%q,"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}`, p.Architecture, p.OS, strings.Repeat("0", 64))
	return ref, "", []byte(config), nil
}

// buildkitImages are the images that BuildKit itself asks for.
func buildkitImages(t *testing.T, content string, opts planner.AnalyzeOptions) ([]string, error) {
	t.Helper()
	target, err := platforms.Parse(opts.Platform)
	if err != nil {
		t.Fatal(err)
	}
	native, err := platforms.Parse(opts.Native)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	_, err = dockerfile2llb.Dockerfile2LLB(t.Context(), []byte(content), dockerfile2llb.ConvertOpt{
		Config:         dockerui.Config{BuildArgs: opts.Args, Target: opts.Target, BuildPlatforms: []ocispec.Platform{native}},
		TargetPlatform: &target, MetaResolver: r,
	})
	slices.Sort(r.seen)
	return slices.Compact(r.seen), err
}

func ourImages(t *testing.T, content string, opts planner.AnalyzeOptions) ([]string, error) {
	t.Helper()
	df, err := dockerfile.Analyzer{}.Analyze([]byte(content), opts)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, i := range df.Images {
		named, err := reference.ParseNormalizedNamed(i.Name)
		if err != nil {
			return nil, err
		}
		out = append(out, reference.TagNameOnly(named).String()+" "+i.Platform)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// cases are Dockerfiles that both must read alike.
var cases = map[string]struct {
	content string
	opts    planner.AnalyzeOptions
}{
	"one stage":                 {content: "FROM alpine:3.20\n"},
	"scratch":                   {content: "FROM scratch\nCOPY a b\n"},
	"lower case":                {content: "from alpine as x\nfrom x\n"},
	"global argument":           {content: "ARG V=3.20\nFROM alpine:${V}\n"},
	"global argument given":     {content: "ARG V=3.20\nFROM alpine:${V}\n", opts: planner.AnalyzeOptions{Args: map[string]string{"V": "edge"}}},
	"argument of an argument":   {content: "ARG A=x\nARG B=${A}/y\nFROM ${B}\n"},
	"default in the name":       {content: "ARG V\nFROM alpine:${V:-3.19}\n"},
	"alternative in the name":   {content: "ARG V=1\nFROM alpine${V:+:edge}\n"},
	"empty argument":            {content: "ARG V=\nFROM alpine:${V:-3.19}\n"},
	"argument after FROM":       {content: "ARG V=1\nFROM alpine:$V AS a\nARG V=2\nFROM busybox:$V\n"},
	"no value":                  {content: "ARG V\nFROM $V\n"},
	"undeclared argument":       {content: "FROM $V\n", opts: planner.AnalyzeOptions{Args: map[string]string{"V": "alpine"}}},
	"quoted default":            {content: "ARG V=\"3.20\"\nFROM alpine:$V\n"},
	"escape directive":          {content: "# escape=`\nARG V=1\nFROM alpine:$V\nRUN a `\n b\n"},
	"stages":                    {content: "FROM golang AS build\nFROM alpine\nCOPY --from=build /a /a\n"},
	"unreached stage":           {content: "FROM golang AS build\nFROM alpine\n"},
	"target":                    {content: "FROM golang AS build\nFROM alpine AS run\nFROM busybox AS test\n", opts: planner.AnalyzeOptions{Target: "run"}},
	"target in other case":      {content: "FROM golang AS Build\nFROM alpine\n", opts: planner.AnalyzeOptions{Target: "bUILD"}},
	"target is missing":         {content: "FROM golang AS build\n", opts: planner.AnalyzeOptions{Target: "biuld"}},
	"base is a stage":           {content: "FROM golang AS a\nFROM a AS b\nFROM b\n"},
	"base in other case":        {content: "FROM golang AS Base\nFROM Base\n"},
	"stage hides image":         {content: "FROM busybox AS alpine\nFROM alpine\n"},
	"stage named as its base":   {content: "FROM alpine AS alpine\nFROM alpine\n"},
	"later stage is an image":   {content: "FROM later\nFROM busybox AS later\nFROM scratch\nCOPY --from=0 / /\n"},
	"same name twice":           {content: "FROM alpine AS a\nFROM busybox AS a\nFROM a\n"},
	"copy from image":           {content: "FROM scratch\nCOPY --from=nginx:1.27 /etc /etc\n"},
	"copy from number":          {content: "FROM golang\nFROM alpine\nCOPY --from=0 /a /a\n"},
	"copy from number too high": {content: "FROM alpine\nCOPY --from=7 /a /a\n"},
	"copy from in other case":   {content: "FROM golang AS build\nFROM scratch\nCOPY --from=BUILD /a /a\n"},
	"copy from variable":        {content: "ARG X=nginx\nFROM scratch\nARG X\nCOPY --from=$X /a /a\n"},
	"copy from scratch":         {content: "FROM alpine\nCOPY --from=scratch / /\n"},
	"mount from image":          {content: "FROM alpine\nRUN --mount=from=nginx,target=/n ls\n"},
	"mount from stage":          {content: "FROM golang AS build\nFROM alpine\nRUN --mount=type=bind,from=build,target=/n ls\n"},
	"cache mount from image":    {content: "FROM alpine\nRUN --mount=type=cache,from=nginx,target=/n ls\n"},
	"mounts":                    {content: "FROM alpine\nRUN --mount=from=a,target=/a --mount=from=b,target=/b --mount=type=tmpfs,target=/t ls\n"},
	"build platform":            {content: "FROM --platform=$BUILDPLATFORM golang AS b\nFROM alpine\nCOPY --from=b /a /a\n"},
	"target platform":           {content: "FROM --platform=$TARGETPLATFORM alpine\n"},
	"literal platform":          {content: "FROM --platform=linux/s390x alpine\n"},
	"platform of an argument":   {content: "ARG P=linux/ppc64le\nFROM --platform=$P alpine\n"},
	"bad platform":              {content: "FROM --platform=what/is/this/thing alpine\n"},
	"empty platform":            {content: "ARG P\nFROM --platform=$P alpine\n"},
	"architecture in the name":  {content: "ARG TARGETARCH\nFROM alpine:${TARGETARCH}\n"},
	"image at two platforms":    {content: "FROM --platform=$BUILDPLATFORM alpine AS a\nFROM alpine\nCOPY --from=a /a /a\n"},
	"stage copied keeps its own": {
		content: "FROM --platform=$BUILDPLATFORM golang AS a\nFROM a AS b\nFROM scratch\nCOPY --from=b /x /x\n",
	},
	"registry":            {content: "FROM ghcr.io/acme/base:1\n"},
	"registry with port":  {content: "FROM localhost:5000/base\n"},
	"library":             {content: "FROM docker.io/library/alpine\n"},
	"digest":              {content: "FROM alpine@sha256:" + strings.Repeat("ab", 32) + "\n"},
	"tag and digest":      {content: "FROM alpine:3@sha256:" + strings.Repeat("ab", 32) + "\n"},
	"bad name":            {content: "FROM Alpine/UPPER\n"},
	"heredoc":             {content: "FROM alpine\nRUN <<EOF\nFROM nothing\nCOPY --from=nothing a b\nEOF\n"},
	"copy heredoc":        {content: "FROM alpine\nCOPY <<a <<b /x/\nFROM x\na\nFROM y\nb\n"},
	"onbuild in a stage":  {content: "FROM alpine AS a\nONBUILD RUN ls\nFROM busybox\n"},
	"unknown instruction": {content: "FROM alpine\nRUNN ls\n"},
	"no FROM":             {content: "ARG X=1\n"},
	"instruction first":   {content: "RUN ls\nFROM alpine\n"},
	"empty":               {content: "\n"},
	"comments":            {content: "# FROM a\nFROM alpine # not a comment\n"},
	"continued":           {content: "FROM \\\n  alpine \\\n  AS x\nFROM x\n"},
	"windows line ends":   {content: "FROM alpine AS a\r\nFROM scratch\r\nCOPY --from=a / /\r\n"},
	"byte order mark":     {content: "\ufeffFROM alpine\n"},
	"numeric stage name":  {content: "FROM alpine AS 1\nFROM scratch\nCOPY --from=1 / /\n"},
	"target stage":        {content: "ARG TARGETSTAGE\nFROM alpine:${TARGETSTAGE} AS x\n"},
}

// TestAgainstBuildKit has BuildKit read the same Dockerfiles: the images and
// platforms must be those that it asks a registry for, and what is an error
// for it must be one for us.
func TestAgainstBuildKit(t *testing.T) {
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.opts.Platform, c.opts.Native = cmp.Or(c.opts.Platform, "linux/arm64"), "linux/amd64"
			want, wantErr := buildkitImages(t, c.content, c.opts)
			have, haveErr := ourImages(t, c.content, c.opts)
			if (haveErr != nil) != (wantErr != nil) {
				t.Fatalf("error %v, BuildKit's is %v", haveErr, wantErr)
			}
			if wantErr == nil && !slices.Equal(have, want) {
				t.Fatalf("images %q, BuildKit asks for %q", have, want)
			}
		})
	}
}

// TestContexts: a named context takes the place of images and stages.
func TestContexts(t *testing.T) {
	const content = "FROM alpine AS a\nFROM ghcr.io/acme/base:latest AS b\nFROM b\nCOPY --from=a / /\nCOPY --from=tool /t /t\n"
	df, err := dockerfile.Analyzer{}.Analyze([]byte(content), planner.AnalyzeOptions{
		Platform: "linux/amd64", Native: "linux/amd64",
		Contexts: []string{"a", "tool", "ghcr.io/acme/base", "unused"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, i := range df.Images {
		have = append(have, fmt.Sprintf("%d %s %s", i.Line, i.Instruction, i.Context))
	}
	want := []string{"1 FROM a", "2 FROM ghcr.io/acme/base", "5 COPY --from tool"}
	if !slices.Equal(have, want) {
		t.Fatalf("contexts %q, want %q", have, want)
	}
}

// TestErrors: a mistake has its line, and words to mend it by.
func TestErrors(t *testing.T) {
	for content, want := range map[string]string{
		"FROM alpine\n\nFORM x\n":           "line 3: unknown instruction: FORM",
		"ARG X\nFROM $X\n":                  "line 2: base name ($X) should not be blank",
		"FROM alpine\nCOPY --from=$X a b\n": "line 2: variable expansion is not supported",
		"# only a comment\n":                "file with no instructions",
	} {
		_, err := dockerfile.Analyzer{}.Analyze([]byte(content), planner.AnalyzeOptions{Platform: "linux/amd64", Native: "linux/amd64"})
		var at *dockerfile.Error
		if !errors.As(err, &at) {
			t.Errorf("%q: %v is no *Error", content, err)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", content, err, want)
		}
	}
	_, err := dockerfile.Analyzer{}.Analyze([]byte("FROM a AS release\n"), planner.AnalyzeOptions{Target: "relaese", Platform: "linux/amd64", Native: "linux/amd64"})
	if err == nil || !strings.Contains(err.Error(), `did you mean "release"?`) {
		t.Errorf("wrong target: %v", err)
	}
}

// TestArgs lists the ARGs of all stages.
func TestArgs(t *testing.T) {
	df, err := dockerfile.Analyzer{}.Analyze([]byte("# syntax=docker/dockerfile:1\nARG B=1\nFROM a\nARG A C=2\n"), planner.AnalyzeOptions{Platform: "linux/amd64", Native: "linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"A", "B", "C"}; !slices.Equal(df.Args, want) {
		t.Errorf("args %q, want %q", df.Args, want)
	}
	if df.Syntax != "docker/dockerfile:1" {
		t.Errorf("syntax %q", df.Syntax)
	}
}

// FuzzAnalyze: no input panics.
func FuzzAnalyze(f *testing.F) {
	for _, c := range cases {
		f.Add([]byte(c.content), c.opts.Target)
	}
	f.Fuzz(func(_ *testing.T, content []byte, target string) {
		_, _ = dockerfile.Analyzer{}.Analyze(content, planner.AnalyzeOptions{Target: target, Platform: "linux/arm64", Native: "linux/amd64"})
	})
}
