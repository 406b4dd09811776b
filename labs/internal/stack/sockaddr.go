package stack

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// Sockaddr is the address as system calls take it: without a zone, and as one of IPv6
// where it is mapped (::ffff:192.0.2.1).
func Sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}
