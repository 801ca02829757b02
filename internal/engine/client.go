package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/gofrs/flock"
	"github.com/moby/buildkit/client"
	"golang.org/x/sys/unix"
)

// Limits of starting and stopping.
const (
	pollInterval = 20 * time.Millisecond
	startTimeout = time.Minute
	pingTimeout  = 5 * time.Second
	stopTimeout  = 30 * time.Second

	// otherSettingsTimeout is how much longer than it may be idle an engine is
	// given to stop.
	otherSettingsTimeout = 5 * time.Second
)

// Ensure starts the engine unless it runs, and returns its endpoint. Any
// number of processes may call it at once.
func Ensure(ctx context.Context, cfg Config) (endpoint string, err error) {
	cfg, err = cfg.withDefaults()
	if err != nil {
		return "", fmt.Errorf("start the embedded builder: %w", err)
	}
	if err := os.MkdirAll(cfg.Root, 0o700); err != nil {
		return "", fmt.Errorf("start the embedded builder: %w", err)
	}
	if err := cfg.shareRegistries(); err != nil {
		return "", err
	}
	if err := cfg.awaitOtherSettings(ctx); err != nil {
		return "", err
	}
	if at, ok := cfg.running(ctx); ok {
		return at, nil
	}
	if err := Check(); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	start := flock.New(cfg.startFile())
	if _, err := start.TryLockContext(ctx, pollInterval); err != nil {
		return "", fmt.Errorf("start the embedded builder: wait for another start: %w", err)
	}
	defer start.Close()
	if at, ok := cfg.running(ctx); ok && cfg.hasOtherSettings() {
		return "", cfg.errOtherSettings()
	} else if ok {
		return at, nil
	}
	for try := 1; ; try++ {
		at, err := cfg.start(ctx)
		if err == nil {
			return at, nil
		}
		if try == maxStarts || !errors.Is(err, errEnded) {
			return "", fmt.Errorf("start the embedded builder: %w; its log is %s", err, cfg.LogPath())
		}
	}
}

// maxStarts is how often an engine that ends while it starts, as one that is
// killed does, is started.
const maxStarts = 3

// errEnded says nothing of why: an engine that cannot serve would say.
var errEnded = errors.New("it ended without a word")

// start starts an engine and asks whether it is there. The start lock is held.
func (c Config) start(ctx context.Context) (endpoint string, err error) {
	if err := c.spawn(ctx); err != nil {
		return "", err
	}
	if at, ok := c.running(ctx); ok {
		return at, nil
	}
	lock := flock.New(c.lockFile())
	if ended, err := lock.TryLock(); err != nil || !ended {
		return "", errors.Join(errors.New("it does not answer"), err)
	}
	return "", errors.Join(errEnded, lock.Close())
}

// awaitOtherSettings waits for an engine with other settings than are wanted
// to stop, as it does when nobody uses it.
func (c Config) awaitOtherSettings(ctx context.Context) error {
	if !c.hasOtherSettings() {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, c.Idle+otherSettingsTimeout)
	defer cancel()
	// A connection would keep it: its lock says whether it runs.
	lock := flock.New(c.lockFile())
	if _, err := lock.TryLockContext(waiting, pollInterval); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return c.errOtherSettings()
	}
	return lock.Close()
}

func (c Config) errOtherSettings() error {
	return fmt.Errorf("the embedded builder is in use with another configuration than %s: wait for what uses it, or stop it with stowage builder stop", c.Settings.Path)
}

// endpoint is where the engine listens if it runs, "" when there is no state.
func (c Config) endpoint() (string, error) {
	id, err := c.readID()
	if id == "" || err != nil {
		return "", err
	}
	path, err := socket(id)
	return "unix://" + path, err
}

// running returns the endpoint if an engine answers there.
func (c Config) running(ctx context.Context) (string, bool) {
	at, err := c.endpoint()
	if err != nil || at == "" {
		return "", false
	}
	_, err = ask(ctx, at)
	return at, err == nil
}

// ask asks an endpoint for its workers.
func ask(ctx context.Context, endpoint string) ([]*client.WorkerInfo, error) {
	if _, err := os.Stat(endpoint[len("unix://"):]); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	c, err := client.New(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.ListWorkers(ctx)
}

// Running reports whether the engine runs, and where, without starting it.
func Running(ctx context.Context, cfg Config) (endpoint string, running bool) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return "", false
	}
	return cfg.running(ctx)
}

// Stop stops the engine and waits until it is gone. An engine that does not
// run is stopped already.
func Stop(ctx context.Context, cfg Config) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return fmt.Errorf("stop the embedded builder: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	pid, err := cfg.pid(ctx)
	if err != nil {
		return nil // nobody listens
	}
	if err := unix.Kill(pid, unix.SIGTERM); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("stop the embedded builder: %w", err)
	}
	lock := flock.New(cfg.lockFile())
	if _, err := lock.TryLockContext(ctx, pollInterval); err != nil {
		return fmt.Errorf("stop the embedded builder: process %d does not end: %w", pid, err)
	}
	return lock.Close()
}

// pid is the process that listens on the socket, as the kernel knows it: it
// cannot be another that has got an old one's number.
func (c Config) pid(ctx context.Context) (int, error) {
	at, err := c.endpoint()
	if err != nil || at == "" {
		return 0, errors.Join(err, os.ErrNotExist)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", at[len("unix://"):])
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return 0, err
	}
	if credErr != nil {
		return 0, credErr
	}
	return int(cred.Pid), nil
}
