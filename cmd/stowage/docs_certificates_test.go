package main

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCertificatesInDocs: with what docs/operations.md makes, a builder and its
// client know each other, and nobody else is let in.
func TestCertificatesInDocs(t *testing.T) {
	script := ""
	for _, block := range codeBlocks.FindAllStringSubmatch(read(t, "../../docs/operations.md")["../../docs/operations.md"], -1) {
		if strings.Contains(block[2], "openssl") {
			script += block[2]
		}
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-euc", script)
	cmd.Dir = t.TempDir()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	certs := filepath.Join(cmd.Dir, "certs")
	authority := x509.NewCertPool()
	if pem, err := os.ReadFile(filepath.Join(certs, "ca.pem")); err != nil || !authority.AppendCertsFromPEM(pem) {
		t.Fatalf("no authority: %v", err)
	}
	pair := func(name string) tls.Certificate {
		c, err := tls.LoadX509KeyPair(filepath.Join(certs, name+".pem"), filepath.Join(certs, name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	// As buildkitd is with --tlscacert, and as Stowage is.
	builder := &tls.Config{Certificates: []tls.Certificate{pair("amd")}, ClientCAs: authority, ClientAuth: tls.RequireAndVerifyClientCert}
	client := &tls.Config{Certificates: []tls.Certificate{pair("client")}, RootCAs: authority, ServerName: "amd.builders.example"}
	if err := greet(t, builder, client); err != nil {
		t.Error(err)
	}
	for why, change := range map[string]func(*tls.Config){
		"another name":               func(c *tls.Config) { c.ServerName = "arm.builders.example" },
		"no certificate":             func(c *tls.Config) { c.Certificates = nil },
		"a builder's, as a client's": func(c *tls.Config) { c.Certificates = builder.Certificates },
	} {
		other := client.Clone()
		change(other)
		if greet(t, builder, other) == nil {
			t.Errorf("%s: no error", why)
		}
	}
}

// greet has a client read what a builder says to those that it lets in.
func greet(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	here, there := net.Pipe()
	defer here.Close()
	go func() {
		defer there.Close()
		_, _ = tls.Server(there, server).Write([]byte("hello")) // or the reason why not
	}()
	_, err := tls.Client(here, client).Read(make([]byte, 5))
	return err
}
