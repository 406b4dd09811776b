package segment

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

var addrPorts = cmpopts.EquateComparable(netip.AddrPort{})

var (
	client4 = netip.MustParseAddrPort("192.0.2.1:40000")
	server4 = netip.MustParseAddrPort("192.0.2.2:80")
	client6 = netip.MustParseAddrPort("[2001:db8::1]:40000")
	server6 = netip.MustParseAddrPort("[2001:db8::2]:80")
)

func TestDecode(t *testing.T) {
	hello := gopacket.Payload("hello")
	ack4 := Segment{Src: client4, Dst: server4, Flags: ACK, Seq: 1000, Ack: 2000, Window: 502}
	ack6 := ack4
	ack6.Src, ack6.Dst = client6, server6
	with := func(s Segment, change func(*Segment)) Segment {
		change(&s)
		return s
	}
	five := func(s *Segment) { s.Len = 5 }

	for _, test := range []struct {
		name string
		raw  []byte
		want Segment
	}{
		{"SYN with the usual options", unhex(t, syn4), Segment{
			Src: client4, Dst: server4, Flags: SYN, Seq: 0x11223344, Window: 64240,
			Options: "mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7",
			Clock:   Clock{Valid: true, MS: 100},
		}},
		{"data on IPv6", unhex(t, data6), Segment{
			Src: server6, Dst: client6, Flags: PSH | ACK, Seq: 1000, Ack: 2000, Window: 502, Len: 5,
		}},
		{"ACK on IPv4", build(t, ip4(), tcp(nil)), ack4},
		{"ACK on IPv6", build(t, ip6(), tcp(nil)), ack6},
		{"no flags", build(t, ip4(), tcp(func(h *layers.TCP) { h.ACK = false })),
			with(ack4, func(s *Segment) { s.Flags = 0 })},
		{"every flag", build(t, ip4(), tcp(func(h *layers.TCP) {
			h.FIN, h.SYN, h.RST, h.PSH, h.URG, h.ECE, h.CWR = true, true, true, true, true, true, true
		})), with(ack4, func(s *Segment) { s.Flags = 0xff })},
		// Ports that gopacket knows a protocol for: the data is data.
		{"data to a name server", build(t, ip4(), tcp(func(h *layers.TCP) { h.DstPort = 53 }), hello),
			with(ack4, func(s *Segment) { s.Dst = netip.AddrPortFrom(s.Dst.Addr(), 53); s.Len = 5 })},
		{"data from a TLS server", build(t, ip4(), tcp(func(h *layers.TCP) { h.SrcPort = 443 }), hello),
			with(ack4, func(s *Segment) { s.Src = netip.AddrPortFrom(s.Src.Addr(), 443); s.Len = 5 })},
		{"padding on IPv4", append(build(t, ip4(), tcp(nil)), make([]byte, 6)...), ack4},
		{"padding on IPv6", append(build(t, ip6(), tcp(nil), hello), make([]byte, 6)...), with(ack6, five)},
		{"IPv4 options", build(t, &layers.IPv4{
			Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: ip4().SrcIP, DstIP: ip4().DstIP,
			Options: []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}},
		}, tcp(nil), hello), with(ack4, five)},
		{"IPv6 hop-by-hop options", insert(build(t, ip6(), tcp(nil), hello), layers.IPProtocolIPv6HopByHop, 0, 0, 1, 4, 0, 0, 0, 0), with(ack6, five)},
		{"IPv6 destination options", insert(build(t, ip6(), tcp(nil), hello), layers.IPProtocolIPv6Destination, 0, 0, 1, 4, 0, 0, 0, 0), with(ack6, five)},
		{"an end of options", build(t, ip4(), tcp(func(h *layers.TCP) {
			h.Options = []layers.TCPOption{{OptionType: layers.TCPOptionKindNop}, {OptionType: layers.TCPOptionKindEndList}}
		})), with(ack4, func(s *Segment) { s.Options = "nop,eol" })},
		{"a selective acknowledgement", build(t, ip4(), tcp(func(h *layers.TCP) {
			h.Options = []layers.TCPOption{
				{OptionType: layers.TCPOptionKindNop}, {OptionType: layers.TCPOptionKindNop},
				{OptionType: layers.TCPOptionKindSACK, OptionLength: 18, OptionData: []byte{0, 0, 0, 1, 0, 0, 0, 6, 255, 255, 255, 255, 0, 0, 0, 2}},
			}
		})), with(ack4, func(s *Segment) { s.Options = "nop,nop,sack 2 {1:6}{4294967295:2}" })},
		{"an empty Fast Open cookie", build(t, ip4(), tcp(func(h *layers.TCP) {
			h.Options = []layers.TCPOption{{OptionType: 34, OptionLength: 2}}
		})), with(ack4, func(s *Segment) { s.Options = "unknown-34 0x,eol" })},
		{"an option of the wrong size", build(t, ip4(), tcp(func(h *layers.TCP) {
			h.Options = []layers.TCPOption{{OptionType: layers.TCPOptionKindMSS, OptionLength: 3, OptionData: []byte{5}}}
		})), with(ack4, func(s *Segment) { s.Options = "unknown-2 0x05,eol" })},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := NewDecoder()
			got, err := d.Decode(test.raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, addrPorts); diff != "" {
				t.Error("Decode (-want +got):\n" + diff)
			}
			// A Decoder is used again and again: nothing may be left over.
			if _, err := d.Decode(build(t, ip6(), tcp(nil), gopacket.Payload("other"))); err != nil {
				t.Fatal(err)
			}
			if again, err := d.Decode(test.raw); err != nil || again != got {
				t.Errorf("the second time: %+v, %v; the first time: %+v", again, err, got)
			}
		})
	}
}

