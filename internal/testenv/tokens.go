package testenv

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// registryLeeway is how long after its end docker-registry still takes a token
// (registry/auth/token.Leeway).
const registryLeeway = time.Minute

// tokens is a server of tokens for a registry, as
// https://distribution.github.io/distribution/spec/auth/token/ has it, which
// gives the one user who has the password whatever he asks for.
type tokens struct {
	user, password string
	certificate    string // PEM file of the authority
	life           time.Duration
	server         *httptest.Server

	key   any    // that tokens are signed with
	chain string // its certificate, as a token names it

	mu     sync.Mutex
	issued []string // what tokens were for
}

// newTokens serves tokens that the registry takes for so long; it counts in
// seconds. The caller closes it.
func newTokens(dir string, life time.Duration) (*tokens, error) {
	t := &tokens{user: "stevedore", password: rand.Text(), certificate: filepath.Join(dir, "tokens.pem"), life: life}
	certificate, key, err := newCertificate()
	if err == nil {
		t.key, err = jwt.ParseECPrivateKeyFromPEM(key)
	}
	if err == nil {
		err = os.WriteFile(t.certificate, certificate, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("serve tokens: %w", err)
	}
	block, _ := pem.Decode(certificate)
	t.chain = base64.StdEncoding.EncodeToString(block.Bytes)
	t.server = httptest.NewUnstartedServer(t)
	t.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.server.Start()
	return t, nil
}

// config is the registry's. It has the server's name, since clients refuse to go
// to another private address than the registry's.
func (t *tokens) config() map[string]any {
	return map[string]any{"token": map[string]any{
		"realm": strings.Replace(t.server.URL, "127.0.0.1", "localhost", 1), "service": "tests", "issuer": "tests", "rootcertbundle": t.certificate,
	}}
}

// ServeHTTP gives a token to who has the password: in a header, or in the form
// of OAuth2.
func (t *tokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, ok := r.BasicAuth()
	if r.Method == http.MethodPost {
		user, password, ok = r.PostFormValue("username"), r.PostFormValue("password"), true
	}
	if !ok || user != t.user || password != t.password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	scopes := strings.Fields(strings.Join(r.URL.Query()["scope"], " ") + " " + r.PostFormValue("scope"))
	token, err := t.sign(scopes)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	t.mu.Lock()
	t.issued = append(t.issued, strings.Join(scopes, " "))
	t.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{ // a client may have gone
		"token": token, "access_token": token, "expires_in": int(t.life.Seconds()), "issued_at": time.Now().UTC().Format(time.RFC3339),
	})
}

// sign makes a token, which begins and ends as much sooner as the registry is
// lenient.
func (t *tokens) sign(scopes []string) (string, error) {
	access := []map[string]any{}
	for _, scope := range scopes {
		parts := strings.SplitN(scope, ":", 2)
		last := strings.LastIndex(scope, ":")
		if len(parts) != 2 || last <= len(parts[0]) {
			return "", fmt.Errorf("scope %q: want TYPE:NAME:ACTIONS", scope)
		}
		access = append(access, map[string]any{
			"type": parts[0], "name": scope[len(parts[0])+1 : last], "actions": strings.Split(scope[last+1:], ","),
		})
	}
	begin := time.Now().Add(-registryLeeway)
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": "tests", "sub": t.user, "aud": "tests", "jti": rand.Text(), "access": access,
		"iat": begin.Unix(), "nbf": begin.Unix(), "exp": begin.Add(t.life).Unix(),
	})
	token.Header["x5c"] = []string{t.chain}
	return token.SignedString(t.key)
}

// take returns what tokens were for since it was called last.
func (t *tokens) take() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	issued := t.issued
	t.issued = nil
	return issued
}

func (t *tokens) close() { t.server.Close() }
