package sockdiag_test

import (
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/need"
	"github.com/tcplab/tcplab/labs/internal/netns"
	"github.com/tcplab/tcplab/labs/internal/sockdiag"
	"github.com/tcplab/tcplab/labs/record"
)

var server = netip.MustParseAddrPort("127.0.0.1:80")

// On loopback a segment has arrived by the time the system call that sends it
// returns, so that the kernel can be asked at once.
func TestGet(t *testing.T) {
	need.Namespace(t, func(*netns.Thread) {
		loopbackUp(t)
		h := open(t)
		listener := listen(t, server, 5)
		h.is("listener", server, any4, sockdiag.Socket{State: record.Listen, WQueue: 5}, held)
		h.none("nothing", netip.MustParseAddrPort("127.0.0.1:81"), any4)

		client, local := connect(t, server)
		h.is("client", local, server, sockdiag.Socket{State: record.Established}, held)
		h.is("child that waits for accept", server, local, sockdiag.Socket{State: record.Established}, notHeld)
		h.is("listener, for its queue", server, any4, sockdiag.Socket{State: record.Listen, RQueue: 1, WQueue: 5}, held)

		// A stranger to whom only the listener belongs gets the listener.
		h.is("no such connection", server, netip.MustParseAddrPort("127.0.0.1:9"), sockdiag.Socket{State: record.Listen, RQueue: 1, WQueue: 5}, held)

		child := accept(t, listener)
		h.is("accepted child", server, local, sockdiag.Socket{State: record.Established}, held)
		h.is("listener with an empty queue", server, any4, sockdiag.Socket{State: record.Listen, WQueue: 5}, held)

		if info, err := h.conn.Info(local, server); err != nil || info.MinRTT <= 0 || info.SACKed != 0 || info.Reordering <= 0 {
			t.Errorf("the connection's view is %+v, %v", info, err)
		}

		must(t, write(child, "hello"))
		h.is("client with data to read", local, server, sockdiag.Socket{State: record.Established, RQueue: 5}, held)

		must(t, read(client, 5))
		// The FIN is acknowledged a tick later: close waits for that.
		must(t, unix.SetsockoptLinger(client, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 5}))
		must(t, unix.Close(client))
		h.is("FIN_WAIT2 without a socket", local, server, sockdiag.Socket{State: record.FinWait2, Timer: "timewait"}, notHeld)
		h.is("child with a FIN to read", server, local, sockdiag.Socket{State: record.CloseWait, RQueue: 1}, held)

		must(t, unix.Close(child))
		h.is("TIME_WAIT", local, server, sockdiag.Socket{State: record.TimeWait, Timer: "timewait"}, notHeld)
		h.is("the listener instead of LAST_ACK, which is over", server, local, sockdiag.Socket{State: record.Listen, WQueue: 5}, held)
	})
}

func TestGetIPv6(t *testing.T) {
	need.Namespace(t, func(*netns.Thread) {
		if _, err := os.Stat("/proc/thread-self/net/if_inet6"); err != nil {
			t.Skip("this kernel has no IPv6")
		}
		loopbackUp(t)
		h := open(t)
		server, any6 := netip.MustParseAddrPort("[::1]:80"), netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
		listen(t, server, 1)
		h.is("listener", server, any6, sockdiag.Socket{State: record.Listen, WQueue: 1}, held)
		_, local := connect(t, server)
		h.is("client", local, server, sockdiag.Socket{State: record.Established}, held)
		h.is("child", server, local, sockdiag.Socket{State: record.Established}, notHeld)
	})
}

