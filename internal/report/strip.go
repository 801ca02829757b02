package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
)

// waveCells is how many cells a wave has at most: a step each, or a share.
const waveCells = 8

// The cells of waves and of builders, which can be told apart without colours.
const (
	cellDone    = "■"
	cellFailed  = "✗"
	cellRunning = "◧"
	cellWaiting = "□"
)

// waves is the strip of waves: "waves  ✓2  3 ✗1  4 ■■◧□  5 □□□□□□□□ 0/12". Those
// at the beginning that are done are one number; of others that have ended it
// says how many steps failed. What is too long loses its end.
func (v *view) waves(width int) string {
	if v.course == nil || len(v.course.waves) < 2 {
		return ""
	}
	done := 0
	for _, w := range v.course.waves {
		if w.done != w.total {
			break
		}
		done++
	}
	parts := []string{v.dim.Render("waves")}
	if done > 0 {
		parts = append(parts, v.good.Render(fmt.Sprintf("✓%d", done)))
	}
	for i, w := range v.course.waves[done:] {
		parts = append(parts, v.wave(done+i+1, w))
	}
	return ansi.Truncate(strings.Join(parts, "  "), max(width, 0), "…")
}

func (v *view) wave(number int, w waveCount) string {
	if w.done+w.failed == w.total && w.failed > 0 {
		return fmt.Sprintf("%d ", number) + v.bad.Render(fmt.Sprintf("%s%d", cellFailed, w.failed))
	}
	cells := min(w.total, waveCells)
	share := func(n int) int {
		if n == 0 || w.total == 0 {
			return 0
		}
		return max(1, n*cells/w.total)
	}
	failed, running := share(w.failed), share(w.running)
	done := min(share(w.done), max(cells-failed-running, 0))
	waiting := max(cells-done-failed-running, 0)
	text := fmt.Sprintf("%d ", number) + v.good.Render(strings.Repeat(cellDone, done)) + v.bad.Render(strings.Repeat(cellFailed, failed)) +
		v.alert.Render(strings.Repeat(cellRunning, running)) + v.dim.Render(strings.Repeat(cellWaiting, waiting))
	if w.total > waveCells {
		text += v.dim.Render(fmt.Sprintf(" %d/%d", w.done+w.failed, w.total))
	}
	return text
}

// builders is the load of the builders: "builders  amd ◧◧□□ 2/4  arm ◧□ 1/2".
// The header says as much of one alone.
func (v *view) builders(width int) string {
	if len(v.slots) < 2 {
		return ""
	}
	busy := v.busy()
	names := make([]string, 0, len(v.slots))
	for name := range v.slots {
		names = append(names, name)
	}
	slices.Sort(names)
	parts := []string{v.dim.Render("builders")}
	for _, name := range names {
		slots := v.slots[name]
		text := clean(name) + " "
		if cells := min(slots, waveCells); slots <= waveCells {
			n := min(busy[name], cells)
			text += v.style(n > 0).Render(strings.Repeat(cellRunning, n)) + v.dim.Render(strings.Repeat(cellWaiting, cells-n)) + " "
		}
		parts = append(parts, text+fmt.Sprintf("%d/%d", busy[name], slots))
	}
	return ansi.Truncate(strings.Join(parts, "  "), max(width, 0), "…")
}

// busy is how many builds each builder has.
func (v *view) busy() map[string]int {
	busy := map[string]int{}
	for _, s := range v.running {
		if s.builder != "" && s.waiting == "" {
			busy[s.builder]++
		}
	}
	return busy
}

// style is that of something under way, or of nothing.
func (v *view) style(busy bool) lipgloss.Style {
	if busy {
		return v.alert
	}
	return v.dim
}
