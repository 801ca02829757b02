package schema

import (
	"errors"
	"path"
	"strings"
)

// errOutside says that a path leads out of the workspace.
var errOutside = errors.New("it is outside of the workspace root")

// resolve makes p, which is relative to dir, relative to the root. The result
// is cleaned and begins with "../" when p leads out, which is an error only
// for callers that forbid it.
func resolve(dir, p string) (string, error) {
	if path.IsAbs(p) || strings.HasPrefix(p, `\`) || len(p) > 1 && p[1] == ':' {
		return "", errors.New("paths are relative to the directory of the file they stand in")
	}
	if strings.Contains(p, `\`) {
		return "", errors.New("paths are written with /")
	}
	return path.Join(dir, p), nil
}

// resolveInside is resolve for paths that must stay in the workspace.
func resolveInside(dir, p string) (string, error) {
	full, err := resolve(dir, p)
	if err == nil && isOutside(full) {
		err = errOutside
	}
	return full, err
}

func isOutside(p string) bool { return p == ".." || strings.HasPrefix(p, "../") }
