package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/stowage-build/stowage/internal/testenv"
)

// leftLimit is how long a builder may take to tidy up after its last build.
const leftLimit = 30 * time.Second

// checkLeft fails the test if something is left of a round whose last apply has
// round's builders run, and are kept from being idle: what is left of a build
// must not go only when they stop.
func (s *soak) checkLeft(r soakRound) {
	s.t.Helper()
	for _, b := range r.builders {
		s.startBuilder(b)
		conn, err := net.Dial("unix", b.socket())
		if err != nil {
			s.t.Fatal(err)
		}
		defer conn.Close()
	}
	left := s.left(r)
	for deadline := time.Now().Add(leftLimit); len(left) > 0 && time.Now().Before(deadline); left = s.left(r) {
		time.Sleep(50 * time.Millisecond)
	}
	for _, what := range left {
		s.t.Errorf("%s: left behind: %s", r.name, what)
	}
}

// left is what is left behind.
func (s *soak) left(r soakRound) []string {
	s.t.Helper()
	var out []string
	for _, b := range r.builders {
		in, err := b.inEngine()
		if err != nil {
			s.t.Fatal(err)
		}
		out = append(out, in...)
		for _, name := range entriesOf(s.t, b.temporary()) {
			out = append(out, "the builder's temporary file "+name)
		}
	}
	out = append(out, s.users()...)
	for _, dir := range []string{s.tmp, filepath.Join(s.store, "ingest")} {
		for _, name := range entriesOf(s.t, dir) {
			out = append(out, filepath.Join(dir, name))
		}
	}
	for name := range s.stateFiles() {
		if !s.files[name] {
			out = append(out, name+", which was not there after the first apply")
		}
	}
	return append(out, s.unfinished()...)
}

// users are the mounts and processes that have to do with the test's
// directories and are not its builders.
func (s *soak) users() []string {
	s.t.Helper()
	var out []string
	dirs, engines := []string{s.dir, s.tmp}, []int{}
	for _, b := range s.builders() {
		dirs, engines = append(dirs, b.store), append(engines, b.processes()...)
	}
	for _, dir := range dirs {
		users, err := testenv.Users(dir)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, user := range users {
			var pid int
			if _, err := fmt.Sscanf(user, "process %d", &pid); err != nil || !slices.Contains(engines, pid) {
				out = append(out, user)
			}
		}
	}
	return out
}

// stateFiles are the names in the store's directory and in that of its state.
func (s *soak) stateFiles() map[string]bool {
	out := map[string]bool{}
	for _, dir := range []string{s.store, filepath.Join(s.store, "state")} {
		for _, name := range entriesOf(s.t, dir) {
			out[filepath.Join(dir, name)] = true
		}
	}
	return out
}

// unfinished are the files in the store, besides the builder's own, that
// somebody holds a lock on, and those that were to be renamed.
func (s *soak) unfinished() []string {
	s.t.Helper()
	var out []string
	err := filepath.WalkDir(s.store, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path == s.embedded.root() || path == filepath.Join(s.store, "blobs"):
			return fs.SkipDir
		case !e.Type().IsRegular():
			return nil
		case strings.HasPrefix(e.Name(), ".tmp-"):
			out = append(out, path+" has not become a file")
		}
		l := flock.New(path, flock.SetFlag(os.O_RDONLY))
		free, err := l.TryLock()
		if err == nil && !free {
			out = append(out, path+" is locked")
		}
		return errors.Join(err, l.Close())
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func entriesOf(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
