package registry_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/crypto/bcrypt"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/conformance"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/internal/registry"
)

// keys is a keychain with credentials for one host.
type keys struct{ host, user, password string }

func (k keys) Resolve(target authn.Resource) (authn.Authenticator, error) {
	if target.RegistryStr() != k.host {
		return authn.Anonymous, nil
	}
	return &authn.Basic{Username: k.user, Password: k.password}, nil
}

const password = "s3cret-w0rd"

// roundTrip pushes, looks up, tags and pulls.
func roundTrip(t *testing.T, host string, opts registry.Options) {
	t.Helper()
	m, other := machine(t, opts), machine(t, opts)
	for _, repo := range []string{"base", "app"} { // the second mounts a layer of the first
		ref := host + "/acme/" + repo + ":1"
		put(t, m, ref, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"shared", repo}, Attestation: repo})
		push(t, m, ref)
		if err := m.Registry.Tag(t.Context(), ref, "latest"); err != nil {
			t.Fatal(err)
		}
		if _, err := other.Registry.Pull(t.Context(), host+"/acme/"+repo+":latest", "linux/amd64"); err != nil {
			t.Fatal(err)
		}
	}
}

// wantDenied wants all operations to fail with the status, to say where to
// log in, and to name no secret.
func wantDenied(t *testing.T, host string, opts registry.Options, status int) {
	t.Helper()
	opts.Tries = 2
	m := machine(t, opts)
	ref := host + "/acme/app:1"
	put(t, m, ref, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"one"}})
	for op, do := range operations(t, m, ref) {
		err := do()
		answer, ok := errors.AsType[*transport.Error](err)
		if !ok || answer.StatusCode != status {
			t.Errorf("%s: error is %v, want status %d", op, err, status)
			continue
		}
		if !strings.Contains(err.Error(), "docker login "+host) || !strings.HasPrefix(err.Error(), op+" "+host) {
			t.Errorf("%s: the error does not say what to do: %v", op, err)
		}
		wantNoSecret(t, err)
	}
}

func wantNoSecret(t *testing.T, err error) {
	t.Helper()
	for _, secret := range []string{password, base64.StdEncoding.EncodeToString([]byte("user:" + password)), "token-for"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error has a secret in it: %v", err)
		}
	}
}

// operations are all there are, for tests of how they fail.
func operations(t *testing.T, m conformance.Machine, ref string) map[string]func() error {
	return map[string]func() error{
		"look up": func() error {
			image, err := m.Registry.Lookup(t.Context(), ref)
			if err == nil && image == nil {
				return errors.New("it says that the image is missing")
			}
			return err
		},
		"pull": func() error { _, err := m.Registry.Pull(t.Context(), ref, "linux/amd64"); return err },
		"push": func() error { _, err := m.Registry.Push(t.Context(), ref, executor.PushOptions{}); return err },
		"tag":  func() error { return m.Registry.Tag(t.Context(), ref, "latest") },
	}
}

// htpasswd makes docker-registry's configuration for basic authentication.
func htpasswd(t *testing.T) string {
	t.Helper()
	hashed, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "htpasswd")
	if err := os.WriteFile(file, []byte("user:"+string(hashed)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("}\nauth: {htpasswd: {realm: test, path: %q}", file)
}

func TestBasicAuthentication(t *testing.T) {
	host := distribution(t, htpasswd(t))
	roundTrip(t, host, registry.Options{Keychain: keys{host, "user", password}})
	wantDenied(t, host, registry.Options{Keychain: keys{host, "user", password + "x"}}, http.StatusUnauthorized)
	wantDenied(t, host, registry.Options{Keychain: keys{}}, http.StatusUnauthorized)
}

func TestCredentialsFromDockerConfig(t *testing.T) {
	host := distribution(t, htpasswd(t))
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	config, err := json.Marshal(map[string]any{"auths": map[string]any{
		host: map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte("user:" + password))},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	roundTrip(t, host, registry.Options{})
}

// tokenServer is a registry that wants bearer tokens, and their server.
type tokenServer struct {
	host  string
	inner http.Handler

	mu     sync.Mutex
	issued []string // scopes
	// expired, when set, makes the next request that it matches fail as if its
	// token had expired.
	expired func(*http.Request) bool
}

func newTokenServer(t *testing.T) *tokenServer {
	s := &tokenServer{inner: memoryRegistry()}
	s.host = serve(t, s)
	return s
}

func (s *tokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/token" {
		s.issue(w, r)
		return
	}
	repo, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/manifests/")
	repo, _, _ = strings.Cut(repo, "/blobs/")
	need := "repository:" + repo + ":pull"
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		need = "repository:" + repo + ":push,pull"
	}
	if from := r.URL.Query().Get("from"); from != "" {
		need += " repository:" + from + ":pull"
	}
	expired := s.expired != nil && s.expired(r)
	if expired {
		s.expired = nil
	}
	if r.URL.Path == "/v2/" || expired || !s.allows(r.Header.Get("Authorization"), need) {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test",scope="%s"`, s.host, need))
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.inner.ServeHTTP(w, r)
}

func (s *tokenServer) issue(w http.ResponseWriter, r *http.Request) {
	if user, pass, ok := r.BasicAuth(); !ok || user != "user" || pass != password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	scopes := strings.Join(r.URL.Query()["scope"], " ")
	s.issued = append(s.issued, scopes)
	_ = json.NewEncoder(w).Encode(map[string]string{"token": "token-for:" + base64.StdEncoding.EncodeToString([]byte(scopes))})
}

func (s *tokenServer) allows(header, need string) bool {
	scopes, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(header, "Bearer token-for:"))
	if err != nil {
		return false
	}
	for _, n := range strings.Fields(need) {
		pull := strings.Replace(n, ":pull", ":push,pull", 1)
		if !strings.Contains(string(scopes), n) && !strings.Contains(string(scopes), pull) {
			return false
		}
	}
	return true
}

