package report

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"

	"github.com/stowage-build/stowage/executor"
)

// framesPerSecond bounds how often the view is drawn.
const framesPerSecond = 10

// TTY shows a run in a live view: a line about the run and one for each step
// under way. Failures and warnings are printed above it and stay. Report only
// takes note; the view is drawn by goroutines of its own.
//
// It leaves signals, keys and the terminal's modes alone, and the cursor
// visible, so that a process that is killed leaves a usable terminal.
type TTY struct {
	w       io.Writer
	view    *view
	program *tea.Program

	// ended is closed when the program has restored the terminal.
	ended chan struct{}
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
		w: w, view: newView(opts, width, height),
		ended: make(chan struct{}), stop: make(chan struct{}), drawn: make(chan struct{}),
	}
	t.program = tea.NewProgram(viewModel{t.view},
		tea.WithOutput(newCanvas(w, func() int { width, _ := terminalSize(w); return width }, opts.Rigid)), tea.WithInput(nil), tea.WithoutSignalHandler(), tea.WithoutBracketedPaste(),
		tea.WithFPS(framesPerSecond))
	go t.run()
	go t.draw(tea.WindowSizeMsg{Width: width, Height: height})
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

// Close erases the view, leaving what was printed above it, and restores the
// terminal. Closing again does nothing. A view that could not be drawn is not
// an error: the run is not about it.
func (t *TTY) Close() error {
	t.closing.Do(func() {
		close(t.stop)
		<-t.drawn
		t.view.close()
		t.program.Quit()
		<-t.ended
		t.printNotes()
	})
	return nil
}

// run runs the program. Its error is of no use to anybody: notes are printed
// without it then.
func (t *TTY) run() {
	defer close(t.ended)
	_, _ = t.program.Run()
}

// draw asks for frames until the view is closed, and tells the program of a
// terminal that has another size. It must know the size from the first frame on:
// it does not erase the ends of lines before.
func (t *TTY) draw(size tea.WindowSizeMsg) {
	defer close(t.drawn)
	t.program.Send(size)
	tick := time.NewTicker(time.Second / framesPerSecond)
	defer tick.Stop()
	for {
		select {
		case <-t.stop:
			t.printNotes()
			return
		case <-tick.C:
			if width, height := terminalSize(t.w); width != size.Width || height != size.Height {
				size = tea.WindowSizeMsg{Width: width, Height: height}
				t.program.Send(size)
			}
			t.printNotes()
			t.program.Send(frameMsg{})
		}
	}
}

// printNotes prints what is to stay above the view. It sends them in the order
// in which the program gets its other messages, so that none can come after
// the last.
func (t *TTY) printNotes() {
	notes := t.view.takeNotes()
	if len(notes) == 0 {
		return
	}
	select {
	case <-t.ended:
		fmt.Fprintln(t.w, strings.Join(notes, "\n"))
	default:
		t.program.Send(tea.Println(t.view.wrap(notes))())
	}
}

// wrap breaks lines where the terminal would, for the program erases only to
// the end of the lines that it knows of.
func (v *view) wrap(lines []string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return ansi.Hardwrap(strings.Join(lines, "\n"), v.width, true)
}

// frameMsg asks the program to draw the view.
type frameMsg struct{}

// viewModel is the view as the program wants it.
type viewModel struct{ view *view }

// Init shows the cursor, which the program has hidden.
func (m viewModel) Init() tea.Cmd { return tea.ShowCursor }

// Update takes note of the terminal's size.
func (m viewModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if size, ok := msg.(tea.WindowSizeMsg); ok && size.Width > 0 && size.Height > 0 {
		m.view.resize(size.Width, size.Height)
	}
	return m, nil
}

// View is drawn after every Update.
func (m viewModel) View() string { return m.view.frame() }
