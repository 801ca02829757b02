package engine

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
)

// Check says what this machine lacks for the engine, nil if nothing.
func Check() error {
	var missing []error
	if _, err := runtimeBinary(); err != nil {
		missing = append(missing, err)
	}
	if os.Geteuid() != 0 {
		missing = append(missing, checkRootless()...)
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("the embedded builder cannot start: %w; or build elsewhere with --builder", errors.Join(missing...))
}

// runtimeBinary is the OCI runtime to run instructions with.
func runtimeBinary() (string, error) {
	for _, name := range []string{"runc", "crun"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("runc (or crun) is not in PATH; install it: apt install runc, dnf install runc, or apk add runc")
}

// subIDs is how many subordinate ids a container needs: those of 16 bits.
const subIDs = 65536

// checkRootless looks for what a user other than root needs besides.
func checkRootless() []error {
	var missing []error
	for _, name := range []string{"newuidmap", "newgidmap"} {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, fmt.Errorf("you are not root and %s is not in PATH; install it: apt install uidmap, or dnf install shadow-utils", name))
			break
		}
	}
	name := userName()
	for _, file := range []string{"/etc/subuid", "/etc/subgid"} {
		if _, _, err := subordinate(file); err != nil {
			missing = append(missing, fmt.Errorf("you are not root and %w; have an administrator add one: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s", err, name))
			break
		}
	}
	for _, knob := range []string{"/proc/sys/kernel/unprivileged_userns_clone", "/proc/sys/user/max_user_namespaces"} {
		if b, err := os.ReadFile(knob); err == nil && strings.TrimSpace(string(b)) == "0" {
			missing = append(missing, fmt.Errorf("you are not root and %s forbids user namespaces", knob))
		}
	}
	return missing
}

// userName is this user's name, or number.
func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strconv.Itoa(os.Getuid())
}

// subordinate returns this user's first range of subordinate ids that is
// large enough: see subuid(5).
func subordinate(file string) (start, count int, err error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, 0, fmt.Errorf("%s cannot be read: %w", file, err)
	}
	defer f.Close()
	name, number := userName(), strconv.Itoa(os.Getuid())
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Split(strings.TrimSpace(lines.Text()), ":")
		if len(fields) != 3 || (fields[0] != name && fields[0] != number) {
			continue
		}
		start, err1 := strconv.Atoi(fields[1])
		count, err2 := strconv.Atoi(fields[2])
		if err1 == nil && err2 == nil && count >= subIDs {
			return start, count, nil
		}
	}
	return 0, 0, fmt.Errorf("%s gives %s no range of %d ids", file, name, subIDs)
}
