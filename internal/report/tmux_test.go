package report_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stowage-build/stowage/internal/report"
)

// viewUntil names, in the environment, the file whose existence ends the view
// of a test program that is to show one.
const viewUntil = "STOWAGE_TEST_VIEW_UNTIL"

// linesBefore are lines that fill the screen before the view.
const linesBefore = 40

func TestMain(m *testing.M) {
	if end := os.Getenv(viewUntil); end != "" {
		showLongRun(end)
		return
	}
	os.Exit(m.Run())
}

// showLongRun shows a run that does not go on until a file exists, and after
// that nothing until the terminal ends.
func showLongRun(end string) {
	for i := range linesBefore {
		fmt.Println(i)
	}
	clock := start().Add(16 * time.Second)
	tty := report.NewTTY(os.Stdout, report.Options{Clock: func() time.Time { return clock }})
	play(tty, longRun())
	for _, err := os.Stat(end); err != nil; _, err = os.Stat(end) {
		time.Sleep(10 * time.Millisecond)
	}
	_ = tty.Close()
	fmt.Println("Apply: done.")
	select {}
}

// TestViewInTmux: a terminal that becomes narrower has no remains of older
// frames, neither on its screen nor in what is above that.
func TestViewInTmux(t *testing.T) {
	tm := startTmux(t, 110, 30)
	tm.shows(longFrame(100))
	for _, width := range []int{60, 40, 100, 45, 80} {
		tm.run("resize-window", "-x", strconv.Itoa(width))
		tm.shows(longFrame(width - 1))
	}
	if err := os.WriteFile(tm.end, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tm.shows("Apply: done.")
}

// tmux is a terminal in which a test program shows a run until the file end
// exists.
type tmux struct {
	t           *testing.T
	socket, end string
}

func startTmux(t *testing.T, width, height int) *tmux {
	t.Helper()
	dir := t.TempDir()
	tm := &tmux{t: t, socket: filepath.Join(dir, "tmux"), end: filepath.Join(dir, "end")}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", tm.socket, "kill-server").Run() })
	tm.run("-f", os.DevNull, "new-session", "-d", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height),
		"-e", viewUntil+"="+tm.end, program)
	return tm
}

func (tm *tmux) run(args ...string) string {
	tm.t.Helper()
	out, err := exec.CommandContext(tm.t.Context(), "tmux", append([]string{"-S", tm.socket}, args...)...).CombinedOutput()
	if err != nil {
		tm.t.Fatalf("tmux, which .ci/setup installs, %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// shows returns when the terminal has nothing but the lines before and a text.
func (tm *tmux) shows(text string) {
	tm.t.Helper()
	want := ""
	for i := range linesBefore {
		want += fmt.Sprintln(i)
	}
	want += text
	got := ""
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if got = strings.TrimRight(tm.run("capture-pane", "-p", "-S", "-"), " \n"); got == want {
			return
		}
	}
	tm.t.Fatalf("got\n%s\nwant\n%s", got, want)
}
