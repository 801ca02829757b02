package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// script is what one testscript script has besides its working directory.
type script struct {
	t testing.TB
	// dir is outside of $WORK, which is a workspace: its home, its store and
	// its registries' data are no sources.
	dir        string
	work       string
	registries map[string]*Registry // by the variable that has their host
	podman     *Podman
	faults     *Faults
	bridge     *Bridge
}

// scriptKey finds a script in its Env.
type scriptKey struct{}

// Setup gives a script a home, a store (STOWAGE_STORE) and a directory for
// temporary files of its own, all empty and outside of $WORK. When the script
// has ended, it stops the store's builder and the registries, and fails the
// test if a process or mount is left. It is for testscript.Params.
func Setup(env *testscript.Env) error {
	t, ok := env.T().(testing.TB)
	if !ok {
		return fmt.Errorf("set up a script: it runs outside of a test")
	}
	s := &script{t: t, dir: t.TempDir(), work: env.WorkDir, registries: map[string]*Registry{}}
	for name, dir := range map[string]string{"HOME": s.home(), "TMPDIR": filepath.Join(s.dir, "tmp")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return fmt.Errorf("set up a script: %w", err)
		}
		env.Setenv(name, dir)
	}
	env.Setenv("STOWAGE_STORE", s.store())
	env.Values[scriptKey{}] = s
	env.Defer(s.end)
	return nil
}

func (s *script) home() string  { return filepath.Join(s.dir, "home") }
func (s *script) store() string { return filepath.Join(s.dir, "store") }

// end leaves nothing behind, and says if a command did. A script that has
// failed has said enough.
func (s *script) end() {
	for _, r := range s.registries {
		if err := r.Close(); err != nil {
			s.t.Error(err)
		}
	}
	if s.faults != nil {
		s.faults.Close()
	}
	if s.podman != nil {
		if err := s.podman.Stop(); err != nil {
			s.t.Error(err)
		}
	}
	if s.bridge != nil {
		if err := s.bridge.Stop(); err != nil {
			s.t.Error(err)
		}
	}
	if _, err := os.Stat(s.store()); err == nil {
		cmd := exec.Command("stowage", "builder", "stop", "--store", s.store())
		cmd.Dir = s.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			s.t.Errorf("stop the script's builder: %v\n%s", err, out)
		}
	}
	if s.t.Failed() {
		return
	}
	CheckUnused(s.t, s.store())
	CheckUnused(s.t, s.work)
}

// Commands are commands for scripts that Setup has set up:
//
//	registry start|start-secure|start-tokens|stop|restart|wipe|lose|tokens [NAME]
//	  a registry whose host is in the variable NAME, REGISTRY by default. To
//	  reach a secure one, SSL_CERT_FILE and ~/.docker/config.json are set. One
//	  with tokens takes each for two seconds; ~/.docker/config.json has the
//	  password for them; tokens prints what they were for since it did last. lose
//	  removes a blob of the last image from its data.
//	baseimage [NAME]
//	  push busybox:1 for linux/amd64 and linux/arm64 to that registry
//	podman start|stop
//	  a Podman service whose host, for DOCKER_HOST, is in the variable PODMAN
//	bridge start
//	  a network bridge of this machine with a server on it, whose host:port is in
//	  the variable BRIDGE
//	probe [NAME]
//	  push probe:1, of internal/testenv/cmd/probe, to that registry
//	faults start [NAME]
//	  a proxy to that registry, whose host is in the variable FAULTS
//	faults FAULT METHOD KIND TIMES
//	  what it does with the next requests of a method for KIND (manifests or
//	  blobs): a status; STATUS+SECONDS with Retry-After; cut, in the middle of
//	  the request; wrong, another content; slow, a little late, or
//	  slow+SECONDS; have, as if it were there; stall, in the middle until the
//	  next faults command but await. METHOD and KIND may be any. TIMES is a number or always
//	faults off
//	  everything passes
//	faults await
//	  wait until a request is stalled, which may be since before
//	leaks before|after
//	  fail if something uses the store or $WORK: at once, or after it has had
//	  time to end
//	withoutrunc
//	  take runc and what can stand in for it out of PATH
//	asnobody CODE COMMAND ARG…
//	  run as the user nobody, with a store and home of its own, and expect an
//	  exit code
func Commands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"registry":    registryCommand,
		"baseimage":   baseImageCommand,
		"podman":      podmanCommand,
		"faults":      faultsCommand,
		"bridge":      bridgeCommand,
		"probe":       probeCommand,
		"leaks":       leaksCommand,
		"withoutrunc": withoutRuncCommand,
		"asnobody":    asNobodyCommand,
	}
}

// scriptOf finds what Setup made, and checks how a command was called.
func scriptOf(ts *testscript.TestScript, called bool, usage string) *script {
	if !called {
		ts.Fatalf("usage: %s", usage)
	}
	s, ok := ts.Value(scriptKey{}).(*script)
	if !ok {
		ts.Fatalf("the script was not set up: testscript.Params needs testenv.Setup")
	}
	return s
}

func leaksCommand(ts *testscript.TestScript, neg bool, args []string) {
	known := len(args) == 1 && (args[0] == "before" || args[0] == "after")
	s := scriptOf(ts, !neg && known, "leaks before|after")
	limit := usersLimit
	if args[0] == "before" {
		limit = 0
	}
	for _, dir := range []string{s.store(), s.work} {
		ts.Check(awaitUnused(dir, limit))
	}
}
