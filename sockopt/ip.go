package sockopt

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// IPTOS (IP_TOS) is the type-of-service byte of every packet: DSCP and ECN. On
// a TCP socket the two ECN bits stay as they are, TCP's own. Sets [Priority]
// from the old meaning of the bits. Only the lowest byte counts.
//
// Default 0. ip(7); __ip_sock_set_tos.
var IPTOS Option[int] = readWrite(integer, Spec{
	Name: "IP_TOS", Level: LevelIP, Number: unix.IP_TOS,
	Range: "0 to 255 in steps of 4", Since: "1.0",
})

// IPTTL (IP_TTL) is the time to live of every packet. -1 is the sysctl's. EINVAL
// for 0 and outside of the range.
//
// ip(7); do_ip_setsockopt.
var IPTTL Option[int] = readWrite(integer, Spec{
	Name: "IP_TTL", Level: LevelIP, Number: unix.IP_TTL,
	Unit: "hops", Range: "-1, 1 to 255", Since: "1.0", Sysctl: "net.ipv4.ip_default_ttl",
})

// IPMinTTL (IP_MINTTL) drops received packets with a lower time to live: with
// 255 only direct neighbours get through (RFC 5082). EINVAL outside of the
// range.
//
// Default 0. do_ip_setsockopt; tcp_v4_rcv.
var IPMinTTL Option[int] = readWrite(integer, Spec{
	Name: "IP_MINTTL", Level: LevelIP, Number: unix.IP_MINTTL,
	Unit: "hops", Range: "0 to 255", Since: "2.6.34",
})

// PMTUDiscovery is the value of [IPMTUDiscover] and [IPv6MTUDiscover].
type PMTUDiscovery int

// The ways to deal with packets that are too long for the path.
const (
	PMTUDont      PMTUDiscovery = iota // never set the don't-fragment flag
	PMTUWant                           // set it and lower the packet size, as the route says
	PMTUDo                             // set it always
	PMTUProbe                          // set it and ignore the path MTU known
	PMTUInterface                      // use the device's MTU, never set the flag, ignore ICMP
	PMTUOmit                           // the same, but fragment what is too long
)

func (p PMTUDiscovery) String() string {
	names := [...]string{"dont", "want", "do", "probe", "interface", "omit"}
	if p >= 0 && int(p) < len(names) {
		return names[p]
	}
	return fmt.Sprintf("PMTUDiscovery(%d)", int(p))
}

// IPMTUDiscover (IP_MTU_DISCOVER) is how the socket finds the path MTU. EINVAL
// outside of the range.
//
// Default "want", or "dont" with the sysctl at 1. ip(7);
// ip_sock_set_mtu_discover, inet_create.
var IPMTUDiscover Option[PMTUDiscovery] = readWrite(enum[PMTUDiscovery](), Spec{
	Name: "IP_MTU_DISCOVER", Level: LevelIP, Number: unix.IP_MTU_DISCOVER,
	Range: "0 to 5", Since: "2.2", Sysctl: "net.ipv4.ip_no_pmtu_disc",
})

// IPMTU (IP_MTU) is the path MTU known, of a connected socket: ENOTCONN
// otherwise.
//
// ip(7); do_ip_getsockopt.
var IPMTU ReadOnly[int] = readOnly(integer, Spec{
	Name: "IP_MTU", Level: LevelIP, Number: unix.IP_MTU,
	Unit: "bytes", Since: "2.2",
})

// IPRecvErr (IP_RECVERR) makes an ICMP error fail the call in progress or the
// next one at once, where TCP would keep a soft error and go on trying. Turned
// off, it empties the error queue.
//
// Default off. ip(7); tcp_v4_err.
var IPRecvErr Option[bool] = readWrite(boolean, Spec{
	Name: "IP_RECVERR", Level: LevelIP, Number: unix.IP_RECVERR,
	Since: "2.2",
})

// IPFreeBind (IP_FREEBIND) allows bind to an address that the host does not
// have, or not yet.
//
// Default off; net.ipv4.ip_nonlocal_bind does it for all sockets. ip(7);
// do_ip_setsockopt.
var IPFreeBind Option[bool] = readWrite(boolean, Spec{
	Name: "IP_FREEBIND", Level: LevelIP, Number: unix.IP_FREEBIND,
	Since: "2.4",
})

