// Package rootfs is a directory on disk as an fs.FS that no path and no symlink
// leads out of, like os.Root.FS, with one system call where that one opens
// every directory on the way and looks at every entry of a directory: a plan
// reads some files of thousands of directories.
//
// It is not for writing. Start at Open.
package rootfs
