package testenv

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestUsersOfEveryKind starts a process that uses a directory in one way, and
// expects to see it until it has ended.
func TestUsersOfEveryKind(t *testing.T) {
	for name, start := range map[string]func(dir string) *exec.Cmd{
		"argument":    func(dir string) *exec.Cmd { return shell("", "--store="+dir) },
		"environment": func(dir string) *exec.Cmd { return environment(shell(""), "STOWAGE_STORE="+dir) },
		"lock":        func(dir string) *exec.Cmd { return environment(inDir(shell("exec 3>lock; flock 3; cd /; "), dir)) },
		"directory":   func(dir string) *exec.Cmd { return environment(inDir(shell(""), dir)) },
		"mount": func(dir string) *exec.Cmd {
			c := environment(inDir(shell("mount -t tmpfs stowage-test mnt; cd /; "), dir))
			c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Unshareflags: syscall.CLONE_NEWNS}
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "mnt"), 0o755); err != nil {
				t.Fatal(err)
			}
			expectUsers(t, dir, 0)
			cmd := start(dir)
			end := run(t, cmd)
			users := expectUsers(t, dir, 1)
			if !strings.Contains(users[0], "echo ready") {
				t.Errorf("the user is %q, want the process's command in it", users[0])
			}
			if err := awaitUnused(dir, 0); err == nil || !strings.Contains(err.Error(), users[0]) {
				t.Errorf("left behind: %v, want %q in it", err, users[0])
			}
			expectUsers(t, filepath.Dir(dir), 1)
			expectUsers(t, dir+"x", 0)
			expectUsers(t, dir[:len(dir)-1], 0)
			end()
			expectUsers(t, dir, 0)
			CheckUnused(t, dir)
		})
	}
}

// TestUsersOfRemovedDirectory: what is in use stays in use when its directory
// is removed.
func TestUsersOfRemovedDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	end := run(t, environment(inDir(shell("exec 3>lock; cd /; "), dir)))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	expectUsers(t, dir, 1)
	end()
	expectUsers(t, dir, 0)
}

// TestUsersAreMounts: a mount in this process's own namespace is reported
// itself, and not as every process that sees it.
func TestUsersAreMounts(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("stowage-test", dir, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	users := expectUsers(t, dir, 1)
	if err := syscall.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(users[0], "mount ") {
		t.Errorf("the user is %q, want a mount", users[0])
	}
	expectUsers(t, dir, 0)
}

func expectUsers(t *testing.T, dir string, count int) []string {
	t.Helper()
	users, err := Users(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(users) != count {
		t.Fatalf("users of %s: %q, want %d", dir, users, count)
	}
	return users
}

// shell is a command that prints a line and goes on until its input ends.
func shell(script string, args ...string) *exec.Cmd {
	return exec.Command("sh", append([]string{"-ec", script + "echo ready; read _ || true", "sh"}, args...)...)
}

// environment replaces the environment, in which tests have their directories.
func environment(cmd *exec.Cmd, vars ...string) *exec.Cmd {
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, vars...)
	return cmd
}

func inDir(cmd *exec.Cmd, dir string) *exec.Cmd {
	cmd.Dir = dir
	return cmd
}

// run starts a command, waits for its first line, and returns how to end it.
func run(t *testing.T, cmd *exec.Cmd) (end func()) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", cmd, err)
		}
	}
}
