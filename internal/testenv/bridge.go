package testenv

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// Bridge is a network bridge of this machine, as container engines make one,
// with a server on its address. Nothing is connected to it.
type Bridge struct {
	// Host is the server's host:port. It answers every request with "reached".
	Host string

	device string
	server *http.Server
}

// StartBridge makes a bridge whose name and address are this process's own,
// in the range for tests of networks (RFC 2544). The caller stops it.
func StartBridge() (*Bridge, error) {
	pid := os.Getpid()
	b := &Bridge{device: fmt.Sprintf("stowage%d", pid)}
	address := fmt.Sprintf("198.18.%d.%d", pid/63%256, pid%63*4+1)
	for _, args := range [][]string{
		{"link", "add", "name", b.device, "type", "bridge"},
		{"addr", "add", address + "/30", "dev", b.device},
		{"link", "set", b.device, "up"},
	} {
		if err := ip(args...); err != nil {
			return nil, errors.Join(fmt.Errorf("start a bridge: %w", err), b.Stop())
		}
	}
	listener, err := net.Listen("tcp", address+":0")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a bridge: %w", err), b.Stop())
	}
	b.Host = listener.Addr().String()
	b.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "reached")
	})}
	go func() { _ = b.server.Serve(listener) }()
	return b, nil
}

// Stop ends the server and removes the bridge.
func (b *Bridge) Stop() error {
	var err error
	if b.server != nil {
		err = b.server.Close()
	}
	if b.device != "" {
		err = errors.Join(err, ip("link", "delete", b.device))
	}
	b.server, b.device = nil, ""
	return err
}

// ip runs the command of iproute2.
func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

func bridgeCommand(ts *testscript.TestScript, neg bool, args []string) {
	s := scriptOf(ts, !neg && len(args) == 1 && args[0] == "start", "bridge start")
	var err error
	s.bridge, err = StartBridge()
	ts.Check(err)
	ts.Setenv("BRIDGE", s.bridge.Host)
}
