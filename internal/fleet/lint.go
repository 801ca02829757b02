package fleet

import (
	"context"

	"github.com/stowage-build/stowage/executor"
)

var _ executor.Linter = (*builder)(nil)

// Lint checks a Dockerfile on the daemon. See executor.Linter.
func (b *builder) Lint(ctx context.Context, req *executor.BuildRequest, absent []string) (*executor.Lint, error) {
	conn, err := b.acquire(ctx)
	if err != nil {
		return nil, err
	}
	result, err := conn.Lint(ctx, req, absent)
	b.release(conn, executor.Lost(err))
	return result, err
}
