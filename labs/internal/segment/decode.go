package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
)

const (
	ip4Header = 20 // without options
	ip6Header = 40 // without extension headers
	tcpHeader = 20 // without options
)

// Protocols and extension headers, by their numbers.
const (
	hopByHop    = 0
	protoICMP   = 1
	protoTCP    = 6
	routing     = 43
	protoICMPv6 = 58
	destination = 60
)

// Decode decodes a packet from its IP header on. It returns ErrNotTCP for one
// that holds no whole TCP header, fragments among them, and another error for
// one that is damaged. Checksums are not looked at.
func Decode(raw []byte) (Segment, error) {
	at, end, err := locate(raw)
	if err != nil {
		return Segment{}, err
	}
	ecn := raw[1] & 3
	if raw[0]>>4 == 6 {
		ecn = raw[1] >> 4 & 3
	}
	src, dst := addresses(raw)
	t := readTCP(raw[at:end:end])
	s := Segment{
		Src:     netip.AddrPortFrom(src, t.SrcPort),
		Dst:     netip.AddrPortFrom(dst, t.DstPort),
		ECN:     ecn,
		Flags:   t.Flags,
		Seq:     t.Seq,
		Ack:     t.Ack,
		Window:  t.Window,
		Urgent:  t.Urgent,
		Len:     len(t.Data),
		Data:    t.Data,
		Options: t.Options,
		WScale:  -1,
	}
	s.readOptions()
	return s, nil
}

// Destination returns the address that a packet of any protocol is for; ok is false
// where it is no whole IP packet.
func Destination(raw []byte) (a netip.Addr, ok bool) {
	switch {
	case len(raw) >= ip4Header && raw[0]>>4 == 4, len(raw) >= ip6Header && raw[0]>>4 == 6:
		_, a = addresses(raw)
		return a, true
	}
	return a, false
}

// Protocol names what a packet carries, as /etc/protocols does: "udp", "icmp"; the
// number where it has no name here.
func Protocol(raw []byte) string {
	n := -1
	switch {
	case len(raw) >= ip4Header && raw[0]>>4 == 4:
		n = int(raw[9])
	case len(raw) >= ip6Header && raw[0]>>4 == 6:
		n = int(raw[6])
	}
	names := map[int]string{
		-1: "not IP", protoICMP: "icmp", protoTCP: "tcp (fragments)", 17: "udp", 44: "fragments", protoICMPv6: "icmpv6", 132: "sctp",
		hopByHop: "icmpv6", // multicast reports, behind a hop-by-hop header
	}
	if name, ok := names[n]; ok {
		return name
	}
	return strconv.Itoa(n)
}

// locate finds where a packet's TCP header begins and where the packet ends:
// what comes after that is padding.
func locate(raw []byte) (at, end int, err error) {
	switch {
	case len(raw) > 0 && raw[0]>>4 == 4:
		at, end, err = locate4(raw)
	case len(raw) > 0 && raw[0]>>4 == 6:
		at, end, err = locate6(raw)
	default:
		err = ErrNotTCP
	}
	if err == nil {
		err = checkTCP(raw[at:end])
	}
	if err != nil && err != ErrNotTCP {
		err = fmt.Errorf("packet of %d bytes: %w", len(raw), err)
	}
	return at, end, err
}

var (
	errCut      = errors.New("it is longer than what is there of it")
	errNoLength = errors.New("its header gives no length")
)

func locate4(raw []byte) (at, end int, err error) {
	if len(raw) < ip4Header {
		return 0, 0, errCut
	}
	at = int(raw[0]&0xf) * 4
	end = int(binary.BigEndian.Uint16(raw[2:]))
	const fragment = 0x3fff // more fragments, and the offset
	switch {
	case end == 0:
		err = errNoLength
	case end > len(raw):
		err = errCut
	case at < ip4Header || at > end:
		err = fmt.Errorf("an IPv4 header of %d bytes in %d", at, end)
	case binary.BigEndian.Uint16(raw[6:])&fragment != 0 || raw[9] != protoTCP:
		err = ErrNotTCP
	}
	return at, end, err
}

// locate6 passes by the extension headers that may stand before a whole
// segment. Behind a fragment header there is a piece of one.
func locate6(raw []byte) (at, end int, err error) {
	if len(raw) < ip6Header {
		return 0, 0, errCut
	}
	at = ip6Header
	end = at + int(binary.BigEndian.Uint16(raw[4:]))
	switch {
	case end == at:
		return 0, 0, errNoLength
	case end > len(raw):
		return 0, 0, errCut
	}
	next := raw[6]
	for next == hopByHop || next == routing || next == destination {
		if end-at < 2 || end-at < 8+8*int(raw[at+1]) {
			return 0, 0, errors.New("an extension header is longer than the packet")
		}
		next, at = raw[at], at+8+8*int(raw[at+1])
	}
	if next != protoTCP {
		err = ErrNotTCP
	}
	return at, end, err
}

// checkTCP reports as an error where the length of a TCP header can't be.
func checkTCP(segment []byte) error {
	if len(segment) < tcpHeader {
		return fmt.Errorf("%d bytes are too few for a TCP header", len(segment))
	}
	if n := int(segment[12]>>4) * 4; n < tcpHeader || n > len(segment) {
		return fmt.Errorf("a TCP header of %d bytes in %d", n, len(segment))
	}
	return nil
}

// addresses returns those of an IP header.
func addresses(raw []byte) (src, dst netip.Addr) {
	if raw[0]>>4 == 4 {
		return netip.AddrFrom4([4]byte(raw[12:])), netip.AddrFrom4([4]byte(raw[16:]))
	}
	return netip.AddrFrom16([16]byte(raw[8:])), netip.AddrFrom16([16]byte(raw[24:]))
}

// readTCP reads a segment that checkTCP is content with.
func readTCP(segment []byte) TCP {
	n := int(segment[12]>>4) * 4
	return TCP{
		SrcPort: binary.BigEndian.Uint16(segment),
		DstPort: binary.BigEndian.Uint16(segment[2:]),
		Seq:     binary.BigEndian.Uint32(segment[4:]),
		Ack:     binary.BigEndian.Uint32(segment[8:]),
		Flags:   Flags(segment[13]),
		Window:  binary.BigEndian.Uint16(segment[14:]),
		Urgent:  binary.BigEndian.Uint16(segment[18:]),
		Options: segment[tcpHeader:n:n], // what is appended to them must not be written over the data
		Data:    segment[n:],
	}
}
