package layout

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// lockRetry is how often a lock that another process holds is tried. It is
// held for a few milliseconds at a time.
const lockRetry = 5 * time.Millisecond

// lock takes the layout's lock against all processes and returns the function
// that gives it back. The kernel gives it back when the process dies. It waits
// as long as ctx lets it.
func (s *Store) lock(ctx context.Context) (unlock func(), err error) {
	l := flock.New(filepath.Join(s.dir, lockFile), flock.SetPermissions(0o644))
	if _, err := l.TryLockContext(ctx, lockRetry); err != nil {
		return nil, fmt.Errorf("lock %s: %w", l.Path(), err)
	}
	return func() { _ = l.Close() }, nil
}
