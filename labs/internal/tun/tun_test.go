package tun_test

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/need"
	"github.com/tcplab/tcplab/labs/internal/netns"
	"github.com/tcplab/tcplab/labs/internal/segment"
	"github.com/tcplab/tcplab/labs/internal/tun"
)

// The stack has answered by the time Write returns: this is what makes the
// wire exact.
func TestDevice(t *testing.T) {
	need.Namespace(t, func(*netns.Thread) {
		d := need.TUN(t, "wire0")
		up(t)
		if err := d.Write(syn(t)); err != nil {
			t.Fatal(err)
		}
		got, ok := next(t, d)
		if !ok {
			t.Fatal("there is no answer")
		}
		want := segment.Segment{
			Src: netip.MustParseAddrPort("192.0.2.1:81"), Dst: netip.MustParseAddrPort("192.0.2.2:40000"),
			Flags: segment.RST | segment.ACK, Ack: 1001, WScale: -1,
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("the answer to a SYN for a closed port (-want +got):\n%s", diff)
		}
		if more, ok := next(t, d); ok {
			t.Errorf("another answer: %+v", more)
		}
	})
}

// Closing waits for nothing: the interface stays until its namespace goes.
func TestClose(t *testing.T) {
	need.Namespace(t, func(*netns.Thread) {
		d := need.TUN(t, "wire0")
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := netlink.LinkByName("wire0"); err != nil {
			t.Errorf("the interface has gone with its descriptor: %v", err)
		}
		if _, err := d.Read(make([]byte, 1)); !errors.Is(err, unix.EBADF) {
			t.Errorf("Read after Close: %v, want EBADF", err)
		}
		if err := d.Write([]byte{0}); !errors.Is(err, unix.EBADF) {
			t.Errorf("Write after Close: %v, want EBADF", err)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	if _, err := tun.Open(strings.Repeat("x", 16)); err == nil {
		t.Error("a name of 16 bytes is no error")
	}
	need.Namespace(t, func(*netns.Thread) {
		need.TUN(t, "wire0")
		_, err := tun.Open("wire0")
		if !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), tun.Path) {
			t.Errorf("the same name again: %v; want EBUSY and the path", err)
		}
	})
}

// next reads the next segment. The interface sends what is not TCP whenever it
// likes: router solicitations, multicast reports.
func next(t *testing.T, d *tun.Device) (segment.Segment, bool) {
	t.Helper()
	b := make([]byte, 2048)
	for {
		n, err := d.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return segment.Segment{}, false
		}
		s, err := segment.Decode(b[:n])
		if errors.Is(err, segment.ErrNotTCP) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		return s, true
	}
}

func up(t *testing.T) {
	t.Helper()
	link, err := netlink.LinkByName("wire0")
	if err == nil {
		err = netlink.AddrAdd(link, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(192, 0, 2, 1), Mask: net.CIDRMask(24, 32)}})
	}
	if err == nil {
		err = netlink.LinkSetUp(link)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func syn(t *testing.T) []byte {
	t.Helper()
	ip := &layers.IPv4{
		Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP,
		SrcIP: net.IPv4(192, 0, 2, 2), DstIP: net.IPv4(192, 0, 2, 1),
	}
	tcp := &layers.TCP{SrcPort: 40000, DstPort: 81, Seq: 1000, SYN: true, Window: 1024}
	if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ip, tcp)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
