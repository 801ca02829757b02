package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"
)

// readBuildArgs reads files of build arguments: NAME=VALUE a line, as it stands,
// with blank lines and lines that begin with # left out. A later one goes
// before an earlier one of the same name.
func (e *env) readBuildArgs(paths []string) (map[string]string, error) {
	var args map[string]string
	for _, path := range paths {
		content, err := os.ReadFile(e.path(path))
		if err != nil {
			return nil, fmt.Errorf("--build-arg-file: %w", err)
		}
		lines := bufio.NewScanner(bytes.NewReader(content))
		lines.Buffer(nil, len(content)+1)
		for n := 1; lines.Scan(); n++ {
			line := strings.TrimSpace(lines.Text())
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			name, value, ok := strings.Cut(line, "=")
			if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(name, " \t\"'$") {
				return nil, fmt.Errorf("--build-arg-file %s, line %d: write NAME=VALUE, not %q", path, n, line)
			}
			if args == nil {
				args = map[string]string{}
			}
			args[name] = strings.TrimSpace(value)
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("--build-arg-file %s: %w", path, err)
		}
	}
	return args, nil
}
