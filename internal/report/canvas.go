package report

import (
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// canvas is what the live view is written to. It passes frames on to the
// terminal, each as one that is shown at once and whose lines are cut rather
// than broken where they are too long.
//
// Most terminals break lines anew when they become narrower. The program does
// not know of that and moves up too few lines for its next frame; the canvas
// moves further, to where the last frame begins by then, and erases it.
type canvas struct {
	w io.Writer
	// width is the terminal's; rigid says that it leaves lines as they are.
	width func() int
	rigid bool

	parser *ansi.Parser
	// last is the width at the last write.
	last int
	// cells is how many cells of each line are used, as the program sees lines;
	// row and col are where the cursor is.
	cells    []int
	row, col int
	// up is how many lines the program has moved up in this write; above and
	// below are how many more those and the cursor's have become.
	up, above, below int
}

// keptLines is how many lines are remembered, more than a frame can have.
const keptLines = 1000

func newCanvas(w io.Writer, width func() int, rigid bool) *canvas {
	c := &canvas{w: w, width: width, rigid: rigid, last: width(), cells: []int{0}, parser: ansi.NewParser()}
	c.parser.SetHandler(ansi.Handler{Print: c.print, Execute: c.execute, HandleCsi: c.csi})
	return c
}

// Write writes a frame.
func (c *canvas) Write(p []byte) (int, error) {
	narrower := c.width() < c.last
	c.last, c.up, c.above = c.width(), 0, 0
	c.below = c.breaks(c.cells[c.row])
	c.parser.Parse(p)
	if drop := len(c.cells) - keptLines; drop > 0 {
		c.cells, c.row = c.cells[drop:], max(c.row-drop, 0)
	}
	out := &strings.Builder{}
	out.WriteString(ansi.SetSynchronizedOutputMode + ansi.ResetAutoWrapMode)
	if narrower {
		out.WriteString(c.gather())
	}
	out.Write(p)
	out.WriteString(ansi.SetAutoWrapMode + ansi.ResetSynchronizedOutputMode)
	if _, err := io.WriteString(c.w, out.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// gather erases the last frame, and leaves the cursor as many lines below its
// beginning as the program will move up. It goes line by line: tmux keeps in its
// history what is erased when all of the screen is.
func (c *canvas) gather() string {
	text := &strings.Builder{}
	text.WriteString("\r" + ansi.EraseEntireLine)
	for range c.below {
		text.WriteString(ansi.CursorDown(1) + ansi.EraseEntireLine)
	}
	if c.below > 0 {
		text.WriteString(ansi.CursorUp(c.below))
	}
	for range c.up + c.above {
		text.WriteString(ansi.CursorUp(1) + ansi.EraseEntireLine)
	}
	if c.up > 0 {
		text.WriteString(ansi.CursorDown(c.up))
	}
	return text.String()
}

func (c *canvas) print(r rune) {
	c.col = min(c.col+ansi.StringWidth(string(r)), c.last)
	c.cells[c.row] = max(c.cells[c.row], c.col)
}

func (c *canvas) execute(b byte) {
	switch b {
	case '\r':
		c.col = 0
	case '\n':
		c.col = 0
		if c.row++; c.row == len(c.cells) {
			c.cells = append(c.cells, 0)
		}
	}
}

func (c *canvas) csi(cmd ansi.Cmd, params ansi.Params) {
	n, _, _ := params.Param(0, 0)
	if cmd.Prefix() != 0 {
		return
	}
	switch cmd.Final() {
	case 'A':
		c.moveUp(min(max(n, 1), c.row))
	case 'J':
		c.cells = c.cells[:c.row+1]
		c.cells[c.row] = c.col
	case 'K':
		if n == 2 {
			c.cells[c.row] = 0
		} else {
			c.cells[c.row] = c.col
		}
	}
}

// moveUp counts what the lines passed have become.
func (c *canvas) moveUp(n int) {
	for _, cells := range c.cells[c.row-n : c.row] {
		c.above += c.breaks(cells)
	}
	c.up += n
	c.row -= n
}

// breaks is how often the terminal has broken a line.
func (c *canvas) breaks(cells int) int {
	if c.rigid || c.last == 0 {
		return 0
	}
	return max(cells-1, 0) / c.last
}
