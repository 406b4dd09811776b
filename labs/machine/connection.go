package machine

import (
	"context"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/pattern"
	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/internal/stack"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// InConnection makes a connection between two private hosts and calls fn with the
// descriptor of its client's end, on a thread in the client's network namespace:
// for a look at a connected socket. The error is fn's, or a *MissingError where
// this machine does not allow it, and fn was not called then.
func InConnection(ctx context.Context, ipv6 bool, fn func(fd int) error) error {
	client, server := netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("192.0.2.2/24")
	if ipv6 {
		client, server = netip.MustParsePrefix("2001:db8::1/64"), netip.MustParsePrefix("2001:db8::2/64")
	}
	var failed error
	_, err := rig.Do(ctx, rig.Config{
		Hosts:     []*stack.Host{stack.New("client", client), stack.New("server", server)},
		Configure: func(h *stack.Host) error { return h.Pin(map[string]string{}) },
		Patience:  10 * time.Second, Budget: time.Minute,
	}, func(g *rig.Rig) { failed = connect(g, fn) })
	if err != nil {
		return Missing(err)
	}
	return failed
}

// connect makes the connection. Its sockets end by a reset: an orphan that goes on
// retransmitting would keep the namespaces.
func connect(g *rig.Rig, fn func(fd int) error) error {
	if err := g.Begin(nil); err != nil {
		return err
	}
	client, server := g.Hosts[0], g.Hosts[1]
	listener, err := socket(server)
	if err != nil {
		return err
	}
	defer unix.Close(listener)
	to := stack.Sockaddr(netip.AddrPortFrom(server.Addr(), 80))
	if err := unix.Bind(listener, to); err != nil {
		return os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(listener, 1); err != nil {
		return os.NewSyscallError("listen", err)
	}
	fd, err := socket(client)
	if err != nil {
		return err
	}
	defer func() {
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		_ = unix.Close(fd)
	}()
	if err := unix.Connect(fd, to); err != unix.EINPROGRESS {
		return os.NewSyscallError("connect", err)
	}
	for _, name := range []string{"client:SYN", "server:SYN,ACK", "client:ACK"} {
		if err := carry(g, name); err != nil {
			return err
		}
	}
	return fn(fd)
}

func socket(h *rig.Host) (int, error) {
	if err := h.Enter(); err != nil {
		return -1, err
	}
	family := unix.AF_INET
	if h.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	return fd, os.NewSyscallError("socket", err)
}

// carry delivers the next segment of that name.
func carry(g *rig.Rig, name string) error {
	p, err := pattern.Parse(name)
	if err != nil {
		return err
	}
	for _, h := range g.Hosts {
		if err := h.Drain(); err != nil {
			return err
		}
	}
	k := g.Wire().Take(func(k *wire.Packet) bool { return p.Matches(g.Subject(k)) })
	if k == nil {
		return &BrokenError{"no " + name + " came"}
	}
	return g.Deliver(k, record.Delivered, false)
}

// A BrokenError says that the instrument failed.
type BrokenError struct{ Why string }

func (e *BrokenError) Error() string { return "the instrument broke: " + e.Why }
