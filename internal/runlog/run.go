package runlog

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stowage-build/stowage/executor"
)

// kept is how many runs are kept; older ones are removed when a run begins.
const kept = 100

// timeLayout names a run's directory. Names sort by time.
const timeLayout = "20060102T150405.000Z"

// maxName is the longest name of a log without its ending, in bytes. File
// systems take 255.
const maxName = 200

// Run is the directory of one run. It is safe for concurrent use.
type Run struct {
	dir    string
	mu     sync.Mutex
	events *os.File
	err    error
	// logs are the nodes by the name of their log.
	logs map[string]string
}

// Create makes the directory of a run that begins now below dir, and removes
// the oldest ones.
func Create(dir string, now time.Time) (*Run, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create run directory: %w", err)
	}
	name, err := makeUnique(dir, now.UTC().Format(timeLayout))
	if err != nil {
		return nil, fmt.Errorf("create run directory: %w", err)
	}
	r := &Run{dir: filepath.Join(dir, name), logs: map[string]string{}}
	if err := os.Mkdir(filepath.Join(r.dir, "logs"), 0o755); err != nil {
		return nil, fmt.Errorf("create run directory: %w", err)
	}
	if r.events, err = os.Create(filepath.Join(r.dir, "events.jsonl")); err != nil {
		return nil, fmt.Errorf("create run directory: %w", err)
	}
	removeOld(dir)
	return r, nil
}

// makeUnique makes a directory for the time, with a number behind it when
// another run began in the same millisecond.
func makeUnique(dir, name string) (string, error) {
	unique := name
	for i := 2; ; i++ {
		err := os.Mkdir(filepath.Join(dir, unique), 0o755)
		if err == nil || !errors.Is(err, os.ErrExist) {
			return unique, err
		}
		unique = fmt.Sprintf("%s-%d", name, i)
	}
}

// removeOld removes the oldest runs. One that cannot be removed, another
// user's for example, stays: it is in nobody's way.
func removeOld(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	for _, name := range names[:max(0, len(names)-kept)] {
		_ = os.RemoveAll(filepath.Join(dir, name))
	}
}

// Dir is the run's directory.
func (r *Run) Dir() string { return r.dir }

// NodeLog opens the log of a node, for appending, and returns its path.
func (r *Run) NodeLog(node string) (io.WriteCloser, string, error) {
	path := filepath.Join(r.dir, "logs", r.logName(node)+".log")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, "", fmt.Errorf("open the log of %s: %w", node, err)
	}
	return f, path, nil
}

// logName is the name of a node's log, which no other node's has.
func (r *Run) logName(node string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := fileName(node)
	unique := name
	for i := 2; ; i++ {
		other, taken := r.logs[unique]
		if !taken || other == node {
			r.logs[unique] = node
			return unique
		}
		unique = fmt.Sprintf("%s-%d", name, i)
	}
}

// fileName makes a node's name fit for a file. Nodes may come out the same.
func fileName(node string) string {
	name := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
			return c
		}
		return '_'
	}, node)
	return name[:min(len(name), maxName)]
}

// Report writes an event. Logs are in the nodes' own files, so log events are
// left out. The first error is kept for Close.
func (r *Run) Report(e executor.Event) {
	if e.Type == executor.EventStepLog {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b, err := json.Marshal(e)
	if err == nil {
		_, err = r.events.Write(append(b, '\n'))
	}
	if r.err == nil {
		r.err = err
	}
}

// WritePage writes the run's page, report.html.
func (r *Run) WritePage(write func(io.Writer) error) error {
	f, err := os.Create(filepath.Join(r.dir, "report.html"))
	if err != nil {
		return fmt.Errorf("write the run's page: %w", err)
	}
	out := bufio.NewWriter(f)
	if err := errors.Join(write(out), out.Flush(), f.Close()); err != nil {
		return fmt.Errorf("write the run's page in %s: %w", r.dir, err)
	}
	return nil
}

// Close writes the report and closes the run.
func (r *Run) Close(report any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, err := json.MarshalIndent(report, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(r.dir, "report.json"), append(b, '\n'), 0o644)
	}
	if err := errors.Join(r.err, err, r.events.Close()); err != nil {
		return fmt.Errorf("write the run's record in %s: %w", r.dir, err)
	}
	return nil
}
