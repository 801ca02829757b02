package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// headerForms are how many ways there are to write the header, from the one
// that says most to the shortest.
const headerForms = 5

// header is "12/40 done, 8/8 building, 1 failed, 3 skipped, 1m12s, about 3m left
// (critical path 2m)". Where that does not fit, there are fewer words, so that
// what is expected of the rest stays.
func (v *view) header(now time.Time, width int) string {
	line := ""
	for form := range headerForms {
		if line = v.headerForm(now, form); ansi.StringWidth(line) <= width {
			break
		}
	}
	line = cut(line, width)
	if v.failed > 0 {
		return v.bad.Render(line)
	}
	return v.bold.Render(line)
}

func (v *view) headerForm(now time.Time, form int) string {
	done, left := " done", "about %s left (critical path %s)"
	if form > 0 {
		left = "~%s left (path %s)"
	}
	if form > 1 {
		done = ""
	}
	parts := []string{fmt.Sprintf("%d/%d%s", v.ended, v.total, done)}
	if form < 4 {
		parts = append(parts, v.load(form == 0)...)
	}
	if v.failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", v.failed))
	}
	if v.skipped > 0 && form < 3 {
		parts = append(parts, fmt.Sprintf("%d skipped", v.skipped))
	}
	parts = append(parts, wholeSeconds(now.Sub(v.started)))
	if rest, path := v.course.left(now, v.allSlots()); rest > 0 {
		parts = append(parts, fmt.Sprintf(left, roughly(rest), roughly(path)))
	}
	return strings.Join(parts, ", ")
}

// load is how much of what the builders take at once they have, and how much
// else is under way, if others are asked for.
func (v *view) load(others bool) []string {
	slots := v.allSlots()
	if slots == 0 {
		return []string{fmt.Sprintf("%d running", len(v.running))}
	}
	busy := 0
	for _, n := range v.busy() {
		busy += n
	}
	parts := []string{fmt.Sprintf("%d/%d building", busy, slots)}
	if more := len(v.running) - busy; more > 0 && others {
		parts = append(parts, fmt.Sprintf("%d more running", more))
	}
	return parts
}
