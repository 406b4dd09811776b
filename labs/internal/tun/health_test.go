package tun_test

import (
	"errors"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/need"
	"github.com/tcplab/tcplab/labs/internal/netns"
	"github.com/tcplab/tcplab/labs/internal/tun"
)

// What an interface throws away is counted, and so it is seen that it is down,
// or gone.
func TestHealth(t *testing.T) {
	need.Namespace(t, func(*netns.Thread) {
		need.TUN(t, "wire0")
		up(t)
		if isUp, dropped, err := tun.Health("wire0"); !isUp || dropped != 0 || err != nil {
			t.Errorf("at first: up %t, %d dropped, %v", isUp, dropped, err)
		}
		send(t, 600) // 500 have room, some taken by IPv6: txqueuelen
		if isUp, dropped, err := tun.Health("wire0"); !isUp || dropped < 100 || err != nil {
			t.Errorf("after 100 too many: up %t, %d dropped, %v", isUp, dropped, err)
		}
		link, err := netlink.LinkByName("wire0")
		if err != nil {
			t.Fatal(err)
		}
		if err := netlink.LinkSetDown(link); err != nil {
			t.Fatal(err)
		}
		if isUp, _, err := tun.Health("wire0"); isUp || err != nil {
			t.Errorf("down: up %t, %v", isUp, err)
		}
		if err := netlink.LinkDel(link); err != nil {
			t.Fatal(err)
		}
		if _, _, err := tun.Health("wire0"); !errors.Is(err, unix.ENODEV) {
			t.Errorf("gone: %v, want ENODEV", err)
		}
	})
}

// send sends datagrams to an address beyond the interface.
func send(t *testing.T, n int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	to := &unix.SockaddrInet4{Port: 9, Addr: [4]byte{192, 0, 2, 2}}
	for range n {
		// With IP_RECVERR off, UDP does not tell of a full queue.
		if err := unix.Sendto(fd, []byte("x"), 0, to); err != nil && err != unix.ENOBUFS {
			t.Fatal(err)
		}
	}
}
