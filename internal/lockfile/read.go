package lockfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/hashicorp/hcl/v2"

	"github.com/stowage-build/stowage/planner"
)

// Name is the lock file's name. It is in the workspace's root directory.
const Name = "stowage.lock.hcl"

// maxSize bounds what is read, in bytes: room for some 50,000 images.
const maxSize = 16 << 20

// Read reads the lock file in the directory root. Without one the lock is nil.
// What is wrong in the file is diagnostics, all of it; the error is for a file
// that cannot be read.
func Read(root string) (*planner.Lock, hcl.Diagnostics, error) {
	src, err := read(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the lock file: %w", err)
	}
	lock, diags := Parse(src)
	return lock, diags, nil
}

// read does not follow a symlink out of root.
func read(root string) ([]byte, error) {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	info, err := dir.Stat(Name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", Name)
	}
	if info.Size() > maxSize {
		return nil, fmt.Errorf("%s is larger than %d MiB", Name, maxSize>>20)
	}
	return dir.ReadFile(Name)
}
