package testenv

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Proxy passes connections on, so that a test can break them.
type Proxy struct {
	// Endpoint is where it listens: tcp://HOST:PORT.
	Endpoint string

	listener net.Listener
	network  string
	address  string
	serving  sync.WaitGroup

	mu       sync.Mutex
	conns    map[net.Conn]struct{}
	dropping bool
}

// NewProxy passes connections on to an address until the test ends.
func NewProxy(t testing.TB, network, address string) *Proxy {
	t.Helper()
	p, err := OpenProxy(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		p.serving.Wait()
	})
	return p
}

// OpenProxy passes connections on to an address until it is closed.
func OpenProxy(network, address string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		Endpoint: "tcp://" + listener.Addr().String(), listener: listener,
		network: network, address: address, conns: map[net.Conn]struct{}{},
	}
	p.serving.Go(p.accept)
	return p, nil
}

// Cut breaks the connections that there are. New ones are passed on.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// Drop lets nothing pass any more, in either direction, for as long as it is
// on: connections stay open, and new ones are taken. What was dropped is lost.
func (p *Proxy) Drop(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropping = on
}

func (p *Proxy) drops() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dropping
}

// Close breaks the connections and takes no more.
func (p *Proxy) Close() {
	_ = p.listener.Close()
	p.Cut()
}

func (p *Proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial(p.network, p.address)
		if err != nil {
			_ = near.Close()
			continue
		}
		p.keep(near, far)
		p.serving.Go(func() { p.pass(near, far) })
		p.serving.Go(func() { p.pass(far, near) })
	}
}

func (p *Proxy) keep(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = struct{}{}
	}
}

// pass copies until one side ends, and then ends both.
func (p *Proxy) pass(to, from net.Conn) {
	_, _ = io.Copy(dropper{to, p}, from)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range []net.Conn{to, from} {
		_ = c.Close()
		delete(p.conns, c)
	}
}

// dropper writes unless the proxy drops.
type dropper struct {
	to    io.Writer
	proxy *Proxy
}

func (d dropper) Write(p []byte) (int, error) {
	if d.proxy.drops() {
		return len(p), nil
	}
	return d.to.Write(p)
}
