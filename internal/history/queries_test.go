package history

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestQueriesOfNodesUseAnIndex: a page asks about every node, so none of its
// questions may look through all steps there have been.
func TestQueriesOfNodesUseAnIndex(t *testing.T) {
	h := Open(filepath.Join(t.TempDir(), "history.db"))
	defer h.Close()
	db, err := h.writing()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Node("r", "linux/amd64", 1); err != nil {
		t.Fatal(err)
	}
	e := Estimator{History: h, BuilderKind: func(string) string { return "embedded native" }}
	if d := e.Estimate("r", "linux/amd64"); d != 0 {
		t.Errorf("a build that never was takes %s", d)
	}
	h.LastBuilder("r", "linux/amd64")
	if len(h.prepared) != 4 {
		t.Errorf("%d queries are prepared", len(h.prepared))
	}
	for query := range h.prepared {
		plan := explain(t, db, query)
		if !strings.Contains(plan, "USING INDEX steps_by_build") {
			t.Errorf("%s\nis answered by %s", query, plan)
		}
	}
}

// explain is how SQLite answers a query: https://www.sqlite.org/eqp.html
func explain(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	rows, err := db.Query("EXPLAIN QUERY PLAN "+query, make([]any, strings.Count(query, "?"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		out = append(out, detail)
	}
	return strings.Join(out, "; ")
}

// TestTablesOfVersionOne: what an earlier version has recorded is still there,
// and found by the new index.
func TestTablesOfVersionOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	h := Open(path)
	db, err := h.writing()
	if err != nil {
		t.Fatal(err)
	}
	err = transact(context.Background(), db, func(tx *sql.Tx) error {
		for _, statement := range []string{
			`DROP INDEX steps_by_build`,
			`ALTER TABLE steps DROP COLUMN cached`,
			`CREATE INDEX steps_by_node ON steps (repository, platform, number) WHERE build IS NOT NULL`,
			`PRAGMA user_version = 1`,
			`INSERT INTO runs (number, id, root, workspace, revision, selection, version, started) VALUES (1, 'a', '/', 'w', '', '[]', '', 0)`,
			`INSERT INTO steps (run, id, kind, package, repository, platform, hash, builder, builder_kind, reason, changes, status, attempts,
				started, took, build, digest, error) VALUES (1, 's', 'build', 'p', 'r', 'linux/amd64', '', '', '', '', '[]', 'built', 1, 0, 7, 7, '', '')`,
		} {
			if _, err := tx.Exec(statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || h.Close() != nil {
		t.Fatal(err)
	}
	h = Open(path)
	defer h.Close()
	if d := (Estimator{History: h}).Estimate("r", "linux/amd64"); d != 7*time.Millisecond {
		t.Errorf("a build took 7 ms, and is expected to take %s", d)
	}
	if steps, err := h.Node("r", "linux/amd64", 1); err != nil || len(steps) != 1 {
		t.Errorf("%d builds, %v", len(steps), err)
	}
	var names string
	if err := h.db.QueryRow(`SELECT group_concat(name) FROM sqlite_schema WHERE name IN ('steps_by_node', 'steps_by_build')`).Scan(&names); err != nil || names != "steps_by_build" {
		t.Errorf("the indexes are %q, %v", names, err)
	}
}
