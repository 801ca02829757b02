package stowage

import (
	"context"
	"sync"

	"github.com/stowage-build/stowage/internal/source"
)

// headTrees knows the tree objects of HEAD, which it reads when it is first
// asked. It implements planner.Trees.
type headTrees struct {
	sources *source.Tree

	mu   sync.Mutex
	head *source.Revision
}

// TreeID is planner.Trees'.
func (h *headTrees) TreeID(ctx context.Context, dirs []string) (string, error) {
	head, err := h.open(ctx)
	if err != nil {
		return "", err
	}
	return head.TreeID(ctx, dirs)
}

func (h *headTrees) open(ctx context.Context) (*source.Revision, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.head != nil {
		return h.head, nil
	}
	revision, err := h.sources.Revision(ctx)
	if err != nil {
		return nil, err
	}
	if revision == "" {
		return nil, noTrees{}
	}
	h.head, err = h.sources.At(ctx, revision)
	return h.head, err
}

// close ends git processes that were started.
func (h *headTrees) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.head == nil {
		return nil
	}
	err := h.head.Close()
	h.head = nil
	return err
}

// noTrees says that the configuration asks for git trees where there are none.
type noTrees struct{}

func (noTrees) Error() string {
	return "the workspace is in no git repository, or nothing is committed yet"
}

// ConfigurationMistake says that the configuration is to be mended.
func (noTrees) ConfigurationMistake() bool { return true }
