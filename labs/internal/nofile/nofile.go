// Package nofile lets a call fail for want of a descriptor, where nobody else lacks
// one.
//
// The limit on descriptors (RLIMIT_NOFILE) is a process's, and so is the table that
// it is about; but other runs go on in this one. A thread with a table of its own is
// no way out: the Go runtime uses descriptors of its own on any thread, and ends the
// program where they are missing. Nor is a child that is made by fork: it has, for a
// moment, all descriptors, and what another run closes meanwhile is not closed yet.
//
// So the call is made by a child that shares both memory and descriptors with this
// process (CLONE_VM, CLONE_FILES), refers to nothing of its own, and has its own
// limits. It makes two system calls and ends, before clone returns (CLONE_VFORK).
package nofile

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/sigmask"
)

// Accept is accept(2) in a process that may have no descriptor more. The error is that
// of the call, EMFILE.
func Accept(listener int) (fd int, err error) {
	none, result, pid := unix.Rlimit{}, int64(-int64(unix.ENOSYS)), int64(0)
	// The child must run no handler: it would be one of the Go runtime's.
	if err := sigmask.Blocked(func() { pid = acceptInChild(listener, &none, &result) }); err != nil {
		return -1, err
	}
	if pid < 0 {
		return -1, os.NewSyscallError("clone", unix.Errno(-pid))
	}
	for {
		_, err := unix.Wait4(int(pid), nil, unix.WALL, nil)
		if err == nil {
			break
		}
		if err != unix.EINTR {
			return -1, os.NewSyscallError("wait4", err)
		}
	}
	if result < 0 {
		return -1, unix.Errno(-result)
	}
	return int(result), nil
}
