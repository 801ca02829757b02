package buildkit

import (
	"testing"

	"github.com/stowage-build/stowage/executor"
)

// TestFrontendImage: which image reads the Dockerfile, by the line, an argument
// or what is locked. What daemons have built in is not looked for.
func TestFrontendImage(t *testing.T) {
	const line = "# syntax=acme/frontend:1 debug=1\nFROM x\n"
	for name, c := range map[string]struct {
		dockerfile, arg, locked string
		syntax, cmdline         string
	}{
		"nothing":           {"FROM x\n", "", "", "", ""},
		"line":              {line, "", "", "", ""},
		"locked line":       {line, "", "acme/frontend:1@sha256:a", "acme/frontend:1@sha256:a debug=1", ""},
		"argument":          {line, "other:1 x=y", "", "other:1 x=y", ""},
		"locked argument":   {line, "other:1 x=y", "other:1@sha256:a", "other:1@sha256:a x=y", ""},
		"built in":          {"# syntax=docker/dockerfile:1\nFROM x\n", "", "", "", "docker/dockerfile:1"},
		"built-in argument": {line, "docker/dockerfile:1", "", "docker/dockerfile:1", "docker/dockerfile:1"},
		"another than that": {"# syntax=docker/dockerfile:1\nFROM x\n", "other:1", "", "other:1", ""},
	} {
		req := &executor.BuildRequest{Dockerfile: []byte(c.dockerfile), Frontend: c.locked}
		if c.arg != "" {
			req.Args = map[string]string{"BUILDKIT_SYNTAX": c.arg}
		}
		attrs := frontendAttrs(req)
		if attrs["build-arg:BUILDKIT_SYNTAX"] != c.syntax || attrs["cmdline"] != c.cmdline {
			t.Errorf("%s: argument %q, cmdline %q; want %q, %q", name, attrs["build-arg:BUILDKIT_SYNTAX"], attrs["cmdline"], c.syntax, c.cmdline)
		}
	}
}
