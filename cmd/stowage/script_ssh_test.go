package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// sshdCommand starts an SSH server that lets this user in with a key of its own.
// SSHD is then USER@HOST:PORT, and SSH_CONFIG what ssh is run with: see
// sshProgram. The server ends when the script does.
func sshdCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: sshd")
	}
	dir := filepath.Join(ts.Getenv("TMPDIR"), "sshd")
	ts.Check(os.MkdirAll(dir, 0o700))
	ts.Check(os.MkdirAll("/run/sshd", 0o755)) // it wants this directory to be there
	for _, key := range []string{"host", "user"} {
		ts.Check(ts.Exec("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, key)))
	}
	me, err := user.Current()
	ts.Check(err)
	port := freePort(ts)
	programs, _, _ := strings.Cut(ts.Getenv("PATH"), string(os.PathListSeparator))
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		ts.Check(os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	hostKey := ts.ReadFile(filepath.Join(dir, "host.pub"))
	known := write("known", fmt.Sprintf("[127.0.0.1]:%d %s", port, hostKey))
	ts.Setenv("SSH_CONFIG", write("client.conf", fmt.Sprintf(
		"Host *\nIdentityFile %s/user\nIdentitiesOnly yes\nUserKnownHostsFile %s\nStrictHostKeyChecking yes\nBatchMode yes\n", dir, known)))
	config := write("server.conf", fmt.Sprintf(
		"ListenAddress 127.0.0.1:%d\nHostKey %[2]s/host\nAuthorizedKeysFile %[2]s/user.pub\nStrictModes no\nPermitRootLogin yes\nUsePAM no\nPidFile none\nSetEnv PATH=%[3]s:/usr/bin:/bin\n",
		port, dir, programs))
	server := exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", config)
	out, err := os.Create(filepath.Join(dir, "log"))
	ts.Check(err)
	server.Stderr = out
	ts.Check(server.Start())
	ts.Defer(func() {
		_ = server.Process.Kill()
		_ = server.Wait() // it was killed
		_ = out.Close()
	})
	awaitListener(ts, port)
	ts.Setenv("SSHD", fmt.Sprintf("%s@127.0.0.1:%d", me.Username, port))
}

func freePort(ts *testscript.TestScript) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func awaitListener(ts *testscript.TestScript, port int) {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			ts.Check(conn.Close())
			return
		}
	}
	ts.Fatalf("nobody listened at %s in a minute", address)
}

// sshProgram is ssh with the configuration of the script in place of the user's,
// which ssh reads whatever HOME says.
func sshProgram() {
	args := append([]string{"ssh", "-F", os.Getenv("SSH_CONFIG")}, os.Args[1:]...)
	err := syscall.Exec("/usr/bin/ssh", args, os.Environ())
	fmt.Fprintln(os.Stderr, err)
	os.Exit(255)
}

// buildctlProgram is what of buildctl is run on a machine that is reached by ssh:
// buildctl --addr unix://… dial-stdio.
func buildctlProgram() {
	if len(os.Args) != 4 || os.Args[1] != "--addr" || os.Args[3] != "dial-stdio" {
		fmt.Fprintf(os.Stderr, "buildctl %q, want --addr ADDRESS dial-stdio\n", os.Args[1:])
		os.Exit(2)
	}
	dialStdio(os.Args[2])
}
