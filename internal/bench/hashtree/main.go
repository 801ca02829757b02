// Command hashtree reads and hashes every file below a directory, .git left
// out, and does nothing else. It is what a plan without a cache cannot be
// faster than.
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: hashtree DIR")
		os.Exit(2)
	}
	files, err := hashTree(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "hashtree:", err)
		os.Exit(1)
	}
	fmt.Println(files)
}

// hashTree returns how many files it has hashed.
func hashTree(dir string) (int, error) {
	names := make(chan string, 1024)
	var group errgroup.Group
	for range 2 * runtime.GOMAXPROCS(0) {
		group.Go(func() (err error) {
			buffer := make([]byte, 64<<10)
			for name := range names { // to the end, so that the walk goes on
				if err == nil {
					err = hashFile(name, buffer)
				}
			}
			return err
		})
	}
	files := 0
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == ".git":
			return fs.SkipDir
		case entry.Type().IsRegular():
			files++
			names <- name
		}
		return nil
	})
	close(names)
	if failed := group.Wait(); err == nil {
		err = failed
	}
	return files, err
}

func hashFile(name string, buffer []byte) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{f}, buffer); err != nil {
		return err
	}
	h.Sum(nil)
	return nil
}
