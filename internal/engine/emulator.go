package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/containerd/platforms"
)

// binfmtDir is where the kernel lists the interpreters of foreign programs,
// below the root directory.
const binfmtDir = "proc/sys/fs/binfmt_misc"

// qemuArch are QEMU's names of architectures that are not Go's: binfmt_misc's
// entries are called qemu- and these.
func qemuArch(goArch string) string {
	switch goArch {
	case "amd64":
		return "x86_64"
	case "386":
		return "i386"
	case "arm64":
		return "aarch64"
	case "mips64le":
		return "mips64el"
	case "loong64":
		return "loongarch64"
	}
	return goArch
}

// RegisterEmulator says how the machine of a builder comes to run programs of
// a platform: with an emulator that binfmt_misc knows. See
// https://docs.kernel.org/admin-guide/binfmt-misc.html.
func RegisterEmulator(platform string) string {
	arch := architecture(platform)
	return fmt.Sprintf("Register an emulator for %s with binfmt_misc on the builder's machine: apt install qemu-user-static (Debian, Ubuntu), or docker run --privileged --rm tonistiigi/binfmt --install %s. Or build on a machine of that kind: --builder %s=ENDPOINT", platform, arch, platform)
}

// LacksEmulator is RegisterEmulator with what is the matter on this machine.
func LacksEmulator(platform string) string {
	return lacksEmulator(os.DirFS("/"), platform) + ". " + RegisterEmulator(platform)
}

// lacksEmulator says why this machine does not run programs of a platform.
func lacksEmulator(root fs.FS, platform string) string {
	if _, err := fs.Stat(root, path.Join(binfmtDir, "status")); errors.Is(err, fs.ErrNotExist) {
		return "On this machine binfmt_misc is not mounted (mount -t binfmt_misc binfmt_misc /" + binfmtDir + ")"
	}
	if status, err := fs.ReadFile(root, path.Join(binfmtDir, "status")); err == nil && strings.TrimSpace(string(status)) == "disabled" {
		return "On this machine binfmt_misc is disabled (echo 1 > /" + binfmtDir + "/status)"
	}
	name := path.Join(binfmtDir, "qemu-"+qemuArch(architecture(platform)))
	entry, err := fs.ReadFile(root, name)
	if err != nil {
		return "On this machine there is no /" + name
	}
	state, _, _ := strings.Cut(string(entry), "\n")
	switch {
	case state == "disabled":
		return "On this machine /" + name + " is disabled (echo 1 > /" + name + ")"
	case !strings.Contains(flagsOf(string(entry)), "F"):
		return "On this machine /" + name + " is registered without the flag F, so that containers do not find the emulator"
	}
	return "On this machine the emulator of /" + name + " does not work"
}

// flagsOf are the flags of an entry of binfmt_misc.
func flagsOf(entry string) string {
	for line := range strings.Lines(entry) {
		if flags, ok := strings.CutPrefix(line, "flags:"); ok {
			return strings.TrimSpace(flags)
		}
	}
	return ""
}

// architecture is that of a platform, in Go's words.
func architecture(platform string) string {
	p, err := platforms.Parse(platform)
	if err != nil {
		return platform
	}
	return platforms.Normalize(p).Architecture
}
