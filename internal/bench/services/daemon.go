package services

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/stowage-build/stowage/internal/bench/measure"
)

// Daemon is a running buildkitd.
type Daemon struct {
	// Endpoint is where it listens.
	Endpoint string
	// Root is the directory with all that it keeps.
	Root string

	cmd *exec.Cmd
	log *os.File
}

// DaemonOptions are what a daemon is started with.
type DaemonOptions struct {
	Program string // the path of buildkitd
	Dir     string // for everything that it writes; made when it is missing
	// Registry is a host:port that is spoken to over plain http.
	Registry string
	// History has it record builds.
	History bool
}

// patience is how long a daemon may take to start.
const patience = 30 * time.Second

// StartDaemon starts a daemon. The caller stops it.
func StartDaemon(ctx context.Context, o DaemonOptions) (*Daemon, error) {
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, err
	}
	config := fmt.Sprintf("[worker.oci]\n  enabled = true\n[worker.containerd]\n  enabled = false\n[registry.%q]\n  http = true\n", o.Registry)
	if !o.History {
		config += "[history]\n  maxEntries = 0\n"
	}
	file := filepath.Join(o.Dir, "buildkitd.toml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(o.Dir, "log"))
	if err != nil {
		return nil, err
	}
	d := &Daemon{Endpoint: "unix://" + filepath.Join(o.Dir, "sock"), Root: filepath.Join(o.Dir, "root"), log: log}
	d.cmd = exec.Command(o.Program, "--config", file, "--root", d.Root, "--addr", d.Endpoint)
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	if err := d.await(ctx); err != nil {
		return nil, errors.Join(err, d.Stop())
	}
	return d, nil
}

// await waits until the daemon answers.
func (d *Daemon) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := client.New(ctx, d.Endpoint)
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		if _, err = c.ListWorkers(ctx); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("start buildkitd: %w; see %s", err, d.log.Name())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Process is the daemon's.
func (d *Daemon) Process() measure.Process { return measure.Process(d.cmd.Process.Pid) }

// Stop ends the daemon. What it keeps stays.
func (d *Daemon) Stop() error {
	err := d.cmd.Process.Signal(syscall.SIGTERM)
	var exit *exec.ExitError
	if wait := d.cmd.Wait(); !errors.As(wait, &exit) {
		err = errors.Join(err, wait)
	}
	return errors.Join(err, d.log.Close())
}
