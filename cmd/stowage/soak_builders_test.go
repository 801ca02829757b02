package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/stowage-build/stowage/internal/testenv"
)

// soakBuilder is an engine of TestSoak, with the store that its state is in.
type soakBuilder struct {
	store    string
	endpoint string // since it was started first
}

// root is where its state is.
func (b *soakBuilder) root() string { return filepath.Join(b.store, "builder") }

// temporary is where its files are that only live while it runs.
func (b *soakBuilder) temporary() string {
	return strings.TrimSuffix(b.socket(), ".sock") + ".tmp"
}

func (b *soakBuilder) socket() string { return strings.TrimPrefix(b.endpoint, "unix://") }

// processes are those of the engine itself, which are two.
func (b *soakBuilder) processes() []int {
	var pids []int
	for pid, words := range processes() {
		if len(words) > 3 && words[1] == "__engine" && strings.Contains(words[3], b.root()) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// startBuilder starts a builder unless it runs.
func (s *soak) startBuilder(b *soakBuilder) {
	s.t.Helper()
	b.endpoint = strings.TrimSpace(s.stowage("builder", "start", "--store", b.store))
}

func (s *soak) builders() []*soakBuilder {
	return append([]*soakBuilder{s.embedded}, s.fleet...)
}

func (s *soak) stopBuilders() {
	for _, b := range s.builders() {
		_ = s.command("builder", "stop", "--store", b.store).Run()
	}
}

// end stops the builders, and nothing is left of them.
func (s *soak) end() {
	for _, b := range s.builders() {
		s.startBuilder(b) // to know where it is
		s.stowage("builder", "stop", "--store", b.store)
		testenv.CheckUnused(s.t, b.store)
		for _, path := range []string{b.socket(), b.temporary()} {
			if _, err := os.Lstat(path); !os.IsNotExist(err) {
				s.t.Errorf("%s is left of a builder that was stopped: %v", path, err)
			}
		}
	}
	testenv.CheckUnused(s.t, s.dir)
	for _, name := range entriesOf(s.t, s.tmp) {
		s.t.Errorf("%s is left in the directory for temporary files", name)
	}
}

// inEngine are the processes that run in an engine's namespace and the mounts
// that it sees in its state, besides its own processes: none while it builds
// nothing.
func (b *soakBuilder) inEngine() ([]string, error) {
	own := b.processes()
	if len(own) != 2 {
		return []string{fmt.Sprintf("%d processes of the builder in %s, which has two: %v", len(own), b.store, own)}, nil
	}
	var left []string
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", own[0]))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, b.root()) || strings.Contains(line, b.temporary()) {
			left = append(left, "mount in the builder: "+strings.TrimSpace(line))
		}
	}
	namespace, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", own[0]))
	if err != nil {
		return nil, err
	}
	for pid, words := range processes() {
		in, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
		if err == nil && in == namespace && pid != own[0] && pid != own[1] {
			left = append(left, fmt.Sprintf("process %d in the builder: %q", pid, words))
		}
	}
	return left, nil
}
