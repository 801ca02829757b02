package history

import (
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/stowage-build/stowage/planner"
)

// recent is how many of the last builds an estimate is made of.
const recent = 5

// longest is more than any build takes.
const longest = 365 * 24 * time.Hour

// LastInputs returns the inputs of the last build of a package, or nil.
func (h *History) LastInputs(repository, pkg string) (*planner.Inputs, error) {
	db, err := h.reading()
	if db == nil || err != nil {
		return nil, err
	}
	var data []byte
	prepared, err := h.query(db, `SELECT data FROM inputs WHERE repository = ? AND package = ?`)
	if err == nil {
		err = prepared.QueryRow(repository, pkg).Scan(&data)
	}
	if errors.Is(err, sql.ErrNoRows) || isDamage(err) {
		return nil, nil
	}
	if err != nil {
		return nil, h.wrap(err)
	}
	inputs := &planner.Inputs{}
	if json.Unmarshal(data, inputs) != nil || inputs.Package != pkg {
		return nil, nil // as good as unknown
	}
	return inputs, nil
}

// LastBuilder names the builder of a node's last build, "" if that is not
// known.
func (h *History) LastBuilder(repository, platform string) string {
	db, err := h.reading()
	if db == nil || err != nil {
		return ""
	}
	prepared, err := h.query(db, `SELECT builder FROM steps WHERE kind = 'build' AND repository = ? AND platform = ? AND build IS NOT NULL
			ORDER BY number DESC LIMIT 1`)
	if err != nil {
		return ""
	}
	var builder string
	if prepared.QueryRow(repository, platform).Scan(&builder) != nil {
		return ""
	}
	return builder
}

// Estimator estimates durations of builds.
type Estimator struct {
	History *History
	// BuilderKind is the kind of builder that will build a platform, as in
	// Begin; nil is any.
	BuilderKind func(platform string) string
}

var _ planner.Estimator = Estimator{}

// Estimate returns the median duration of a node's last five builds on the same
// kind of builder; on any, if there was none on that; 0 if there was none at
// all. Builds of which nothing was run, because all was cached, do not count.
func (e Estimator) Estimate(repository, platform string) time.Duration {
	if e.BuilderKind != nil {
		if d := e.History.last(`AND builder_kind = ?4`, repository, platform, recent, e.BuilderKind(platform)); d > 0 {
			return d
		}
	}
	return e.History.last(``, repository, platform, recent)
}

// last returns the median duration of the last builds that fit. What cannot be
// read, or cannot be true, is left out.
func (h *History) last(fits string, args ...any) time.Duration {
	var builds []int64
	err := h.each(`SELECT build FROM steps WHERE kind = 'build' AND repository = ?1 AND platform = ?2 AND build IS NOT NULL AND cached = 0 `+fits+
		` ORDER BY number DESC LIMIT ?3`, args, func(rows *sql.Rows) error {
		var ms int64
		if rows.Scan(&ms) == nil && ms >= 0 && ms <= longest.Milliseconds() {
			builds = append(builds, ms)
		}
		return nil
	})
	if err != nil {
		return 0
	}
	return median(builds)
}

// median is the middle one, of two the longer.
func median(ms []int64) time.Duration {
	if len(ms) == 0 {
		return 0
	}
	slices.Sort(ms)
	return time.Duration(ms[len(ms)/2]) * time.Millisecond
}

// RecordBuilder does nothing: runs record where their builds were.
func (h *History) RecordBuilder(string, string, string) error { return nil }
