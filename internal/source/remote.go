package source

import (
	"slices"

	"golang.org/x/sys/unix"
)

// ownFileSystems are types of file systems whose times are by this machine's
// clock: statfs(2). What is not here may be a server's: NFS, SMB, FUSE, 9p.
var ownFileSystems = []int64{
	unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.BCACHEFS_SUPER_MAGIC,
	unix.TMPFS_MAGIC, unix.OVERLAYFS_SUPER_MAGIC, unix.MSDOS_SUPER_MAGIC, unix.EXFAT_SUPER_MAGIC,
	0x2fc12fc1, // ZFS
}

// isRemote reports whether an open file may have its times by another clock
// than this machine's.
func isRemote(fd int) bool {
	var st unix.Statfs_t
	err := again(func() error { return unix.Fstatfs(fd, &st) })
	return err != nil || !slices.Contains(ownFileSystems, int64(st.Type))
}
