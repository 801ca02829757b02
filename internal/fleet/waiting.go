package fleet

import (
	"sync"
	"time"
)

// patience is how long a builder may take to answer before it is said that it
// is waited for.
const patience = 2 * time.Second

// waiting tells of builders that have not answered for a while.
type waiting struct {
	mu   sync.Mutex
	tell func(builder string)
}

func newWaiting(tell func(string)) *waiting { return &waiting{tell: tell} }

// on begins to wait for a builder. The function that it returns ends that.
func (w *waiting) on(builder string) (done func()) {
	if w.tell == nil {
		return func() {}
	}
	timer := time.AfterFunc(patience, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.tell(builder)
	})
	return func() { timer.Stop() }
}
