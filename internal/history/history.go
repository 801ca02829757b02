package history

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/stowage-build/stowage/planner"
)

// kept is how many durations are remembered for each platform.
const kept = 5

// longest is more than any build takes.
const longest = 365 * 24 * time.Hour

// History is a directory with one file for each image repository, replaced
// atomically. It is safe for concurrent use; of two processes that record the
// same package at the same moment, one wins.
type History struct {
	dir string
	mu  sync.Mutex
}

// record is one repository's file.
type record struct {
	Repository string `json:"repository"`
	// Inputs are those of the last build of each package of the repository.
	Inputs map[string]*planner.Inputs `json:"inputs,omitempty"`
	// DurationsMS are the last builds' durations by platform, newest last.
	DurationsMS map[string][]int64 `json:"durations_ms,omitempty"`
	// Builders are those of the last builds by platform.
	Builders map[string]string `json:"builders,omitempty"`
}

// Open returns the history in dir, which is made when something is recorded.
func Open(dir string) *History { return &History{dir: dir} }

// LastInputs returns the inputs of the last build of a package, or nil.
func (h *History) LastInputs(repository, pkg string) (*planner.Inputs, error) {
	r, err := h.read(repository)
	if err != nil {
		return nil, err
	}
	return r.Inputs[pkg], nil
}

// Estimate returns the median of the last builds' durations, 0 if there are
// none.
func (h *History) Estimate(repository, platform string) time.Duration {
	r, err := h.read(repository)
	if err != nil || len(r.DurationsMS[platform]) == 0 {
		return 0
	}
	ms := slices.Sorted(slices.Values(r.DurationsMS[platform]))
	return time.Duration(ms[len(ms)/2]) * time.Millisecond
}

// RecordInputs remembers what a package was built from.
func (h *History) RecordInputs(repository string, inputs *planner.Inputs) error {
	return h.update(repository, func(r *record) {
		if r.Inputs == nil {
			r.Inputs = map[string]*planner.Inputs{}
		}
		r.Inputs[inputs.Package] = inputs
	})
}

// RecordDuration remembers how long building a node took.
func (h *History) RecordDuration(repository, platform string, d time.Duration) error {
	return h.update(repository, func(r *record) {
		if r.DurationsMS == nil {
			r.DurationsMS = map[string][]int64{}
		}
		ms := append(r.DurationsMS[platform], min(max(d, 0), longest).Milliseconds())
		r.DurationsMS[platform] = ms[max(0, len(ms)-kept):]
	})
}

// LastBuilder names the builder of a node's last build, "" if that is not
// known.
func (h *History) LastBuilder(repository, platform string) string {
	r, err := h.read(repository)
	if err != nil {
		return ""
	}
	return r.Builders[platform]
}

// RecordBuilder remembers where a node was built.
func (h *History) RecordBuilder(repository, platform, builder string) error {
	if h.LastBuilder(repository, platform) == builder {
		return nil
	}
	return h.update(repository, func(r *record) {
		if r.Builders == nil {
			r.Builders = map[string]string{}
		}
		r.Builders[platform] = builder
	})
}

func (h *History) path(repository string) string {
	sum := sha256.Sum256([]byte(repository))
	return filepath.Join(h.dir, hex.EncodeToString(sum[:16])+".json")
}

// read returns the repository's record, an empty one where there is none or
// where it is damaged.
func (h *History) read(repository string) (*record, error) {
	r := &record{Repository: repository}
	b, err := os.ReadFile(h.path(repository))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", repository, err)
	}
	if json.Unmarshal(b, r) != nil || r.Repository != repository || !r.plausible() {
		return &record{Repository: repository}, nil
	}
	return r, nil
}

// plausible reports whether all durations are some, as those recorded here
// are.
func (r *record) plausible() bool {
	for _, list := range r.DurationsMS {
		for _, ms := range list {
			if ms < 0 || ms > int64(longest/time.Millisecond) {
				return false
			}
		}
	}
	return true
}

func (h *History) update(repository string, change func(*record)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	r, err := h.read(repository)
	if err != nil {
		return err
	}
	change(r)
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode the history of %s: %w", repository, err)
	}
	if err := h.replace(h.path(repository), b); err != nil {
		return fmt.Errorf("record the history of %s: %w", repository, err)
	}
	return nil
}

// replace writes a file by way of a temporary one beside it.
func (h *History) replace(path string, content []byte) error {
	if err := os.MkdirAll(h.dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(h.dir, ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
