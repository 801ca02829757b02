package engine

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// DefaultIdle is how long an engine waits for a connection before it stops.
// Starting takes a tenth of a second, so there is little to win by waiting.
const DefaultIdle = 5 * time.Second

// Config says which engine is meant and how it runs.
type Config struct {
	// Root is the directory of its state: builder below the store.
	Root string
	// Idle is how long it goes on without an open connection; 0 is
	// DefaultIdle.
	Idle time.Duration
	// Registries say how to reach registries, by host[:port].
	Registries map[string]Registry
	// Settings are of the engine that is started; nil is BuildKit's defaults.
	Settings *Settings
}

// Registry is how the engine reaches one registry.
type Registry struct {
	Insecure bool     `json:"insecure,omitempty"`
	Mirrors  []string `json:"mirrors,omitempty"`
}

func (c Config) withDefaults() (Config, error) {
	if c.Idle <= 0 {
		c.Idle = DefaultIdle
	}
	root, err := filepath.Abs(c.Root)
	c.Root = root
	return c, err
}

func (c Config) idFile() string    { return filepath.Join(c.Root, "id") }
func (c Config) lockFile() string  { return filepath.Join(c.Root, "lock") }
func (c Config) startFile() string { return filepath.Join(c.Root, "start.lock") }

// LogPath is the engine's log.
func (c Config) LogPath() string { return filepath.Join(c.Root, "engine.log") }

// socket is where the engine with the id listens. The path of a unix socket
// has room for 107 bytes and a store may be deep, so it is in a short
// directory of its own; and the id is new with every Root, so an engine whose
// store was removed is never taken for that of the store made in its place.
func socket(id string) (string, error) {
	dir, err := runtimeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, id+".sock"), nil
}

// runtimeDir is this user's directory for sockets, private to the user.
func runtimeDir() (string, error) {
	dir := "/run/stowage"
	if os.Geteuid() != 0 {
		dir = filepath.Join(os.TempDir(), "stowage-"+strconv.Itoa(os.Geteuid()))
		if xdg := os.Getenv("XDG_RUNTIME_DIR"); xdg != "" {
			dir = filepath.Join(xdg, "stowage")
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the directory for the builder's socket: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("make the directory for the builder's socket: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(st.Uid) != os.Geteuid() || info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s is not a private directory of this user; remove it", dir)
	}
	return dir, nil
}

// readID reads the id of the engine's state, "" when there is none.
func (c Config) readID() (string, error) {
	b, err := os.ReadFile(c.idFile())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	id := strings.TrimSpace(string(b))
	if err == nil && len(id) != 16 {
		return "", nil
	}
	return id, err
}

// makeID reads the id, or makes one. The start lock must be held.
func (c Config) makeID() (string, error) {
	id, err := c.readID()
	if id != "" || err != nil {
		return id, err
	}
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	id = hex.EncodeToString(b[:])
	tmp := c.idFile() + ".new"
	if err := os.WriteFile(tmp, []byte(id+"\n"), 0o600); err != nil {
		return "", err
	}
	return id, os.Rename(tmp, c.idFile())
}