// IPTransparent (IP_TRANSPARENT) makes the socket a transparent proxy's: it can
// bind to foreign addresses, and takes connections to them that the TPROXY
// target gives it. EPERM without the capability (CAP_NET_RAW does as well);
// turning it off is allowed.
//
// Default off. ip(7); do_ip_setsockopt.
var IPTransparent Option[bool] = readWrite(boolean, Spec{
	Name: "IP_TRANSPARENT", Level: LevelIP, Number: unix.IP_TRANSPARENT,
	Since: "2.6.24", Needs: "CAP_NET_ADMIN",
})

// IPBindAddressNoPort (IP_BIND_ADDRESS_NO_PORT) leaves the choice of the port
// of a bind to port 0 to connect, which can share one between destinations.
//
// Default off. ip(7); do_ip_setsockopt.
var IPBindAddressNoPort Option[bool] = readWrite(boolean, Spec{
	Name: "IP_BIND_ADDRESS_NO_PORT", Level: LevelIP, Number: unix.IP_BIND_ADDRESS_NO_PORT,
	Since: "4.2",
})

// PortRange is the value of [IPLocalPortRange]. 0 for a bound is the
// namespace's.
type PortRange struct{ Low, High uint16 }

func (r PortRange) String() string { return fmt.Sprintf("%d-%d", r.Low, r.High) }

// IPLocalPortRange (IP_LOCAL_PORT_RANGE) narrows the range that the kernel
// chooses the local port from. A bound outside of the sysctl's range is ignored.
// EINVAL for a range whose low bound is the higher.
//
// Default 0-0. do_ip_setsockopt, inet_sk_get_local_port_range; ip-sysctl.
var IPLocalPortRange Option[PortRange] = readWrite(codec[PortRange]{
	size:   4,
	encode: func(v PortRange) ([]byte, error) { return unsigned.encode(uint32(v.High)<<16 | uint32(v.Low)) },
	decode: func(b []byte) (PortRange, error) {
		v, err := unsigned.decode(b)
		return PortRange{Low: uint16(v), High: uint16(v >> 16)}, err
	},
	text: PortRange.String,
}, Spec{
	Name: "IP_LOCAL_PORT_RANGE", Level: LevelIP, Number: unix.IP_LOCAL_PORT_RANGE,
	Since: "6.3", Sysctl: "net.ipv4.ip_local_port_range",
})

// ifindexBE is an interface index in network byte order, which IP_UNICAST_IF
// and IPV6_UNICAST_IF have from another system's API.
var ifindexBE = codec[int]{
	size: 4,
	encode: func(v int) ([]byte, error) {
		b, err := integer.encode(v)
		return networkOrder(b), err
	},
	decode: func(b []byte) (int, error) {
		return integer.decode(networkOrder(b))
	},
	text: integer.text,
}

// IPUnicastIf (IP_UNICAST_IF) chooses the device that packets leave by, by its
// index, and does not bind the socket to it. 0 for none. EADDRNOTAVAIL if there
// is no such device. TCP ignores it in Linux 6.18.
//
// Default 0. do_ip_setsockopt.
var IPUnicastIf Option[int] = readWrite(ifindexBE, Spec{
	Name: "IP_UNICAST_IF", Level: LevelIP, Number: unix.IP_UNICAST_IF,
	Since: "3.4",
})

// OriginalDst (SO_ORIGINAL_DST) is where a connection was going that netfilter
// redirected to this socket: what a transparent proxy asks for. ENOENT if
// conntrack does not know the connection, ENOPROTOOPT if it is not loaded.
//
// getorigdst (net/netfilter/nf_conntrack_proto.c).
var OriginalDst ReadOnly[netip.AddrPort] = readOnly(sockaddr, Spec{
	Name: "SO_ORIGINAL_DST", Level: LevelIP, Number: soOriginalDst,
	Since: "2.4",
})

var sockaddr = codec[netip.AddrPort]{
	size: unix.SizeofSockaddrInet6,
	decode: func(b []byte) (netip.AddrPort, error) {
		a := parseSockaddr(b)
		if !a.IsValid() {
			return a, errShort
		}
		return a, nil
	},
	text: netip.AddrPort.String,
}
