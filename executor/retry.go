package executor

import (
	"math/rand/v2"
	"strings"
	"time"
)

// The bounds of Backoff.
const (
	backoffBase = 500 * time.Millisecond
	backoffMax  = 30 * time.Second
)

// Backoff is how long to wait before another attempt when attempts were made:
// half a second that doubles with each, up to 30 seconds, and of that a random
// part between half and all, so that what failed together is not tried again
// together.
func Backoff(attempts int) time.Duration {
	d := backoffBase
	for range min(attempts-1, 10) {
		d *= 2
	}
	d = min(d, backoffMax)
	return d/2 + rand.N(d/2+1)
}

// again counts a failed attempt and reports whether there is another. Only
// builds are tried again here: a Registry retries by itself.
func (t *task) again(err error, maxAttempts int) bool {
	if t.spec == nil {
		return false
	}
	if Transient(err) {
		t.faults++
		return t.faults < maxAttempts
	}
	t.failures++
	return t.failures <= t.spec.Retries
}

// timeoutError is the end of an attempt that took too long.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string { return "timed out after " + short(e.after) }

// short writes a duration without units that are zero: 30m, not 30m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
