// Package tracepoint is the kernel's own account of what becomes of sockets and
// packets: the tracepoints of TCP (Documentation/trace/events.rst), with their
// formats read from tracefs.
//
// Whatever ends the process, nothing is left behind: the mount of tracefs is
// attached nowhere and goes with its descriptor, and a keeper removes the tracing
// instance.
package tracepoint

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrUnknown is the error for a tracepoint that this kernel does not have.
var ErrUnknown = errors.New("this kernel has no such tracepoint")

// FS is a mount of tracefs that no path leads to, on this machine's or in any
// other mount namespace: it is there for the one who holds the descriptor
// (fsmount(2)).
type FS struct{ fd int }

// Mount mounts tracefs. Only root may.
func Mount() (*FS, error) {
	context, err := unix.Fsopen("tracefs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("tracefs: %w", os.NewSyscallError("fsopen", err))
	}
	defer unix.Close(context)
	if err := unix.FsconfigCreate(context); err != nil {
		return nil, fmt.Errorf("tracefs: %w", os.NewSyscallError("fsconfig", err))
	}
	fd, err := unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return nil, fmt.Errorf("tracefs: %w", os.NewSyscallError("fsmount", err))
	}
	return &FS{fd}, nil
}

// Close ends the mount.
func (fs *FS) Close() error { return unix.Close(fs.fd) }

// Format reads the format of a tracepoint, "tcp:tcp_send_reset". The error is
// ErrUnknown where the kernel does not have it.
func (fs *FS) Format(name string) (*Format, error) {
	path := "events/" + strings.Replace(name, ":", "/", 1) + "/format"
	text, err := fs.Read(path)
	if errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("%s: %w", name, ErrUnknown)
	}
	if err != nil {
		return nil, err
	}
	f, err := ParseFormat(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.path = strings.Replace(name, ":", "/", 1)
	return f, nil
}

// write writes to a file that is there.
func (fs *FS) write(path, text string) error {
	fd, err := unix.Openat(fs.fd, path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("tracefs: %s: %w", path, os.NewSyscallError("openat", err))
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte(text)); err != nil {
		return fmt.Errorf("tracefs: %s: %q: %w", path, text, os.NewSyscallError("write", err))
	}
	return nil
}

// Read reads a file or, of a directory, the names in it, each on a line.
func (fs *FS) Read(path string) (string, error) {
	fd, err := unix.Openat(fs.fd, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("tracefs: %s: %w", path, os.NewSyscallError("openat", err))
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("tracefs: %w", err)
	}
	if info.IsDir() {
		names, err := f.Readdirnames(-1)
		if err != nil {
			return "", fmt.Errorf("tracefs: %w", err)
		}
		return strings.Join(names, "\n"), nil
	}
	var text strings.Builder
	if _, err := f.WriteTo(&text); err != nil {
		return "", fmt.Errorf("tracefs: %w", err)
	}
	return text.String(), nil
}
