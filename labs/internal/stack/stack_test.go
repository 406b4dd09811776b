package stack_test

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/need"
	"github.com/tcplab/tcplab/labs/internal/netns"
	"github.com/tcplab/tcplab/labs/internal/segment"
	"github.com/tcplab/tcplab/labs/internal/stack"
	"github.com/tcplab/tcplab/labs/internal/sysctl"
	"github.com/tcplab/tcplab/labs/record"
)

// prefixes are those of a host with two addresses.
var prefixes = map[string][]netip.Prefix{
	"ipv4": {netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("192.0.2.11/24")},
	"ipv6": {netip.MustParsePrefix("2001:db8::1/64"), netip.MustParsePrefix("2001:db8::b/64")},
}

// each runs a test on a host of each family, on a thread in the host's namespace.
func each(t *testing.T, test func(*testing.T, *stack.Host, *netns.Thread)) {
	t.Helper()
	for family, prefixes := range prefixes {
		t.Run(family, func(t *testing.T) {
			allowed(t, family, func(thread *netns.Thread) {
				h := stack.New("client", prefixes...)
				defer h.Close()
				if err := h.Make(thread); err != nil {
					t.Fatal(err)
				}
				test(t, h, thread)
			})
		})
	}
}

// allowed runs a test on a thread of its own where the machine lets hosts be made.
func allowed(t *testing.T, family string, test func(*netns.Thread)) {
	t.Helper()
	need.Namespace(t, func(thread *netns.Thread) {
		need.TUN(t, "try0")
		if _, err := os.Stat("/proc/thread-self/net/if_inet6"); err != nil && family == "ipv6" {
			t.Skip("this kernel has no IPv6")
		}
		test(thread)
	})
}

// A host has the addresses that it was given and no other, and nothing comes out
// of it that its programs do not send.
func TestMake(t *testing.T) {
	each(t, func(t *testing.T, h *stack.Host, _ *netns.Thread) {
		link := wire0(t)
		addresses, err := netlink.AddrList(link, netlink.FAMILY_ALL)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range addresses {
			got = append(got, a.IPNet.String())
		}
		slices.Sort(got)
		want := []string{h.Prefixes[0].String(), h.Prefixes[1].String()}
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("addresses (-want +got):\n%s", diff)
		}
		qdiscs, err := netlink.QdiscList(link)
		if err != nil || len(qdiscs) != 1 || qdiscs[0].Type() != "noqueue" {
			t.Errorf("queueing disciplines %v, %v; want noqueue", qdiscs, err)
		}
		if n := link.Attrs().TxQLen; n != 32767 {
			t.Errorf("room for %d packets", n)
		}
		if n := link.Attrs().GSOMaxSegs; n != 1 {
			t.Errorf("%d segments leave as one packet", n)
		}
		if err := unix.Bind(socket(t, h), sockaddr(netip.AddrPortFrom(h.Addr(), 80))); err != nil {
			t.Errorf("a program can't bind port 80: %v", err)
		}
		if n, err := h.Device().Read(make([]byte, 2048)); n != 0 || err != nil {
			t.Errorf("%d bytes have come out of the host, %v", n, err)
		}
		for _, p := range h.Prefixes {
			if !h.Has(p.Addr()) || !slices.Contains(h.Addrs(), p.Addr()) {
				t.Errorf("%v is not the host's", p)
			}
		}
		if h.Addr() != h.Prefixes[0].Addr() || h.Has(peer(h)) {
			t.Errorf("the first address is %v, and %v is the host's: %t", h.Addr(), peer(h), h.Has(peer(h)))
		}
	})
}

// Each of a host's addresses answers as soon as the host is made.
func TestAnswers(t *testing.T) {
	each(t, func(t *testing.T, h *stack.Host, _ *netns.Thread) {
		for _, a := range h.Addrs() {
			syn, err := segment.Build(peer(h), a, segment.TCP{SrcPort: 40000, DstPort: 81, Flags: segment.SYN, Seq: 1000, Window: 1024})
			if err != nil {
				t.Fatal(err)
			}
			if err := h.Device().Write(syn); err != nil {
				t.Fatal(err)
			}
			if s := next(t, h); s.Src != netip.AddrPortFrom(a, 81) || s.Flags != segment.RST|segment.ACK || s.Ack != 1001 {
				t.Errorf("a SYN to a closed port of %v is answered by %+v", a, s)
			}
		}
	})
}

// Pin sets what it says, whatever it was before, and tells what it is then.
func TestPin(t *testing.T) {
	each(t, func(t *testing.T, h *stack.Host, _ *netns.Thread) {
		const key = "net.ipv4.tcp_fin_timeout"
		if err := sysctl.Write(key, "7"); err != nil {
			t.Fatal(err)
		}
		values := map[string]string{"net.core.somaxconn": "of before"}
		if err := h.Pin(values); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"net.core.somaxconn": "of before"}
		for _, p := range stack.Pinned {
			now, err := sysctl.Read(p.Key)
			if errors.Is(err, sysctl.ErrUnknown) {
				continue
			}
			if err != nil || now != p.Value {
				t.Errorf("%s is %q, %v; want %s", p.Key, now, err, p.Value)
			}
			want[p.Key] = p.Value
		}
		if diff := cmp.Diff(want, values); diff != "" || values[key] != "60" {
			t.Errorf("values (-want +got):\n%s", diff)
		}
	})
}

