package layout

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

const (
	// buildsDir holds a file for each node that is being built.
	buildsDir      = "builds"
	nodeLockSuffix = ".lock"
	// nodeLockRetry is how often a node that another process builds is tried.
	nodeLockRetry = 100 * time.Millisecond
)

// LockNode takes the build of a node for this process: see executor.NodeLocker.
// It is apart from the layout's own locks, which are held for moments only and
// never while this one is waited for. The kernel gives it back when the process
// dies; the file that is left is taken over by whoever comes next, or removed
// by Collect.
func (s *Store) LockNode(ctx context.Context, ref, platform string) (unlock func(), err error) {
	dir := filepath.Join(s.dir, buildsDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("lock the build of %s for %s: %w", ref, platform, err)
	}
	name := sha256.Sum256([]byte(ref + "\x00" + platform))
	path := filepath.Join(dir, hex.EncodeToString(name[:16])+nodeLockSuffix)
	for {
		l := flock.New(path, flock.SetPermissions(0o644))
		if _, err := l.TryLockContext(ctx, nodeLockRetry); err != nil {
			return nil, errors.Join(fmt.Errorf("lock the build of %s for %s: %w", ref, platform, err), l.Close())
		}
		if current(l) {
			// It is removed before others can lock it: they see that it is gone.
			return func() { _ = errors.Join(os.Remove(path), l.Close()) }, nil
		}
		if err := l.Close(); err != nil {
			return nil, fmt.Errorf("lock the build of %s for %s: %w", ref, platform, err)
		}
	}
}
