package lab

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/sysctl"
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
	return fmt.Sprintf("%s (%v); to mend it: %s", e.What, e.Err, e.Mend)
}

func (e *MissingError) Unwrap() error { return e.Err }

// missing turns a failure to make a host into a MissingError where one of the
// known reasons fits.
func missing(err error) error {
	const needs = "a run needs "
	switch text := err.Error(); {
	case strings.Contains(text, tun.Path) && errors.Is(err, unix.ENOENT):
		return &MissingError{needs + tun.Path, "sudo modprobe tun", err}
	case strings.Contains(text, tun.Path) && (errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO)):
		return &MissingError{needs + "the tun module", "sudo modprobe tun", err}
	case strings.Contains(text, tun.Path) && (errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM)):
		return &MissingError{needs + "to open " + tun.Path, "sudo chmod 0666 " + tun.Path, err}
	case strings.Contains(text, "unshare") && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)):
		return MissingNamespaces(err)
	case strings.Contains(text, "unshare") && (errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EUSERS)):
		return &MissingError{needs + "two network namespaces", "sudo sysctl user.max_net_namespaces=1000", err}
	case strings.Contains(text, "NETLINK_SOCK_DIAG") && errors.Is(err, unix.EPROTONOSUPPORT):
		return &MissingError{needs + "inet_diag", "sudo modprobe tcp_diag", err}
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
	return &MissingError{"a run needs a user and network namespace of its own", mend, err}
}
