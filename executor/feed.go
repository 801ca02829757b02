package executor

import (
	"sync"
	"time"
)

// maxPending is how many events may wait for the reporter before lines of
// output are left out.
const maxPending = 10_000

// feed hands events to the reporter from one goroutine, in the order in which
// they were added. Adding never waits for the reporter.
type feed struct {
	clock    func() time.Time
	reporter Reporter
	ended    chan struct{}

	mu       sync.Mutex
	changed  *sync.Cond
	pending  []Event
	dropped  map[string]int // lines left out, by step
	warnings []string
	closed   bool
}

func newFeed(reporter Reporter, clock func() time.Time) *feed {
	f := &feed{clock: clock, reporter: reporter, ended: make(chan struct{}), dropped: map[string]int{}}
	f.changed = sync.NewCond(&f.mu)
	if reporter == nil {
		close(f.ended)
	} else {
		go f.deliver()
	}
	return f
}

// add gives the event its time and passes it on.
func (f *feed) add(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.Type == EventWarning {
		f.warnings = append(f.warnings, e.Error)
	}
	if f.reporter == nil {
		return
	}
	if e.Type == EventStepLog && len(f.pending) >= maxPending {
		f.dropped[e.Step]++
		return
	}
	if e.Type == EventStepLog || e.Type == EventStepFinished {
		e.Dropped = f.dropped[e.Step]
		delete(f.dropped, e.Step)
	}
	e.Time = f.clock()
	f.pending = append(f.pending, e)
	f.changed.Signal()
}

// warn adds a warning about a task.
func (f *feed) warn(t *task, err error) {
	e := t.event(EventWarning)
	e.Error = err.Error()
	f.add(e)
}

// close returns when the reporter has taken every event.
func (f *feed) close() {
	f.mu.Lock()
	f.closed = true
	f.changed.Signal()
	f.mu.Unlock()
	<-f.ended
}

// deliver calls the reporter until the feed is closed and empty.
func (f *feed) deliver() {
	defer close(f.ended)
	for {
		f.mu.Lock()
		for len(f.pending) == 0 && !f.closed {
			f.changed.Wait()
		}
		batch := f.pending
		f.pending = nil
		f.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		for _, e := range batch {
			f.reporter.Report(e)
		}
	}
}
