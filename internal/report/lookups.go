package report

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/distribution/reference"
)

// lookupTime is how long images are looked up before that is told.
const lookupTime = 300 * time.Millisecond

// Lookups shows on a terminal how many images registries are being asked for,
// where that takes a while: in a line that goes away with the last answer. It may
// be told by several goroutines at once.
type Lookups struct {
	w io.Writer

	mu     sync.Mutex
	canvas *canvas
	// open are the images that were not answered for, by registry.
	open  map[string]int
	total int
	timer *time.Timer
}

// NewLookups returns the lookups that are shown on a terminal, or nil where
// there is none, or where a mode of NewReporter or kind of terminal has no live
// view.
func NewLookups(mode string, w io.Writer, term string) *Lookups {
	if !isTerminal(w) || mode != "tty" && (mode != "auto" || term == "dumb") {
		return nil
	}
	width, _ := terminalSize(w)
	return &Lookups{w: w, canvas: &canvas{w: w, width: width}, open: map[string]int{}}
}

// Begin takes note that a reference is looked up, until done is called.
func (l *Lookups) Begin(ref string) (done func()) {
	host := "the registry"
	if named, err := reference.ParseNormalizedNamed(ref); err == nil {
		host = reference.Domain(named)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[host]++
	if l.total++; l.total == 1 {
		l.timer = time.AfterFunc(lookupTime, l.show)
	}
	return func() { l.end(host) }
}

func (l *Lookups) end(host string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[host]--; l.open[host] == 0 {
		delete(l.open, host)
	}
	if l.total--; l.total == 0 {
		l.timer.Stop()
		l.draw(nil, nil)
	}
}

// show draws the line now and from time to time.
func (l *Lookups) show() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total == 0 {
		return
	}
	l.draw(nil, []string{l.line()})
	l.timer.Reset(frameTime)
}

// Note writes a line that stays.
func (l *Lookups) Note(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.draw([]string{text}, l.canvas.lines)
}

func (l *Lookups) draw(notes, lines []string) {
	width, _ := terminalSize(l.w)
	for i, line := range lines {
		lines[i] = cut(line, width-1)
	}
	l.canvas.draw(width, notes, lines)
}

// line is "Looking up 12 images in ghcr.io…".
func (l *Lookups) line() string {
	images, where := "images", fmt.Sprintf("%d registries", len(l.open))
	if l.total == 1 {
		images = "image"
	}
	for host := range l.open {
		if len(l.open) == 1 {
			where = clean(host)
		}
	}
	return fmt.Sprintf("Looking up %d %s in %s…", l.total, images, where)
}
