package executor_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// files is a workspace in memory: planner.Sources and planner.Dockerfiles.
type files struct{ fs fstest.MapFS }

func (f files) Set(_ context.Context, spec planner.SourceSpec) (*planner.SourceSet, error) {
	var set planner.SourceSet
	for _, path := range slices.Sorted(maps.Keys(f.fs)) {
		if rest, ok := strings.CutPrefix(path, spec.Context+"/"); ok {
			set.Files = append(set.Files, planner.File{Path: rest, Type: planner.FileRegular, Digest: "d" + rest})
		}
	}
	return &set, nil
}

func (f files) Dockerfile(_ context.Context, dir, name string) ([]byte, error) {
	return fs.ReadFile(f.fs, dir+"/"+name)
}

// Analyze knows FROM and ARG, each with one plain word after it.
func (f files) Analyze(content []byte, opts planner.AnalyzeOptions) (*planner.Dockerfile, error) {
	var d planner.Dockerfile
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		switch words := strings.Fields(lines.Text()); words[0] {
		case "ARG":
			d.Args = append(d.Args, words[1])
		case "FROM":
			if words[1] != "scratch" {
				d.Images = append(d.Images, planner.ImageUse{Name: words[1], Platform: opts.Platform, Instruction: "FROM", Line: 1})
			}
		}
	}
	slices.Sort(d.Args)
	return &d, nil
}

const workspace = `
workspace {
  name      = "acme"
  registry  = "reg.test/acme"
  platforms = ["linux/amd64", "linux/arm64"]
}
package "base" {
  context = "base"
}
package "app" {
  context = "app"
  target  = "release"
  args = {
    REVISION = "mine"
    MODE     = "fast"
  }
  contexts = {
    proto = "proto"
    cgr   = "docker-image://cgr.test/static:latest"
  }
  labels      = { "org.opencontainers.image.source" = "mine" }
  annotations = { note = "n" }
  secret "npm" {
    env = "NPM_TOKEN"
  }
  ssh      = ["default"]
  timeout  = "30m"
  retries  = 2
  no_cache = false
  platform "linux/arm64" {
    args     = { MODE = "small" }
    timeout  = "60m"
    no_cache = true
  }
}
package "same" {
  context      = "base"
  image        = "same"
  reproducible = true
  args         = { SOURCE_DATE_EPOCH = EPOCH }
}
package "host" {
  context = "base"
  image   = "host"
  network = "host"
}
`

// resolved resolves the workspace, with epoch as what the package "same" says.
func resolved(t *testing.T, epoch string) *executor.ResolvedSpecs {
	t.Helper()
	f := files{fstest.MapFS{
		"stowage.hcl":     {Data: []byte(strings.ReplaceAll(workspace, "EPOCH }", `"`+epoch+`" }`))},
		"base/Dockerfile": {Data: []byte("ARG PKG_HASH\nFROM scratch\n")},
		"app/Dockerfile":  {Data: []byte("ARG PKG_HASH\nARG PKG_IMAGE\nARG REVISION\nARG SOURCE\nFROM reg.test/acme/base\n")},
		"app/main.go":     {Data: []byte("package main")},
		"proto/x.proto":   {Data: []byte("x")},
	}}
	ws, diags := schema.Load(f.fs, schema.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	r, diags, err := planner.Resolve(t.Context(), ws, planner.ResolveOptions{Sources: f, Dockerfiles: f, HostPlatform: amd64})
	if err != nil || diags.HasErrors() {
		t.Fatal(diags, err)
	}
	return &executor.ResolvedSpecs{
		Resolved:   r,
		Provenance: executor.Provenance{Revision: "commit", Source: "https://git.test/acme"},
		Secret:     func(s schema.Secret) ([]byte, error) { return []byte("value of " + s.Env), nil },
	}
}

func TestResolvedSpecs(t *testing.T) {
	specs := resolved(t, "1")
	spec, err := specs.Build("app", amd64)
	if err != nil {
		t.Fatal(err)
	}
	req := spec.Request
	app := specs.Resolved.Package("app")
	same := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s = %v, want %v", what, got, want)
		}
	}
	same("args", req.Args, map[string]string{
		"MODE": "fast", "REVISION": "mine", "SOURCE": "https://git.test/acme",
		"PKG_HASH": app.TagHash, "PKG_IMAGE": app.Ref(),
	})
	same("labels", req.Labels, map[string]string{
		"org.opencontainers.image.source": "mine", "org.opencontainers.image.revision": "commit",
	})
	same("annotations", req.Annotations, map[string]string{"note": "n"})
	same("target", req.Target, "release")
	same("node", req.Node, "app:linux/amd64")
	same("Dockerfile", req.DockerfileName, "app/Dockerfile")
	same("remote contexts", req.RemoteContexts, map[string]string{"cgr": "docker-image://cgr.test/static:latest"})
	same("local contexts", req.LocalContexts["proto"][0].Path, "x.proto")
	same("files", len(req.Files), 2)
	same("ssh", req.SSH, []string{"default"})
	same("uses", spec.Uses, []executor.ImageUse{{Name: "reg.test/acme/base", Package: "base", Platform: amd64}})
	same("retries", spec.Retries, 2)
	same("timeout", spec.Timeout, 30*time.Minute)
	same("epoch", req.Epoch, (*int64)(nil))
	same("inputs", specs.Inputs("app"), app.Inputs)
	value, err := req.Secrets[0].Value()
	if err != nil || req.Secrets[0].ID != "npm" || string(value) != "value of NPM_TOKEN" {
		t.Errorf("secret %s is %q, %v", req.Secrets[0].ID, value, err)
	}

	arm, err := specs.Build("app", arm64)
	if err != nil {
		t.Fatal(err)
	}
	same("args for arm64", arm.Request.Args["MODE"], "small")
	same("timeout for arm64", arm.Timeout, time.Hour)
	same("cache for arm64", []bool{req.NoCache, arm.Request.NoCache}, []bool{false, true})
	same("uses for arm64", arm.Uses[0].Platform, arm64)
}

