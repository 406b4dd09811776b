package stack_test

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/need"
	"github.com/tcplab/tcplab/labs/internal/netns"
	"github.com/tcplab/tcplab/labs/internal/stack"
)

// A call is a system call that fails on the thread that makes a host.
type call struct {
	number uintptr
	errno  unix.Errno
	args   []need.Arg
}

// of is a call with an argument.
func of(number uintptr, errno unix.Errno, n int, value uint32) call {
	return call{number, errno, []need.Arg{{N: n, Value: value}}}
}

// toWrite is the third argument of openat, of what is opened to be written.
const toWrite = unix.O_WRONLY | unix.O_CLOEXEC | unix.O_LARGEFILE

// A machine that does not allow a part of what a host takes is told by the step;
// any other failure is none of these. Either has the host's name, and what was made
// until then goes when the host is closed.
func TestMakeFails(t *testing.T) {
	need.Seccomp(t)
	for name, test := range map[string]struct {
		family string
		call   call
		step   stack.Step // "" for none
		text   string     // what the error begins with, or how
	}{
		"no namespace":       {"ipv4", call{unix.SYS_UNSHARE, unix.EPERM, nil}, stack.Namespace, "client: network namespace: unshare: "},
		"no more of them":    {"ipv6", call{unix.SYS_UNSHARE, unix.ENOSPC, nil}, stack.Namespace, "client: network namespace: unshare: "},
		"no device":          {"ipv4", of(unix.SYS_IOCTL, unix.EPERM, 1, unix.TUNSETIFF), stack.Device, "client: TUN device: /dev/net/tun: ioctl TUNSETIFF: "},
		"no inet_diag":       {"ipv4", of(unix.SYS_SOCKET, unix.EPROTONOSUPPORT, 2, unix.NETLINK_SOCK_DIAG), stack.Diag, "client: inet_diag: NETLINK_SOCK_DIAG: socket: "},
		"no IPv6":            {"ipv6", of(unix.SYS_OPENAT, unix.ENOENT, 2, toWrite), stack.IPv6, "client: IPv6: "},
		"no such sysctl":     {"ipv4", of(unix.SYS_OPENAT, unix.ENOENT, 2, toWrite), stack.Sysctls, "client: sysctls: net.ipv4.ip_unprivileged_port_start: "},
		"no more files":      {"ipv6", of(unix.SYS_OPENAT, unix.EMFILE, 2, toWrite), stack.Sysctls, "client: sysctls: net.ipv6.conf.default.addr_gen_mode: open: "},
		"a read-only sysctl": {"ipv4", call{unix.SYS_PWRITE64, unix.EROFS, nil}, stack.Sysctls, "client: sysctls: net.ipv6.conf.default.disable_ipv6: write: "},
		"no netlink":         {"ipv4", of(unix.SYS_SOCKET, unix.ENOBUFS, 2, unix.NETLINK_ROUTE), "", "client: wire0: socket: "},
		"no interface":       {"ipv4", of(unix.SYS_IOCTL, unix.ENODEV, 1, unix.SIOCGIFINDEX), "", "client: wire0: ioctl SIOCGIFINDEX: "},
		"no question":        {"ipv6", call{unix.SYS_WRITE, unix.ENOBUFS, nil}, "", "client: wire0: write: "},
		"no answer":          {"ipv6", call{unix.SYS_READ, unix.ENOBUFS, nil}, "", "client: wire0: qdisc noqueue: read: "},
	} {
		t.Run(name, func(t *testing.T) {
			allowed(t, test.family, func(thread *netns.Thread) {
				before := descriptors(t)
				must(t, need.FailFromNowOn(test.call.number, test.call.errno, test.call.args...))
				h := stack.New("client", prefixes[test.family]...)
				err := h.Make(thread)
				h.Close()
				if now := descriptors(t); now != before {
					t.Errorf("%d descriptors are open, were %d", now, before)
				}
				var failed *stack.Error
				switch isOne := errors.As(err, &failed); {
				case err == nil || !strings.HasPrefix(err.Error(), test.text):
					t.Errorf("%v, want %s…", err, test.text)
				case isOne != (test.step != "") || isOne && failed.Step != test.step:
					t.Errorf("%v: step %+v, want %q", err, failed, test.step)
				case !errors.Is(err, test.call.errno) && test.call.errno != unix.ENOENT: // which is then that it is unknown
					t.Errorf("%v is no %v", err, test.call.errno)
				}
			})
		})
	}
}

