package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/gofrs/flock"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
)

// graceful is how long running builds may take to end when the engine stops.
const graceful = 10 * time.Second

// serve is the daemon: it serves BuildKit's API on the socket until it is
// told to stop, has been idle, or its state has been removed. If nobody waits
// for it any more before it serves, it ends.
func serve(cfg childConfig, tell *starter) error {
	stopWatching := tell.endWithout()
	defer stopWatching()
	c := Config{Root: cfg.Root, Idle: cfg.Idle}
	lock := flock.New(c.lockFile())
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if _, err := lock.TryLockContext(ctx, pollInterval); err != nil {
		return fmt.Errorf("another engine holds %s: %w", c.lockFile(), err)
	}
	defer lock.Close()
	path := cfg.Socket
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the socket of an engine that is gone: %w", err)
	}
	if err := prepareRuntime(cfg); err != nil {
		return err
	}
	tmp := strings.TrimSuffix(path, ".sock") + ".tmp"
	if err := makeTemporary(tmp); err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	removeCgroups(cfg.ID)
	defer removeCgroups(cfg.ID)
	stop, done := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer done()
	d, err := newDaemon(stop, cfg)
	if err != nil {
		return err
	}
	defer d.Close()
	unixListener, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	listener := &countingListener{Listener: unixListener, since: time.Now()}
	served := make(chan error, 1)
	go func() { served <- d.server.Serve(listener) }()
	stopWatching()
	tell.say(ready)
	logrus.Infof("serving on %s", path)
	select {
	case err = <-served:
		if errors.Is(err, net.ErrClosed) {
			err = nil // by watch
		}
	case <-stop.Done():
		logrus.Info("stopping: told to")
	case reason := <-watch(c, cfg.ID, listener):
		logrus.Infof("stopping: %s", reason)
	}
	done()
	stopServer(d.server)
	return err
}

// prepareRuntime gives runc a directory of its own for its state, which a user
// namespace's root cannot have in /run: runc honours XDG_RUNTIME_DIR there
// unless USER is root.
func prepareRuntime(cfg childConfig) error {
	if !inUserNamespace() {
		return nil
	}
	dir := filepath.Join(cfg.Root, "run")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make a directory for runc: %w", err)
	}
	return errors.Join(os.Setenv("XDG_RUNTIME_DIR", dir), os.Setenv("USER", "stowage"))
}

// makeTemporary gives BuildKit, and what it runs, a directory for temporary
// files. Those of an engine that was killed go with it: nothing can be mounted
// there, since mounts ended with that engine's namespace. Like the socket it has
// a short path, since BuildKit has sockets in it.
func makeTemporary(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove temporary files of an engine that is gone: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("make a directory for temporary files: %w", err)
	}
	// containerd has looked at the environment already.
	return errors.Join(os.Setenv("TMPDIR", dir), mount.SetTempMountLocation(dir))
}

// stopServer lets running builds end for a while, then cuts them off.
// GracefulStop waits for all streams, of clients that are gone too.
func stopServer(s *grpc.Server) {
	ended := make(chan struct{})
	go func() {
		s.GracefulStop()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(graceful):
		s.Stop()
	}
}

// watch says when the engine should stop by itself: nobody has been connected
// for a while, or its state is not there any more. It takes the start lock
// for the decision, so that no client starts to rely on an engine that is
// about to close; the lock ends with the process.
func watch(c Config, id string, l *countingListener) <-chan string {
	reasons := make(chan string, 1)
	go func() {
		for range time.Tick(min(time.Second, c.Idle/2)) {
			if now, err := c.readID(); err != nil || now != id {
				reasons <- "its state was removed"
				return
			}
			if l.idle() < c.Idle {
				continue
			}
			start := flock.New(c.startFile())
			if got, err := start.TryLock(); err != nil || !got {
				continue
			}
			if l.idle() < c.Idle {
				_ = start.Close()
				continue
			}
			_ = l.Close()
			reasons <- "idle"
			_ = start.Close()
			return
		}
	}()
	return reasons
}

// countingListener knows how long there has been no connection.
type countingListener struct {
	net.Listener
	mu    sync.Mutex
	open  int
	since time.Time // when open became 0
}

// Accept waits for a connection and counts it until it is closed.
func (l *countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.count(1)
	return &countedConn{Conn: conn, closed: sync.OnceFunc(func() { l.count(-1) })}, nil
}

func (l *countingListener) count(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open += n
	l.since = time.Now()
}

// idle is how long there has been no connection, 0 while there is one.
func (l *countingListener) idle() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open > 0 {
		return 0
	}
	return time.Since(l.since)
}

type countedConn struct {
	net.Conn
	closed func()
}

// Close closes the connection.
func (c *countedConn) Close() error {
	defer c.closed()
	return c.Conn.Close()
}
