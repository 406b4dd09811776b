package machine_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/account"
	"github.com/tcplab/tcplab/labs/internal/stack"
	"github.com/tcplab/tcplab/labs/internal/sysctl"
	"github.com/tcplab/tcplab/labs/internal/tracepoint"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/machine"
)

// What no test can take from this machine for real.
func TestMissing(t *testing.T) {
	open, ioctl := os.NewSyscallError("open", unix.EPERM), os.NewSyscallError("ioctl TUNSETIFF", unix.EPERM)
	for _, test := range []struct {
		step stack.Step
		err  error
		mend string // "" where it is none of the known reasons
	}{
		{stack.Device, unix.ENODEV, "sudo modprobe tun"},
		{stack.Device, unix.ENXIO, "sudo modprobe tun"},
		{stack.Device, open, "in a container, with --device=/dev/net/tun"},
		{stack.Device, os.NewSyscallError("open", unix.EACCES), "sudo chmod 0666 /dev/net/tun"},
		{stack.Device, os.NewSyscallError("open", unix.ENOENT), "sudo modprobe tun; in a container, with --device=/dev/net/tun"},
		{stack.Device, ioctl, "run it as root; in a container, with --cap-add=NET_ADMIN"},
		{stack.Device, unix.EBUSY, ""},
		{stack.Namespace, unix.EUSERS, "sudo sysctl user.max_net_namespaces=1000"},
		{stack.Namespace, unix.ENOMEM, ""},
		{stack.Diag, unix.EPROTONOSUPPORT, "sudo modprobe tcp_diag"},
		{stack.Diag, unix.ENOBUFS, ""},
		{stack.IPv6, unix.ENOENT, "boot without ipv6.disable=1"},
		{stack.Sysctls, unix.EIO, ""},
		{stack.Sysctls, sysctl.ErrReadOnly, "run it as root; in a container, with --cap-add=NET_ADMIN --security-opt apparmor=unconfined"},
		{stack.Sysctls, unix.EROFS, "in a container, with --security-opt systempaths=unconfined (podman: unmask=ALL)"},
	} {
		err := fmt.Errorf("client: %w", &stack.Error{Step: test.step, Err: test.err})
		missing(t, err, machine.Missing(err), test.mend)
	}
	plain := errors.New("no such host")
	missing(t, plain, machine.Missing(plain), "")
}

func TestMissingTrace(t *testing.T) {
	for _, test := range []struct {
		err  error
		mend string
	}{
		{account.ErrOtherPIDs, "run it outside of containers"},
		{unix.EACCES, "run it as root, outside of containers and of a kernel that is locked down"},
		{unix.ENODEV, "a kernel with CONFIG_FTRACE"},
		{tracepoint.ErrUnknown, "a kernel with CONFIG_FTRACE"},
		{unix.ENOSYS, "Linux 5.2 or later"},
		{unix.EMFILE, "ulimit -n 65536"},
		{unix.EIO, ""},
	} {
		err := fmt.Errorf("tracefs: %w", test.err)
		missing(t, err, machine.MissingTrace(err), test.mend)
	}
}

// missing wants got to be about err, and to name what mends it.
func missing(t *testing.T, err, got error, mend string) {
	t.Helper()
	var m *machine.MissingError
	switch isOne := errors.As(got, &m); {
	case mend == "" && got != err:
		t.Errorf("%v has become %v", err, got)
	case mend != "" && (!isOne || m.Mend != mend || m.What == "" || strings.Contains(got.Error(), "\n")):
		t.Errorf("%v: %v, want one to be mended by %s", err, got, mend)
	}
}

// A look at a connected socket is one, on both families, and its error comes
// through.
func TestInConnection(t *testing.T) {
	mine := errors.New("mine")
	for _, ipv6 := range []bool{false, true} {
		peer := ""
		err := machine.InConnection(t.Context(), ipv6, func(fd int) error {
			name, err := unix.Getpeername(fd)
			peer = fmt.Sprintf("%T", name)
			return errors.Join(mine, err)
		})
		labtest.SkipIfMissing(t, err)
		want := map[bool]string{false: "*unix.SockaddrInet4", true: "*unix.SockaddrInet6"}[ipv6]
		if !errors.Is(err, mine) || peer != want {
			t.Errorf("IPv6 %t: connected to a %s; %v", ipv6, peer, err)
		}
	}
}
