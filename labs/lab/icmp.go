package lab

import (
	"fmt"

	"github.com/tcplab/tcplab/labs/internal/segment"
)

// An ICMP is an error message about a segment, of ICMP (RFC 792) or ICMPv6 (RFC
// 4443), as the hosts' addresses are.
type ICMP struct {
	says   string
	v4, v6 segment.ICMP
	byPeer bool // the segment's destination sends it, and no router
}

// The error messages.
var (
	NetUnreachable      = ICMP{says: "network unreachable", v4: segment.ICMP{Type: 3, Code: 0}, v6: segment.ICMP{Type: 1, Code: 0}}
	HostUnreachable     = ICMP{says: "host unreachable", v4: segment.ICMP{Type: 3, Code: 1}, v6: segment.ICMP{Type: 1, Code: 3}}
	ProtocolUnreachable = ICMP{says: "protocol unreachable", v4: segment.ICMP{Type: 3, Code: 2}, v6: segment.ICMP{Type: 4, Code: 1}, byPeer: true}
	PortUnreachable     = ICMP{says: "port unreachable", v4: segment.ICMP{Type: 3, Code: 3}, v6: segment.ICMP{Type: 1, Code: 4}, byPeer: true}
	AdminProhibited     = ICMP{says: "administratively prohibited", v4: segment.ICMP{Type: 3, Code: 13}, v6: segment.ICMP{Type: 1, Code: 1}}
	TimeExceeded        = ICMP{says: "time to live exceeded", v4: segment.ICMP{Type: 11, Code: 0}, v6: segment.ICMP{Type: 3, Code: 0}}
)

// TooBig says that the segment's packet is too big for a link whose MTU, in bytes,
// is mtu: fragmentation needed (RFC 1191 §4), or packet too big (RFC 8201 §3).
func TooBig(mtu int) ICMP {
	return ICMP{
		says: fmt.Sprintf("packet too big, MTU %d", mtu),
		v4:   segment.ICMP{Type: 3, Code: 4, MTU: uint32(mtu)}, v6: segment.ICMP{Type: 2, Code: 0, MTU: uint32(mtu)},
	}
}

// router is the last number in the hosts' network: that of a router between them,
// which nobody is.
const router = 254

// Bounce loses the segment, unless something was done with it before, and lets its
// sender receive an error message about it: from a router on the way or, where that
// is what such a message means, from the host that the segment is for.
func (s *Segment) Bounce(m ICMP) {
	lost := s.lost
	if !s.fated {
		s.Drop()
	}
	if lost || s.missing { // and with it the message
		return
	}
	kind, from := m.v4, address(s.run.options.IPv6, router).Addr()
	if s.run.options.IPv6 {
		kind = m.v6
	}
	if m.byPeer {
		from = s.packet.Dst.Addr()
	}
	s.run.must(s.run.rig.Bounce(s.packet, kind, m.says, from))
}
