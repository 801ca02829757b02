package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shellTest is a shell as people run it, and how it learns of completions.
type shellTest struct {
	name    string
	command []string
	setup   string
}

const bashCompletionPackage = "/usr/share/bash-completion/bash_completion"

func shellTests() []shellTest {
	bash := []string{"bash", "--norc", "--noprofile", "-i"}
	return []shellTest{
		{"bash", bash, "source " + bashCompletionPackage + "; source <(stowage completion bash)"},
		{"bash alone", bash, "source <(stowage completion bash)"},
		{"bash without descriptions", bash, "source <(stowage completion bash --no-descriptions)"},
		{"zsh", []string{"zsh", "-f", "-i"}, "autoload -Uz compinit; compinit -u -D; bindkey -e; source <(stowage completion zsh)"},
		{"fish", []string{"fish", "--no-config", "-i"}, "stowage completion fish | source"},
	}
}

// TestCompletionInShells types into shells, TAB included, and looks at what
// words come of it.
func TestCompletionInShells(t *testing.T) {
	dir := t.TempDir()
	config := `workspace {
  name      = "complete"
  registry  = "registry.test/complete"
  platforms = ["linux/amd64"]
}
package "svc" {
  for_each          = toset(["a", "b"])
  image             = "svc-${each.key}"
  dockerfile_inline = "FROM scratch\nCOPY . /"
}
package "other" {
  dockerfile_inline = "FROM scratch\nCOPY . /"
}
group "all" {
  packages = ["*"]
}
builder "arm" {
  endpoint  = "tcp://10.0.0.5:1234"
  platforms = ["linux/arm64"]
}
`
	if err := os.WriteFile(filepath.Join(dir, "stowage.hcl"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, shell := range shellTests() {
		t.Run(shell.name, func(t *testing.T) {
			term := startShell(t, dir, shell)
			for _, line := range [][2]string{
				{"stowage pl\tot\t", "<stowage><plan><other>"},
				{"stowage plan @\t", "<stowage><plan><@all>"},
				{"stowage plan other @al\t", "<stowage><plan><other><@all>"},
				{"stowage plan --format=mar\t", "<stowage><plan><--format=markdown>"},
				{"stowage plan --platform linux/\t", "<stowage><plan><--platform><linux/amd64>"},
				{"stowage apply --builder tcp:\t", "<stowage><apply><--builder><tcp://10.0.0.5:1234>"},
				{"stowage apply --builder=tcp://1\t", "<stowage><apply><--builder=tcp://10.0.0.5:1234>"},
				{"stowage builder du a\t", "<stowage><builder><du><arm>"},
				{"stowage plan --platform=linux/amd64 oth\t", "<stowage><plan><--platform=linux/amd64><other>"},
				{"stowage history la\t", "<stowage><history><last>"},
			} {
				term.expect(line[0], line[1])
			}
			if shell.name != "fish" { // which has them chosen from its list
				term.expect("stowage plan sv\ta\t", `<stowage><plan><svc["a"]>`)
			}
		})
	}
}

// terminal is a shell on a terminal of its own.
type terminal struct {
	t      *testing.T
	file   *os.File
	output chan []byte
	seen   string // since the last text that was waited for
	all    string
}

func startShell(t *testing.T, dir string, shell shellTest) *terminal {
	t.Helper()
	file, shellSide := openTerminal(t)
	cmd := exec.CommandContext(t.Context(), shell.command[0], shell.command[1:]...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, shellSide, shellSide, shellSide
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "TERM=dumb", "PS1=$ ", "STOWAGE_STORE="+t.TempDir(), "HISTFILE=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s, which .ci/setup installs: %v", shell.name, err)
	}
	term := &terminal{t: t, file: file, output: make(chan []byte, 1000)}
	go term.read()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	term.await(shell.setup+"; echo rea''dy\n", "ready")
	return term
}

func (term *terminal) read() {
	defer close(term.output)
	for {
		buf := make([]byte, 4096)
		n, err := term.file.Read(buf)
		if n > 0 {
			term.output <- buf[:n]
		}
		if err != nil {
			return
		}
	}
}

// expect types a beginning with TABs, goes to the line's beginning, and has the
// shell print the words of the line.
func (term *terminal) expect(typed, want string) {
	term.t.Helper()
	term.await(typed+"\x01printf '<%s>' \n", want)
}

// await types a text and waits for another.
func (term *terminal) await(typed, want string) {
	term.t.Helper()
	if _, err := io.WriteString(term.file, typed); err != nil {
		term.t.Fatal(err)
	}
	deadline := time.After(10 * time.Second)
	for {
		if _, after, ok := strings.Cut(term.seen, want); ok {
			term.seen = after
			return
		}
		select {
		case text, ok := <-term.output:
			if !ok {
				term.t.Fatalf("%q: the shell ended: %q", typed, term.seen)
			}
			term.seen += string(text)
			term.all += string(text)
		case <-deadline:
			term.t.Errorf("%q: want %q, got %q", typed, want, term.seen)
			term.seen = ""
			return
		}
	}
}
