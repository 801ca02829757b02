package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/stowage-build/stowage/schema"
)

// FindRoot returns the workspace root that dir is in: the nearest directory,
// from dir upwards, whose stowage.hcl or stowage.hcl.json has a workspace
// block. A directory with a configuration file but no workspace above it is
// returned too: loading it says what is missing.
func FindRoot(dir string) (string, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the workspace: %w", err)
	}
	if _, err := os.Stat(start); err != nil {
		return "", fmt.Errorf("find the workspace: %w", err)
	}
	member := ""
	for at := start; ; at = filepath.Dir(at) {
		for _, name := range []string{"stowage.hcl", "stowage.hcl.json"} {
			content, err := os.ReadFile(filepath.Join(at, name))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", fmt.Errorf("find the workspace: %w", err)
			}
			if err == nil && schema.HasWorkspace(content, name) {
				return at, nil
			}
			if err == nil && member == "" {
				member = at
			}
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	if member != "" {
		return member, nil // its diagnostics say what is missing
	}
	return "", fmt.Errorf("there is no stowage.hcl in %s or above it; write one with stowage init, or by hand, or choose another directory with -C", start)
}
