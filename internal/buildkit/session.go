package buildkit

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/moby/buildkit/session"
	sessioncontent "github.com/moby/buildkit/session/content"
	"github.com/moby/buildkit/session/filesync"
	"github.com/moby/buildkit/session/grpchijack"
	"github.com/tonistiigi/fsutil"

	"github.com/stowage-build/stowage/executor"
)

// sharedKey goes with every session. Copies of local files that the daemon
// keeps are told apart by their content alone: see addLocal.
const sharedKey = "stowage"

// needsOwnSession reports whether the daemon may ask for something that other
// builds must not get, or that only this one has.
func needsOwnSession(req *executor.BuildRequest) bool {
	return len(req.Secrets)+len(req.SSH)+len(req.Archives)+len(req.CacheFrom)+len(req.CacheTo) > 0 ||
		slices.ContainsFunc(slices.Collect(maps.Values(req.PinnedContexts)), func(p executor.PinnedContext) bool {
			return p.Kind == executor.ContextLayout
		})
}

// sharedSession is the session of all other solves. To open one for each costs
// more than a small build does.
type sharedSession struct {
	trees offers

	mu      sync.Mutex
	current *session.Session
	end     context.CancelFunc
	ended   chan struct{} // closed when the connection of current is
}

// openShared returns the session and what is closed when its connection is. After
// that it returns another.
func (c *Client) openShared() (*session.Session, <-chan struct{}, error) {
	s := &c.shared
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && !isClosed(s.ended) {
		return s.current, s.ended, nil
	}
	next, err := session.NewSession(context.Background(), sharedKey)
	if err != nil {
		return nil, nil, err
	}
	next.Allow(filesync.NewFSSyncProvider(&s.trees))
	next.Allow(sessioncontent.NewAttachable(map[string]content.Store{"export": c.store, "oci:" + storeID: c.store}))
	next.Allow(c.auth)
	running, end := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer end()
		_ = next.Run(running, grpchijack.Dialer(c.buildkit.ControlClient())) // solves say what is wrong
	}()
	s.current, s.end, s.ended = next, end, ended
	return next, ended, nil
}

// close ends the session, and does not wait: the session's own Close waits for
// a daemon that hangs.
func (s *sharedSession) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != nil {
		s.end()
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// offers are the trees that solves offer to the daemon, by the names that they
// have there. It implements filesync.DirSource.
type offers struct {
	mu     sync.Mutex
	byName map[string]*offer
}

type offer struct {
	tree  *tree
	count int
}

// add offers a tree until withdraw is called. When one of the same name, and
// thus content, is offered already, the daemon may read that for both: it is
// returned.
func (o *offers) add(t *tree) (served *tree, withdraw func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	offered := o.byName[t.name]
	if offered == nil || offered.tree.failure() != nil {
		offered = &offer{tree: t}
		if o.byName == nil {
			o.byName = map[string]*offer{}
		}
		o.byName[t.name] = offered
	}
	offered.count++
	return offered.tree, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if offered.count--; offered.count == 0 && o.byName[t.name] == offered {
			delete(o.byName, t.name)
		}
	}
}

// LookupDir returns a tree.
func (o *offers) LookupDir(name string) (fsutil.FS, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	offered := o.byName[name]
	if offered == nil {
		return nil, false
	}
	return offered.tree, true
}