// TestReproducible: nothing that differs from one commit to the next may be in
// an image that is to come out the same.
func TestReproducible(t *testing.T) {
	spec, err := resolved(t, "77").Build("same", amd64)
	if err != nil {
		t.Fatal(err)
	}
	if len(spec.Request.Labels) > 0 || spec.Request.Epoch == nil || *spec.Request.Epoch != 77 {
		t.Errorf("labels are %v, the epoch is %v", spec.Request.Labels, spec.Request.Epoch)
	}
	if _, err := resolved(t, "today").Build("same", amd64); err == nil || !strings.Contains(err.Error(), `SOURCE_DATE_EPOCH "today": write Unix seconds`) {
		t.Errorf("error is %v", err)
	}
}

func TestHostNetwork(t *testing.T) {
	specs := resolved(t, "1")
	if _, err := specs.Build("host", amd64); err == nil || !strings.Contains(err.Error(), "--allow network.host") {
		t.Errorf("error is %v", err)
	}
	specs.Proxies = map[string]string{"HTTPS_PROXY": "http://proxy.test:3128", "MODE": "never"}
	spec, err := specs.Build("app", amd64)
	if err != nil || spec.Request.Args["HTTPS_PROXY"] != "http://proxy.test:3128" || spec.Request.Args["MODE"] != "fast" {
		t.Errorf("args %v, %v", spec.Request.Args, err)
	}
	specs.Allow = []string{"network.host"}
	if spec, err := specs.Build("host", amd64); err != nil || spec.Request.Network != "host" {
		t.Errorf("spec is %v, %v", spec, err)
	}
	if _, err := specs.Build("nobody", amd64); err == nil {
		t.Error("an unknown package has a build")
	}
}

func TestReporters(t *testing.T) {
	one, two := &events{}, &events{}
	executor.Reporters{one, nil, two}.Report(executor.Event{Type: executor.EventWarning})
	if len(one.list) != 1 || len(two.list) != 1 {
		t.Error("not all reporters were told")
	}
}

func TestTransient(t *testing.T) {
	lost := &fault{"lost"}
	for name, tt := range map[string]struct {
		err  error
		want bool
	}{
		"none":      {nil, false},
		"plain":     {errors.New("no"), false},
		"fault":     {lost, true},
		"build":     {&executor.BuildError{Err: errors.New("no")}, false},
		"a build's": {&executor.BuildError{Err: lost}, false},
		"wrapped":   {fmt.Errorf("solve: %w", lost), true},
		"deadline":  {context.DeadlineExceeded, true},
	} {
		if got := executor.Transient(tt.err); got != tt.want {
			t.Errorf("%s: Transient is %v", name, got)
		}
	}
}
