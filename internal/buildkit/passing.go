package buildkit

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/stowage-build/stowage/executor"
)

// passingError is a fault that may pass, of a registry that the daemon pulled
// from or of the daemon's own directory. The daemon gives no code for it, only
// text: see containerd's core/remotes/docker and plugins/snapshots.
type passingError struct {
	*executor.BuildError
	during string
}

func (e *passingError) Error() string   { return e.during + ": " + e.BuildError.Error() }
func (e *passingError) Unwrap() error   { return e.BuildError }
func (e *passingError) Temporary() bool { return true }

var (
	// answered matches an answer that containerd did not expect.
	answered = regexp.MustCompile(`unexpected status(?: code)?(?: from [A-Z]+ request to)? \S+: (\d{3})`)
	// asked matches a request that had no answer, up to what became of it.
	asked = regexp.MustCompile(`\b(?:Get|Head|Post|Put|Patch) "?https?://\S+: `)
	// copied matches an answer that broke off.
	copied = regexp.MustCompile(`failed to copy: .*(?:EOF|connection reset by peer|i/o timeout)$`)
	// uncommitted matches what a killed daemon's successor says of a snapshot
	// whose directory is left of one that was never committed. It removes the
	// directory then, so the next try succeeds.
	uncommitted = regexp.MustCompile(`failed to prepare .*: failed to rename: rename \S+ \S+: (?:file exists|directory not empty)`)
)

// passing reports whether a build's error says that a registry had a fault that
// may pass.
func passing(text string) bool {
	if m := answered.FindStringSubmatch(text); m != nil {
		code, _ := strconv.Atoi(m[1]) // three digits
		return slices.Contains([]int{408, 429, 500, 502, 503, 504}, code)
	}
	if at := asked.FindStringIndex(text); at != nil {
		return !lasting(text[at[1]:])
	}
	return copied.MatchString(text)
}

// lasting reports whether what became of a request is about what was asked of
// whom, and will be so the next time.
func lasting(fault string) bool {
	for _, words := range []string{"no such host", "x509:", "tls:", "certificate", "HTTP response to HTTPS client", "unsupported protocol"} {
		if strings.Contains(fault, words) {
			return true
		}
	}
	return false
}
