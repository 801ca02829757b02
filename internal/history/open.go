package history

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite" // and its driver
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed schema.sql
var schema string

// Bounds on what is kept: runs, with their steps.
const keptRuns = 2000

// busyTimeout is how long a process waits for another that writes.
const busyTimeout = 10 * time.Second

// History is the history in a file. It is safe for concurrent use by any number
// of goroutines and processes.
type History struct {
	path string
	mu   sync.Mutex
	db   *sql.DB
	// prepared are the queries that have been asked: a plan or a page asks the
	// same ones for every node.
	prepared map[string]*sql.Stmt
}

// Open returns the history in a file, which is made when something is recorded.
func Open(path string) *History { return &History{path: path} }

// Close closes the database, if it was opened.
func (h *History) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.db == nil {
		return nil
	}
	err := h.db.Close()
	h.db, h.prepared = nil, nil
	if err != nil {
		return fmt.Errorf("close the history: %w", err)
	}
	return nil
}

// reading opens the database, nil if there is none or if it is of no use.
func (h *History) reading() (*sql.DB, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.db != nil {
		return h.db, nil
	}
	if _, err := os.Stat(h.path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	db, err := connect(h.path)
	if isDamage(err) {
		return nil, nil
	}
	h.db = db
	return db, h.wrap(err)
}

// writing opens the database, making one if there is none. One that is damaged
// is put aside.
func (h *History) writing() (*sql.DB, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.db != nil {
		return h.db, nil
	}
	if err := os.MkdirAll(filepath.Dir(h.path), 0o755); err != nil {
		return nil, h.wrap(err)
	}
	db, err := connect(h.path)
	if isDamage(err) {
		if err := h.putAside(); err != nil {
			return nil, h.wrap(err)
		}
		db, err = connect(h.path)
	}
	h.db = db
	return db, h.wrap(err)
}

// query prepares a query of db, which reading or writing has returned.
func (h *History) query(db *sql.DB, text string) (*sql.Stmt, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if known := h.prepared[text]; known != nil {
		return known, nil
	}
	stmt, err := db.Prepare(text)
	if err != nil {
		return nil, err
	}
	if h.prepared == nil {
		h.prepared = map[string]*sql.Stmt{}
	}
	h.prepared[text] = stmt
	return stmt, nil
}

// putAside renames a damaged database, so that what is in it can be looked at.
func (h *History) putAside() error {
	for _, end := range []string{"-wal", "-shm"} {
		if err := os.Remove(h.path + end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return os.Rename(h.path, h.path+".damaged")
}

// wrap says which file an error is about.
func (h *History) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("history %s: %w; it can be removed, which forgets earlier runs", h.path, err)
}

// connect opens a database and makes its tables. Two processes that make it at
// once get in each other's way: see
// https://www.sqlite.org/wal.html#sometimes_queries_return_sqlite_busy_in_wal_mode
func connect(path string) (*sql.DB, error) {
	query := url.Values{"_txlock": {"immediate"}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(ON)",
	}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	const attempts = 50
	for i := range attempts {
		if err = prepare(db); !isBusy(err) {
			break
		}
		time.Sleep(time.Duration(i) * time.Millisecond)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// version is that of the tables. Later versions only add to them, but for
// indexes: 2 has one of all builds, for those that failed too; 3 has
// steps.cached.
const version = 3

// prepare makes the tables unless they are there.
func prepare(db *sql.DB) error {
	var have int
	if err := db.QueryRow("PRAGMA user_version").Scan(&have); err != nil || have >= version {
		return err
	}
	return transact(context.Background(), db, func(tx *sql.Tx) error {
		if _, err := tx.Exec(schema); err != nil {
			return err
		}
		if have > 0 && have < 3 {
			if _, err := tx.Exec("ALTER TABLE steps ADD COLUMN cached INTEGER NOT NULL DEFAULT 0"); err != nil {
				return err
			}
		}
		_, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", version))
		return err
	})
}

// transact does all of what do does, or nothing.
func transact(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// isDamage says that a file is no database, or not one of ours.
func isDamage(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR:
		return true
	}
	return false
}

func isBusy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_BUSY || e.Code()&0xff == sqlite3.SQLITE_LOCKED)
}
