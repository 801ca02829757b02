package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

func TestTellGitHub(t *testing.T) {
	dir := t.TempDir()
	env := map[string]string{"GITHUB_OUTPUT": filepath.Join(dir, "output"), "GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary")}
	if err := os.WriteFile(env["GITHUB_OUTPUT"], []byte("earlier=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	plan := &planner.Plan{Packages: []planner.PackageInfo{{Name: "app", Ref: "r/app:1"}}}
	build := planner.Step{ID: "build:app:linux/amd64", Kind: planner.KindBuild, Package: "app", Platform: "linux/amd64"}
	done := func(kind planner.Kind, status executor.Status) executor.Done {
		return executor.Done{
			Ran:    executor.Ran{Step: planner.Step{ID: string(kind) + ":app", Kind: kind, Package: "app"}},
			Status: status, Descriptor: ocispec.Descriptor{Digest: digest.FromString("index")},
		}
	}
	result := &executor.Result{
		Done:   []executor.Done{done(planner.KindIndex, executor.StatusIndexed), {Ran: executor.Ran{Step: build}, Status: executor.StatusBuilt}},
		Failed: []executor.Failure{{Ran: executor.Ran{Step: planner.Step{ID: "push:app", Kind: planner.KindPush, Package: "app"}}, Error: "```\nno"}},
	}
	if err := tellGitHub(func(name string) string { return env[name] }, plan, result); err != nil {
		t.Fatal(err)
	}
	output, err := os.ReadFile(env["GITHUB_OUTPUT"])
	want := "earlier=1\nbuilt=1\nunchanged=0\nreused=0\nfailed=1\nimages={\"app\":\"r/app:1@" + digest.FromString("index").String() + "\"}\n"
	if err != nil || string(output) != want {
		t.Errorf("outputs are %q, %v; want %q", output, err, want)
	}
	summary, err := os.ReadFile(env["GITHUB_STEP_SUMMARY"])
	for _, text := range []string{"1 built", "**Failed: push app**\n\n````\n", "| `app linux/amd64` | built |"} {
		if err != nil || !strings.Contains(string(summary), text) {
			t.Errorf("%q is not in the summary, %v:\n%s", text, err, summary)
		}
	}
	if err := tellGitHub(func(string) string { return "" }, plan, result); err != nil {
		t.Error(err)
	}
	if err := tellGitHub(func(string) string { return filepath.Join(dir, "no", "such") }, plan, result); err == nil {
		t.Error("no error where the file cannot be written")
	}
}
