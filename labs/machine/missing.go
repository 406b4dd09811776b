// Package machine is what this machine allows: what is missing for a run, the
// command that gives it, and how a program gets to where it may run labs.
package machine

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/account"
	"github.com/tcplab/tcplab/labs/internal/stack"
	"github.com/tcplab/tcplab/labs/internal/sysctl"
	"github.com/tcplab/tcplab/labs/internal/tracepoint"
	"github.com/tcplab/tcplab/labs/internal/tun"
)

// A MissingError says that this machine does not allow what a run needs, and
// the command that gives it.
type MissingError struct {
	What string
	Mend string
	Err  error
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s (%v); to fix it: %s", e.What, e.Err, e.Mend)
}

func (e *MissingError) Unwrap() error { return e.Err }

// Missing turns a failure to make a host into a *MissingError where one of the
// known reasons fits, and returns another error as it is.
func Missing(err error) error {
	var failed *stack.Error
	var errno unix.Errno
	var call *os.SyscallError
	if !errors.As(err, &failed) {
		return err
	}
	errors.As(err, &errno)
	const needs = "a run needs "
	switch {
	case failed.Step == stack.IPv6:
		return &MissingError{"--ipv6 needs IPv6", "boot without ipv6.disable=1", failed.Err}
	case failed.Step == stack.Device && errno == unix.ENOENT:
		return &MissingError{needs + tun.Path, "sudo modprobe tun; in a container, with --device=" + tun.Path, failed.Err}
	case failed.Step == stack.Device && (errno == unix.ENODEV || errno == unix.ENXIO):
		return &MissingError{needs + "the tun module", "sudo modprobe tun", failed.Err}
	case failed.Step == stack.Device && errno == unix.EPERM && errors.As(err, &call) && call.Syscall != "open":
		return &MissingError{needs + "CAP_NET_ADMIN", "run it as root; in a container, with --cap-add=NET_ADMIN", failed.Err}
	case failed.Step == stack.Sysctls && errors.Is(err, sysctl.ErrReadOnly): // or AppArmor forbids it
		return &MissingError{needs + "CAP_NET_ADMIN", "run it as root; in a container, with --cap-add=NET_ADMIN --security-opt apparmor=unconfined", failed.Err}
	case failed.Step == stack.Device && errno == unix.EPERM: // a cgroup's list of devices
		return &MissingError{needs + "to open " + tun.Path, "in a container, with --device=" + tun.Path, failed.Err}
	case failed.Step == stack.Device && errno == unix.EACCES:
		return &MissingError{needs + "to open " + tun.Path, "sudo chmod 0666 " + tun.Path, failed.Err}
	case failed.Step == stack.Namespace && (errno == unix.EPERM || errno == unix.EACCES):
		return MissingNamespaces(failed.Err)
	case failed.Step == stack.Namespace && (errno == unix.ENOSPC || errno == unix.EUSERS):
		return &MissingError{needs + "two network namespaces", "sudo sysctl user.max_net_namespaces=1000", failed.Err}
	case failed.Step == stack.Sysctls && (errno == unix.EROFS || errors.Is(err, sysctl.ErrUnknown)):
		return &MissingError{needs + "to set sysctls", "in a container, with --security-opt systempaths=unconfined (podman: unmask=ALL)", failed.Err}
	case failed.Step == stack.Diag && errno == unix.EPROTONOSUPPORT:
		return &MissingError{needs + "inet_diag", "sudo modprobe tcp_diag", failed.Err}
	}
	return err
}

// MissingTrace says what a run that traces needs of this machine.
func MissingTrace(err error) error {
	const needs = "--trace needs "
	switch {
	case errors.Is(err, account.ErrOtherPIDs):
		return &MissingError{needs + "the machine's own process ids", "run it outside of containers", err}
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return &MissingError{needs + "root: the kernel lets nobody else trace", "run it as root, outside of containers and of a kernel that is locked down", err}
	case errors.Is(err, unix.ENODEV), errors.Is(err, tracepoint.ErrUnknown):
		return &MissingError{needs + "tracepoints", "a kernel with CONFIG_FTRACE", err}
	case errors.Is(err, unix.ENOSYS): // of fsopen
		return &MissingError{needs + "fsopen", "Linux 5.2 or later", err}
	case errors.Is(err, unix.EMFILE):
		return &MissingError{needs + "more descriptors", "ulimit -n 65536", err}
	}
	return err
}

// MissingNamespaces returns the MissingError for a system that lets an ordinary
// user have no user namespace, or no network namespace in it.
func MissingNamespaces(err error) error {
	mend := "run it as root, or: sudo sysctl user.max_user_namespaces=10000"
	for _, s := range []struct{ file, want, mend string }{
		{"kernel/apparmor_restrict_unprivileged_userns", "0", "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
		{"kernel/unprivileged_userns_clone", "1", "sudo sysctl kernel.unprivileged_userns_clone=1"},
	} {
		if now := sysctl.Machine(s.file); now != "" && now != s.want {
			mend = "run it as root, or: " + s.mend
			break
		}
	}
	return &MissingError{"a run needs a user and network namespace of its own", mend + "; in a container, with --cap-add=SYS_ADMIN", err}
}
