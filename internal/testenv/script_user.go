package testenv

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// nobody is the user and group that own nothing.
const nobody = 65534

// withoutRuncCommand puts, in the place of each directory of PATH that has an
// OCI runtime, one of links to everything else in it.
func withoutRuncCommand(ts *testscript.TestScript, neg bool, args []string) {
	s := scriptOf(ts, !neg && len(args) == 0, "withoutrunc")
	runtimes := []string{"runc", "crun", "buildkit-runc"}
	dirs := filepath.SplitList(ts.Getenv("PATH"))
	for i, dir := range dirs {
		if !slices.ContainsFunc(runtimes, func(name string) bool { return exists(filepath.Join(dir, name)) }) {
			continue
		}
		links := filepath.Join(s.dir, "path"+strconv.Itoa(i))
		ts.Check(os.Mkdir(links, 0o755))
		entries, err := os.ReadDir(dir)
		ts.Check(err)
		for _, entry := range entries {
			if !slices.Contains(runtimes, entry.Name()) {
				ts.Check(os.Symlink(filepath.Join(dir, entry.Name()), filepath.Join(links, entry.Name())))
			}
		}
		dirs[i] = links
	}
	ts.Setenv("PATH", strings.Join(dirs, string(filepath.ListSeparator)))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func asNobodyCommand(ts *testscript.TestScript, neg bool, args []string) {
	s := scriptOf(ts, !neg && len(args) >= 2, "asnobody code command args...")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	home, err := s.nobodyHome()
	ts.Check(err)
	program, err := exec.LookPath(args[1])
	ts.Check(err)
	for _, path := range []string{program, s.work, home} {
		ts.Check(openTo(path))
	}
	id := strconv.Itoa(nobody)
	as := []string{
		"--reuid", id, "--regid", id, "--clear-groups",
		"env", "HOME=" + home, "TMPDIR=" + home, "XDG_RUNTIME_DIR=" + home,
		"STOWAGE_STORE=" + filepath.Join(home, "store"), program,
	}
	code := 0
	var exit *exec.ExitError
	if err := ts.Exec("setpriv", append(as, args[2:]...)...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// nobodyHome is a directory that nobody may write to.
func (s *script) nobodyHome() (string, error) {
	home := filepath.Join(s.dir, "nobody")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return "", fmt.Errorf("make a home for nobody: %w", err)
	}
	return home, os.Chown(home, nobody, nobody)
}

// openTo lets every user reach path: the directories that tests make are
// closed to others.
func openTo(path string) error {
	for dir := filepath.Dir(path); dir != filepath.Clean(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o001 != 0 {
			continue
		}
		if err := os.Chmod(dir, info.Mode().Perm()|0o011); err != nil {
			return err
		}
	}
	return nil
}
