// Package programs builds what is measured and compared, and says in which
// environment it runs.
package programs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/stowage-build/stowage/internal/bench/monorepo"
)

// The programs, by the names of their files.
const (
	Stowage   = "stowage"
	Buildx    = "buildx"
	Buildkitd = "buildkitd"
)

// Dir is a directory with built programs.
type Dir string

// Build builds programs into a directory: Stowage with its own module's
// dependencies, the others with those of this one.
func Build(ctx context.Context, dir string, names ...string) (Dir, error) {
	for _, name := range names {
		args := []string{"build", "-o", dir + "/"}
		switch name {
		case Stowage:
			root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/stowage-build/stowage").Output()
			if err != nil {
				return "", fmt.Errorf("find Stowage's source: %w; run this in its own module", err)
			}
			args = []string{"build", "-C", strings.TrimSpace(string(root)), "-o", dir + "/", "./cmd/stowage"}
		case Buildx:
			args = append(args, "github.com/docker/buildx/cmd/buildx")
		case Buildkitd:
			args = append(args, "github.com/moby/buildkit/cmd/buildkitd")
		}
		if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w: %s", name, err, out)
		}
	}
	return Dir(dir), nil
}

// Path is where a program is.
func (d Dir) Path(name string) string { return filepath.Join(string(d), name) }

// Busybox is the static program that packages run when they are built.
func Busybox() ([]byte, error) {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return nil, fmt.Errorf("%w; run .ci/setup", err)
	}
	return os.ReadFile(path)
}

// Environ makes home a home directory, and keeps programs away from the
// user's: none of their configuration takes part.
func Environ(home string) ([]string, error) {
	if err := os.MkdirAll(home, 0o755); err != nil {
		return nil, err
	}
	return append(monorepo.Environ(), "HOME="+home, "DOCKER_CONFIG="+home, "XDG_CACHE_HOME="+home, "BUILDX_CONFIG="+filepath.Join(home, "buildx")), nil
}
