package segment

import (
	"encoding/binary"
	"net/netip"
)

// An ICMP is the kind of an error message, of ICMP (RFC 792) or ICMPv6 (RFC
// 4443), as the addresses of the packet are.
type ICMP struct {
	Type, Code uint8
	MTU        uint32 // for a packet that is too big
}

// BuildICMP makes a packet with an error message from a host, or a router, to
// the sender of the packet that it is about. It quotes as much of that as such
// a message may: up to 576 bytes in all (RFC 1812 §4.3.2.3), or 1280 on IPv6.
func BuildICMP(kind ICMP, from, to netip.Addr, about []byte) ([]byte, error) {
	protocol, most := byte(protoICMP), 576
	if from.Is6() {
		protocol, most = protoICMPv6, 1280
	}
	headers, err := ipHeader(from, to, protocol)
	if err != nil {
		return nil, err
	}
	b := []byte{kind.Type, kind.Code, 0, 0}
	// The MTU of ICMP is the lower half of this word (RFC 1191 §4).
	b = binary.BigEndian.AppendUint32(b, kind.MTU)
	b = append(b, about[:min(len(about), most-len(headers)-len(b))]...)

	var pseudo []byte // ICMP has none
	if protocol == protoICMPv6 {
		pseudo = pseudoHeader(headers, protocol, len(b))
	}
	binary.BigEndian.PutUint16(b[2:], checksum(pseudo, b))
	return complete(headers, b)
}
