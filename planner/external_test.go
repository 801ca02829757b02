package planner_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/internal/dockerfile"
	"github.com/stowage-build/stowage/planner"
)

const (
	digestA = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	digestB = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// based is a workspace whose package app takes alpine, and an image as a named
// context.
func based() tree {
	return inline(map[string]string{
		"lib": "",
		"app": "contexts = { tool = \"docker-image://cgr.test/tool:1\" }\n" +
			from("FROM alpine:3.20 AS a", "FROM registry.test/acme/lib", "COPY --from=a / /", "COPY --from=tool / /",
				"COPY --from=busybox@"+digestA+" / /"),
	})
}

// lockOf locks images to a digest for both platforms.
func lockOf(digest string, names ...string) *planner.Lock {
	l := &planner.Lock{Images: map[string]planner.LockedImage{}}
	for _, name := range names {
		l.Images[name] = planner.LockedImage{Digest: digest, Platforms: []string{amd64, arm64}}
	}
	return l
}

// same compares lists of anything.
func same[T any](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n  got  %+v\n  want %+v", what, got, want)
	}
}

func locked(tb testing.TB, t tree, lock *planner.Lock) *setup {
	s := newSetup(tb, t)
	s.dockerfiles, s.lock = dockerfile.Analyzer{}, lock
	return s
}

func TestExternalImages(t *testing.T) {
	r := locked(t, based(), nil).resolve()
	both := []string{amd64, arm64}
	same(t, "external images", r.External(), []planner.ExternalImage{
		{Name: "cgr.test/tool:1", Packages: []string{"app"}, Platforms: both},
		{Name: "docker.io/library/alpine:3.20", Packages: []string{"app"}, Platforms: both},
	})
}

// A locked digest goes into the hash of what uses it, and of nothing else, and
// to its builds.
func TestLockedImages(t *testing.T) {
	const alpine, tool = "docker.io/library/alpine:3.20", "cgr.test/tool:1"
	lock := lockOf(digestA, alpine, tool)
	r := locked(t, based(), lock).resolve()
	same(t, "bases", r.Package("app").Bases(arm64), []planner.Base{
		{Name: "alpine:3.20", Ref: alpine, Digest: digestA, Platform: arm64},
		{Name: "busybox@" + digestA, Ref: "docker.io/library/busybox@" + digestA, Platform: arm64},
		{Name: "tool", Ref: tool, Digest: digestA, Platform: arm64},
	})
	before := r.Package("app").Hash
	for _, name := range []string{alpine, tool} {
		moved := lockOf(digestA, alpine, tool)
		moved.Images[name] = planner.LockedImage{Digest: digestB, Platforms: []string{amd64, arm64}}
		after := locked(t, based(), moved).resolve()
		if after.Package("app").Hash == before {
			t.Errorf("%s moved and the hash did not change", name)
		}
		if after.Package("lib").Hash != r.Package("lib").Hash {
			t.Errorf("%s moved and lib, which does not use it, has another hash", name)
		}
	}
	unused := lockOf(digestA, alpine, tool, "docker.io/library/golang:1")
	if locked(t, based(), unused).resolve().Package("app").Hash != before {
		t.Error("an image that nothing uses changed the hash")
	}
	if locked(t, based(), nil).resolve().Package("app").Hash == before {
		t.Error("locked and unlocked have one hash")
	}
}

// A named context that moved is a base that moved, like any other.
func TestLockedImagesMove(t *testing.T) {
	const alpine, tool = "docker.io/library/alpine:3.20", "cgr.test/tool:1"
	lock := lockOf(digestA, alpine, tool)
	old := locked(t, based(), lock).resolve().Package("app").Inputs.List
	for name, want := range map[string]string{alpine: "image alpine:3.20", tool: "image tool"} {
		moved := lockOf(digestA, alpine, tool)
		moved.Images[name] = planner.LockedImage{Digest: digestB, Platforms: []string{amd64, arm64}}
		var got []string
		for _, d := range planner.Differences(old, locked(t, based(), moved).resolve().Package("app").Inputs.List) {
			got = append(got, d.Now.Kind+" "+d.Now.Name)
		}
		equal(t, name, got, []string{want})
	}
}

// The images that run in a build are locked too, for the platform of the
// builder, and are no bases.
func TestLockedTools(t *testing.T) {
	const frontend, scanner = "registry.test/frontend:1", "docker.io/docker/buildkit-syft-scanner:stable-1"
	files := func(dockerfile ...string) tree {
		return inline(map[string]string{"app": "attest {\n sbom = true\n}\n" + from(dockerfile...)})
	}
	custom := files("# syntax=registry.test/frontend:1", "FROM scratch")
	lock := lockOf(digestA, frontend, scanner)
	r := locked(t, custom, lock).resolve()
	same(t, "external images", r.External(), []planner.ExternalImage{
		{Name: scanner, Packages: []string{"app"}, Platforms: []string{amd64}},
		{Name: frontend, Packages: []string{"app"}, Platforms: []string{amd64}},
	})
	same(t, "bases", r.Package("app").Bases(arm64), []planner.Base{
		{Name: "docker/buildkit-syft-scanner:stable-1", Ref: scanner, Digest: digestA, Platform: amd64, Tool: planner.ToolScanner},
		{Name: frontend, Ref: frontend, Digest: digestA, Platform: amd64, Tool: planner.ToolFrontend},
	})
	for _, name := range []string{frontend, scanner} {
		moved := lockOf(digestA, frontend, scanner)
		moved.Images[name] = planner.LockedImage{Digest: digestB, Platforms: []string{amd64}}
		if locked(t, custom, moved).resolve().Package("app").Hash == r.Package("app").Hash {
			t.Errorf("%s moved and the hash did not change", name)
		}
		delete(moved.Images, name)
		if diags := locked(t, custom, moved).diagnose(); len(diags) != 1 || !strings.Contains(diags[0].Detail, "does not have") {
			t.Errorf("%s is not locked: %s", name, list(diags))
		}
	}
	builtIn := files("# syntax=docker/dockerfile:1", "FROM scratch")
	if external := locked(t, builtIn, lockOf(digestA, scanner)).resolve().External(); len(external) != 1 {
		t.Errorf("the built-in frontend is external: %+v", external)
	}
}

