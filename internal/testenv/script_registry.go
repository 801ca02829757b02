package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func registryCommand(ts *testscript.TestScript, neg bool, args []string) {
	s := scriptOf(ts, !neg && (len(args) == 1 || len(args) == 2), "registry start|start-secure|start-tokens|stop|restart|wipe|lose|tokens [NAME]")
	name := nameIn(args[1:])
	switch args[0] {
	case "start", "start-secure", "start-tokens":
		ts.Check(s.startRegistry(ts, name, args[0]))
	case "stop":
		ts.Check(s.registry(ts, name).Stop())
	case "restart":
		ts.Check(s.registry(ts, name).Restart())
	case "wipe":
		ts.Check(s.registry(ts, name).Wipe())
	case "lose":
		ts.Check(s.registry(ts, name).Lose())
	case "tokens":
		for _, scope := range s.registry(ts, name).tokens.take() {
			fmt.Fprintln(ts.Stdout(), scope)
		}
	default:
		ts.Fatalf("registry %s: want start, start-secure, start-tokens, stop, restart, wipe, lose or tokens", args[0])
	}
}

func baseImageCommand(ts *testscript.TestScript, neg bool, args []string) {
	s := scriptOf(ts, !neg && len(args) <= 1, "baseimage [NAME]")
	_, err := s.registry(ts, nameIn(args)).pushBaseImage(s.t.Context())
	ts.Check(err)
}

// nameIn is the registry that a command's last argument names.
func nameIn(args []string) string {
	if len(args) == 0 {
		return "REGISTRY"
	}
	return args[0]
}

func (s *script) registry(ts *testscript.TestScript, name string) *Registry {
	r := s.registries[name]
	if r == nil {
		ts.Fatalf("no registry %s was started", name)
	}
	return r
}

// tokenLife is how long a script's registry takes a token.
const tokenLife = 2 * time.Second

func (s *script) startRegistry(ts *testscript.TestScript, name, how string) error {
	if s.registries[name] != nil {
		return s.registries[name].Start()
	}
	dir := filepath.Join(s.dir, "registry-"+name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	start := StartRegistry
	switch how {
	case "start-secure":
		start = StartSecureRegistry
	case "start-tokens":
		start = func(dir string) (*Registry, error) { return StartTokenRegistry(dir, tokenLife) }
	}
	r, err := start(dir)
	if err != nil {
		return err
	}
	s.registries[name] = r
	ts.Setenv(name, r.Host)
	ts.Setenv(name+"_DIR", dir)
	if how == "start-secure" {
		ts.Setenv("SSL_CERT_FILE", r.Authority())
	}
	return s.logIn(r)
}

// logIn has ~/.docker/config.json name the password of a registry that wants
// one, for other hosts too by which it is reached.
func (s *script) logIn(r *Registry, others ...string) error {
	if r.Password() == "" {
		return nil
	}
	config, err := r.DockerConfig(others...)
	if err != nil {
		return err
	}
	path := filepath.Join(s.home(), ".docker", "config.json")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, config, 0o600)
}