func TestBearerTokens(t *testing.T) {
	s := newTokenServer(t)
	roundTrip(t, s.host, registry.Options{Keychain: keys{s.host, "user", password}})
	wantDenied(t, s.host, registry.Options{Keychain: keys{s.host, "user", "x"}}, http.StatusUnauthorized)
}

func TestBearerTokensAreReused(t *testing.T) {
	s := newTokenServer(t)
	r := newRegistry(t, registry.Options{Keychain: keys{s.host, "user", password}})
	for _, tag := range []string{"1", "2"} {
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if _, err := r.Lookup(t.Context(), s.host+"/acme/app:"+tag); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	if len(s.issued) != 1 || s.issued[0] != "repository:acme/app:pull" {
		t.Errorf("tokens were issued for %q", s.issued)
	}
}

func TestBearerTokenExpires(t *testing.T) {
	s := newTokenServer(t)
	m := machine(t, registry.Options{Keychain: keys{s.host, "user", password}})
	ref := s.host + "/acme/app:1"
	for i, verb := range []string{"GET manifests", "HEAD manifests", "PUT manifests", "HEAD blobs", "POST blobs", "PUT blobs"} {
		large := strings.Repeat(fmt.Sprint(i), 100_000) // what is small is not asked for
		put(t, m, ref, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{large}})
		s.mu.Lock()
		s.expired = request(verb)
		s.mu.Unlock()
		if _, err := m.Registry.Push(t.Context(), ref, executor.PushOptions{Overwrite: true}); err != nil {
			t.Errorf("%s: %v", verb, err)
		}
		if s.expired != nil {
			t.Errorf("no %s was made", verb)
		}
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(memoryRegistry())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "https://")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, data, 0o600); err != nil {
		t.Fatal(err)
	}
	roundTrip(t, host, registry.Options{Hosts: map[string]registry.HostConfig{host: {CAFile: ca}}})
	roundTrip(t, host, registry.Options{Hosts: map[string]registry.HostConfig{host: {Insecure: true}}})

	_, err := newRegistry(t, registry.Options{Tries: 2}).Lookup(t.Context(), host+"/acme/app:1")
	wantHint(t, err, host)
}

func wantHint(t *testing.T, err error, host string) {
	t.Helper()
	if want := fmt.Sprintf("registry %q { insecure = true }", host); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error is %v, want one that has %s", err, want)
	}
}

// A private address may speak plain http only when it is called insecure.
func TestPlainHTTP(t *testing.T) {
	server := serve(t, memoryRegistry())
	dial := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server)
	}}
	for _, host := range []string{"registry.test:5000", "10.1.2.3:5000", "registry.local"} {
		_, err := newRegistry(t, registry.Options{Transport: dial, Tries: 2}).Lookup(t.Context(), host+"/acme/app:1")
		wantHint(t, err, host)
		roundTrip(t, host, registry.Options{Transport: dial, Hosts: map[string]registry.HostConfig{host: {Insecure: true}}})
	}
}

func TestBadMirror(t *testing.T) {
	_, err := registry.New(registry.Options{Hosts: map[string]registry.HostConfig{"registry.test": {Mirrors: []string{"https://mirror.test"}}}})
	if err == nil || !strings.Contains(err.Error(), "https://mirror.test") {
		t.Errorf("error is %v, want one that names the mirror", err)
	}
}

func TestBadCAFile(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, empty + "x"} {
		_, err := registry.New(registry.Options{Hosts: map[string]registry.HostConfig{"registry.test": {CAFile: file}}})
		if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "registry.test") {
			t.Errorf("error is %v, want one that names the host and the file", err)
		}
	}
	_, err := registry.New(registry.Options{Transport: http.DefaultTransport, Hosts: map[string]registry.HostConfig{"registry.test": {CAFile: empty}}})
	if err == nil {
		t.Error("a CA file was accepted with a transport that cannot use it")
	}
}
