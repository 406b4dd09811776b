// Package sysctl reads and writes the sysctls of a private network namespace.
package sysctl

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrUnknown is returned for a sysctl that a network namespace of this kernel
// does not have. Some net.* sysctls exist for the whole machine only.
var ErrUnknown = errors.New("no such sysctl in a network namespace of this kernel")

// ErrReadOnly is returned for a sysctl that may be read but not written.
var ErrReadOnly = errors.New("read-only in a network namespace of this kernel")

// path returns the file of a sysctl. It accepts net.* alone, which is private
// to the namespace: everything else under /proc/sys belongs to the whole
// machine. As in sysctl(8) a '/' in a key stands for a '.' in a name.
func path(key string) (string, error) {
	parts := strings.Split(key, ".")
	if len(parts) < 3 || parts[0] != "net" || strings.ContainsRune(key, 0) {
		return "", ErrUnknown
	}
	for i, p := range parts {
		p = strings.ReplaceAll(p, "/", ".")
		if p == "" || p == "." || p == ".." {
			return "", ErrUnknown
		}
		parts[i] = p
	}
	return "/proc/sys/" + strings.Join(parts, "/"), nil
}

// Read returns the value of a sysctl in the calling thread's namespace, with
// the fields of a list separated by single spaces.
//
// A run reads some forty of them, so this goes without os.File, which would
// set each of them up for polling.
func Read(key string) (string, error) {
	fd, err := open(key, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	return read(fd)
}

// Write sets a sysctl in the calling thread's namespace.
func Write(key, value string) error {
	fd, err := open(key, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return write(fd, value)
}

// Set sets a sysctl in the calling thread's namespace where it is not so already,
// and returns its value as read back. To open one takes longer than the rest, so
// this opens it once.
func Set(key, value string) (now string, err error) {
	fd, err := open(key, unix.O_RDWR)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	if now, err = read(fd); err != nil || now == value {
		return now, err
	}
	if err := write(fd, value); err != nil {
		return "", err
	}
	return read(fd)
}

// read reads from the beginning: the kernel makes the text anew for each read.
func read(fd int) (string, error) {
	var buf [4096]byte // more than the kernel writes for any of them
	n, err := unix.Pread(fd, buf[:], 0)
	if err == unix.EISDIR { // a directory can be opened to be read, but not read
		return "", ErrUnknown
	}
	if err != nil {
		return "", os.NewSyscallError("read", err)
	}
	return strings.Join(strings.Fields(string(buf[:n])), " "), nil
}

func write(fd int, value string) error {
	_, err := unix.Pwrite(fd, []byte(value), 0)
	return os.NewSyscallError("write", err)
}

func open(key string, how int) (fd int, err error) {
	file, err := path(key)
	if err != nil {
		return -1, err
	}
	fd, err = unix.Open(file, how|unix.O_CLOEXEC, 0)
	switch {
	case err == unix.ENOENT, err == unix.EISDIR, err == unix.ENOTDIR, err == unix.ENAMETOOLONG:
		return -1, ErrUnknown
	case how != unix.O_RDONLY && (err == unix.EACCES || err == unix.EPERM):
		return -1, ErrReadOnly
	}
	return fd, os.NewSyscallError("open", err)
}

// Allowed says which values the kernel accepts for a sysctl, by trying: the
// range that holds its present value where it is one number, else the kernel's
// own list where there is one, else an example. It leaves the value as it was.
func Allowed(key string) string {
	now, err := Read(key)
	if err != nil {
		return "a value that the kernel accepts"
	}
	if list, err := Read(strings.Replace(key, "tcp_congestion_control", "tcp_allowed_congestion_control", 1)); err == nil && list != now {
		return "one of " + list
	}
	n, err := strconv.ParseInt(now, 10, 64)
	if err != nil {
		return fmt.Sprintf("a value like %q", now)
	}
	if Write(key, now) != nil {
		return fmt.Sprintf("%q, which is what it is: it can't be changed", now)
	}
	defer func() { _ = Write(key, now) }()
	accepts := func(v int64) bool { return Write(key, strconv.FormatInt(v, 10)) == nil }
	return fmt.Sprintf("%d to %d", edge(n, math.MinInt32, accepts), edge(n, math.MaxUint32, accepts))
}

// edge returns the value furthest from good towards far that is accepted, by
// bisection: what a sysctl accepts is an interval.
func edge(good, far int64, accepts func(int64) bool) int64 {
	if accepts(far) {
		return far
	}
	for good-far > 1 || far-good > 1 {
		if mid := good + (far-good)/2; accepts(mid) {
			good = mid
		} else {
			far = mid
		}
	}
	return good
}

// Machine returns a setting of the whole machine ("kernel/ostype"), or "" where
// it does not exist or may not be read.
func Machine(file string) string {
	text, err := os.ReadFile("/proc/sys/" + file)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