func TestDecodeNotTCP(t *testing.T) {
	udp4, udp6 := ip4(), ip6()
	udp4.Protocol, udp6.NextHeader = layers.IPProtocolUDP, layers.IPProtocolUDP
	first, later := ip4(), ip4()
	first.Flags = layers.IPv4MoreFragments
	later.FragOffset = 10
	v6 := build(t, ip6(), tcp(nil))

	for _, test := range []struct {
		name string
		raw  []byte
	}{
		{"nothing", nil},
		{"another version of IP", []byte{0x50, 0, 0, 20}},
		{"UDP on IPv4", build(t, udp4, gopacket.Payload("01234567"))},
		{"UDP on IPv6", build(t, udp6, gopacket.Payload("01234567"))},
		{"the first fragment on IPv4", build(t, first, tcp(nil))},
		{"a later fragment on IPv4", build(t, later, tcp(nil))},
		{"the first fragment on IPv6", insert(v6, layers.IPProtocolIPv6Fragment, 0, 0, 0, 1, 0, 0, 0, 7)},
		{"a later fragment on IPv6", insert(v6, layers.IPProtocolIPv6Fragment, 0, 0, 0, 0x50, 0, 0, 0, 7)},
		// As the kernel sends by itself as soon as a device is up.
		{"a multicast report", insert(build(t, &layers.IPv6{
			Version: 6, HopLimit: 1, NextHeader: layers.IPProtocolICMPv6, SrcIP: ip6().SrcIP, DstIP: ip6().DstIP,
		}, gopacket.Payload("\x8f\x00\x00\x00\x00\x00\x00\x00")), layers.IPProtocolIPv6HopByHop, 0, 0, 5, 2, 0, 0, 1, 0)},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, err := NewDecoder().Decode(test.raw); !errors.Is(err, ErrNotTCP) {
				t.Errorf("Decode = %+v, %v; want ErrNotTCP", got, err)
			}
		})
	}
}

func TestDecodeDamaged(t *testing.T) {
	v4, v6 := unhex(t, syn4), unhex(t, data6)
	set := func(raw []byte, at int, b ...byte) []byte {
		raw = slices.Clone(raw)
		copy(raw[at:], b)
		return raw
	}
	for _, test := range []struct {
		name string
		raw  []byte
	}{
		{"no length on IPv4", set(v4, 2, 0, 0)},
		{"no length on IPv6", set(v6, 4, 0, 0)},
		{"a length shorter than the IPv4 header", set(v4, 2, 0, 19)},
		{"a length shorter than the TCP header", set(v4, 2, 0, 39)},
		{"a length beyond the packet on IPv4", set(v4, 2, 0, 61)},
		{"a length beyond the packet on IPv6", set(v6, 4, 0, 26)},
		{"an IPv4 header of 16 bytes", set(v4, 0, 0x44)},
		{"a TCP header of 16 bytes", set(v4, 32, 0x40)},
		{"a TCP header longer than the packet", set(v4, 32, 0xf0)},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := NewDecoder().Decode(test.raw)
			if err == nil || errors.Is(err, ErrNotTCP) {
				t.Errorf("Decode = %+v, %v; want an error that is not ErrNotTCP", got, err)
			}
			if got != (Segment{}) {
				t.Errorf("Decode = %+v with an error; want nothing", got)
			}
		})
	}
}

