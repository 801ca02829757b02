package report

import (
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/stowage-build/stowage/executor"
)

const (
	// frameTime is the time from a frame to the next.
	frameTime = 100 * time.Millisecond
	// sizeTime is how often the terminal's size is looked at. Who drags the edge
	// of a window changes it many times in a second.
	sizeTime = 20 * time.Millisecond
	// settleTime is how long a terminal must not have become narrower to be taken
	// to stay as it is.
	settleTime = 500 * time.Millisecond
	// settlingWidth is the width of frames until then. They are so short that they
	// are not broken further, for terminals put lines out of reach to make room:
	// tmux moves as many into its history as there are more.
	settlingWidth = 30
)

// TTY shows a run in a live view: a line about the run and one for each step
// under way. Failures and warnings are printed above it and stay. Report only
// takes note; the view is drawn by a goroutine of its own.
//
// It leaves signals, keys and the cursor alone, so that a process that is killed
// leaves a usable terminal.
type TTY struct {
	w      io.Writer
	view   *view
	canvas *canvas
	// narrowed is when the terminal has last become narrower.
	narrowed time.Time

	// stop ends the drawing, drawn is closed when that has ended.
	stop, drawn chan struct{}
	closing     sync.Once
}

// sized is a terminal that is not a file.
type sized interface{ Size() (width, height int) }

// NewTTY begins a view on w, which is best a terminal: otherwise its size is
// taken to be 80×24. The caller must close it.
func NewTTY(w io.Writer, opts Options) *TTY {
	width, height := terminalSize(w)
	t := &TTY{
		w: w, view: newView(opts, width, height), canvas: &canvas{w: w, rigid: opts.Rigid, width: width},
		stop: make(chan struct{}), drawn: make(chan struct{}),
	}
	go t.run()
	return t
}

func terminalSize(w io.Writer) (width, height int) {
	switch w := w.(type) {
	case *os.File:
		if width, height, err := term.GetSize(int(w.Fd())); err == nil && width > 0 && height > 0 {
			return width, height
		}
	case sized:
		return w.Size()
	}
	return 80, 24
}

// Report takes note of an event.
func (t *TTY) Report(e executor.Event) { t.view.report(e) }

// Close erases the view, leaving what was printed above it. Closing again does
// nothing. A view that could not be drawn is not an error: the run is not about
// it.
func (t *TTY) Close() error {
	t.closing.Do(func() { close(t.stop) })
	<-t.drawn
	return nil
}

// run draws until the view is closed.
func (t *TTY) run() {
	defer close(t.drawn)
	tick := time.NewTicker(sizeTime)
	defer tick.Stop()
	drawn := time.Time{}
	for {
		width, resized := t.measure()
		if resized || time.Since(drawn) >= frameTime {
			drawn = time.Now()
			t.canvas.draw(width, t.view.takeNotes(), t.frame())
		}
		select {
		case <-tick.C:
		case <-t.stop:
			width, _ := t.measure()
			t.canvas.draw(width, t.view.takeNotes(), nil)
			return
		}
	}
}

// measure takes note of the terminal's size.
func (t *TTY) measure() (width int, resized bool) {
	width, height := terminalSize(t.w)
	was := t.view.resize(width, height)
	if width < was {
		t.narrowed = time.Now()
	}
	return width, width != was
}

func (t *TTY) frame() []string {
	if time.Since(t.narrowed) < settleTime {
		return []string{t.view.short(settlingWidth)}
	}
	return strings.Split(t.view.frame(), "\n")
}
