package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// maxLog is the size in bytes beyond which the log is begun anew.
const maxLog = 8 << 20

// File descriptors that a child inherits besides the standard ones.
const (
	readyFD = 3 // written when the engine serves, or cannot
	mapsFD  = 4 // closed when the user namespace has its ids
)

// ready is what an engine that serves says.
const ready = "ready"

// spawn starts an engine and waits until it serves. The start lock is held.
func (c Config) spawn(ctx context.Context) error {
	id, err := c.makeID()
	if err != nil {
		return err
	}
	log, err := c.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	says, tell, err := os.Pipe()
	if err != nil {
		return err
	}
	defer says.Close()
	path, err := socket(id)
	if err != nil {
		return errors.Join(err, tell.Close())
	}
	if err := os.WriteFile(c.settingsFile(), []byte(c.Settings.sum()), 0o600); err != nil {
		return errors.Join(err, tell.Close())
	}
	cmd, err := c.command(childConfig{Root: c.Root, ID: id, Socket: path, Idle: c.Idle, Settings: c.Settings}, log, tell)
	if err == nil {
		err = startMapped(cmd)
	}
	tell.Close()
	if err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // reap it, should this process live so long
	return await(ctx, cmd, says)
}

// command is this program as the engine's init.
func (c Config) command(child childConfig, log, tell *os.File) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	arg, err := json.Marshal(child)
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{
		Path: self, Args: []string{os.Args[0], Command, stageInit, string(arg)}, Dir: "/",
		Env: os.Environ(), Stdout: log, Stderr: log, ExtraFiles: []*os.File{tell},
		SysProcAttr: &syscall.SysProcAttr{
			Setsid:     true,
			Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC,
		},
	}
	if os.Geteuid() != 0 {
		cmd.Args[2] = stageMapped
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
	}
	return cmd, nil
}

// openLog opens the log for appending, begun anew when it has grown large.
func (c Config) openLog() (*os.File, error) {
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if info, err := os.Stat(c.LogPath()); err == nil && info.Size() > maxLog {
		flags |= os.O_TRUNC
	}
	return os.OpenFile(c.LogPath(), flags, 0o600)
}

// startMapped starts the command and, in a new user namespace, gives it this
// user's id as root and the subordinate ids as the others.
func startMapped(cmd *exec.Cmd) error {
	if cmd.SysProcAttr.Cloneflags&syscall.CLONE_NEWUSER == 0 {
		return cmd.Start()
	}
	waits, mapped, err := os.Pipe()
	if err != nil {
		return err
	}
	defer mapped.Close()
	cmd.ExtraFiles = append(cmd.ExtraFiles, waits)
	err = cmd.Start()
	waits.Close()
	if err != nil {
		return fmt.Errorf("make a user namespace: %w", err)
	}
	for _, m := range []struct {
		tool, file string
		id         int
	}{{"newuidmap", "/etc/subuid", os.Getuid()}, {"newgidmap", "/etc/subgid", os.Getgid()}} {
		start, count, err := subordinate(m.file)
		if err == nil {
			out, toolErr := exec.Command(m.tool, strconv.Itoa(cmd.Process.Pid),
				"0", strconv.Itoa(m.id), "1", "1", strconv.Itoa(start), strconv.Itoa(count)).CombinedOutput()
			if toolErr != nil {
				err = fmt.Errorf("%s: %w: %s", m.tool, toolErr, strings.TrimSpace(string(out)))
			}
		}
		if err != nil {
			return errors.Join(err, cmd.Process.Kill(), ignoreExit(cmd.Wait()))
		}
	}
	_, err = mapped.Write([]byte{1})
	return err
}

// ignoreExit leaves out that a killed process was killed.
func ignoreExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

// await waits for the engine to say that it serves, or why it does not.
func await(ctx context.Context, cmd *exec.Cmd, says io.ReadCloser) error {
	stop := context.AfterFunc(ctx, func() { says.Close() })
	defer stop()
	said, err := io.ReadAll(says)
	switch text := strings.TrimSpace(string(said)); {
	case text == ready:
		return nil
	case ctx.Err() != nil:
		return errors.Join(ctx.Err(), cmd.Process.Kill())
	case text != "":
		return errors.New(text)
	case err != nil:
		return err
	}
	return errEnded
}
