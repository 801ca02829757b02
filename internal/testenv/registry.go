package testenv

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Registry is a running docker-registry (CNCF Distribution) on a loopback
// port, with its data in a directory of its own. It ends with the test
// process, however that ends. It is for use by one goroutine at a time.
type Registry struct {
	// Host is its host:port, the same for as long as it lives.
	Host string

	dir       string
	security  *security // nil for plain http
	tokens    *tokens   // nil where none are wanted
	transport *http.Transport
	cmd       *exec.Cmd
}

// NewRegistry starts a registry over plain http for a test.
func NewRegistry(t testing.TB) *Registry {
	t.Helper()
	return forTest(t, StartRegistry)
}

// NewSecureRegistry starts a registry for a test that speaks TLS with a
// certificate of its own authority, and wants a user and password.
func NewSecureRegistry(t testing.TB) *Registry {
	t.Helper()
	return forTest(t, StartSecureRegistry)
}

func forTest(t testing.TB, start func(dir string) (*Registry, error)) *Registry {
	t.Helper()
	r, err := start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// StartRegistry starts a registry over plain http that keeps its data below
// dir. The caller stops it.
func StartRegistry(dir string) (*Registry, error) {
	return startRegistry(&Registry{dir: dir, transport: &http.Transport{}})
}

// StartSecureRegistry is StartRegistry with TLS and a password.
func StartSecureRegistry(dir string) (*Registry, error) {
	s, err := newSecurity(dir)
	if err != nil {
		return nil, fmt.Errorf("start a registry: %w", err)
	}
	return startRegistry(&Registry{dir: dir, security: s, transport: s.transport()})
}

// StartTokenRegistry is StartRegistry where a user gets tokens for a password,
// which the registry takes for so long, in whole seconds.
func StartTokenRegistry(dir string, life time.Duration) (*Registry, error) {
	t, err := newTokens(dir, life)
	if err != nil {
		return nil, fmt.Errorf("start a registry: %w", err)
	}
	r, err := startRegistry(&Registry{dir: dir, tokens: t, transport: &http.Transport{}})
	if err != nil {
		t.close()
	}
	return r, err
}

func startRegistry(r *Registry) (*Registry, error) {
	r.Host = "127.0.0.1:0"
	if err := r.Start(); err != nil {
		return nil, err
	}
	return r, nil
}

// Start starts the registry again after Stop, with the data it had. It returns
// when the registry listens.
func (r *Registry) Start() error {
	config, err := r.writeConfig()
	if err != nil {
		return fmt.Errorf("start a registry: %w", err)
	}
	cmd := exec.Command("docker-registry", "serve", config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return fmt.Errorf("start a registry: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start a registry: %w: run .ci/setup first", err)
	}
	host, err := awaitListening(stderr)
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return fmt.Errorf("start a registry: %w", err)
	}
	// The pipe is read to its end: a full one would stop the registry.
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	r.Host, r.cmd = host, cmd
	return nil
}

// Stop kills the registry, if it is running. Its data stays.
func (r *Registry) Stop() error {
	if r.cmd == nil {
		return nil
	}
	if err := r.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("stop registry %s: %w", r.Host, err)
	}
	var exit *exec.ExitError
	if err := r.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("stop registry %s: %w", r.Host, err)
	}
	r.cmd = nil
	r.transport.CloseIdleConnections()
	return nil
}

// Close is Stop for good.
func (r *Registry) Close() error {
	if r.tokens != nil {
		r.tokens.close()
	}
	return r.Stop()
}

// Restart stops the registry and starts it again.
func (r *Registry) Restart() error {
	if err := r.Stop(); err != nil {
		return err
	}
	return r.Start()
}

// Wipe empties the registry. It is running afterwards.
func (r *Registry) Wipe() error {
	if err := r.Stop(); err != nil {
		return err
	}
	if err := os.RemoveAll(r.data()); err != nil {
		return fmt.Errorf("wipe registry %s: %w", r.Host, err)
	}
	return r.Start()
}

// Lose removes the newest large blob's content from the registry's data. It is
// claimed to be there by what refers to it.
func (r *Registry) Lose() error {
	const large = 200_000
	found, err := filepath.Glob(filepath.Join(r.data(), "docker/registry/v2/blobs/sha256/*/*/data"))
	if err != nil {
		return err
	}
	newest, when := "", time.Time{}
	for _, path := range found {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if info.Size() > large && info.ModTime().After(when) {
			newest, when = path, info.ModTime()
		}
	}
	if newest == "" {
		return fmt.Errorf("registry %s has no blob larger than %d bytes", r.Host, large)
	}
	return os.Remove(newest)
}

// Remote is how go-containerregistry reaches the registry: by its certificate
// authority and with its password, if it has them.
func (r *Registry) Remote() []remote.Option {
	opts := []remote.Option{remote.WithTransport(r.transport)}
	if user, password := r.credentials(); user != "" {
		opts = append(opts, remote.WithAuth(&authn.Basic{Username: user, Password: password}))
	}
	return opts
}

func (r *Registry) data() string { return filepath.Join(r.dir, "data") }

// writeConfig writes the configuration file. JSON is YAML too. See
// https://distribution.github.io/distribution/about/configuration/.
func (r *Registry) writeConfig() (string, error) {
	listen := map[string]any{"addr": r.Host}
	config := map[string]any{
		"version": "0.1",
		"log":     map[string]any{"level": "info", "formatter": "json", "accesslog": map[string]any{"disabled": true}},
		"storage": map[string]any{
			"filesystem": map[string]any{"rootdirectory": r.data()},
			"delete":     map[string]any{"enabled": true},
		},
		"http": listen,
	}
	if s := r.security; s != nil {
		listen["tls"] = map[string]any{"certificate": s.certificate, "key": s.key}
		config["auth"] = map[string]any{"htpasswd": map[string]any{"realm": "tests", "path": s.htpasswd}}
	}
	if r.tokens != nil {
		config["auth"] = r.tokens.config()
	}
	data, err := json.Marshal(config)
	if err != nil {
		return "", err
	}
	path := filepath.Join(r.dir, "config.yml")
	return path, os.WriteFile(path, data, 0o600)
}

// awaitListening reads the registry's log until it says where it listens: the
// port is the kernel's choice.
func awaitListening(log io.Reader) (host string, err error) {
	scanner := bufio.NewScanner(log)
	var last string
	for scanner.Scan() {
		var line struct{ Msg string }
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			line.Msg = scanner.Text()
		}
		if address, ok := strings.CutPrefix(line.Msg, "listening on "); ok {
			return strings.TrimSuffix(address, ", tls"), nil
		}
		last = line.Msg
	}
	if err := scanner.Err(); err != nil {
		return "", fmt.Errorf("read docker-registry's log: %w", err)
	}
	return "", fmt.Errorf("docker-registry ended and last said: %s", last)
}
