package segment

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"net/netip"
	"slices"
)

// A TCP is a segment that can be changed.
type TCP struct {
	SrcPort, DstPort uint16
	Seq, Ack         uint32
	Flags            Flags
	Window, Urgent   uint16
	Options          []byte // as on the wire; they are padded with ends of the list
	Data             []byte
}

// Rewrite returns the packet with its segment as change leaves it, lengths and
// checksums made right again. All that stands before the TCP header stays.
func Rewrite(raw []byte, change func(*TCP)) ([]byte, error) {
	at, end, err := locate(raw)
	if err != nil {
		return nil, err
	}
	raw = slices.Clone(raw[:end]) // change may write into what the segment points to
	reserved := raw[at+12] & 0xf
	t := readTCP(raw[at:end])
	change(&t)
	return join(raw[:at:at], reserved, t)
}

// Build makes a packet from nothing.
func Build(src, dst netip.Addr, t TCP) ([]byte, error) {
	headers, err := ipHeader(src, dst, protoTCP)
	if err != nil {
		return nil, err
	}
	return join(headers, 0, t)
}

// SetECN returns a copy of a packet with another ECN field in its IP header:
// NotECT, ECT1, ECT0 or CE. The packet is one that Decode can read.
func SetECN(raw []byte, ecn uint8) []byte {
	raw = slices.Clone(raw)
	if raw[0]>>4 == 6 {
		raw[1] = raw[1]&^(3<<4) | ecn&3<<4
		return raw
	}
	raw[1] = raw[1]&^3 | ecn&3
	setSum4(raw)
	return raw
}

// join puts a segment behind IP headers. reserved are the header's bits that no
// flag of ours stands for.
func join(headers []byte, reserved byte, t TCP) ([]byte, error) {
	if len(t.Options) > maxOptions {
		return nil, fmt.Errorf("%d bytes of options; a TCP header has room for %d", len(t.Options), maxOptions)
	}
	options := pad(slices.Clone(t.Options))
	b := make([]byte, tcpHeader, tcpHeader+len(options)+len(t.Data))
	binary.BigEndian.PutUint16(b, t.SrcPort)
	binary.BigEndian.PutUint16(b[2:], t.DstPort)
	binary.BigEndian.PutUint32(b[4:], t.Seq)
	binary.BigEndian.PutUint32(b[8:], t.Ack)
	b[12] = byte(tcpHeader+len(options))/4<<4 | reserved
	b[13] = byte(t.Flags)
	binary.BigEndian.PutUint16(b[14:], t.Window)
	binary.BigEndian.PutUint16(b[18:], t.Urgent)
	b = append(b, options...)
	b = append(b, t.Data...)
	binary.BigEndian.PutUint16(b[16:], checksum(pseudoHeader(headers, protoTCP, len(b)), b))

	return complete(headers, b)
}

// ipHeader makes the IP header of a packet whose length is not known yet.
func ipHeader(src, dst netip.Addr, protocol byte) ([]byte, error) {
	const ttl = 64
	switch {
	case src.Is4() && dst.Is4():
		const dontFragment = 0x40
		h := []byte{0x45, 0, 0, 0, 0, 0, dontFragment, 0, ttl, protocol, 0, 0}
		return append(append(h, src.AsSlice()...), dst.AsSlice()...), nil
	case src.Is6() && dst.Is6():
		h := []byte{0x60, 0, 0, 0, 0, 0, protocol, ttl}
		return append(append(h, src.AsSlice()...), dst.AsSlice()...), nil
	}
	return nil, fmt.Errorf("no packet goes from %v to %v", src, dst)
}

// complete puts what a packet carries behind its headers, and its length into
// the IP header.
func complete(headers, carried []byte) ([]byte, error) {
	packet := slices.Concat(headers, carried)
	if len(packet) > math.MaxUint16 {
		return nil, fmt.Errorf("packet of %d bytes is too long", len(packet))
	}
	if packet[0]>>4 == 6 {
		binary.BigEndian.PutUint16(packet[4:], uint16(len(packet)-ip6Header))
		return packet, nil
	}
	binary.BigEndian.PutUint16(packet[2:], uint16(len(packet)))
	setSum4(packet)
	return packet, nil
}

// SetSum writes the checksum of a packet's segment. The packet is one that Decode can
// read.
func SetSum(raw []byte) {
	at, end, err := locate(raw)
	if err != nil {
		return
	}
	t := raw[at:end]
	binary.BigEndian.PutUint16(t[16:], 0)
	binary.BigEndian.PutUint16(t[16:], checksum(pseudoHeader(raw[:at], protoTCP, len(t)), t))
}

// setSum4 writes the checksum of an IPv4 header.
func setSum4(packet []byte) {
	header := packet[:int(packet[0]&0xf)*4]
	binary.BigEndian.PutUint16(header[10:], 0)
	binary.BigEndian.PutUint16(header[10:], checksum(header))
}

// pseudoHeader is what a checksum covers besides what is sent (RFC 9293 §3.1,
// RFC 8200 §8.1). The addresses are those of the IP header: nobody here sends
// by way of a third host, which a source route would name.
func pseudoHeader(headers []byte, protocol byte, length int) []byte {
	addresses := headers[12:ip4Header]
	if headers[0]>>4 == 6 {
		addresses = headers[8:ip6Header]
	}
	b := append(make([]byte, 0, ip6Header), addresses...)
	b = binary.BigEndian.AppendUint32(b, uint32(length))
	return binary.BigEndian.AppendUint32(b, uint32(protocol))
}

// checksum is the Internet checksum (RFC 1071) of parts that follow each other.
// None but the last may have an odd length. It adds eight bytes at a time, which §2(B)
// allows: a burst has tens of thousands of them.
func checksum(parts ...[]byte) uint16 {
	var sum, carry uint64
	for _, b := range parts {
		for ; len(b) >= 32; b = b[32:] {
			sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b), carry)
			sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b[8:]), carry)
			sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b[16:]), carry)
			sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b[24:]), carry)
		}
		for ; len(b) > 1; b = b[2:] {
			sum, carry = bits.Add64(sum, uint64(binary.BigEndian.Uint16(b)), carry)
		}
		if len(b) == 1 {
			sum, carry = bits.Add64(sum, uint64(b[0])<<8, carry)
		}
	}
	sum, carry = bits.Add64(sum, 0, carry)
	sum += carry
	for sum > math.MaxUint16 {
		sum = sum>>16 + sum&math.MaxUint16
	}
	return ^uint16(sum)
}
