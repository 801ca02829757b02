package testenv

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// security is what a registry with TLS and a password needs, in files.
type security struct {
	authority, certificate, key string // PEM files
	htpasswd                    string // file
	user, password              string
	pool                        *x509.CertPool
}

// newSecurity makes a certificate for 127.0.0.1 that is its own authority, and
// a user, in files below dir.
func newSecurity(dir string) (*security, error) {
	s := &security{
		authority:   filepath.Join(dir, "ca.pem"),
		certificate: filepath.Join(dir, "cert.pem"),
		key:         filepath.Join(dir, "key.pem"),
		htpasswd:    filepath.Join(dir, "htpasswd"),
		user:        "stevedore",
		password:    rand.Text(),
		pool:        x509.NewCertPool(),
	}
	certificate, key, err := newCertificate()
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	s.pool.AppendCertsFromPEM(certificate)
	hash, err := bcrypt.GenerateFromPassword([]byte(s.password), bcrypt.MinCost)
	if err != nil {
		return nil, fmt.Errorf("hash a password: %w", err)
	}
	for path, content := range map[string][]byte{
		s.authority:   certificate,
		s.certificate: certificate,
		s.key:         key,
		s.htpasswd:    fmt.Appendf(nil, "%s:%s\n", s.user, hash),
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func newCertificate() (certificate, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "stowage tests"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:              []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, nil, err
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: privateDER})
	return certificate, key, nil
}

// transport trusts the authority, and no other.
func (s *security) transport() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.pool}, ForceAttemptHTTP2: true}
}

// credentials are the user and password that the registry, or who gives tokens
// for it, wants; "" for none.
func (r *Registry) credentials() (user, password string) {
	switch {
	case r.security != nil:
		return r.security.user, r.security.password
	case r.tokens != nil:
		return r.tokens.user, r.tokens.password
	}
	return "", ""
}

// DockerConfig is a Docker config.json with the registry's password, for its
// host and others by which it is reached; of a registry without one, it is
// empty.
func (r *Registry) DockerConfig(others ...string) ([]byte, error) {
	type auth struct {
		Auth string `json:"auth"`
	}
	auths := map[string]auth{}
	if user, password := r.credentials(); user != "" {
		for _, host := range append(others, r.Host) {
			auths[host] = auth{base64.StdEncoding.EncodeToString([]byte(user + ":" + password))}
		}
	}
	return json.Marshal(map[string]any{"auths": auths})
}

// Authority is the PEM file of the certificate authority that signed the
// registry's certificate; "" for plain http. SSL_CERT_FILE may name it.
func (r *Registry) Authority() string {
	if r.security == nil {
		return ""
	}
	return r.security.authority
}

// Password is what the registry wants; "" for none. Tests look for it where it
// must not be.
func (r *Registry) Password() string {
	_, password := r.credentials()
	return password
}
