package report

import (
	"io"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// canvas draws frames on a terminal, each in the place of the last, and leaves
// the cursor on a line of its own below. A frame is shown at once, and its lines
// are cut rather than broken where they are too long.
//
// Most terminals break lines anew when they become narrower. The frame then has
// more lines than were written, and the canvas moves up as many.
type canvas struct {
	w io.Writer
	// rigid says that the terminal leaves lines as they are.
	rigid bool
	// width is the terminal's at the last frame, whose lines are lines.
	width int
	lines []string
}

// draw prints notes, which stay, and a frame below them. An error of the
// terminal is of no use to anybody: the run goes on without a view.
func (c *canvas) draw(width int, notes, lines []string) {
	same := width == c.width && len(notes) == 0
	if same && slices.Equal(lines, c.lines) {
		return
	}
	out := &strings.Builder{}
	out.WriteString(ansi.SetSynchronizedOutputMode + "\r" + ansi.EraseEntireLine)
	if same {
		up(out, len(c.lines))
	} else {
		c.erase(out, width)
	}
	for _, note := range notes {
		out.WriteString(note + "\r\n")
	}
	out.WriteString(ansi.ResetAutoWrapMode)
	for i, line := range lines {
		if i >= len(c.lines) || c.lines[i] != line {
			out.WriteString(line + ansi.EraseLineRight)
		}
		out.WriteString("\r\n")
	}
	rest := max(len(c.lines)-len(lines), 0)
	for range rest {
		out.WriteString(ansi.EraseEntireLine + ansi.CursorDown(1))
	}
	up(out, rest)
	out.WriteString(ansi.SetAutoWrapMode + ansi.ResetSynchronizedOutputMode)
	c.width, c.lines = width, lines
	_, _ = io.WriteString(c.w, out.String())
}

// erase erases the last frame, and leaves the cursor where that began. It goes
// line by line: tmux keeps in its history what is erased when all of the screen
// is.
func (c *canvas) erase(out *strings.Builder, width int) {
	for _, line := range c.lines {
		for range c.rows(line, width) {
			out.WriteString(ansi.CursorUp(1) + ansi.EraseEntireLine)
		}
	}
	c.lines = nil
}

// rows is how many lines of the terminal one of the frame is.
func (c *canvas) rows(line string, width int) int {
	if c.rigid {
		return 1
	}
	return max(ansi.StringWidth(line)-1, 0)/max(width, 1) + 1
}

func up(out *strings.Builder, n int) {
	if n > 0 {
		out.WriteString(ansi.CursorUp(n))
	}
}
