package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// The view's lines are no wider than maxFrameWidth, although the terminal may
// be: most terminals break lines anew when they become narrower, and lines
// that are short enough stay as they are. minFrameHeight is for the lowest
// terminals.
const (
	maxFrameWidth  = 100
	minFrameHeight = 2
)

// frame is the picture of the view: a line about the run, its waves, its
// builders, and a line for each step under way. It takes three quarters of the
// terminal's height at most, so that failures can be seen above it; when there
// are more steps than lines, those that have run longest are shown.
func (v *view) frame() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.clock()
	width := min(v.width-1, maxFrameWidth)
	room := min(max(v.height*3/4, minFrameHeight), max(v.height-1, 1))
	lines := []string{v.header(now, width)}
	for _, strip := range []string{v.waves(width), v.builders(width)} {
		if strip != "" && room >= stripHeight {
			lines = append(lines, strip)
		}
	}
	room -= len(lines)
	shown, more := v.running, 0
	if len(shown) > room {
		more = len(shown) - (room - 1)
		shown = shown[:max(room-1, 0)]
	}
	names := nameWidth(shown, width)
	first := map[string]*viewStep{} // by the instruction that they run
	for _, s := range shown {
		lines = append(lines, v.stepLine(s, first, now, names, width))
	}
	if more > 0 && room > 0 {
		lines = append(lines, v.dim.Render(cut(fmt.Sprintf("  … and %d more", more), width)))
	}
	return strings.Join(lines, "\n")
}

// short is a frame of one line.
func (v *view) short(width int) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.header(v.clock(), min(v.width-1, width))
}

// stripHeight is how many lines there must be for the strips to be shown.
const stripHeight = 8

// roughly is an expected duration, no finer than people take it.
func roughly(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(max(d, time.Second).Seconds()))
	case d < 10*time.Minute:
		d = d.Round(10 * time.Second)
		if d%time.Minute == 0 {
			return fmt.Sprintf("%dm", int(d.Minutes()))
		}
		return Duration(d)
	case d < time.Hour-time.Minute/2:
		return fmt.Sprintf("%dm", int(d.Round(time.Minute).Minutes()))
	}
	return Duration(d.Round(time.Minute))
}

// nameWidth is the width of the column of names: that of the longest, but
// less than half of the line.
func nameWidth(steps []*viewStep, width int) int {
	widest := 0
	for _, s := range steps {
		widest = max(widest, ansi.StringWidth(s.name))
	}
	return min(widest, width*2/5)
}

// timeWidth is the width of the column of times, the longest being "59m59s".
const timeWidth = 6

// stepLine is "  app linux/amd64  [2/5] RUN make   12s".
// An instruction that an earlier line's step runs too is run once, for both: the
// line says so instead.
func (v *view) stepLine(s *viewStep, first map[string]*viewStep, now time.Time, names, width int) string {
	current, id := s.current()
	if with := first[id]; id != "" && with != nil {
		current = "shares this with " + with.name
	} else if id != "" {
		first[id] = s
	}
	if s.attempt > 1 && s.waiting == "" {
		current = fmt.Sprintf("(attempt %d) %s", s.attempt, current)
	}
	rest := max(width-2-names-2-2-timeWidth, 0)
	name, current := pad(s.shortName(names), names), pad(cut(current, rest), rest)
	if s.waiting != "" {
		current = v.alert.Render(current)
	}
	took := wholeSeconds(now.Sub(s.started))
	took = strings.Repeat(" ", max(timeWidth-len(took), 0)) + took
	return ansi.Truncate("  "+name+"  "+current+"  "+v.dim.Render(took), max(width, 0), "")
}

// shortName is the name in width cells. What is left out is before the
// platform, and before the key of one of several packages of a block, if there
// is room for these.
func (s *viewStep) shortName(width int) string {
	end := ""
	if s.platform != "" && len(s.platform)+4 < width {
		end = " " + s.platform
	}
	name := strings.TrimSuffix(s.name, end)
	if i := strings.LastIndex(name, "["); i > 0 && ansi.StringWidth(name[i:]+end)+4 < width {
		name, end = name[:i], name[i:]+end
	}
	return cut(name, width-ansi.StringWidth(end)) + end
}

// cut shortens s to width cells.
func cut(s string, width int) string { return ansi.Truncate(s, max(width, 0), "…") }

// pad fills s up to width cells.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(width-ansi.StringWidth(s), 0))
}
