package segment

import (
	"encoding/binary"
	"encoding/hex"
	"net"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// Packets written by hand, byte for byte.
const (
	// A SYN from 192.0.2.1:40000 to 192.0.2.2:80.
	syn4 = `
		45 00 00 3c  12 34 40 00  40 06 a4 84  c0 00 02 01  c0 00 02 02
		9c 40 00 50  11 22 33 44  00 00 00 00  a0 02 fa f0  e7 b0 00 00
		02 04 05 b4  04 02 08 0a  00 00 00 64  00 00 00 00  01 03 03 07`
	// Five bytes of data from [2001:db8::2]:80 to [2001:db8::1]:40000.
	data6 = `
		60 00 00 00  00 19 06 40
		20 01 0d b8  00 00 00 00  00 00 00 00  00 00 00 02
		20 01 0d b8  00 00 00 00  00 00 00 00  00 00 00 01
		00 50 9c 40  00 00 03 e8  00 00 07 d0  50 18 01 f6  66 42 00 00
		68 65 6c 6c  6f`
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// ip4 and ip6 are headers for build; those who need others change them.
func ip4() *layers.IPv4 {
	return &layers.IPv4{
		Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP,
		SrcIP: net.IPv4(192, 0, 2, 1), DstIP: net.IPv4(192, 0, 2, 2),
	}
}

func ip6() *layers.IPv6 {
	return &layers.IPv6{
		Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP,
		SrcIP: net.ParseIP("2001:db8::1"), DstIP: net.ParseIP("2001:db8::2"),
	}
}

func tcp(change func(*layers.TCP)) *layers.TCP {
	h := &layers.TCP{SrcPort: 40000, DstPort: 80, Seq: 1000, Ack: 2000, ACK: true, Window: 502}
	if change != nil {
		change(h)
	}
	return h
}

// build makes a packet with the right lengths and checksums.
func build(t testing.TB, parts ...gopacket.SerializableLayer) []byte {
	t.Helper()
	for _, p := range parts {
		if h, ok := p.(*layers.TCP); ok {
			if err := h.SetNetworkLayerForChecksum(parts[0].(gopacket.NetworkLayer)); err != nil {
				t.Fatal(err)
			}
		}
	}
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, parts...)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// insert puts bytes between a packet's IPv6 header and what follows it, as an
// extension header of that kind.
func insert(packet []byte, kind layers.IPProtocol, header ...byte) []byte {
	header[0] = packet[6]
	out := append([]byte{}, packet[:ip6Header]...)
	out = append(out, header...)
	out = append(out, packet[ip6Header:]...)
	out[6] = byte(kind)
	binary.BigEndian.PutUint16(out[4:], uint16(len(out)-ip6Header))
	return out
}

// checksums verifies a packet's checksums without the help of what made them
// (RFC 1071): over a part that holds a right checksum the sum is 0xffff. at is
// where the TCP header begins.
func checksums(t testing.TB, packet []byte, at int) {
	t.Helper()
	addresses := packet[8:40]
	if packet[0]>>4 == 4 {
		addresses = packet[12:20]
		if sum := onesComplement(packet[:at]); sum != 0xffff {
			t.Errorf("the IPv4 header sums up to %#x in % x", sum, packet[:at])
		}
	}
	pseudo := binary.BigEndian.AppendUint32(append([]byte{}, addresses...), uint32(len(packet)-at))
	pseudo = binary.BigEndian.AppendUint32(pseudo, 6)
	if sum := onesComplement(append(pseudo, packet[at:]...)); sum != 0xffff {
		t.Errorf("the segment sums up to %#x in % x", sum, packet)
	}
}

func onesComplement(b []byte) uint32 {
	var sum uint32
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return sum
}
