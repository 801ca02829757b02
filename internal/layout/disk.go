package layout

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

// disk makes every change to the layout's files.
type disk struct {
	// step is told of each change before it is made, and forbids it by an
	// error; nil permits all. Tests stop a process there.
	step func(op, path string) error
}

func (d *disk) before(op, path string) error {
	if d.step == nil {
		return nil
	}
	return d.step(op, path)
}

func (d *disk) mkdir(path string) error {
	if err := d.before("mkdir", path); err != nil {
		return err
	}
	return os.Mkdir(path, 0o755)
}

func (d *disk) mkdirAll(path string) error {
	if err := d.before("mkdir", path); err != nil {
		return err
	}
	return os.MkdirAll(path, 0o755)
}

// createTemp is os.CreateTemp.
func (d *disk) createTemp(dir, pattern string) (*os.File, error) {
	if err := d.before("create", dir); err != nil {
		return nil, err
	}
	return os.CreateTemp(dir, pattern)
}

// write writes all of b. It may be stopped half way, as the kernel may.
func (d *disk) write(f *os.File, b []byte) (int, error) {
	if d.step == nil {
		return f.Write(b)
	}
	written := 0
	for _, part := range [][]byte{b[:len(b)/2], b[len(b)/2:]} {
		if err := d.before("write", f.Name()); err != nil {
			return written, err
		}
		n, err := f.Write(part)
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

func (d *disk) chmod(f *os.File, mode fs.FileMode) error {
	if err := d.before("chmod", f.Name()); err != nil {
		return err
	}
	return f.Chmod(mode)
}

// chtimes sets the file's times to t.
func (d *disk) chtimes(path string, t time.Time) error {
	if err := d.before("chtimes", path); err != nil {
		return err
	}
	return os.Chtimes(path, t, t)
}

// sync makes the file's content durable.
func (d *disk) sync(f *os.File) error {
	if err := d.before("sync", f.Name()); err != nil {
		return err
	}
	return f.Sync()
}

// syncDir makes renames into dir durable.
func (d *disk) syncDir(dir string) error {
	if err := d.before("sync", dir); err != nil {
		return err
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *disk) rename(from, to string) error {
	if err := d.before("rename", to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// link gives the file from a second name.
func (d *disk) link(from, to string) error {
	if err := d.before("link", to); err != nil {
		return err
	}
	return os.Link(from, to)
}

// empty makes the file at path empty, if it is that of info still. It is the
// file that is opened, and not its name, so that one which has been put in its
// place meanwhile stays as it is.
func (d *disk) empty(path string, info fs.FileInfo) (err error) {
	if err := d.before("empty", path); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if have, err := f.Stat(); err != nil || !sameFile(have, info) {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if have, err := w.Stat(); err != nil || !sameFile(have, info) {
		return err
	}
	return errors.Join(w.Truncate(0), w.Sync(), w.Chmod(0o444))
}

func (d *disk) remove(path string) error {
	if err := d.before("remove", path); err != nil {
		return err
	}
	return os.Remove(path)
}

func (d *disk) removeAll(path string) error {
	if err := d.before("remove", path); err != nil {
		return err
	}
	return os.RemoveAll(path)
}
