package measure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Usage is what a process used, children that it waited for included.
type Usage struct {
	Wall, CPU time.Duration
	// Peak is the largest resident set of any one of the processes, in bytes.
	// Linux counts the parent's at the time of the start as well, so a parent
	// that measures must be a small program; Run forgets what it was before.
	Peak int64
	// Read and Written are bytes of the process's own read and write calls:
	// files, pipes and sockets alike, whether or not a disk had to move.
	Read, Written int64
}

// Then is what two processes used that ran one after the other.
func (u Usage) Then(next Usage) Usage {
	return Usage{
		Wall: u.Wall + next.Wall, CPU: u.CPU + next.CPU, Peak: max(u.Peak, next.Peak),
		Read: u.Read + next.Read, Written: u.Written + next.Written,
	}
}

// Command is a process to run. What it writes to its standard output goes to
// /dev/null.
type Command struct {
	Dir  string
	Env  []string // nil is the caller's
	Args []string // the program first
}

// Run runs the process to its end. A process that fails is an error with what
// it said; one that ctx ends is ctx's error.
func (c Command) Run(ctx context.Context) (Usage, error) {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Dir, cmd.Env = c.Dir, c.Env
	cmd.WaitDelay = time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	debug.FreeOSMemory()
	_ = Process(os.Getpid()).ForgetPeak()
	start := time.Now()
	moved, err := run(cmd)
	wall := time.Since(start)
	name := filepath.Base(c.Args[0])
	if ctx.Err() != nil {
		return Usage{}, fmt.Errorf("run %s: %w", name, ctx.Err())
	}
	if err != nil {
		return Usage{}, fmt.Errorf("run %s: %w: %s", name, err, strings.TrimSpace(stderr.String()))
	}
	used, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return Usage{}, errors.New("this system does not say what a process used")
	}
	return Usage{
		Wall: wall, CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		Peak: used.Maxrss << 10, // in KiB on Linux: getrusage(2)
		Read: moved.Read, Written: moved.Written,
	}, nil
}

// run runs cmd to its end, and reads what it has moved while it is a zombie.
func run(cmd *exec.Cmd) (Usage, error) {
	if err := cmd.Start(); err != nil {
		return Usage{}, err
	}
	for {
		err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	moved, err := Process(cmd.Process.Pid).moved()
	return moved, errors.Join(cmd.Wait(), err)
}
