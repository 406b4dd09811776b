package report

import (
	"encoding/binary"
	"math"
	"net/netip"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

// What there is of pcapng (draft-ietf-opsawg-pcapng): the blocks that a capture
// is made of, in the byte order that the section says it has. Each is whole, so
// a file may end behind any.

// Types of blocks.
const (
	sectionHeaderBlock  = 0x0a0d0d0a
	interfaceBlock      = 1
	enhancedPacketBlock = 6
)

// Types of link: packets of one version of IP, without a header before it, and packets
// of both, with the family before it.
const (
	linkIPv4 = 228
	linkIPv6 = 229
	linkNull = 0
)

// linkOf is the type of a run's links. For both versions of IP it is not "raw", which
// has no header: tcpdump (libpcap 1.10) refuses a file with two interfaces of that type.
func linkOf(r *record.Run) uint16 {
	var v4, v6 bool
	for _, h := range r.Environment.Hosts {
		for _, a := range h.Addresses {
			v4, v6 = v4 || a.Is4(), v6 || a.Is6()
		}
	}
	switch {
	case v4 && v6:
		return linkNull
	case r.Environment.IPv6:
		return linkIPv6
	}
	return linkIPv4
}

// onLink returns which version of IP a link carries from an address, and what stands
// before the packet: on linkNull the family, as BSD and Darwin number it.
func onLink(link uint16, from netip.Addr) (version int, header []byte) {
	switch {
	case link == linkIPv4:
		return 4, nil
	case link == linkIPv6:
		return 6, nil
	case from.Is6():
		return 6, little.AppendUint32(nil, 30)
	}
	return 4, little.AppendUint32(nil, 2)
}

// The direction in a packet's flags.
const (
	inbound  = 1
	outbound = 2
)

// Codes of options. A comment may stand in any block.
const (
	optComment = 1

	shbOS          = 3
	shbApplication = 4

	ifName         = 2
	ifDescription  = 3
	ifTSResolution = 9 // a negative power of 10

	epbFlags    = 2
	epbPacketID = 5
)

// An ngOption is a code and what it says; one that says nothing is not written.
type ngOption struct {
	code  uint16
	value []byte
}

var little = binary.LittleEndian

func textOption(code uint16, text string) ngOption { return ngOption{code, []byte(text)} }

// appendSection begins a file.
func appendSection(b []byte, application, comment, os string) []byte {
	body := little.AppendUint32(nil, 0x1a2b3c4d) // tells the byte order
	body = little.AppendUint16(body, 1)          // the version of pcapng: 1.0
	body = little.AppendUint16(body, 0)
	body = little.AppendUint64(body, math.MaxUint64) // the section's length is not known
	return appendBlock(b, sectionHeaderBlock, body,
		textOption(shbApplication, application), textOption(optComment, comment), textOption(shbOS, os))
}

// appendInterface adds an interface. Packets name it by its number, from 0.
func appendInterface(b []byte, link uint16, name, description string) []byte {
	body := little.AppendUint16(nil, link)
	body = little.AppendUint16(body, 0) // reserved
	body = little.AppendUint32(body, 0) // packets are whole, however long they are
	return appendBlock(b, interfaceBlock, body,
		textOption(ifName, name), textOption(ifDescription, description), ngOption{ifTSResolution, []byte{9}})
}

// An ngPacket is a packet as one interface has seen it.
type ngPacket struct {
	intf      int
	at        time.Time
	raw       []byte
	direction uint32
	id        uint64 // of all sights of one packet
	comment   string
}

func appendPacket(b []byte, p ngPacket) []byte {
	at := uint64(p.at.UnixNano())
	body := make([]byte, 0, 20+len(p.raw)+3)
	for _, n := range []uint32{uint32(p.intf), uint32(at >> 32), uint32(at), uint32(len(p.raw)), uint32(len(p.raw))} {
		body = little.AppendUint32(body, n)
	}
	return appendBlock(b, enhancedPacketBlock, padded(append(body, p.raw...)),
		textOption(optComment, p.comment),
		ngOption{epbFlags, little.AppendUint32(nil, p.direction)},
		ngOption{epbPacketID, little.AppendUint64(nil, p.id)})
}

// appendBlock adds a block; its length stands at both ends of it.
func appendBlock(b []byte, kind uint32, body []byte, options ...ngOption) []byte {
	for _, o := range options {
		if len(o.value) == 0 {
			continue
		}
		body = little.AppendUint16(body, o.code)
		body = little.AppendUint16(body, uint16(len(o.value)))
		body = padded(append(body, o.value...))
	}
	body = append(body, 0, 0, 0, 0) // the end of the options
	length := uint32(len(body) + 12)
	b = little.AppendUint32(b, kind)
	b = little.AppendUint32(b, length)
	b = append(b, body...)
	return little.AppendUint32(b, length)
}

// padded appends zeros until the length is a multiple of 4.
func padded(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
