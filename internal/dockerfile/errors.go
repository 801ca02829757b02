package dockerfile

import (
	"errors"
	"fmt"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// Error is a mistake in a Dockerfile.
type Error struct {
	// Line counts from 1; 0 when it is about the whole file.
	Line int
	Err  error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Err.Error()
	}
	return fmt.Sprintf("line %d: %v", e.Line, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Location is the line of the mistake, 0 when unknown.
func (e *Error) Location() int { return e.Line }

// errorAt makes an *Error.
func errorAt(line int, format string, args ...any) error {
	return &Error{Line: line, Err: fmt.Errorf(format, args...)}
}

// located makes an *Error of one of BuildKit's.
func located(err error) error {
	var at *parser.LocationError
	line := 0
	if errors.As(err, &at) && len(at.Locations) > 0 {
		line = firstLine(at.Locations[0])
	}
	text := err.Error()
	// BuildKit puts the line in front, in its own words.
	if prefix := fmt.Sprintf("dockerfile parse error on line %d: ", line); strings.HasPrefix(text, prefix) {
		return &Error{Line: line, Err: errors.New(strings.TrimPrefix(text, prefix))}
	}
	return &Error{Line: line, Err: err}
}

func firstLine(ranges []parser.Range) int {
	if len(ranges) == 0 {
		return 0
	}
	return ranges[0].Start.Line
}
