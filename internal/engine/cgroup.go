package engine

import (
	"os"
	"path/filepath"
)

// cgroupParent is the control group that an engine's containers are below.
func cgroupParent(id string) string { return "/stowage-" + id }

// removeCgroups removes the control groups that containers have left behind:
// runc removes its own, but not after a kill. Groups in use, and directories
// that are no groups, cannot be removed and stay.
func removeCgroups(id string) {
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		for _, below := range []string{"*/*", "*", ""} {
			dirs, _ := filepath.Glob(filepath.Join(root, cgroupParent(id), below))
			for _, dir := range dirs {
				_ = os.Remove(dir)
			}
		}
	}
}
