package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"stowage": standIn})
}

// standIn stands in for the stowage command: hold starts a process that keeps
// a file of the store open until builder stop ends it.
func standIn() {
	if err := standInFor(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func standInFor(args []string) error {
	store := os.Getenv("STOWAGE_STORE")
	if i := slices.Index(args, "--store"); i > 0 {
		store = args[i+1]
	}
	fifo := filepath.Join(store, "until")
	switch {
	case args[0] == "hold":
		if err := os.MkdirAll(store, 0o755); err != nil {
			return err
		}
		script := `mkfifo "$0" && (exec <>"$0" && echo held && read -r _) >&2 &`
		return exec.Command("sh", "-c", script, fifo).Run()
	case strings.Join(args[:2], " ") == "builder stop":
		if _, err := os.Stat(fifo); err != nil {
			return nil
		}
		return os.WriteFile(fifo, []byte("stop\n"), 0)
	}
	return fmt.Errorf("stowage %q", args)
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Setup: Setup, Cmds: Commands()})
}