// All that listens is listed, of both families, and nothing else.
func TestListeners(t *testing.T) {
	need.Namespace(t, func(*netns.Thread) {
		loopbackUp(t)
		h := open(t)
		want := map[netip.AddrPort]bool{}
		for port := uint16(1000); port < 1300; port++ { // more than one message holds
			a := netip.AddrPortFrom(server.Addr(), port)
			listen(t, a, 1)
			want[a] = true
		}
		connect(t, netip.AddrPortFrom(server.Addr(), 1000))
		if _, err := os.Stat("/proc/thread-self/net/if_inet6"); err == nil {
			a := netip.MustParseAddrPort("[::1]:80")
			listen(t, a, 1)
			want[a] = true
		}
		all, err := h.conn.Listeners()
		if err != nil {
			t.Fatal(err)
		}
		got := map[netip.AddrPort]bool{}
		for _, a := range all {
			got[a] = true
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" || len(all) != len(want) {
			t.Errorf("%d listeners (-want +got):\n%s", len(all), diff)
		}
		h.is("a look-up after that", netip.AddrPortFrom(server.Addr(), 1001), any4, sockdiag.Socket{State: record.Listen, WQueue: 1}, held)
	})
}

func BenchmarkListeners(b *testing.B) {
	need.Namespace(b, func(*netns.Thread) {
		c, err := sockdiag.Open()
		must(b, err)
		defer c.Close()
		for b.Loop() {
			_, err := c.Listeners()
			must(b, err)
		}
	})
}

func BenchmarkGet(b *testing.B) {
	need.Namespace(b, func(*netns.Thread) {
		loopbackUp(b)
		listen(b, server, 1)
		_, local := connect(b, server)
		diag := open(b).conn
		b.ReportAllocs()
		for b.Loop() {
			if _, found, err := diag.Get(local, server); err != nil || !found {
				b.Fatal(found, err)
			}
		}
	})
}

var any4 = netip.AddrPortFrom(netip.IPv4Unspecified(), 0)

// held and notHeld say whether a descriptor holds a socket.
const (
	held    = true
	notHeld = false
)

type observer struct {
	t    testing.TB
	conn *sockdiag.Conn
}

func open(t testing.TB) observer {
	t.Helper()
	c, err := sockdiag.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return observer{t, c}
}

// is compares all but the inode's number and the time left, which must be there
// where a timer is.
func (o observer) is(what string, local, remote netip.AddrPort, want sockdiag.Socket, held bool) {
	o.t.Helper()
	got, found, err := o.conn.Get(local, remote)
	if err != nil || !found {
		o.t.Errorf("%s: found %v, %v", what, found, err)
		return
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(sockdiag.Socket{}, "Inode", "Expires")); diff != "" {
		o.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
	if (got.Inode != 0) != held {
		o.t.Errorf("%s: inode %d", what, got.Inode)
	}
	if want.Timer == "" && got.Expires != 0 || want.Timer != "" && (got.Expires <= 50*time.Second || got.Expires > time.Minute) {
		o.t.Errorf("%s: %v left on timer %q", what, got.Expires, got.Timer)
	}
}

func (o observer) none(what string, local, remote netip.AddrPort) {
	o.t.Helper()
	if got, found, err := o.conn.Get(local, remote); err != nil || found {
		o.t.Errorf("%s: %+v, %v, %v; want none", what, got, found, err)
	}
}

func loopbackUp(t testing.TB) {
	t.Helper()
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	must(t, err)
}

func listen(t testing.TB, at netip.AddrPort, backlog int) int {
	t.Helper()
	fd := socket(t, at)
	must(t, unix.Bind(fd, sockaddr(at)))
	must(t, unix.Listen(fd, backlog))
	return fd
}

// connect returns a connected socket and its address.
func connect(t testing.TB, to netip.AddrPort) (int, netip.AddrPort) {
	t.Helper()
	fd := socket(t, to)
	local := netip.AddrPortFrom(to.Addr(), 40000)
	must(t, unix.Bind(fd, sockaddr(local)))
	must(t, unix.Connect(fd, sockaddr(to)))
	return fd, local
}

// socket returns a socket. Its descriptor is left to the end of the test
// process, since its number may be another's by the end of the test.
func socket(t testing.TB, like netip.AddrPort) int {
	t.Helper()
	family := unix.AF_INET
	if like.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	return fd
}

func accept(t testing.TB, listener int) int {
	t.Helper()
	fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	must(t, err)
	return fd
}

func write(fd int, text string) error {
	_, err := unix.Write(fd, []byte(text))
	return err
}

func read(fd, n int) error {
	_, err := unix.Read(fd, make([]byte, n))
	return err
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is6() {
		return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	}
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
