package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// A newFile is a file that is written whole or not at all: what was under its name
// stays until commit. It has no name until then, so nothing is left behind whatever
// ends the process. What is no regular file, as a pipe or a device, is written
// straight.
type newFile struct {
	*os.File
	path string      // the name that it is to take; "" where it has it
	name string      // the one that it has meanwhile, if any
	old  os.FileInfo // what is there now; nil for nothing
}

// openNew opens a file for writing. It refuses a file that the user may not write,
// and a directory that takes no new one.
func openNew(path string) (*newFile, error) {
	f := &newFile{path: path}
	now, err := os.OpenFile(path, os.O_WRONLY, 0)
	switch {
	case err == nil:
		if f.old, err = now.Stat(); err != nil {
			_ = now.Close()
			return nil, err
		}
		// What a symbolic link points to is replaced, and not the link. There is
		// no such name for /dev/stdout and for what is deleted.
		f.path, err = filepath.EvalSymlinks(path)
		if err != nil || !f.old.Mode().IsRegular() {
			f.File, f.path = now, ""
			return f, nil
		}
		_ = now.Close()
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if f.File, f.name, err = unnamed(filepath.Dir(f.path)); err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: cause(err)}
	}
	if f.old != nil {
		f.keep(f.old)
	}
	return f, nil
}

// unnamed opens a file in a directory that has no name yet. (Where the file system
// has no such files it has one, which is returned.)
func unnamed(dir string) (*os.File, string, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o666)
	switch err {
	case nil:
		return os.NewFile(uintptr(fd), dir), "", nil
	case unix.EOPNOTSUPP, unix.EISDIR: // open(2)
		name := passing(dir)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		return f, name, err
	}
	return nil, "", &os.PathError{Op: "open", Path: dir, Err: err}
}

var passed atomic.Int32

// passing is a name in a directory that a file has for a while.
func passing(dir string) string {
	return filepath.Join(dir, fmt.Sprintf(".tcplab-%d-%d", os.Getpid(), passed.Add(1)))
}

// keep gives the file the mode and, where that is allowed, the owner of another.
func (f *newFile) keep(old os.FileInfo) {
	if is, ok := old.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(int(is.Uid), int(is.Gid))
	}
	_ = f.Chmod(old.Mode().Perm())
}

// same reports whether another file that is to be written takes the same name.
func (f *newFile) same(other *newFile) bool {
	switch {
	case f.path == "" || other.path == "": // as /dev/null, which may be had twice
		return false
	case f.old != nil && other.old != nil:
		return os.SameFile(f.old, other.old)
	}
	return f.old == other.old && whole(f.path) == whole(other.path)
}

// whole is a path without symbolic links in its directory.
func whole(path string) string {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err != nil {
		return path
	}
	return filepath.Join(dir, filepath.Base(path))
}

// appear gives the file its name, before all is written to it.
func (f *newFile) appear() error {
	if f.path == "" {
		return nil
	}
	if f.name == "" { // rename(2) replaces what is there; linkat(2) does not
		name := passing(filepath.Dir(f.path))
		err := unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
		if err != nil {
			return os.NewSyscallError("linkat", err)
		}
		f.name = name
	}
	if err := os.Rename(f.name, f.path); err != nil {
		return err
	}
	f.path, f.name = "", ""
	return nil
}

// commit gives the file, which is whole, its name, and closes it.
func (f *newFile) commit() error {
	if err := f.appear(); err != nil {
		f.abandon()
		return err
	}
	return f.Close()
}

// abandon closes the file, and leaves what has its name.
func (f *newFile) abandon() {
	if f.name != "" {
		_ = os.Remove(f.name)
	}
	_ = f.Close()
}

// writeFile writes a whole file at once.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := openNew(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.abandon()
		return err
	}
	return f.commit()
}
