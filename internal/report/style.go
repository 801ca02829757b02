package report

import (
	"io"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"github.com/stowage-build/stowage/planner"
)

// palette is how parts of the text look. The zero palette changes nothing.
// Colours are the sixteen that a terminal's owner has chosen.
type palette struct {
	bold, dim        lipgloss.Style
	good, bad, alert lipgloss.Style
	kinds            map[planner.Kind]lipgloss.Style
}

// newPalette returns one with colours, or the zero palette.
func newPalette(color bool) palette {
	if !color {
		return palette{}
	}
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(termenv.ANSI)
	of := func(color string) lipgloss.Style { return r.NewStyle().Foreground(lipgloss.Color(color)) }
	green, red, yellow, blue, magenta, cyan := of("2"), of("1"), of("3"), of("4"), of("5"), of("6")
	return palette{
		bold: r.NewStyle().Bold(true), dim: r.NewStyle().Faint(true),
		good: green, bad: red.Bold(true), alert: yellow,
		kinds: map[planner.Kind]lipgloss.Style{
			planner.KindBuild: green, planner.KindPull: cyan, planner.KindIndex: blue,
			planner.KindPush: magenta, planner.KindTag: yellow, planner.KindLoad: cyan,
		},
	}
}