// What is looked up is on the host, wherever the thread that asks is.
func TestLookUp(t *testing.T) {
	each(t, func(t *testing.T, h *stack.Host, thread *netns.Thread) {
		at := netip.AddrPortFrom(h.Addr(), 80)
		fd := socket(t, h)
		must(t, unix.Bind(fd, sockaddr(at)))
		must(t, unix.Listen(fd, 5))
		other := netip.AddrPortFrom(h.Addrs()[1], 80)
		ns, err := thread.New() // elsewhere
		must(t, err)
		defer ns.Close()
		s, found, err := h.LookUp(at, netip.AddrPort{})
		if err != nil || !found || s.State != record.Listen || s.WQueue != 5 {
			t.Errorf("the listener: %+v, found %t, %v", s, found, err)
		}
		if s, found, err := h.LookUp(other, netip.AddrPort{}); err != nil || found {
			t.Errorf("at the other address: %+v, found %t, %v", s, found, err)
		}
		must(t, h.Enter(thread))
		if wire0(t).Attrs().Name != stack.Interface {
			t.Error("the thread is not back on the host")
		}
	})
}

// A host counts from 0, and what happens on it alone.
func TestCounters(t *testing.T) {
	each(t, func(t *testing.T, h *stack.Host, _ *netns.Thread) {
		if c, err := h.Counters(); err != nil || len(c) != 0 {
			t.Fatalf("of a new host: %v, %v; want nothing", c, err)
		}
		connect(t, h, netip.AddrPortFrom(peer(h), 80))
		c, err := h.Counters()
		if err != nil || c["ActiveOpens"] != 1 || c["OutSegs"] != 1 || c["InSegs"] != 0 {
			t.Errorf("after connect: %v, %v", c, err)
		}
	})
}

// What an interface has not given the wire looks as if it had never been sent.
func TestIntact(t *testing.T) {
	each(t, func(t *testing.T, h *stack.Host, _ *netns.Thread) {
		link := wire0(t)
		notIntact := func(why string) {
			t.Helper()
			if err := h.Intact(); err == nil || err.Error() != "client: "+why {
				t.Errorf("%v, want %s", err, why)
			}
		}
		must(t, h.Intact())
		must(t, netlink.LinkSetTxQLen(link, 2))
		for range 2 {
			connect(t, h, netip.AddrPortFrom(peer(h), 80))
		}
		must(t, h.Intact())
		connect(t, h, netip.AddrPortFrom(peer(h), 80))
		notIntact("wire0 has lost 1 packets that the host has sent")
		must(t, netlink.LinkSetDown(link))
		notIntact("wire0 is down")
		must(t, netlink.LinkDel(link))
		if err := h.Intact(); !errors.Is(err, unix.ENODEV) || !strings.HasPrefix(err.Error(), "client: wire0: ") {
			t.Errorf("without the interface: %v, want ENODEV", err)
		}
	})
}

// A host that is told to sends what is for itself over the wire, and takes it in
// when it comes back.
func TestSendOwnOverWire(t *testing.T) {
	each(t, func(t *testing.T, h *stack.Host, _ *netns.Thread) {
		must(t, h.SendOwnOverWire())
		to := netip.AddrPortFrom(h.Addr(), 81)
		connect(t, h, to)
		packet := make([]byte, 2048)
		n, err := h.Device().Read(packet)
		must(t, err)
		s, err := segment.Decode(packet[:n])
		if err != nil || s.Flags != segment.SYN || s.Dst != to || s.Src.Addr() != to.Addr() {
			t.Fatalf("on the wire: %+v, %v", s, err)
		}
		must(t, h.Device().Write(packet[:n]))
		if s := next(t, h); s.Flags != segment.RST|segment.ACK || s.Src != to {
			t.Errorf("a closed port answers with %+v", s)
		}
	})
}

func TestLoopback(t *testing.T) {
	each(t, func(t *testing.T, h *stack.Host, _ *netns.Thread) {
		at := netip.AddrPortFrom(h.Loopback(), 80)
		if !at.Addr().IsLoopback() || at.Addr().Is6() != h.Addr().Is6() {
			t.Errorf("the loopback address is %v", at.Addr())
		}
		must(t, h.LoopbackUp())
		listener := socket(t, h)
		must(t, unix.Bind(listener, sockaddr(at)))
		must(t, unix.Listen(listener, 1))
		if s, found, err := h.LookUp(at, connect(t, h, at)); err != nil || !found || s.State != record.Established {
			t.Errorf("the connection: %+v, found %t, %v", s, found, err)
		}
	})
}

// peer is an address beyond the wire.
func peer(h *stack.Host) netip.Addr {
	if h.Addr().Is6() {
		return netip.MustParseAddr("2001:db8::2")
	}
	return netip.MustParseAddr("192.0.2.2")
}

func wire0(t *testing.T) netlink.Link {
	t.Helper()
	link, err := netlink.LinkByName(stack.Interface)
	must(t, err)
	return link
}

// next reads the one segment that the host has sent.
func next(t *testing.T, h *stack.Host) segment.Segment {
	t.Helper()
	b := make([]byte, 2048)
	n, err := h.Device().Read(b)
	must(t, err)
	s, err := segment.Decode(b[:n])
	must(t, err)
	if n, err := h.Device().Read(b); n != 0 || err != nil {
		t.Errorf("the host has sent %d bytes more, %v", n, err)
	}
	return s
}

// connect begins to connect a new socket, and returns its address. The socket is
// reset in the end: an orphan would keep the namespace.
func connect(t *testing.T, h *stack.Host, to netip.AddrPort) netip.AddrPort {
	t.Helper()
	fd := socket(t, h)
	must(t, unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
	if err := unix.Connect(fd, sockaddr(to)); err != nil && err != unix.EINPROGRESS {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	must(t, err)
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	t.Fatalf("getsockname: %T", name)
	return netip.AddrPort{}
}

func socket(t *testing.T, h *stack.Host) int {
	t.Helper()
	family := unix.AF_INET
	if h.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
