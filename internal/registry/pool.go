package registry

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// pools are the connection pools: one for all hosts but those with TLS
// settings of their own.
type pools struct {
	shared http.RoundTripper
	own    map[string]http.RoundTripper
}

func newPools(opts Options) (*pools, error) {
	p := &pools{shared: opts.Transport, own: map[string]http.RoundTripper{}}
	if p.shared == nil {
		p.shared = newPool(nil)
	}
	for host, config := range opts.Hosts {
		host = canonicalHost(host)
		if config.CAFile == "" && !config.Insecure {
			continue
		}
		if opts.Transport != nil {
			if config.CAFile != "" {
				return nil, fmt.Errorf("registry %s: a CA file cannot be used with a transport of the caller's", host)
			}
			continue
		}
		tlsConfig, err := tlsFor(config)
		if err != nil {
			return nil, fmt.Errorf("registry %s: %w", host, err)
		}
		p.own[host] = newPool(tlsConfig)
	}
	return p, nil
}

func (p *pools) of(host string) http.RoundTripper {
	if own, ok := p.own[host]; ok {
		return own
	}
	return p.shared
}

func tlsFor(config HostConfig) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: config.Insecure}
	if config.CAFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(config.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read CA file: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's certificates: %w", err)
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA file %s has no PEM certificate", config.CAFile)
	}
	c.RootCAs = roots
	return c, nil
}

// newPool is http.DefaultTransport with more idle connections to one host and
// a bound on the wait for an answer.
func newPool(tlsConfig *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       tlsConfig,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          200,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   firstAnswerLimit + 10*time.Second, // its own limit comes first
		ExpectContinueTimeout: time.Second,
		ResponseHeaderTimeout: 5 * time.Minute,
	}
}
