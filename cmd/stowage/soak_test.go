package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/testenv"
)

// make soak sets these.
var (
	soakRounds   = flag.Int("soak.rounds", 6, "how many rounds TestSoak has")
	soakPackages = flag.Int("soak.packages", 12, "how many packages TestSoak builds")
	soakSeed     = flag.Uint64("soak.seed", 0, "what decides the rounds of TestSoak; 0 is another one each time")
)

// TestSoak kills the client, a builder or the registry at random moments of an
// apply, round after round with other sources. Every second round builders push
// by themselves; the builder is the embedded one, or there are two. After each
// round the next apply completes and builds nothing that was built; every tag in
// the registry leads to complete images; the store is sound; and nothing is left
// behind.
func TestSoak(t *testing.T) {
	seed := *soakSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-soak.seed=%d", seed)
	s := newSoak(t, rand.New(rand.NewPCG(seed, 0)))
	s.longest = s.mustApply("the first apply", soakRound{output: "store", builders: []*soakBuilder{s.embedded}})
	s.files = s.stateFiles()
	s.files[filepath.Join(s.store, "state", "fingerprints")] = true // of files that are not this new
	for number := range *soakRounds {
		s.round(s.newRound(number))
		if t.Failed() {
			return // the rest would only repeat it
		}
	}
	s.end()
}

// soak is one TestSoak.
type soak struct {
	t          *testing.T
	random     *rand.Rand
	dir, store string
	config     string // without builders
	tmp        string // for temporary files
	embedded   *soakBuilder
	fleet      []*soakBuilder
	registry   *testenv.Registry
	packages   int
	checked    map[string]bool // tags and images that were complete, layers that were right
	files      map[string]bool // that the store and its state are made of
	longest    time.Duration   // of an apply of all packages
}

func newSoak(t *testing.T, random *rand.Rand) *soak {
	s := &soak{
		t: t, random: random, dir: t.TempDir(), store: filepath.Join(t.TempDir(), "store"), tmp: t.TempDir(),
		registry: testenv.NewRegistry(t), packages: *soakPackages, checked: map[string]bool{},
	}
	s.embedded = &soakBuilder{store: s.store}
	for range 2 {
		s.fleet = append(s.fleet, &soakBuilder{store: filepath.Join(t.TempDir(), "builder")})
	}
	t.Cleanup(s.stopBuilders) // a failed test leaves them running
	base := testenv.BaseImage(t, s.registry)
	config := fmt.Sprintf("workspace {\n  name      = \"soak\"\n  registry  = \"%s/soak\"\n  platforms = [\"linux/amd64\"]\n}\n", s.registry.Host)
	for i := range s.packages {
		dockerfile := fmt.Sprintf("FROM %s\n", base.Name())
		if i >= 4 { // four roots, then each on two others
			first, second := random.IntN(i), random.IntN(i)
			dockerfile = fmt.Sprintf("FROM %[1]s/soak/p%[2]d\nCOPY --from=%[1]s/soak/p%[3]d /salt /other\n", s.registry.Host, first, second)
		}
		config += fmt.Sprintf("\npackage \"p%[1]d\" {\n  context = \"p%[1]d\"\n}\n", i)
		s.write(fmt.Sprintf("p%d/Dockerfile", i), dockerfile+"COPY salt /salt\nRUN head -c 200000 /dev/urandom > /blob && sleep 0.1\n")
		s.write(fmt.Sprintf("p%d/salt", i), "first")
	}
	s.config = config
	return s
}

