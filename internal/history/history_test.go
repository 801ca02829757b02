package history_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stowage-build/stowage/internal/history"
	"github.com/stowage-build/stowage/planner"
)

const (
	repository = "ghcr.io/acme/app"
	amd64      = "linux/amd64"
)

// TestMain makes the test program one that records, for
// TestProcessesAtOnce.
func TestMain(m *testing.M) {
	if len(os.Args) == 5 && os.Args[1] == "record" {
		if err := record(os.Args[2], os.Args[3], os.Args[4]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// inputs are as many as n, which is their hash too.
func inputs(n int) *planner.Inputs {
	in := &planner.Inputs{Package: "app", Hash: strconv.Itoa(n)}
	for i := range n {
		in.List = append(in.List, planner.Input{Kind: "file", Name: fmt.Sprint("file ", i), Digest: strings.Repeat("a", 64)})
	}
	return in
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantInputs(t *testing.T, h *history.History, repository string, want *planner.Inputs) {
	t.Helper()
	got, err := h.LastInputs(repository, "app")
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the inputs of %s are %+v, %v; want %+v", repository, got, err, want)
	}
}

func TestEstimate(t *testing.T) {
	h := history.Open(filepath.Join(t.TempDir(), "not", "yet"))
	if got := h.Estimate(repository, amd64); got != 0 {
		t.Errorf("with nothing recorded the estimate is %v", got)
	}
	for i, step := range []struct{ record, want time.Duration }{
		{10 * time.Second, 10 * time.Second},
		{30 * time.Second, 30 * time.Second}, // of two the longer
		{20 * time.Second, 20 * time.Second},
		{time.Hour, 30 * time.Second}, // one that is out of the way does little
		{time.Millisecond, 20 * time.Second},
		{time.Hour, 30 * time.Second}, // only the last five count
		{time.Hour, time.Hour},
		{-time.Hour, time.Hour}, // a clock that was set back
		{1<<63 - 1, time.Hour},
	} {
		must(t, h.RecordDuration(repository, amd64, step.record))
		if got := h.Estimate(repository, amd64); got != step.want {
			t.Errorf("after %d durations the estimate is %v, want %v", i+1, got, step.want)
		}
	}
	if got := h.Estimate(repository, "linux/arm64") + h.Estimate(repository+"2", amd64); got != 0 {
		t.Errorf("the estimate of another platform or package is %v", got)
	}
}

// TestRecordsAreApart: by kind, platform and repository, and across openings.
func TestRecordsAreApart(t *testing.T) {
	dir := t.TempDir()
	h := history.Open(dir)
	wantInputs(t, h, repository, nil)
	must(t, h.RecordInputs(repository, inputs(3)))
	must(t, h.RecordDuration(repository, amd64, time.Second))
	must(t, h.RecordDuration(repository, "linux/arm64", time.Minute))
	must(t, h.RecordInputs("../"+repository, inputs(1)))
	h = history.Open(dir)
	wantInputs(t, h, repository, inputs(3))
	wantInputs(t, h, "../"+repository, inputs(1))
	wantInputs(t, h, "other", nil)
	must(t, h.RecordInputs(repository, inputs(4)))
	wantInputs(t, h, repository, inputs(4))
	other := &planner.Inputs{Package: "app-debug", Hash: "other"}
	must(t, h.RecordInputs(repository, other))
	wantInputs(t, h, repository, inputs(4))
	if got, err := h.LastInputs(repository, "app-debug"); err != nil || got.Hash != "other" {
		t.Errorf("the other package of the image has %+v, %v", got, err)
	}
	if a, b := h.Estimate(repository, amd64), h.Estimate(repository, "linux/arm64"); a != time.Second || b != time.Minute {
		t.Errorf("estimates are %v and %v", a, b)
	}
}

// recorded is the one file below dir.
func recorded(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("files are %q, %v; want one", names, err)
	}
	return names[0]
}

// TestDamage: a file that is not what was written there is as good as none,
// and the next record mends it.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	h := history.Open(dir)
	must(t, h.RecordInputs(repository, inputs(2)))
	must(t, h.RecordDuration(repository, amd64, time.Second))
	name := recorded(t, dir)
	whole, err := os.ReadFile(name)
	must(t, err)
	for what, content := range map[string]string{
		"empty":          "",
		"truncated":      string(whole[:len(whole)-2]),
		"short":          string(whole[:20]),
		"binary":         "\x00\xff\xfe{",
		"null":           "null",
		"a list":         "[]",
		"two":            string(whole) + string(whole),
		"another's":      strings.Replace(string(whole), repository, "ghcr.io/acme/other", 1),
		"other types":    `{"repository":"` + repository + `","inputs":{"hash":"x"},"durations_ms":{"` + amd64 + `":["a"]}}`,
		"negative times": `{"repository":"` + repository + `","durations_ms":{"` + amd64 + `":[-5]}}`,
		"huge times":     `{"repository":"` + repository + `","durations_ms":{"` + amd64 + `":[9223372036854775807]}}`,
	} {
		t.Run(what, func(t *testing.T) {
			must(t, os.WriteFile(name, []byte(content), 0o600))
			wantInputs(t, h, repository, nil)
			if got := h.Estimate(repository, amd64); got != 0 {
				t.Errorf("the estimate is %v", got)
			}
			must(t, h.RecordDuration(repository, amd64, time.Minute))
			must(t, h.RecordInputs(repository, inputs(5)))
			wantInputs(t, h, repository, inputs(5))
			if got := h.Estimate(repository, amd64); got != time.Minute {
				t.Errorf("recorded anew, the estimate is %v", got)
			}
		})
	}
}

// TestLaterVersion: what a later version adds does no harm.
func TestLaterVersion(t *testing.T) {
	dir := t.TempDir()
	h := history.Open(dir)
	must(t, h.RecordInputs(repository, inputs(1)))
	name := recorded(t, dir)
	content, err := os.ReadFile(name)
	must(t, err)
	must(t, os.WriteFile(name, []byte(strings.Replace(string(content), "{", `{"new":{"a":[1]},`, 1)), 0o600))
	wantInputs(t, h, repository, inputs(1))
}

// TestTrouble: errors name the repository and the file.
func TestTrouble(t *testing.T) {
	dir := t.TempDir()
	h := history.Open(dir)
	must(t, h.RecordInputs(repository, inputs(1)))
	name := recorded(t, dir)
	must(t, os.Remove(name))
	must(t, os.Mkdir(name, 0o700))
	_, readErr := h.LastInputs(repository, "app")
	for _, err := range []error{readErr, h.RecordInputs(repository, inputs(1)), h.RecordDuration(repository, amd64, 1)} {
		if err == nil || !strings.Contains(err.Error(), repository) || !strings.Contains(err.Error(), name) {
			t.Errorf("error is %v, want one that names %s and %s", err, repository, name)
		}
	}
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if err := history.Open(filepath.Join(file, "dir")).RecordInputs(repository, inputs(1)); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("error is %v, want one that names %s", err, file)
	}
}

