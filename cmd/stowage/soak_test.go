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

// TestSoak kills the client, the builder or the registry at random moments of
// an apply, round after round with other sources. After each round the next
// apply completes and builds nothing that was built; every tag in the registry
// leads to complete images; the store is sound. At the end nothing is left
// behind.
func TestSoak(t *testing.T) {
	seed := *soakSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-soak.seed=%d", seed)
	s := newSoak(t, rand.New(rand.NewPCG(seed, 0)))
	s.longest = s.mustApply("the first apply")
	for round := range *soakRounds {
		s.round(round)
		if t.Failed() {
			return // the rest would only repeat it
		}
	}
	s.stowage("builder", "stop")
	testenv.CheckUnused(t, s.store)
	testenv.CheckUnused(t, s.dir)
	left, err := os.ReadDir(s.tmp)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		t.Errorf("%s is left in the directory for temporary files", e.Name())
	}
}

// soak is one TestSoak.
type soak struct {
	t          *testing.T
	random     *rand.Rand
	dir, store string
	tmp        string // for temporary files
	registry   *testenv.Registry
	packages   int
	checked    map[string]bool // tags and images that were complete, layers that were right
	longest    time.Duration   // of an apply of all packages
}

func newSoak(t *testing.T, random *rand.Rand) *soak {
	s := &soak{
		t: t, random: random, dir: t.TempDir(), store: filepath.Join(t.TempDir(), "store"), tmp: t.TempDir(),
		registry: testenv.NewRegistry(t), packages: *soakPackages, checked: map[string]bool{},
	}
	t.Cleanup(func() { _ = s.command("builder", "stop").Run() }) // a failed test leaves it running
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
	s.write("stowage.hcl", config)
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

func (s *soak) mustApply(what string) time.Duration {
	s.t.Helper()
	start := time.Now()
	s.stowage("apply", "--push", "--progress", "plain")
	took := time.Since(start)
	s.t.Logf("%s took %s", what, took.Round(time.Millisecond))
	return took
}

// round changes some packages, kills something while they are built, and checks
// what has become of it.
func (s *soak) round(round int) {
	changes := s.packages/4 + s.random.IntN(s.packages/2)
	for range changes {
		s.write(fmt.Sprintf("p%d/salt", s.random.IntN(s.packages)), fmt.Sprint("round ", round))
	}
	runs := s.runs()
	victim := []string{"client", "builder", "registry"}[s.random.IntN(3)]
	cmd := s.command("apply", "--push", "--progress", "plain")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	after := time.Duration(s.random.Int64N(int64(s.longest) * int64(changes) / int64(s.packages)))
	select {
	case <-time.After(after):
		s.kill(victim, cmd)
	case err := <-ended:
		ended <- err
	}
	select {
	case err := <-ended:
		s.t.Logf("round %d: the %s was killed after %s: %v", round, victim, after.Round(time.Millisecond), err)
	case <-time.After(2 * time.Minute):
		_ = cmd.Process.Kill()
		s.t.Fatalf("round %d: apply hangs since the %s was killed", round, victim)
	}
	if victim != "client" && !cmd.ProcessState.Success() {
		s.t.Errorf("round %d: the %s was killed and came back, and apply failed all the same:\n%s", round, victim, &output)
	}
	s.stowage("store", "verify")
	s.mustApply(fmt.Sprintf("round %d: the next apply", round))
	s.checkBuilds(s.runs()[len(runs):])
	s.checkRegistry()
	if out := s.stowage("plan", "--push"); !strings.Contains(out, "nothing to do") {
		s.t.Errorf("round %d: there is something left to do:\n%s", round, out)
	}
}

func (s *soak) kill(victim string, apply *exec.Cmd) {
	switch victim {
	case "client":
		_ = apply.Process.Kill() // it may have ended
	case "registry":
		if err := s.registry.Stop(); err != nil {
			s.t.Fatal(err)
		}
		time.Sleep(time.Duration(s.random.Int64N(int64(3 * time.Second)))) // it is away for a while
		if err := s.registry.Start(); err != nil {
			s.t.Fatal(err)
		}
	case "builder":
		for pid, words := range processes() {
			if len(words) > 3 && words[1] == "__engine" && strings.Contains(words[3], s.store) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
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
