package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// maxError is how much of an error is kept, in bytes.
const maxError = 4 << 10

// Begin says what a run is.
type Begin struct {
	// ID is the name of the run's directory.
	ID string
	// Root is the workspace's.
	Root string
	Plan *planner.Plan
	At   time.Time
	// BuilderKind tells kinds of builders apart by how long builds take there:
	// embedded or not, native or emulated. nil makes no difference.
	BuilderKind func(builder, platform string) string
}

// Run records one run: it is told of events as they happen, so that what was
// done is known even when the run is cut off. It implements executor's Reporter,
// Recorder and Placements. What cannot be recorded is no reason to fail: the
// first error is kept for End.
type Run struct {
	history  *History
	begin    Begin
	number   int64
	steps    map[string]planner.Step
	packages map[string]planner.PackageInfo

	mu sync.Mutex
	// took are durations of builds that have succeeded, by repository and
	// platform, until their steps end.
	took map[[2]string]time.Duration
	// ran are steps of which an instruction was run, or was not, in the attempt
	// under way.
	ran map[string]bool
	err error
}

var (
	_ executor.Reporter   = (*Run)(nil)
	_ executor.Recorder   = (*Run)(nil)
	_ executor.Placements = (*Run)(nil)
)

// Begin records that a run begins, and forgets the oldest ones.
func (h *History) Begin(b Begin) *Run {
	r := &Run{history: h, begin: b, steps: map[string]planner.Step{}, packages: map[string]planner.PackageInfo{}, took: map[[2]string]time.Duration{}, ran: map[string]bool{}}
	for _, s := range b.Plan.Steps {
		r.steps[s.ID] = s
	}
	for _, p := range b.Plan.Packages {
		r.packages[p.Name] = p
	}
	db, err := h.writing()
	if err != nil {
		r.keep(err)
		return r
	}
	r.keep(h.wrap(transact(context.Background(), db, func(tx *sql.Tx) error {
		res, err := tx.Exec(`INSERT INTO runs (id, root, workspace, revision, selection, version, started) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			b.ID, b.Root, b.Plan.Workspace.Name, b.Plan.Workspace.Revision, list(b.Plan.Selection), b.Plan.StowageVersion, b.At.UnixMilli())
		if err != nil {
			return err
		}
		if r.number, err = res.LastInsertId(); err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM runs WHERE number <= (SELECT number FROM runs ORDER BY number DESC LIMIT 1 OFFSET ?)`, keptRuns)
		return err
	})))
	return r
}

func (r *Run) keep(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
}

// Report records the end of a step. Those that were only reused are counted at
// the end of the run.
func (r *Run) Report(e executor.Event) {
	r.instruction(e)
	if e.Type != executor.EventStepFinished || e.Kind == planner.KindReuse || r.number == 0 {
		return
	}
	db, err := r.history.writing()
	if err != nil {
		r.keep(err)
		return
	}
	s, p := r.steps[e.Step], r.packages[e.Package]
	var build any
	if took, ok := r.built(p.Image, e.Platform); ok && e.Status == executor.StatusBuilt {
		build = took.Milliseconds()
	}
	kind := ""
	if r.begin.BuilderKind != nil && e.Builder != "" {
		kind = r.begin.BuilderKind(e.Builder, e.Platform)
	}
	_, err = db.Exec(`INSERT INTO steps (run, id, kind, package, repository, platform, hash, builder, builder_kind, reason, changes,
			status, attempts, started, took, build, cached, digest, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.number, e.Step, string(e.Kind), e.Package, p.Image, e.Platform, p.Hash, e.Builder, kind, string(s.Reason), list(s.Changes),
		string(e.Status), e.Attempt, e.Time.UnixMilli()-e.DurationMS, e.DurationMS, build, r.cached(e), e.Digest, e.Error[:min(len(e.Error), maxError)])
	r.keep(r.history.wrap(err))
}

// instruction takes note of whether a build's instructions are run. A FROM makes
// nothing, so it says nothing of the cache.
func (r *Run) instruction(e executor.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch v := e.Vertex; {
	case e.Type == executor.EventStepStarted:
		delete(r.ran, e.Step)
	case e.Type == executor.EventStepProgress && v != nil && v.Completed && executor.IsInstruction(v.Name) && !strings.Contains(v.Name, "] FROM "):
		r.ran[e.Step] = r.ran[e.Step] || !v.Cached
	}
}

// cached says that a build has instructions, and that all of them came from the
// builder's cache.
func (r *Run) cached(e executor.Event) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	ran, known := r.ran[e.Step]
	return e.Status == executor.StatusBuilt && known && !ran
}

// built returns how long the build took that has just succeeded.
func (r *Run) built(repository, platform string) (time.Duration, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	took, ok := r.took[[2]string{repository, platform}]
	return took, ok
}

// RecordInputs remembers what a package was built from.
func (r *Run) RecordInputs(repository string, inputs *planner.Inputs) error {
	return r.history.RecordInputs(repository, inputs)
}

// RecordDuration takes note of how long building a node took, until its step
// ends.
func (r *Run) RecordDuration(repository, platform string, d time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.took[[2]string{repository, platform}] = min(max(d, 0), longest)
	return nil
}

// RecordBuilder does nothing: a step's end says where it was built.
func (r *Run) RecordBuilder(string, string, string) error { return nil }

// LastBuilder names the builder of a node's last build, "" if that is not
// known.
func (r *Run) LastBuilder(repository, platform string) string {
	return r.history.LastBuilder(repository, platform)
}

// End records how a run ended; result is nil when it could not begin. It
// returns the first error of recording.
func (r *Run) End(result *executor.Result, at time.Time) error {
	outcome, counts := OutcomeFailed, map[executor.Status]int{}
	if result != nil {
		counts = result.Counts()
		switch {
		case result.Interrupted:
			outcome = OutcomeInterrupted
		case result.OK():
			outcome = OutcomeDone
		}
	}
	encoded, err := json.Marshal(counts)
	if err == nil {
		var db *sql.DB
		if db, err = r.history.writing(); err == nil {
			_, err = db.Exec(`UPDATE runs SET took = ?, outcome = ?, counts = ? WHERE number = ?`,
				at.Sub(r.begin.At).Milliseconds(), string(outcome), string(encoded), r.number)
		}
	}
	r.keep(r.history.wrap(err))
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// RecordInputs remembers what a package was built from.
func (h *History) RecordInputs(repository string, inputs *planner.Inputs) error {
	data, err := json.Marshal(inputs)
	if err != nil {
		return h.wrap(err)
	}
	db, err := h.writing()
	if err != nil {
		return err
	}
	_, err = db.Exec(`INSERT INTO inputs (repository, package, data) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET data = excluded.data WHERE data <> excluded.data`, repository, inputs.Package, data)
	return h.wrap(err)
}

// list is a JSON array, [] for none.
func list(words []string) string {
	if len(words) == 0 {
		return "[]"
	}
	encoded, err := json.Marshal(words)
	if err != nil {
		return "[]" // strings can be encoded, whatever is in them
	}
	return string(encoded)
}