// TestReplacedWhole: a file is never written to, so whoever has it open has
// all of the old one.
func TestReplacedWhole(t *testing.T) {
	dir, kept := t.TempDir(), filepath.Join(t.TempDir(), "kept")
	h := history.Open(dir)
	must(t, h.RecordInputs(repository, inputs(1)))
	must(t, os.Link(recorded(t, dir), kept))
	before, err := os.ReadFile(kept)
	must(t, err)
	must(t, h.RecordInputs(repository, inputs(2)))
	after, err := os.ReadFile(kept)
	if err != nil || string(after) != string(before) {
		t.Errorf("the old file is %q, %v; was %q", after, err, before)
	}
}

// TestGoroutinesAtOnce: within a process no record gets lost.
func TestGoroutinesAtOnce(t *testing.T) {
	h := history.Open(t.TempDir())
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			if err := h.RecordDuration(repository, fmt.Sprint("linux/", i), time.Minute); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			if err := h.RecordInputs(fmt.Sprint("repository ", i), inputs(i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i := range 16 {
		wantInputs(t, h, fmt.Sprint("repository ", i), inputs(i))
		if got := h.Estimate(repository, fmt.Sprint("linux/", i)); got != time.Minute {
			t.Errorf("the estimate of platform %d is %v", i, got)
		}
	}
}

// record records in one repository that other processes record in too, and in
// one of its own.
func record(dir, name, times string) error {
	n, err := strconv.Atoi(times)
	if err != nil {
		return err
	}
	h := history.Open(dir)
	for i := 1; i <= n; i++ {
		if err := h.RecordInputs(repository, inputs(i)); err != nil {
			return err
		}
		if err := h.RecordDuration(name, amd64, time.Duration(i)*time.Second); err != nil {
			return err
		}
	}
	return nil
}

// TestProcessesAtOnce: while processes record the same package, what is read
// is one of the records, whole; what they record apart is all there.
func TestProcessesAtOnce(t *testing.T) {
	const processes, times = 4, 50
	dir := t.TempDir()
	h := history.Open(dir)
	must(t, h.RecordInputs(repository, inputs(0)))
	done := make(chan error, processes)
	for i := range processes {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "record", dir, fmt.Sprint("own ", i), strconv.Itoa(times))
		go func() {
			out, err := cmd.CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			done <- err
		}()
	}
	for left := processes; left > 0; {
		select {
		case err := <-done:
			left--
			must(t, err)
		default:
			got, err := h.LastInputs(repository, "app")
			if err != nil || got == nil || strconv.Itoa(len(got.List)) != got.Hash {
				t.Fatalf("read %+v, %v", got, err)
			}
		}
	}
	wantInputs(t, h, repository, inputs(times))
	for i := range processes {
		if got := h.Estimate(fmt.Sprint("own ", i), amd64); got != (times-2)*time.Second {
			t.Errorf("the estimate of process %d's own package is %v", i, got)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}
