package buildkit

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"
)

// tlsError is a connection that the two sides' TLS settings forbid: trying
// again does not help.
type tlsError struct {
	what string
	err  error
}

func (e *tlsError) Error() string { return e.what }
func (e *tlsError) Unwrap() error { return e.err }

var (
	validFor = regexp.MustCompile(`x509: certificate is valid for (.+?), not ([^"\s]+)`)
	noSAN    = regexp.MustCompile(`x509: cannot validate certificate for (\S+) because it doesn't contain any IP SANs`)
)

// brokenOff matches connections that ended before the other side could say why.
var brokenOff = regexp.MustCompile(`broken pipe|connection reset by peer|EOF|use of closed network connection`)

// refusedTLS says what is wrong with certificates, nil if nothing is. gRPC hands
// on only the text of Go's crypto/tls, and not even that when the other side has
// hung up on what gRPC sends first: then it is asked again by a connection that
// only listens.
func (c *Client) refusedTLS(ctx context.Context, err error) error {
	if refused := c.explainTLS(err, err.Error()); refused != nil {
		return refused
	}
	if !brokenOff.MatchString(err.Error()) {
		return nil
	}
	if c.tls == nil {
		if c.speaksTLS(ctx) {
			return &tlsError{"the builder speaks TLS: add a tls block to the builder", err}
		}
		return nil
	}
	if heard := c.listen(ctx); heard != nil {
		return c.explainTLS(err, heard.Error())
	}
	return nil
}

// listenTimeout is how long a server may take to refuse a certificate.
const listenTimeout = 2 * time.Second

// listen makes a TLS connection and returns what the other side ends it with.
func (c *Client) listen(ctx context.Context) error {
	u, err := url.Parse(c.endpoint)
	if err != nil {
		return nil
	}
	settings := &tls.Config{ServerName: c.tls.ServerName, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}
	if settings.ServerName == "" {
		settings.ServerName = u.Hostname()
	}
	if pem, err := os.ReadFile(c.tls.CA); err == nil {
		settings.RootCAs = x509.NewCertPool()
		settings.RootCAs.AppendCertsFromPEM(pem)
	}
	if pair, err := tls.LoadX509KeyPair(c.tls.Cert, c.tls.Key); err == nil {
		settings.Certificates = []tls.Certificate{pair}
	}
	ctx, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	conn, err := (&tls.Dialer{Config: settings}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(listenTimeout)); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1))
	return err
}

// speaksTLS reports whether the other side of a plain connection wants TLS. One
// that is stopped or going down hangs up on gRPC with the same words.
func (c *Client) speaksTLS(ctx context.Context) bool {
	u, err := url.Parse(c.endpoint)
	if err != nil || u.Scheme != "tcp" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	// Nothing is said to it, and nothing that it says is believed.
	conn, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return strings.Contains(err.Error(), "remote error: tls:")
	}
	_ = conn.Close()
	return true
}

// explainTLS says what is wrong by the text of an error.
func (c *Client) explainTLS(err error, text string) error {
	say := func(format string, args ...any) error { return &tlsError{fmt.Sprintf(format, args...), err} }
	if m := validFor.FindStringSubmatch(text); m != nil {
		return say("the builder's certificate is for %s, not for %s: write its name into tls { server_name = … }, or give it a certificate for %[2]s", m[1], m[2])
	}
	if m := noSAN.FindStringSubmatch(text); m != nil {
		return say("the builder's certificate is not for the address %s: write the name that it is for into tls { server_name = … }", m[1])
	}
	for _, known := range []struct{ words, what string }{
		{"certificate has expired or is not yet valid", "the builder's certificate has expired, or is not valid yet: renew it, or set the clock" + when(text)},
		{"certificate signed by unknown authority", "the builder's certificate is not signed by " + c.authority() + ": write the file of the authority that signed it into tls { ca = … }"},
		{"remote error: tls: certificate required", "the builder wants a client certificate: write its files into tls { cert = …  key = … }"},
		{"remote error: tls: unknown certificate authority", "the builder does not know the authority that signed the client certificate " + c.certificate()},
		{"remote error: tls: expired certificate", "the client certificate " + c.certificate() + " has expired: renew it"},
		{"remote error: tls: bad certificate", "the builder refuses the client certificate " + c.certificate() + ": it may be of another authority, not for clients, or expired"},
		{"remote error: tls: unsupported certificate", "the builder refuses the client certificate " + c.certificate() + ": it is not for clients"},
		{"first record does not look like a TLS handshake", "the builder does not speak TLS: remove the tls block, or have it speak TLS"},
	} {
		if strings.Contains(text, known.words) {
			return say("%s", known.what)
		}
	}
	if c.tls == nil && strings.Contains(text, "error reading server preface: http2:") {
		return say("it answers with something else than BuildKit's API: write the address of a buildkitd")
	}
	return nil
}

// when is what Go says of the time of an expired certificate.
func when(text string) string {
	_, after, ok := strings.Cut(text, "not yet valid: ")
	if !ok {
		return ""
	}
	return " (" + strings.TrimSuffix(after, `"`) + ")"
}

func (c *Client) authority() string {
	if c.tls == nil || c.tls.CA == "" {
		return "an authority that this machine trusts"
	}
	return "an authority in " + c.tls.CA
}

func (c *Client) certificate() string {
	if c.tls == nil {
		return ""
	}
	return c.tls.Cert
}
