package history

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Outcome is how a run ended.
type Outcome string

// The outcomes of a run. One that has not ended has none; it goes on, or was
// cut off.
const (
	OutcomeDone        Outcome = "done"
	OutcomeFailed      Outcome = "failed"
	OutcomeInterrupted Outcome = "interrupted"
)

// RunInfo is one run.
type RunInfo struct {
	ID        string    `json:"id"`
	Root      string    `json:"root"`
	Workspace string    `json:"workspace"`
	Revision  string    `json:"revision"`
	Selection []string  `json:"selection"`
	Version   string    `json:"stowage_version"`
	StartedAt time.Time `json:"started_at"`
	// TookMS and Outcome are of runs that have ended.
	TookMS  int64          `json:"took_ms,omitempty"`
	Outcome Outcome        `json:"outcome"`
	Counts  map[string]int `json:"counts"`
	// Steps are those that did something, in the order in which they ended.
	Steps []StepInfo `json:"steps,omitempty"`
}

// StepInfo is one step of a run.
type StepInfo struct {
	Run         string    `json:"run"`
	ID          string    `json:"id"`
	Kind        string    `json:"kind"`
	Package     string    `json:"package"`
	Platform    string    `json:"platform,omitempty"`
	Hash        string    `json:"hash,omitempty"`
	Builder     string    `json:"builder,omitempty"`
	BuilderKind string    `json:"builder_kind,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	Changes     []string  `json:"changes,omitempty"`
	Status      string    `json:"status"`
	Attempts    int       `json:"attempts,omitempty"`
	StartedAt   time.Time `json:"started_at"`
	TookMS      int64     `json:"took_ms"`
	// Cached says that all instructions of a build came from the builder's cache.
	Cached bool   `json:"cached,omitempty"`
	Digest string `json:"digest,omitempty"`
	Error  string `json:"error,omitempty"`
}

const runColumns = `id, root, workspace, revision, selection, version, started, coalesce(took, 0), outcome, counts`

// Runs returns the last runs of a workspace, newest first; root "" is of all.
func (h *History) Runs(root string, limit int) ([]RunInfo, error) {
	return h.runs(`SELECT `+runColumns+` FROM runs WHERE ?1 = '' OR root = ?1 ORDER BY number DESC LIMIT ?2`, root, limit)
}

// Run returns a run with its steps: by its ID, the beginning of one, or "last".
func (h *History) Run(root, id string) (*RunInfo, error) {
	query, arg := `SELECT `+runColumns+` FROM runs WHERE substr(id, 1, length(?1)) = ?1 ORDER BY number DESC LIMIT 2`, id
	if id == "last" {
		query, arg = `SELECT `+runColumns+` FROM runs WHERE ?1 = '' OR root = ?1 ORDER BY number DESC LIMIT 1`, root
	}
	runs, err := h.runs(query, arg)
	switch {
	case err != nil:
		return nil, err
	case len(runs) == 0:
		return nil, fmt.Errorf("no run %q is known; stowage history lists them", id)
	case len(runs) > 1 && runs[0].ID != id:
		return nil, fmt.Errorf("%q begins the ids of several runs, such as %s and %s; write more of it", id, runs[1].ID, runs[0].ID)
	}
	run := &runs[0]
	run.Steps, err = h.steps(`WHERE runs.id = ? ORDER BY steps.number`, run.ID)
	return run, err
}

// Package returns what runs of a workspace did to a package, newest first; root
// "" is all workspaces. pkg may be a glob.
func (h *History) Package(root, pkg string, limit int) ([]StepInfo, error) {
	pattern := strings.ReplaceAll(pkg, "[", "[[]") // names have brackets
	return h.steps(`WHERE (?1 = '' OR root = ?1) AND steps.package GLOB ?2 ORDER BY steps.number DESC LIMIT ?3`, root, pattern, limit)
}

// Node returns the builds of a node, newest first.
func (h *History) Node(repository, platform string, limit int) ([]StepInfo, error) {
	return h.steps(`WHERE steps.kind = 'build' AND steps.repository = ?1 AND steps.platform = ?2 AND steps.status IN ('built', 'failed')
		ORDER BY steps.number DESC LIMIT ?3`, repository, platform, limit)
}

func (h *History) runs(query string, args ...any) ([]RunInfo, error) {
	out := []RunInfo{}
	err := h.each(query, args, func(rows *sql.Rows) error {
		var r RunInfo
		var selection, counts string
		var started int64
		err := rows.Scan(&r.ID, &r.Root, &r.Workspace, &r.Revision, &selection, &r.Version, &started, &r.TookMS, &r.Outcome, &counts)
		if err != nil {
			return err
		}
		r.StartedAt = time.UnixMilli(started).UTC()
		if err := errors.Join(json.Unmarshal([]byte(selection), &r.Selection), json.Unmarshal([]byte(counts), &r.Counts)); err != nil {
			return fmt.Errorf("run %s: %w", r.ID, err)
		}
		out = append(out, r)
		return nil
	})
	return out, err
}

func (h *History) steps(where string, args ...any) ([]StepInfo, error) {
	out := []StepInfo{}
	err := h.each(`SELECT runs.id, steps.id, kind, package, platform, hash, builder, builder_kind, reason, changes, status, attempts,
		steps.started, steps.took, cached, digest, error FROM steps JOIN runs ON runs.number = steps.run `+where, args, func(rows *sql.Rows) error {
		var s StepInfo
		var changes string
		var started int64
		err := rows.Scan(&s.Run, &s.ID, &s.Kind, &s.Package, &s.Platform, &s.Hash, &s.Builder, &s.BuilderKind, &s.Reason, &changes,
			&s.Status, &s.Attempts, &started, &s.TookMS, &s.Cached, &s.Digest, &s.Error)
		if err != nil {
			return err
		}
		s.StartedAt = time.UnixMilli(started).UTC()
		out = append(out, s)
		return json.Unmarshal([]byte(changes), &out[len(out)-1].Changes)
	})
	return out, err
}

// each calls do with each row of a query; there is none where there is no
// history.
func (h *History) each(query string, args []any, do func(*sql.Rows) error) error {
	db, err := h.reading()
	if db == nil || err != nil {
		return err
	}
	prepared, err := h.query(db, query)
	if err != nil {
		return h.wrap(err)
	}
	rows, err := prepared.Query(args...)
	if err != nil {
		return h.wrap(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return h.wrap(err)
		}
	}
	return h.wrap(rows.Err())
}
