package engine

import (
	"fmt"
	"os"
	"sync"
	"time"
)

// starterInterval is how often an engine that starts looks for its starter.
const starterInterval = 100 * time.Millisecond

// starter is the process that has started an engine and waits, at the other end
// of a pipe, for it to say that it serves, or why it does not.
type starter struct {
	mu   sync.Mutex
	pipe *os.File
}

func newStarter(pipe *os.File) *starter { return &starter{pipe: pipe} }

// say says the engine's word. There is only one: the pipe is closed then.
func (s *starter) say(word string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintln(s.pipe, word) // if nobody reads it, it is in the log
	s.pipe.Close()
}

// endWithout ends this process when the starter is gone, until stop is called.
// Whoever wants an engine next starts one too, which waits for the lock that
// this one has or would get: without an end here it would wait in vain while
// this one serves nobody. Empty lines, which are no word, tell whether somebody
// reads: write(2), EPIPE.
func (s *starter) endWithout() (stop func()) {
	stopped := make(chan struct{})
	go func() {
		tick := time.NewTicker(starterInterval)
		defer tick.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-tick.C:
			}
			s.mu.Lock()
			select {
			case <-stopped:
			default:
				if _, err := s.pipe.WriteString("\n"); err != nil {
					fmt.Fprintln(os.Stderr, "engine: nobody waits for it any more")
					os.Exit(1)
				}
			}
			s.mu.Unlock()
		}
	}()
	return sync.OnceFunc(func() { close(stopped) })
}
