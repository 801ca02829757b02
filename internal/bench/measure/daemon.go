package measure

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Process is the id of a process that goes on: a daemon's. What it has used is
// what the kernel says in /proc; see proc(5).
type Process int

// Usage is what the process, and those that it ran and that have ended, have
// used since it started; Peak is the process's own since ForgetPeak. Wall is 0.
func (p Process) Usage() (Usage, error) {
	u, err := p.moved()
	if err != nil {
		return Usage{}, err
	}
	if u.CPU, err = p.cpu(); err != nil {
		return Usage{}, err
	}
	u.Peak, err = p.number("status", "VmHWM")
	u.Peak <<= 10 // it is in kB
	return u, err
}

// Since is what was used after before; the peak is not a difference.
func (u Usage) Since(before Usage) Usage {
	return Usage{
		Wall: u.Wall - before.Wall, CPU: u.CPU - before.CPU, Peak: u.Peak,
		Read: u.Read - before.Read, Written: u.Written - before.Written,
	}
}

// ForgetPeak makes the peak what the process has now.
func (p Process) ForgetPeak() error {
	return os.WriteFile(p.file("clear_refs"), []byte("5"), 0)
}

func (p Process) file(name string) string { return fmt.Sprintf("/proc/%d/%s", int(p), name) }

// moved is what the process's calls have read and written.
func (p Process) moved() (u Usage, err error) {
	if u.Read, err = p.number("io", "rchar"); err != nil {
		return u, err
	}
	u.Written, err = p.number("io", "wchar")
	return u, err
}

// number reads one number of a file with lines of a name and a number.
func (p Process) number(file, name string) (int64, error) {
	text, err := os.ReadFile(p.file(file))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && key == name {
			return strconv.ParseInt(strings.Fields(value)[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("read %s: it has no %s", p.file(file), name)
}

// cpu is the processor time of proc_pid_stat(5): utime to cstime.
func (p Process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(p.file("stat"))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may have any character in it.
	fields := strings.Fields(string(text)[strings.LastIndexByte(string(text), ')')+1:])
	const utime, cstime, perSecond = 11, 14, 100 // of what follows the name
	if len(fields) <= cstime {
		return 0, fmt.Errorf("read %s: it has %d fields", p.file("stat"), len(fields))
	}
	var ticks int64
	for _, field := range fields[utime : cstime+1] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", p.file("stat"), err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / perSecond, nil
}