// A frontend that an argument names goes before the line, and is locked like it;
// not so one that the workspace builds, whose tag says what it is.
func TestLockedFrontendOfArgument(t *testing.T) {
	const frontend = "registry.test/frontend:1"
	files := func(value string) tree {
		return inline(map[string]string{
			"lib": "", "app": "args = { BUILDKIT_SYNTAX = " + value + " }\n" + from("# syntax=registry.test/other:1", "FROM scratch"),
		})
	}
	custom := files(`"registry.test/frontend:1 debug=1"`)
	r := locked(t, custom, lockOf(digestA, frontend)).resolve()
	same(t, "bases", r.Package("app").Bases(arm64), []planner.Base{
		{Name: frontend, Ref: frontend, Digest: digestA, Platform: amd64, Tool: planner.ToolFrontend},
	})
	if locked(t, custom, lockOf(digestB, frontend)).resolve().Package("app").Hash == r.Package("app").Hash {
		t.Error("it moved and the hash did not change")
	}
	diags := locked(t, custom, lockOf(digestA)).diagnose()
	if len(diags) != 1 || !strings.Contains(diags[0].Detail, frontend) || diags[0].Subject.Filename != "stowage.hcl" {
		t.Errorf("not locked: %s", list(diags))
	}
	for _, value := range []string{"package.lib.ref", `"docker/dockerfile:1"`} {
		if external := locked(t, files(value), lockOf(digestA)).resolve().External(); len(external) != 0 {
			t.Errorf("%s is external: %+v", value, external)
		}
	}
}

func TestNotLocked(t *testing.T) {
	diags := locked(t, based(), lockOf(digestA, "cgr.test/tool:1")).diagnose()
	if len(diags) != 1 || diags[0].Summary != "Image is not locked" || !strings.Contains(diags[0].Detail, "alpine:3.20") {
		t.Errorf("diagnostics: %s", list(diags))
	}
	lock := lockOf(digestA, "docker.io/library/alpine:3.20", "cgr.test/tool:1")
	lock.Images["cgr.test/tool:1"] = planner.LockedImage{Digest: digestA, Platforms: []string{amd64}}
	diags = locked(t, based(), lock).diagnose()
	if len(diags) != 1 || !strings.Contains(diags[0].Detail, "needs cgr.test/tool:1 for linux/arm64") {
		t.Errorf("diagnostics: %s", list(diags))
	}
}

// Who is about to change the lock file is told what it lacks, not refused.
func TestUnlockedIsNoMistake(t *testing.T) {
	const alpine, tool = "docker.io/library/alpine:3.20", "cgr.test/tool:1"
	lock := lockOf(digestA, alpine, tool)
	want := locked(t, based(), lock).resolve().External()
	delete(lock.Images, alpine)
	lock.Images[tool] = planner.LockedImage{Digest: digestA, Platforms: []string{amd64}}
	s := locked(t, based(), lock)
	opts := s.options()
	opts.Unlocked = true
	r, diags, err := planner.Resolve(t.Context(), s.load(), opts)
	if err != nil || diags.HasErrors() {
		t.Fatal(err, diags)
	}
	same(t, "external images", r.External(), want)
}

// ONBUILD instructions of a workspace package's image make edges of what is
// built on it, also through several, and are part of cycles.
func TestTriggersMakeEdges(t *testing.T) {
	files := inline(map[string]string{
		"tools": "", "more": "",
		"base": from("FROM scratch", "ONBUILD COPY --from=registry.test/acme/tools /t /t", "ONBUILD COPY --from=alpine:3 / /"),
		"app":  from("FROM registry.test/acme/base"),
		"next": "contexts = { b = package.base }\n" + from("FROM b"),
	})
	r := locked(t, files, nil).resolve()
	equal(t, "edges of app", edges(r, "app"), []string{"base FROM", "tools COPY --from"})
	equal(t, "edges of next", edges(r, "next"), []string{"base FROM", "base contexts", "tools COPY --from"})
	same(t, "external images", r.External(), []planner.ExternalImage{
		{Name: "docker.io/library/alpine:3", Packages: []string{"app", "next"}, Platforms: []string{amd64, arm64}},
	})
	cyclic := files.replace(t, "stowage.hcl", "registry.test/acme/tools", "registry.test/acme/app")
	diags := locked(t, cyclic, nil).diagnose()
	if !strings.Contains(list(diags), "Cycle") {
		t.Errorf("diagnostics: %s", list(diags))
	}
}
