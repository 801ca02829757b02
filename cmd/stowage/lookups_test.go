package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/stowage-build/stowage/internal/report"
)

// TestLookupsAreShown: while a registry takes its time, a terminal says what it
// is asked for, and does not afterwards.
func TestLookupsAreShown(t *testing.T) {
	answer := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-answer
		if r.URL.Path != "/v2/" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	dir := t.TempDir()
	config := `workspace {
  name      = "slow"
  registry  = "` + host + `/slow"
  platforms = ["linux/amd64"]
}
package "svc" {
  for_each          = toset(["a", "b", "c"])
  image             = "svc-${each.key}"
  dockerfile_inline = "FROM scratch\nCOPY . /"
}
`
	if err := os.WriteFile(filepath.Join(dir, "stowage.hcl"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	file, side := openTerminal(t)
	cmd := exec.CommandContext(t.Context(), "stowage", "plan", "-C", dir)
	cmd.Stdout, cmd.Stderr = side, side
	cmd.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=1", "STOWAGE_STORE="+t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	term := &terminal{t: t, file: file, output: make(chan []byte, 1000)}
	go term.read()
	line := fmt.Sprintf("Looking up 3 images in %s…", host)
	term.await("", line)
	term.await("", fmt.Sprintf("\x1b[2KWaiting for registry %s to answer.", host))
	term.await("", line)
	close(answer)
	term.await("", "Plan: 3 to build")
	_, after, _ := strings.Cut(term.all[strings.LastIndex(term.all, line):], "\n")
	before, _, _ := strings.Cut(after, "Wave")
	if up := strings.Index(before, ansi.CursorUp(1)); up < 0 || !strings.Contains(before[up:], ansi.EraseEntireLine) {
		t.Errorf("the line stays: %q", term.all)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestLookupsAreNotShown where there is no live view.
func TestLookupsAreNotShown(t *testing.T) {
	_, terminal := openTerminal(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, c := range []struct {
		mode, term string
		file       *os.File
		want       bool
	}{
		{"auto", "xterm", terminal, true}, {"tty", "dumb", terminal, true}, {"auto", "dumb", terminal, false},
		{"plain", "xterm", terminal, false}, {"json", "xterm", terminal, false}, {"quiet", "xterm", terminal, false},
		{"auto", "xterm", null, false},
	} {
		if got := report.NewLookups(c.mode, c.file, c.term) != nil; got != c.want {
			t.Errorf("%s, TERM=%s: shown %t", c.mode, c.term, got)
		}
	}
}
