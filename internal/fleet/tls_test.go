package fleet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stowage-build/stowage/schema"
)

// authority signs certificates for tests.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

// pair is a certificate and its key, in files.
type pair struct{ cert, key string }

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.file = a.write("ca.pem", "CERTIFICATE", der)
	return a
}

func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// issue makes a certificate for a host, a name or an address, for so long from
// yesterday.
func (a *authority) issue(host string, usage x509.ExtKeyUsage, lasts time.Duration) pair {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		a.t.Fatal(err)
	}
	from := time.Now().Add(-24 * time.Hour)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: host}, NotBefore: from, NotAfter: from.Add(lasts),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return pair{a.write(serial.String()+".pem", "CERTIFICATE", der), a.write(serial.String()+".key", "PRIVATE KEY", private)}
}

// secured serves a unix socket over TLS and wants certificates that clients
// signed; it returns where.
func secured(t *testing.T, socket string, server pair, clients *authority) string {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(server.cert, server.key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(clients.cert)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"h2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { join(near, socket) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return "tcp://" + listener.Addr().String()
}

// join connects two ends until one of them ends.
func join(near net.Conn, socket string) {
	defer near.Close()
	if near.(*tls.Conn).Handshake() != nil {
		return
	}
	far, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(far, near)
		_ = far.Close()
	}()
	_, _ = io.Copy(near, far)
}

// TestTLS: a builder behind mTLS, and what is said when something is wrong.
func TestTLS(t *testing.T) {
	engine := embeddedOptions(t)
	socket := strings.TrimPrefix(start(t, engine), "unix://")
	const day = 24 * time.Hour
	own, other := newAuthority(t), newAuthority(t)
	server, client := own.issue("127.0.0.1", x509.ExtKeyUsageServerAuth, 7*day), own.issue("client", x509.ExtKeyUsageClientAuth, 7*day)
	named := own.issue("builder.example", x509.ExtKeyUsageServerAuth, 7*day)
	expired, expiredClient := own.issue("127.0.0.1", x509.ExtKeyUsageServerAuth, time.Hour), own.issue("client", x509.ExtKeyUsageClientAuth, time.Hour)
	stranger := other.issue("client", x509.ExtKeyUsageClientAuth, 7*day)
	for name, c := range map[string]struct {
		server pair
		tls    *schema.TLS
		want   string // "" is success
	}{
		"well":            {server, &schema.TLS{CA: own.file, Cert: client.cert, Key: client.key}, ""},
		"name":            {named, &schema.TLS{CA: own.file, Cert: client.cert, Key: client.key, ServerName: "builder.example"}, ""},
		"wrong CA":        {server, &schema.TLS{CA: other.file, Cert: client.cert, Key: client.key}, "not signed by an authority in " + other.file},
		"system's CAs":    {server, &schema.TLS{Cert: client.cert, Key: client.key}, "not signed by an authority that this machine trusts"},
		"wrong name":      {named, &schema.TLS{CA: own.file, Cert: client.cert, Key: client.key, ServerName: "other.example"}, "is for builder.example, not for other.example"},
		"no address":      {named, &schema.TLS{CA: own.file, Cert: client.cert, Key: client.key}, "not for the address 127.0.0.1"},
		"expired":         {expired, &schema.TLS{CA: own.file, Cert: client.cert, Key: client.key}, "the builder's certificate has expired"},
		"no client":       {server, &schema.TLS{CA: own.file}, "wants a client certificate"},
		"stranger":        {server, &schema.TLS{CA: own.file, Cert: stranger.cert, Key: stranger.key}, stranger.cert},
		"expired client":  {server, &schema.TLS{CA: own.file, Cert: expiredClient.cert, Key: expiredClient.key}, expiredClient.cert},
		"not for clients": {server, &schema.TLS{CA: own.file, Cert: server.cert, Key: server.key}, server.cert},
		"no TLS":          {server, nil, "the builder speaks TLS: add a tls block"},
	} {
		t.Run(name, func(t *testing.T) {
			opts := engine
			opts.Declared = []*schema.Builder{{Name: "tls", Endpoint: secured(t, socket, c.server, own), TLS: c.tls, Slots: 1}}
			f, err := Open(t.Context(), opts)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if err := f.Close(); err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || mayPass(err) {
				t.Errorf("error is %v (may pass: %v), want a lasting one with %q", err, mayPass(err), c.want)
			}
		})
	}
	for name, c := range map[string]struct {
		tls    *schema.TLS
		answer string
		want   string
		passes bool
	}{
		"TLS to a plain builder": {&schema.TLS{CA: own.file}, "HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak TLS", false},
		"no BuildKit":            {nil, "HTTP/1.1 400 Bad Request\r\n\r\n", "something else than BuildKit's API", false},
		"going down":             {nil, "", "see that BuildKit listens there", true},
	} {
		t.Run(name, func(t *testing.T) {
			opts := engine
			opts.Declared = []*schema.Builder{{Name: "plain", Endpoint: answering(t, c.answer), TLS: c.tls, Slots: 1}}
			_, err := Open(t.Context(), opts)
			if err == nil || !strings.Contains(err.Error(), c.want) || mayPass(err) != c.passes {
				t.Errorf("error is %v (may pass: %v), want one with %q (may pass: %v)", err, mayPass(err), c.want, c.passes)
			}
		})
	}
}

// mayPass reports whether one of the errors is that of a builder that is not
// there, for which a later try may find it.
func mayPass(err error) bool {
	var lost interface{ Lost() bool }
	return errors.As(err, &lost) && lost.Lost()
}

// answering says one thing to whoever connects, reads what they said, and hangs
// up.
func answering(t *testing.T, answer string) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, answer)
			_, _ = conn.Read(make([]byte, 1024))
			_ = conn.Close()
		}
	}()
	return "tcp://" + listener.Addr().String()
}
