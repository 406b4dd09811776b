package counters_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/counters"
	"github.com/tcplab/tcplab/labs/internal/need"
	"github.com/tcplab/tcplab/labs/internal/netns"
)

// A namespace counts from 0, and what happens in it alone: here a connection
// that nobody listens for.
func TestRead(t *testing.T) {
	need.Namespace(t, func(*netns.Thread) {
		set, err := counters.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer set.Close()
		before, err := set.Read()
		if err != nil || len(before) != 0 {
			t.Fatalf("in a new namespace: %v, %v; want nothing", before, err)
		}
		lo, err := netlink.LinkByName("lo")
		if err == nil {
			err = netlink.LinkSetUp(lo)
		}
		if err != nil {
			t.Fatal(err)
		}
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		addr := netip.MustParseAddr("127.0.0.1").As4()
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: 81, Addr: addr}); err != unix.ECONNREFUSED {
			t.Fatalf("connect: %v", err)
		}
		after, err := set.Read()
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]int64{"ActiveOpens": 1, "AttemptFails": 1, "OutRsts": 1, "InSegs": 2, "OutSegs": 2}
		for name := range after {
			if _, ok := want[name]; !ok {
				delete(after, name) // of TcpExt, where other kernels count other things
			}
		}
		if diff := cmp.Diff(want, after); diff != "" {
			t.Error("after a refused connection (-want +got):\n" + diff)
		}
	})
}

// A counter is there whatever its value.
func TestHas(t *testing.T) {
	for name, want := range map[string]bool{"ListenDrops": true, "SyncookiesSent": true, "NoSuchCounter": false, "": false} {
		if has, err := counters.Has(name); has != want || err != nil {
			t.Errorf("%q: %v, %v; want %v", name, has, err, want)
		}
	}
}
