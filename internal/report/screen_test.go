package report_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// screen is a terminal of endless height: enough of one for a view that moves
// up, erases and prints. Lines that are longer than it is wide go on in the
// next, and are broken anew when it gets another width.
type screen struct {
	mu     sync.Mutex
	parser *ansi.Parser
	// changed is told after every write, and seen has what could be read then.
	changed *sync.Cond
	seen    []string

	width     int
	lines     [][]rune
	broken    map[int]bool // lines that go on in the next
	row, col  int
	invisible bool // the cursor
	cuts      bool // lines are cut rather than broken
	// modes are the private modes that are set, other than the cursor's.
	modes []int
	// unknown are sequences that a view is not expected to use.
	unknown []string
}

func newScreen() *screen {
	s := &screen{parser: ansi.NewParser(), lines: [][]rune{nil}, broken: map[int]bool{}, width: 80}
	s.changed = sync.NewCond(&s.mu)
	s.parser.SetHandler(ansi.Handler{
		Print: s.print, Execute: s.execute, HandleCsi: s.csi,
		HandleEsc: func(cmd ansi.Cmd) { s.unknown = append(s.unknown, fmt.Sprintf("ESC %c", cmd.Final())) },
	})
	return s
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parser.Parse(p)
	s.seen = append(s.seen, s.text())
	s.changed.Broadcast()
	return len(p), nil
}

// Size is that of the screen, with a height that programs may want to know.
func (s *screen) Size() (width, height int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.width, 24
}

// resize breaks lines anew. The cursor stays where it is in its line.
func (s *screen) resize(width int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, wasBroken, row := s.lines, s.broken, s.row
	s.width, s.lines, s.broken = width, nil, map[int]bool{}
	for at := 0; at < len(old); at++ {
		line, cursor := old[at], -1
		if at == row {
			cursor = s.col
		}
		for wasBroken[at] {
			at++
			if at == row {
				cursor = len(line) + s.col
			}
			line = append(slices.Clone(line), old[at]...)
		}
		for n := 0; ; n++ {
			if cursor >= n*width && cursor <= (n+1)*width {
				s.row, s.col = len(s.lines), cursor-n*width
			}
			s.lines = append(s.lines, slices.Clone(line[:min(width, len(line))]))
			if line = line[min(width, len(line)):]; len(line) == 0 {
				break
			}
			s.broken[len(s.lines)-1] = true
		}
	}
}

func (s *screen) print(r rune) {
	if s.col == s.width && s.cuts {
		s.col--
	} else if s.col == s.width {
		s.broken[s.row] = true
		s.execute('\n')
	}
	line := s.lines[s.row]
	for len(line) <= s.col {
		line = append(line, ' ')
	}
	line[s.col] = r
	s.lines[s.row] = line
	s.col++
}

func (s *screen) execute(b byte) {
	switch b {
	case '\r':
		s.col = 0
	case '\n': // a terminal that is not in raw mode returns as well
		s.col = 0
		if s.row++; s.row == len(s.lines) {
			s.lines = append(s.lines, nil)
		}
	default:
		s.unknown = append(s.unknown, fmt.Sprintf("%q", b))
	}
}

func (s *screen) csi(cmd ansi.Cmd, params ansi.Params) {
	n, _, _ := params.Param(0, 0)
	switch final := cmd.Final(); {
	case cmd.Prefix() == '?':
		s.mode(n, final == 'h')
	case final == 'A':
		s.row = max(s.row-max(n, 1), 0)
	case final == 'B':
		s.row = min(s.row+max(n, 1), len(s.lines)-1)
	case final == 'J' && n == 0:
		s.eraseRight()
		for below := s.row + 1; below < len(s.lines); below++ {
			s.lines[below] = nil
			delete(s.broken, below)
		}
	case final == 'K' && n == 0:
		s.eraseRight()
	case final == 'K' && n == 2:
		s.lines[s.row] = nil
	case final == 'm':
	default:
		s.unknown = append(s.unknown, fmt.Sprintf("CSI %v %c", params, final))
	}
}

func (s *screen) eraseRight() {
	s.lines[s.row] = s.lines[s.row][:min(s.col, len(s.lines[s.row]))]
	delete(s.broken, s.row)
}

func (s *screen) mode(n int, set bool) {
	switch {
	case n == 25:
		s.invisible = !set
	case n == 7:
		s.cuts = !set
	case set:
		s.modes = append(s.modes, n)
	default:
		s.modes = slices.DeleteFunc(s.modes, func(m int) bool { return m == n })
	}
}

// text is what can be read, without spaces at the ends of lines.
func (s *screen) text() string {
	var lines []string
	for _, line := range s.lines {
		lines = append(lines, strings.TrimRight(string(line), " "))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// wait returns when the text is as wanted. It fails the test if that takes
// longer than anybody would wait.
func (s *screen) wait(t *testing.T, text string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	late := false
	guard := time.AfterFunc(20*time.Second, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		late = true
		s.changed.Broadcast()
	})
	defer guard.Stop()
	for s.text() != text {
		if late {
			t.Fatalf("got\n%s\nwant\n%s", s.text(), text)
		}
		s.changed.Wait()
	}
}
