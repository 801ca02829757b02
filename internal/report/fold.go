package report

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Fold says how lines that belong together are marked for those who show a
// log.
type Fold string

// The ways to fold. The zero value leaves lines as they are.
const (
	FoldGitHub Fold = "github"
	FoldGitLab Fold = "gitlab"
)

// FoldOf returns the marks of the CI system that the environment is of.
func FoldOf(getenv func(string) string) Fold {
	switch {
	case getenv("GITHUB_ACTIONS") == "true":
		return FoldGitHub
	case getenv("GITLAB_CI") == "true":
		return FoldGitLab
	}
	return ""
}

// begin is the line before a group. number makes it one of its kind.
func (f Fold) begin(title string, number int, at time.Time) string {
	switch f {
	case FoldGitHub:
		return "::group::" + title + "\n"
	case FoldGitLab:
		return fmt.Sprintf("\x1b[0Ksection_start:%d:stowage_%d[collapsed=true]\r\x1b[0K%s\n", at.Unix(), number, title)
	}
	return ""
}

// end is the line after a group.
func (f Fold) end(number int, at time.Time) string {
	switch f {
	case FoldGitHub:
		return "::endgroup::\n"
	case FoldGitLab:
		return fmt.Sprintf("\x1b[0Ksection_end:%d:stowage_%d\r\x1b[0K\n", at.Unix(), number)
	}
	return ""
}

// harmless keeps a line of a build's output from being taken for a command by
// GitHub, which looks for some of them anywhere in a line.
func (f Fold) harmless(line string) string {
	if f == FoldGitHub {
		return strings.ReplaceAll(line, "##[", "##\u200b[")
	}
	return line
}

// groups writes lines so that those of a build are in one piece. One of the
// builds has the floor: its lines are written at once. Those of others are kept
// until it has ended; then what has ended meanwhile is written, and the oldest
// that goes on has the floor.
type groups struct {
	w    io.Writer
	fold Fold

	holder *group
	// waiting are builds under way without the floor, oldest first; ended is
	// what has ended meanwhile.
	waiting []*group
	ended   []string
	begun   int
}

// group is the lines of a build.
type group struct {
	step, title string
	number      int
	text        strings.Builder
}

// begin begins the lines of a build.
func (g *groups) begin(step, title string, at time.Time) {
	if g.find(step) != nil {
		return // another attempt
	}
	g.begun++
	next := &group{step: step, title: title, number: g.begun}
	next.text.WriteString(g.fold.begin(title, next.number, at))
	g.waiting = append(g.waiting, next)
	g.passFloor()
}

func (g *groups) find(step string) *group {
	if g.holder != nil && g.holder.step == step {
		return g.holder
	}
	for _, w := range g.waiting {
		if w.step == step {
			return w
		}
	}
	return nil
}

// write writes lines of a step, "" for none. Those of no build under way are
// written when nobody has the floor.
func (g *groups) write(step, text string) {
	switch own := g.find(step); {
	case own == nil && g.holder == nil, own != nil && own == g.holder:
		io.WriteString(g.w, text)
	case own == nil:
		g.ended = append(g.ended, text)
	default:
		own.text.WriteString(text)
	}
}

// end ends the lines of a step; last is after its group.
func (g *groups) end(step, last string, at time.Time) {
	own := g.find(step)
	if own == nil {
		g.write(step, last)
		return
	}
	last = g.fold.end(own.number, at) + last
	if own == g.holder {
		io.WriteString(g.w, last)
		g.holder = nil
		g.passFloor()
		return
	}
	g.ended = append(g.ended, own.text.String()+last)
	for i, w := range g.waiting {
		if w == own {
			g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
			break
		}
	}
}

// passFloor writes what has ended, and gives the floor to the oldest build, if
// it is free.
func (g *groups) passFloor() {
	if g.holder != nil {
		return
	}
	for _, text := range g.ended {
		io.WriteString(g.w, text)
	}
	g.ended = nil
	if len(g.waiting) > 0 {
		g.holder, g.waiting = g.waiting[0], g.waiting[1:]
		io.WriteString(g.w, g.holder.text.String())
		g.holder.text.Reset()
	}
}

// close writes all that is left, of a run that was cut off.
func (g *groups) close(at time.Time) {
	for g.holder != nil {
		g.end(g.holder.step, "", at)
	}
	g.passFloor()
}