// What a host is asked for when it is made fails with its name and the errno.
func TestFails(t *testing.T) {
	need.Seccomp(t)
	for name, test := range map[string]struct {
		call call
		ask  func(*stack.Host, *netns.Thread) error
		text string
	}{
		"Enter": {call{unix.SYS_SETNS, unix.EPERM, nil}, func(h *stack.Host, thread *netns.Thread) error {
			ns, err := thread.New()
			if err != nil {
				return err
			}
			defer ns.Close()
			return h.Enter(thread)
		}, "client: setns: "},
		"Pin, to write":   {call{unix.SYS_PWRITE64, unix.EROFS, nil}, pin, "client: net.ipv4.tcp_"},
		"Pin, to read":    {call{unix.SYS_PREAD64, unix.EIO, nil}, pin, "client: net.ipv4.tcp_abort_on_overflow: read: "},
		"LookUp, to ask":  {call{unix.SYS_SENDTO, unix.ENOBUFS, nil}, lookUp, "inet_diag: sendto: "},
		"LookUp, to read": {call{unix.SYS_RECVFROM, unix.ENOMEM, nil}, lookUp, "inet_diag: recvfrom: "},
		"Counters": {call{unix.SYS_OPENAT, unix.EMFILE, nil}, func(h *stack.Host, _ *netns.Thread) error {
			_, err := h.Counters()
			return err
		}, "open /proc/thread-self/net/"},
		"Intact":                 {call{unix.SYS_IOCTL, unix.ENODEV, nil}, intact, "client: wire0: ioctl SIOCGIFFLAGS: "},
		"Intact, of its numbers": {call{unix.SYS_OPENAT, unix.EMFILE, nil}, intact, "client: wire0: open /proc/thread-self/net/dev: "},
		"SendOwnOverWire":        {call{unix.SYS_SOCKET, unix.EMFILE, nil}, func(h *stack.Host, _ *netns.Thread) error { return h.SendOwnOverWire() }, ""},
		"LoopbackUp":             {call{unix.SYS_SENDTO, unix.ENOBUFS, nil}, func(h *stack.Host, _ *netns.Thread) error { return h.LoopbackUp() }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			allowed(t, "ipv4", func(thread *netns.Thread) {
				h := stack.New("client", prefixes["ipv4"]...)
				defer h.Close()
				must(t, h.Make(thread))
				must(t, need.FailFromNowOn(test.call.number, test.call.errno, test.call.args...))
				if err := test.ask(h, thread); !errors.Is(err, test.call.errno) || !strings.HasPrefix(err.Error(), test.text) {
					t.Errorf("%v, want %s… and %v", err, test.text, test.call.errno)
				}
			})
		})
	}
}

func pin(h *stack.Host, _ *netns.Thread) error    { return h.Pin(map[string]string{}) }
func intact(h *stack.Host, _ *netns.Thread) error { return h.Intact() }

func lookUp(h *stack.Host, _ *netns.Thread) error {
	_, _, err := h.LookUp(netip.AddrPortFrom(h.Addr(), 80), netip.AddrPort{})
	return err
}

// descriptors counts those that are open, on another thread than one to which a call fails.
func descriptors(t *testing.T) int {
	t.Helper()
	counted := make(chan int)
	go func() {
		list, _ := os.ReadDir("/proc/self/fd")
		counted <- len(list)
	}()
	return <-counted
}
