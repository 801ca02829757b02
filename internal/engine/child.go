package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Command is the first argument of a process that is part of an engine.
const Command = "__engine"

// The stages of an engine's start: the second argument.
const (
	stageMapped = "mapped" // in a user namespace that has no ids yet
	stageInit   = "init"   // process 1 of the namespaces
	stageServe  = "serve"  // the daemon
)

// childConfig is what a stage is told: the third argument.
type childConfig struct {
	Root   string        `json:"root"`
	ID     string        `json:"id"`
	Socket string        `json:"socket"`
	Idle   time.Duration `json:"idle"`
	// Settings may be nil.
	Settings *Settings `json:"settings,omitempty"`
}

// Main runs one stage of an engine's start and returns the exit code. args
// are the arguments after Command.
func Main(args []string) int {
	tell := newStarter(os.NewFile(readyFD, "ready"))
	err := runStage(args, tell)
	if err == nil {
		return 0
	}
	fmt.Fprintf(os.Stderr, "engine: %v\n", err)
	tell.say(err.Error())
	return 1
}

func runStage(args []string, tell *starter) error {
	if len(args) != 2 {
		return errors.New("this command is Stowage's own; run stowage builder start")
	}
	var cfg childConfig
	if err := json.Unmarshal([]byte(args[1]), &cfg); err != nil {
		return fmt.Errorf("read the engine's configuration: %w", err)
	}
	switch args[0] {
	case stageMapped:
		return becomeInit(args[1])
	case stageInit:
		unix.CloseOnExec(readyFD)
		return runInit(args[1], tell)
	case stageServe:
		unix.CloseOnExec(readyFD)
		return serve(cfg, tell)
	}
	return fmt.Errorf("unknown stage %q", args[0])
}

// becomeInit waits until the user namespace has its ids and executes this
// program again, which makes it root there with all capabilities: see
// user_namespaces(7).
func becomeInit(cfg string) error {
	if n, err := unix.Read(mapsFD, make([]byte, 1)); n != 1 {
		return fmt.Errorf("the user namespace got no ids: %w", err)
	}
	unix.CloseOnExec(mapsFD)
	return unix.Exec("/proc/self/exe", []string{os.Args[0], Command, stageInit, cfg}, os.Environ())
}

// runInit prepares the namespaces, starts the daemon, and looks after
// orphans until it ends. When this process ends the kernel ends the rest.
func runInit(cfg string, tell *starter) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT)
	cmd := &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{os.Args[0], Command, stageServe, cfg}, Dir: "/", Env: os.Environ(),
		Stdout: os.Stdout, Stderr: os.Stderr, ExtraFiles: []*os.File{tell.pipe},
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	tell.pipe.Close() // the daemon has it
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s)
		}
	}()
	return reap(cmd.Process.Pid)
}

// reap collects every process that ends, until the daemon does.
func reap(daemon int) error {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("wait for the daemon: %w", err)
		case pid == daemon && status.Signaled():
			return fmt.Errorf("the daemon was ended by signal %s", status.Signal())
		case pid == daemon && status.ExitStatus() != 0:
			return fmt.Errorf("the daemon ended with exit code %d", status.ExitStatus())
		case pid == daemon:
			return nil
		}
	}
}

// inUserNamespace reports whether this process is root only in a user
// namespace: see user_namespaces(7) for uid_map.
func inUserNamespace() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	if err != nil || os.Geteuid() != 0 {
		return false
	}
	f := strings.Fields(string(b))
	return len(f) >= 3 && f[0] == "0" && f[1] != "0"
}
