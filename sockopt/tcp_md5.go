package sockopt

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// MD5Key is a secret for all connections with one peer (RFC 2385).
type MD5Key struct {
	Peer netip.Addr // of the socket's family; ::ffff:a.b.c.d on an IPv6 socket for an IPv4 peer
	Key  []byte     // 1 to 80 bytes; none deletes the peer's key
}

// String does not show the key: it is a secret.
func (k MD5Key) String() string { return fmt.Sprintf("%v, key of %d bytes", k.Peer, len(k.Key)) }

// MD5Sig (TCP_MD5SIG) signs every segment to and from a peer with MD5, and
// drops what comes from it unsigned. Set it on both ends, before connect or
// listen. Nothing can be had from getsockopt; inet_diag shows the peers.
//
// EINVAL for an address of another family and a key that is too long, ENOENT to
// delete a key that is not there, ENOPROTOOPT in a kernel without
// CONFIG_TCP_MD5SIG. tcp_v4_parse_md5_keys, tcp_v6_parse_md5_keys.
var MD5Sig SetOnly[MD5Key] = setOnly(codec[MD5Key]{
	encode: func(v MD5Key) ([]byte, error) { return encodeMD5(v.Peer, 0, 0, 0, v.Key) },
	text:   MD5Key.String,
}, Spec{
	Name: "TCP_MD5SIG", Level: LevelTCP, Number: unix.TCP_MD5SIG,
	Range: "a key of up to 80 bytes", Since: "2.6.20",
}, make([]byte, 4))

// MD5KeyExt is a secret for all connections with a range of peers.
type MD5KeyExt struct {
	Peers   netip.Prefix // of the socket's family
	Ifindex int          // of an L3 master device (VRF) that the key is bound to; 0 for none
	Key     []byte       // 1 to 80 bytes; none deletes the peers' key
}

// String does not show the key: it is a secret.
func (k MD5KeyExt) String() string { return fmt.Sprintf("%v, key of %d bytes", k.Peers, len(k.Key)) }

// MD5SigExt (TCP_MD5SIG_EXT) is [MD5Sig] for all addresses with one prefix, and
// for one VRF (since Linux 5.6). EINVAL also for an interface that is no L3
// master.
//
// tcp_v4_parse_md5_keys, tcp_v6_parse_md5_keys.
var MD5SigExt SetOnly[MD5KeyExt] = setOnly(codec[MD5KeyExt]{
	encode: func(v MD5KeyExt) ([]byte, error) {
		flags := uint8(unix.TCP_MD5SIG_FLAG_PREFIX)
		if v.Ifindex != 0 {
			flags |= unix.TCP_MD5SIG_FLAG_IFINDEX
		}
		return encodeMD5(v.Peers.Addr(), flags, uint8(v.Peers.Bits()), v.Ifindex, v.Key)
	},
	text: MD5KeyExt.String,
}, Spec{
	Name: "TCP_MD5SIG_EXT", Level: LevelTCP, Number: unix.TCP_MD5SIG_EXT,
	Range: "a key of up to 80 bytes", Since: "4.13",
}, make([]byte, 4))

// encodeMD5 makes a struct tcp_md5sig.
func encodeMD5(peer netip.Addr, flags, prefix uint8, ifindex int, key []byte) ([]byte, error) {
	if !peer.IsValid() || len(key) > unix.TCP_MD5SIG_MAXKEYLEN {
		return nil, unix.EINVAL
	}
	b := sockaddrStorage(netip.AddrPortFrom(peer, 0))
	b = append(b, flags, prefix)
	b = native.AppendUint16(b, uint16(len(key)))
	b = native.AppendUint32(b, uint32(ifindex))
	b = append(b, key...)
	return append(b, make([]byte, unix.TCP_MD5SIG_MAXKEYLEN-len(key))...), nil
}

const sockaddrStorageLen = 128

// sockaddrStorage makes a struct __kernel_sockaddr_storage; zeros for no
// address.
func sockaddrStorage(a netip.AddrPort) []byte {
	var b []byte
	switch ip := a.Addr(); {
	case ip.Is4():
		b = native.AppendUint16(b, unix.AF_INET)
		b = binary.BigEndian.AppendUint16(b, a.Port())
		b = append(b, ip.AsSlice()...)
	case ip.Is6():
		b = native.AppendUint16(b, unix.AF_INET6)
		b = binary.BigEndian.AppendUint16(b, a.Port())
		b = append(b, 0, 0, 0, 0) // flow information
		b = append(b, ip.AsSlice()...)
	}
	return append(b, make([]byte, sockaddrStorageLen-len(b))...)
}

// parseSockaddr reads a struct sockaddr_in or sockaddr_in6; the zero AddrPort
// for anything else.
func parseSockaddr(b []byte) netip.AddrPort {
	if len(b) < 8 {
		return netip.AddrPort{}
	}
	port := binary.BigEndian.Uint16(b[2:])
	switch family := native.Uint16(b); {
	case family == unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:])), port)
	case family == unix.AF_INET6 && len(b) >= 24:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:])), port)
	}
	return netip.AddrPort{}
}
