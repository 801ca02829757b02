package main

import (
	"fmt"
	"io"
	"os"
)

// redirected are the files that streams are written to, where a shell has put
// files in their place: stowage plan > plan.txt. Known on Linux only.
func redirected(streams ...io.Writer) []string {
	var paths []string
	for _, stream := range streams {
		f, ok := stream.(*os.File)
		if !ok {
			continue
		}
		open, err := f.Stat()
		if err != nil || !open.Mode().IsRegular() {
			continue
		}
		path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
		if err != nil {
			continue
		}
		// A file that has been removed or replaced has a path that is not its.
		if there, err := os.Stat(path); err == nil && os.SameFile(open, there) {
			paths = append(paths, path)
		}
	}
	return paths
}
