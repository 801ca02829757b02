package executor

import (
	"errors"
	"fmt"
	"time"
)

// fullPause is how long a builder whose disk is full gets no builds, so that it
// can remove what no build uses any more.
const fullPause = 10 * time.Second

// Full reports whether err says of itself that the builder's disk is full: what
// it was building is better built elsewhere, and not there again. It is
// Transient too.
func Full(err error) bool {
	var full interface{ Full() bool }
	return Transient(err) && errors.As(err, &full) && full.Full()
}

// fullError is a builder's disk that is full.
type fullError struct {
	builder string
	err     error
}

func (e *fullError) Error() string {
	return fmt.Sprintf("the disk of builder %s is full: %v; make room there with `stowage builder prune %s`", e.builder, e.err, e.builder)
}
func (e *fullError) Unwrap() error { return e.err }

// doubt is a build whose program found no space left, and the builder where that
// was: it may be the builder's disk, or a file system of the program's own. It
// is tried once on another builder, which tells.
type doubt struct {
	builder int
	err     error
}

// leaveFull takes a task away from a builder for good if that builder's disk is
// full, or seems to be and another one can try. It reports the latter.
func (r *run) leaveFull(t *task, err error) (moved bool) {
	var failure *BuildError
	switch {
	case t.builder < 0:
		return false
	case Full(err):
		r.exclude(t, err)
		r.lose(t.builder, t.full[t.builder])
		return false
	case !errors.As(err, &failure) || !failure.NoSpace:
		return false
	case t.doubt == nil && r.elsewhere(t):
		t.doubt = &doubt{t.builder, err}
		r.exclude(t, err)
		return true
	}
	t.err = fmt.Errorf("%w; it wrote of no space left: if that is the disk of builder %[2]s, make room there with `stowage builder prune %[2]s`", err, r.builderName(t))
	return false
}

// exclude keeps a task from its builder.
func (r *run) exclude(t *task, err error) {
	if t.full == nil {
		t.full = map[int]error{}
	}
	if cause := errors.Unwrap(err); cause != nil { // without the step's title
		err = cause
	}
	if t.full[t.builder] == nil {
		r.schedule.Exclude(t.order, t.builder)
	}
	t.full[t.builder] = &fullError{r.builderName(t), err}
}

// elsewhere reports whether a builder that is there, other than the task's, suits
// it.
func (r *run) elsewhere(t *task) bool {
	for _, builder := range r.schedule.Suits(t.order) {
		if builder != t.builder && !r.breakers[builder].open {
			return true
		}
	}
	return false
}

// resolveDoubt learns from a build that has ended elsewhere: it was the disk of
// the first builder that was full.
func (r *run) resolveDoubt(t *task) {
	if t.doubt != nil {
		r.lose(t.doubt.builder, t.full[t.doubt.builder])
	}
}
