package testenv

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// podmanLife bounds how long a Podman service without a connection goes on, in
// seconds, should nobody stop it.
const podmanLife = "120"

// Podman is a running Podman service, which speaks Docker's API, with images of
// its own. It ends with the test process, however that ends.
type Podman struct {
	// Host is where it listens, as DOCKER_HOST has it.
	Host string

	dir string
	cmd *exec.Cmd
}

// StartPodman starts a service that keeps everything below a new directory in
// the directory for temporary files, whose path is short enough for a socket.
// The caller stops it.
func StartPodman() (*Podman, error) {
	dir, err := os.MkdirTemp("", "podman-")
	if err != nil {
		return nil, fmt.Errorf("start podman: %w", err)
	}
	p := &Podman{dir: dir, Host: "unix://" + filepath.Join(dir, "api.sock")}
	if err := p.start(); err != nil {
		return nil, fmt.Errorf("start podman: %w", errors.Join(err, os.RemoveAll(dir)))
	}
	return p, nil
}

func (p *Podman) start() error {
	p.cmd = exec.Command("podman",
		"--root", filepath.Join(p.dir, "root"), "--runroot", filepath.Join(p.dir, "run"), "--tmpdir", filepath.Join(p.dir, "tmp"),
		"--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--log-level", "info",
		"system", "service", "--time", podmanLife, p.Host)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	log, err := p.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("%w: run .ci/setup first", err)
	}
	go func() { // a full pipe would stop it
		for lines := bufio.NewScanner(log); lines.Scan(); {
		}
	}()
	for range 500 {
		if _, err := os.Stat(p.Host[len("unix://"):]); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errors.Join(errors.New("it does not listen"), p.Stop())
}

// Stop stops the service and removes all that it has.
func (p *Podman) Stop() error {
	if p.cmd == nil {
		return nil
	}
	err := p.cmd.Process.Signal(syscall.SIGTERM)
	var exit *exec.ExitError
	if waitErr := p.cmd.Wait(); !errors.As(waitErr, &exit) {
		err = errors.Join(err, waitErr)
	}
	p.cmd = nil
	return errors.Join(err, os.RemoveAll(p.dir))
}

func podmanCommand(ts *testscript.TestScript, neg bool, args []string) {
	s := scriptOf(ts, !neg && len(args) == 1 && (args[0] == "start" || args[0] == "stop"), "podman start|stop")
	if args[0] == "stop" {
		ts.Check(s.podman.Stop())
		return
	}
	var err error
	s.podman, err = StartPodman()
	ts.Check(err)
	ts.Setenv("PODMAN", s.podman.Host)
}
