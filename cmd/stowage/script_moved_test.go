package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// movedCommand runs stowage, which must succeed, and compares the bytes that
// the process has read or written by then, whichever are more, files and
// connections together: moved below|above BYTES ARG…
func movedCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || args[0] != "below" && args[0] != "above" {
		ts.Fatalf("usage: moved below|above bytes args...")
	}
	limit, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	cmd := stowageCommand(ts, args[2:])
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	ts.Check(cmd.Start())
	moved, err := movedBy(cmd.Process.Pid)
	waitErr := cmd.Wait()
	ts.Logf("%s", out.String())
	ts.Check(err)
	ts.Check(waitErr)
	ts.Logf("[%d bytes]", moved)
	if (moved < limit) != (args[0] == "below") {
		ts.Fatalf("stowage has moved %d bytes, which is not %s %d", moved, args[0], limit)
	}
}

// movedBy waits until a child has ended and reads what it has moved, which the
// kernel counts (proc_pid_io(5)) and keeps until somebody takes its exit code.
func movedBy(pid int) (int64, error) {
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil)
		if err == nil {
			break
		}
		if err != unix.EINTR {
			return 0, fmt.Errorf("wait for stowage: %w", err)
		}
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var most int64
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		if key != "rchar" && key != "wchar" {
			continue
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read what stowage has moved: %w", err)
		}
		most = max(most, n)
	}
	return most, nil
}
