package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/moby/buildkit/client"
)

// daemon is a running buildkitd.
type daemon struct {
	endpoint string
	cmd      *exec.Cmd
	log      *os.File
}

// patience is how long a daemon may take to start.
const patience = 30 * time.Second

// startDaemon starts a daemon that keeps everything below dir. Without history
// it records no builds.
func (b *bench) startDaemon(ctx context.Context, dir, registry string, history bool) (*daemon, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	config := fmt.Sprintf("[worker.oci]\n  enabled = true\n[worker.containerd]\n  enabled = false\n[registry.%q]\n  http = true\n", registry)
	if !history {
		config += "[history]\n  maxEntries = 0\n"
	}
	file := filepath.Join(dir, "buildkitd.toml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	d := &daemon{endpoint: "unix://" + filepath.Join(dir, "sock"), log: log}
	d.cmd = exec.Command(filepath.Join(b.dir, "buildkitd"), "--config", file, "--root", filepath.Join(dir, "root"), "--addr", d.endpoint)
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	if err := d.await(ctx); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

// await waits until the daemon answers.
func (d *daemon) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := client.New(ctx, d.endpoint)
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

// cpu is how much processor time the daemon has used, with the processes that
// it ran and that have ended: proc_pid_stat(5).
func (d *daemon) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	const utime, cstime, perSecond = 11, 14, 100 // of what follows the name
	var ticks int64
	for _, field := range fields[utime : cstime+1] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read how much buildkitd has used: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / perSecond, nil
}

// stop ends the daemon.
func (d *daemon) stop() error {
	err := d.cmd.Process.Signal(syscall.SIGTERM)
	var exit *exec.ExitError
	if wait := d.cmd.Wait(); !errors.As(wait, &exit) {
		err = errors.Join(err, wait)
	}
	return errors.Join(err, d.log.Close())
}
