package monorepo

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Sizes of source files in bytes.
const (
	minFile = 1 << 10
	maxFile = 8 << 10
)

// Write writes a workspace of the shape into dir, and commits it to a new git
// repository there. It returns the graph.
func Write(ctx context.Context, dir string, s Shape) ([]Package, error) {
	packages := s.Graph()
	if err := writeFiles(dir, map[string]string{"stowage.hcl": s.rootConfig(), "docker-bake.hcl": s.bakeFile(packages)}); err != nil {
		return nil, fmt.Errorf("generate a workspace: %w", err)
	}
	var group errgroup.Group
	group.SetLimit(2 * runtime.GOMAXPROCS(0))
	for i := range packages {
		group.Go(func() error { return s.writePackage(dir, packages, i) })
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("generate a workspace: %w", err)
	}
	return packages, commit(ctx, dir)
}

func (s Shape) writePackage(dir string, packages []Package, i int) error {
	content := map[string]string{
		"stowage.hcl": packageConfig(packages[i].Name, i),
		"Dockerfile":  s.dockerfile(packages, i),
	}
	random := rand.New(rand.NewPCG(uint64(i), 0))
	for k := range s.Files - 1 {
		content[fmt.Sprintf("src/file%02d.txt", k)] = text(fmt.Sprintf("%s %d\n", packages[i].Name, k), minFile+random.IntN(maxFile-minFile))
	}
	if s.Program != nil && len(packages[i].Needs) == 0 {
		content["busybox"] = string(s.Program)
	}
	return writeFiles(filepath.Join(dir, contextOf(packages[i].Name)), content)
}

// text is a text of size bytes that begins with head.
func text(head string, size int) string {
	const line = "A stowage plan says which container goes where before any is loaded.\n"
	out := bytes.NewBuffer(make([]byte, 0, size+len(line)))
	out.WriteString(head)
	for out.Len() < size {
		out.WriteString(line)
	}
	return string(out.Bytes()[:size])
}

func writeFiles(dir string, content map[string]string) error {
	for name, text := range content {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if name == "busybox" {
			mode = 0o755
		}
		if err := os.WriteFile(full, []byte(text), mode); err != nil {
			return err
		}
	}
	return nil
}

// Environ is the environment of the programs that look at a workspace: none
// of the user's git configuration takes part.
func Environ() []string {
	return append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
}

// commit makes dir a repository with everything in its first commit.
func commit(ctx context.Context, dir string) error {
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"},
		// What is over the threshold goes straight into a pack: then the
		// repository is as a clone has it, and not thousands of loose objects.
		{"-c", "core.bigFileThreshold=1", "-c", "core.compression=0", "add", "--all"},
		{"-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "gc.auto=0", "commit", "--quiet", "--message=generated"},
	} {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Dir = dir
		cmd.Env = append(Environ(), "GIT_AUTHOR_DATE=2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE=2026-01-01T00:00:00Z")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("commit the workspace: %w: %s", err, bytes.TrimSpace(out))
		}
	}
	return nil
}