// However short a packet was cut, that is an error and no panic.
func TestDecodeTruncated(t *testing.T) {
	for _, whole := range [][]byte{
		unhex(t, syn4), unhex(t, data6),
		insert(unhex(t, data6), layers.IPProtocolIPv6Destination, 0, 0, 1, 4, 0, 0, 0, 0),
	} {
		d := NewDecoder()
		for n := range whole {
			if got, err := d.Decode(whole[:n]); err == nil {
				t.Errorf("Decode of %d of %d bytes: %+v", n, len(whole), got)
			}
		}
	}
}

func TestSeqLen(t *testing.T) {
	for _, test := range []struct {
		segment Segment
		want    uint32
	}{
		{Segment{Flags: ACK}, 0},
		{Segment{Flags: RST}, 0},
		{Segment{Flags: SYN}, 1},
		{Segment{Flags: SYN, Len: 5}, 6},
		{Segment{Flags: PSH | ACK, Len: 5}, 5},
		{Segment{Flags: FIN | PSH | ACK, Len: 5}, 6},
		{Segment{Flags: FIN | SYN}, 2},
	} {
		if got := test.segment.SeqLen(); got != test.want {
			t.Errorf("SeqLen of %v with %d bytes = %d, want %d", test.segment.Flags, test.segment.Len, got, test.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := slices.Clone(raw)
		got, err := NewDecoder().Decode(raw)
		if !bytes.Equal(before, raw) {
			t.Fatal("Decode has changed the packet")
		}
		if err != nil {
			if got != (Segment{}) {
				t.Errorf("Decode = %+v with an error", got)
			}
			return
		}
		headers := 20 + 20
		if raw[0]>>4 == 6 {
			headers = ip6Header + 20
		}
		if got.Len < 0 || got.Len+headers > len(raw) {
			t.Errorf("%d bytes of data in a packet of %d", got.Len, len(raw))
		}
		if got.Src.Addr().Is4() != (raw[0]>>4 == 4) || !got.Dst.IsValid() {
			t.Errorf("from %v to %v in IP version %d", got.Src, got.Dst, raw[0]>>4)
		}
		// More after the packet's end is padding and changes nothing.
		padded, err := NewDecoder().Decode(append(before, 1, 2, 3))
		if err != nil || padded != got {
			t.Errorf("with padding: %+v, %v; without: %+v", padded, err, got)
		}
	})
}

func addSeeds(f *testing.F) {
	hello := gopacket.Payload("hello")
	f.Add(unhex(f, syn4))
	f.Add(unhex(f, data6))
	f.Add(build(f, ip4(), tcp(func(h *layers.TCP) {
		h.Options = []layers.TCPOption{
			{OptionType: layers.TCPOptionKindNop}, {OptionType: layers.TCPOptionKindSACK, OptionLength: 10, OptionData: make([]byte, 8)},
			{OptionType: layers.TCPOptionKindMultipathTCP, OptionLength: 4, OptionData: []byte{0x20, 0}},
		}
	}), hello))
	f.Add(insert(build(f, ip6(), tcp(nil), hello), layers.IPProtocolIPv6HopByHop, 0, 0, 1, 4, 0, 0, 0, 0))
	f.Add(insert(build(f, ip6(), tcp(nil), hello), layers.IPProtocolIPv6Destination, 0, 0, 1, 4, 0, 0, 0, 0))
	f.Add(insert(build(f, ip6(), tcp(nil), hello), layers.IPProtocolIPv6Fragment, 0, 0, 0, 1, 0, 0, 0, 7))
}

func BenchmarkDecode(b *testing.B) {
	for _, bench := range []struct{ name, packet string }{{"SYN", syn4}, {"data6", data6}} {
		b.Run(bench.name, func(b *testing.B) {
			raw, d := unhex(b, bench.packet), NewDecoder()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Decode(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
