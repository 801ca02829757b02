package ci_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/stowage-build/stowage/internal/report/ci"
	"github.com/stowage-build/stowage/planner"
)

const (
	amd64 = "linux/amd64"
	arm64 = "linux/arm64"
)

// plan has a build for each node, which needs others: "app:linux/amd64".
type plan struct{ *planner.Plan }

func newPlan() plan {
	return plan{&planner.Plan{Options: map[string]any{"push": true}}}
}

func (p plan) build(node string, needs ...string) plan {
	pkg, platform := planner.SplitNodeID(node)
	s := planner.Step{ID: "build:" + node, Kind: planner.KindBuild, Package: pkg, Platform: platform, EstimateMS: 1000}
	for _, n := range needs {
		s.Needs = append(s.Needs, "build:"+n)
	}
	p.Steps = append(p.Steps, s)
	if !slices.Contains(p.Selection, pkg) {
		p.Selection = append(p.Selection, pkg)
		p.Steps = append(p.Steps, planner.Step{ID: "push:" + pkg, Kind: planner.KindPush, Package: pkg})
	}
	return p
}

func split(t *testing.T, p plan, by ci.By, limit int) *ci.Jobs {
	t.Helper()
	jobs, err := ci.Split(p.Plan, ci.Options{By: by, Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

// commands are the jobs' by wave.
func commands(j *ci.Jobs) (all [][]string) {
	for _, wave := range j.Waves {
		var list []string
		for _, job := range wave {
			list = append(list, job.Command)
		}
		all = append(all, list)
	}
	return all
}

func want(t *testing.T, got *ci.Jobs, waves ...[]string) {
	t.Helper()
	if fmt.Sprintf("%q", commands(got)) != fmt.Sprintf("%q", waves) {
		t.Errorf("got  %q\nwant %q", commands(got), waves)
	}
}

func TestByGraph(t *testing.T) {
	p := newPlan().
		build("base:"+amd64).build("base:"+arm64).
		build("app:"+amd64, "base:"+amd64).build("app:"+arm64, "base:"+arm64).
		build(`it["a b"]:` + amd64)
	jobs := split(t, p, ci.ByGraph, 256)
	want(t, jobs, []string{
		"stowage apply --push --no-index --platform linux/amd64 app base",
		"stowage apply --push --no-index --platform linux/arm64 app base",
		`stowage apply --push --no-index --platform linux/amd64 'it["a b"]'`,
	})
	if got := strings.Join(jobs.Finish, "\n"); got != `stowage index app base 'it["a b"]'` {
		t.Errorf("finish with %q", got)
	}
	if jobs.Waves[0][0].EstimateMS != 2000 || jobs.Waves[0][0].Name != "app and 1 more linux/amd64" {
		t.Errorf("the first job is %+v", jobs.Waves[0][0])
	}
}

// TestPlatformsThatHangTogether: a cross build has its packages in one job for
// all platforms, since a command builds all packages for all of its platforms.
func TestPlatformsThatHangTogether(t *testing.T) {
	p := newPlan().build("tool:"+amd64).build("app:"+arm64, "tool:"+amd64).build("app:" + amd64).build("tool:" + arm64)
	want(t, split(t, p, ci.ByGraph, 256), []string{"stowage apply --push --no-index --platform linux/amd64,linux/arm64 app tool"})
}

func TestByWaves(t *testing.T) {
	p := newPlan().build("base:"+amd64).build("a:"+amd64, "base:"+amd64).build("b:"+amd64, "base:"+amd64).build("top:"+amd64, "a:"+amd64, "b:"+amd64)
	p.Selection = []string{"top"}
	want(t, split(t, p, ci.ByWaves, 256),
		[]string{"stowage apply --push --platform linux/amd64 base"},
		[]string{"stowage apply --push --platform linux/amd64 a", "stowage apply --push --platform linux/amd64 b"},
		[]string{"stowage apply --push --platform linux/amd64 top"})
	want(t, split(t, p, ci.ByGraph, 256), []string{"stowage apply --push --no-index --platform linux/amd64 top"})
	jobs, err := ci.Split(p.Plan, ci.Options{By: ci.ByWaves, Limit: 256, Waves: 2})
	if err != nil {
		t.Fatal(err)
	}
	want(t, jobs, []string{"stowage apply --push --platform linux/amd64 base"}, []string{"stowage apply --push --platform linux/amd64 a b top"})
}

// TestIntoTheRegistry: builders push in jobs as well, and what was not selected
// gets no index of the platforms that jobs happened to need.
func TestIntoTheRegistry(t *testing.T) {
	p := newPlan().build("base:"+amd64).build("app:"+amd64, "base:"+amd64)
	p.Selection, p.Options["output"] = []string{"app"}, planner.OutputRegistry
	for i := range p.Steps {
		p.Steps[i].Output = planner.OutputRegistry
	}
	jobs := split(t, p, ci.ByGraph, 256)
	want(t, jobs, []string{"stowage apply --push --no-index --output registry --platform linux/amd64 app"})
	if got := strings.Join(jobs.Finish, "\n"); got != "stowage index app" {
		t.Errorf("finish with %q", got)
	}
}

// TestOptions: what decides hashes is in every command, and moving tags come
// last.
func TestOptions(t *testing.T) {
	p := newPlan().build("app:" + amd64)
	p.Options["vars"] = map[string]any{"version": "1 2", "a": true}
	p.Options["release"] = "v1.2"
	p.Steps = append(p.Steps, planner.Step{ID: "tag:app:v1.2", Kind: planner.KindTag, Package: "app", Tag: "v1.2"})
	jobs := split(t, p, ci.ByGraph, 256)
	want(t, jobs, []string{"stowage apply --var a=true --var 'version=1 2' --push --no-index --platform linux/amd64 app"})
	if got := strings.Join(jobs.Finish, "\n"); got != "stowage index --var a=true --var 'version=1 2' app\nstowage apply --var a=true --var 'version=1 2' --push --skip-build --release v1.2 app" {
		t.Errorf("finish with %q", got)
	}
	delete(p.Options, "push")
	jobs = split(t, p, ci.ByGraph, 256)
	if len(jobs.Finish) != 0 || strings.Contains(jobs.Waves[0][0].Command, "push") {
		t.Errorf("without --push: %+v", jobs)
	}
	p.Errored = true
	if _, err := ci.Split(p.Plan, ci.Options{By: ci.ByGraph, Limit: 256}); err == nil {
		t.Error("jobs of a plan with errors")
	}
}

// TestFlags: jobs plan by themselves, so the commands have every flag that
// decides what is planned, each where the command takes it.
func TestFlags(t *testing.T) {
	p := newPlan().build("app:" + amd64)
	for name, value := range map[string]any{
		"set": []string{"app.args.MODE=a b"}, "platforms": []any{amd64}, "skip_platforms": []any{arm64},
		"force": true, "ignore_cached": true, "allow_dirty": true,
	} {
		p.Options[name] = value
	}
	p.Steps = append(p.Steps, planner.Step{ID: "tag:app:latest", Kind: planner.KindTag, Package: "app", Tag: "latest"})
	opts := ci.Options{
		By: ci.ByGraph, Limit: 256, Dir: "images", At: "2026-01-01T00:00:00Z",
		BuildArgFiles: []string{"args"}, Builders: []string{"tcp://b:1"}, Allow: []string{"network.host"},
	}
	jobs, err := ci.Split(p.Plan, opts)
	if err != nil {
		t.Fatal(err)
	}
	const common = " --build-arg-file args --set 'app.args.MODE=a b' --at 2026-01-01T00:00:00Z"
	want(t, jobs, []string{"stowage -C images apply" + common +
		" --allow-dirty --force --ignore-cached --builder tcp://b:1 --allow network.host --push --no-index --platform linux/amd64 app"})
	finish := "stowage -C images index" + common + " --platform linux/amd64 --skip-platform linux/arm64 --force app\n" +
		"stowage -C images apply" + common + " --allow-dirty --push --skip-build --platform linux/amd64 --skip-platform linux/arm64 app"
	if got := strings.Join(jobs.Finish, "\n"); got != finish {
		t.Errorf("finish with %q", got)
	}
	p.Options["no_index"] = true
	if jobs, err := ci.Split(p.Plan, ci.Options{By: ci.ByWaves, Limit: 256}); err != nil || len(jobs.Finish) > 0 || !strings.Contains(commands(jobs)[0][0], "--no-index") {
		t.Errorf("without indexes: %+v, %v", jobs, err)
	}
}

// TestStoredHere: what only this machine has is a job's like what is to be
// built.
func TestStoredHere(t *testing.T) {
	p := newPlan()
	p.Selection = []string{"app", "lib"}
	p.Steps = []planner.Step{
		{ID: "reuse:app:" + amd64, Kind: planner.KindReuse, Package: "app", Platform: amd64, FoundIn: "store"},
		{ID: "reuse:lib:" + amd64, Kind: planner.KindReuse, Package: "lib", Platform: amd64, FoundIn: "registry"},
		{ID: "push:app", Kind: planner.KindPush, Package: "app", Needs: []string{"reuse:app:" + amd64}},
	}
	want(t, split(t, p, ci.ByGraph, 256), []string{"stowage apply --push --no-index --platform linux/amd64 app"})
	delete(p.Options, "push")
	p.Steps = p.Steps[:2]
	want(t, split(t, p, ci.ByGraph, 256))
}

func TestGitHub(t *testing.T) {
	p := newPlan().build("base:" + amd64).build("base:" + arm64).build("odd:linux/riscv64")
	out := &bytes.Buffer{}
	if err := ci.GitHub(out, split(t, p, ci.ByGraph, 256), map[string]string{"linux/riscv64": "own-riscv"}); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Count  int
		Jobs   struct{ Include []map[string]string }
		Waves  []any
		Finish string
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || strings.Count(out.String(), "\n") != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	var runners []string
	for _, job := range got.Jobs.Include {
		runners = append(runners, job["runner"])
	}
	if got.Count != 3 || len(got.Waves) != 1 || !slices.Equal(runners, []string{"ubuntu-24.04", "ubuntu-24.04-arm", "own-riscv"}) || got.Finish != "stowage index base odd" {
		t.Errorf("got %s", out)
	}
	out.Reset()
	if err := ci.GitHub(out, split(t, newPlan(), ci.ByGraph, 256), nil); err != nil || out.String() != `{"count":0,"jobs":{"include":[]},"waves":[],"finish":""}`+"\n" {
		t.Errorf("nothing to do is %s, %v", out, err)
	}
}

// TestGitLab holds pipelines against GitLab's own schema.
func TestGitLab(t *testing.T) {
	p := newPlan().build("base:"+amd64).build("base:"+arm64).build(`app["x: y"]:`+amd64, "base:"+amd64).build("finish:linux/riscv64").build(strings.Repeat("long", 100) + ":" + amd64)
	for _, by := range []ci.By{ci.ByGraph, ci.ByWaves} {
		for _, p := range []plan{p, newPlan()} {
			out := &bytes.Buffer{}
			if err := ci.GitLab(out, split(t, p, by, 256)); err != nil {
				t.Fatal(err)
			}
			lintGitLab(t, out.Bytes())
		}
	}
	out := &bytes.Buffer{}
	if err := ci.GitLab(out, split(t, p, ci.ByWaves, 256)); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"- wave 1\n  - wave 2\n  - finish\n", "extends: .stowage-linux-arm64", "extends: .stowage\n", `"app[\"x: y\"] linux/amd64":`, `"finish":`} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("%q is not in\n%s", text, out)
		}
	}
}

// lintGitLab holds a pipeline against GitLab's schema.
func lintGitLab(t *testing.T, pipeline []byte) {
	t.Helper()
	file, err := os.Open("testdata/gitlab/ci.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	schema, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("ci.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("ci.json")
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := yaml.Unmarshal(pipeline, &value); err != nil {
		t.Fatalf("%v\n%s", err, pipeline)
	}
	if err := compiled.Validate(value); err != nil {
		t.Errorf("%v\n%s", err, pipeline)
	}
}

// TestQuote: a shell reads back what was quoted.
func TestQuote(t *testing.T) {
	words := []string{"plain", "", `app["a"]`, "it's", "a b", "*", "$HOME", "`x`", "a\nb", "ä", "--x=1", "~", "#x", "!1"}
	line := "printf '%s\\0'"
	for _, w := range words {
		line += " " + ci.Quote(w)
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", line).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); !slices.Equal(got, words) {
		t.Errorf("got %q", got)
	}
}