func (s *soak) write(path, content string) {
	s.t.Helper()
	full := filepath.Join(s.dir, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *soak) command(args ...string) *exec.Cmd {
	cmd := exec.Command("stowage", args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "STOWAGE_STORE="+s.store, "TMPDIR="+s.tmp)
	return cmd
}

// stowage runs a command that must succeed and returns its standard output.
func (s *soak) stowage(args ...string) string {
	s.t.Helper()
	cmd := s.command(args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("stowage %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

func (s *soak) mustApply(what string, r soakRound) time.Duration {
	s.t.Helper()
	args := s.apply(r)
	start := time.Now()
	s.stowage(args...)
	took := time.Since(start)
	s.t.Logf("%s took %s", what, took.Round(time.Millisecond))
	return took
}

// soakRound is what one round is about.
type soakRound struct {
	name     string
	changes  int            // of packages
	output   string         // where images go: store or registry
	victim   string         // what is killed: client, builder or registry
	builders []*soakBuilder // that build
}

func (s *soak) newRound(number int) soakRound {
	r := soakRound{
		name:     fmt.Sprintf("round %d", number),
		changes:  s.packages/4 + s.random.IntN(s.packages/2),
		output:   []string{"store", "registry"}[number%2],
		victim:   []string{"client", "builder", "registry"}[s.random.IntN(3)],
		builders: []*soakBuilder{s.embedded},
	}
	if s.random.IntN(2) == 1 {
		r.builders = s.fleet
	}
	return r
}

// apply is the round's command. Builders that are declared are not started by
// it.
func (s *soak) apply(r soakRound) []string {
	config := s.config
	if len(r.builders) > 1 {
		for i, b := range r.builders {
			s.startBuilder(b)
			config += fmt.Sprintf("\nbuilder \"b%d\" {\n  endpoint  = %q\n  platforms = [\"linux/amd64\"]\n}\n", i, b.endpoint)
		}
	}
	s.write("stowage.hcl", config)
	return []string{"apply", "--push", "--progress", "plain", "--output", r.output}
}

// round changes some packages, kills something while they are built, and checks
// what has become of it.
func (s *soak) round(r soakRound) {
	for range r.changes {
		s.write(fmt.Sprintf("p%d/salt", s.random.IntN(s.packages)), r.name)
	}
	runs := s.runs()
	s.disturbedApply(r)
	s.stowage("store", "verify")
	s.mustApply(r.name+": the next apply", r)
	s.checkLeft(r)
	s.stowage("store", "verify")
	s.checkBuilds(s.runs()[len(runs):])
	s.checkRegistry()
	s.checkElsewhere()
	if out := s.stowage("plan", "--push", "--output", r.output); !strings.Contains(out, "nothing to do") {
		s.t.Errorf("%s: there is something left to do:\n%s", r.name, out)
	}
}

// disturbedApply kills something in the middle of an apply.
func (s *soak) disturbedApply(r soakRound) {
	cmd := s.command(s.apply(r)...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	after := time.Duration(s.random.Int64N(int64(s.longest) * int64(r.changes) / int64(s.packages)))
	select {
	case <-time.After(after):
		s.kill(r, cmd)
	case err := <-ended:
		ended <- err
	}
	select {
	case err := <-ended:
		s.t.Logf("%s, output to the %s by %d builders: the %s was killed after %s: %v",
			r.name, r.output, len(r.builders), r.victim, after.Round(time.Millisecond), err)
	case <-time.After(2 * time.Minute):
		_ = cmd.Process.Kill()
		s.t.Fatalf("%s: apply hangs since the %s was killed:\n%s", r.name, r.victim, &output)
	}
	if r.victim != "client" && !cmd.ProcessState.Success() {
		s.t.Errorf("%s: the %s was killed, and apply failed:\n%s", r.name, r.victim, &output)
	}
}

// kill kills the victim. The registry comes back after a while; the embedded
// builder is started by the client, and one of several is perhaps by the test.
func (s *soak) kill(r soakRound, apply *exec.Cmd) {
	while := time.Duration(s.random.Int64N(int64(3 * time.Second)))
	switch r.victim {
	case "client":
		_ = apply.Process.Kill() // it may have ended
	case "registry":
		if err := s.registry.Stop(); err != nil {
			s.t.Fatal(err)
		}
		time.Sleep(while)
		if err := s.registry.Start(); err != nil {
			s.t.Fatal(err)
		}
	case "builder":
		b := r.builders[s.random.IntN(len(r.builders))]
		for _, pid := range b.processes() {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended with another
		}
		if len(r.builders) > 1 && s.random.IntN(2) == 1 {
			time.Sleep(while)
			s.startBuilder(b)
		}
	}
}

// runs are the directories of all runs, oldest first.
func (s *soak) runs() []string {
	dirs, err := filepath.Glob(filepath.Join(s.store, "state", "runs", "*", "events.jsonl"))
	if err != nil {
		s.t.Fatal(err)
	}
	slices.Sort(dirs)
	return dirs
}

// checkBuilds fails the test if a later run built what an earlier one had.
func (s *soak) checkBuilds(runs []string) {
	built := map[string]string{}
	for _, run := range runs {
		for _, step := range s.finishedBuilds(run) {
			if before, twice := built[step]; twice {
				s.t.Errorf("%s was built in %s and again in %s", step, filepath.Dir(before), filepath.Dir(run))
			}
			built[step] = run
		}
	}
}

// finishedBuilds are the nodes that a run has built. A run that was killed may
// have left half a line.
func (s *soak) finishedBuilds(run string) []string {
	text, err := os.ReadFile(run)
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for line := range bytes.Lines(text) {
		var e executor.Event
		if json.Unmarshal(line, &e) == nil && e.Type == executor.EventStepFinished && e.Status == executor.StatusBuilt {
			out = append(out, e.Step)
		}
	}
	return out
}
