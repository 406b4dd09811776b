package segment

import (
	"bytes"
	"errors"
	"net/netip"
	"reflect"
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

// segments compares all but the raw options, which their text stands for.
var segments = cmp.Options{addrPorts, cmpopts.IgnoreFields(Segment{}, "Options"), cmpopts.EquateEmpty()}

func TestDecode(t *testing.T) {
	hello := gopacket.Payload("hello")
	ack4 := Segment{Src: client4, Dst: server4, Flags: ACK, Seq: 1000, Ack: 2000, Window: 502, WScale: -1}
	ack6 := ack4
	ack6.Src, ack6.Dst = client6, server6
	with := func(s Segment, change func(*Segment)) Segment {
		change(&s)
		return s
	}
	five := func(s *Segment) { s.Len, s.Data = 5, []byte("hello") }
	option := func(options ...layers.TCPOption) []byte {
		return build(t, ip4(), tcp(func(h *layers.TCP) { h.Options = options }))
	}
	nop := layers.TCPOption{OptionType: layers.TCPOptionKindNop}
	marked4, marked6 := ip4(), ip6()
	marked4.TOS, marked6.TrafficClass = 0xb8|CE, 0xb8|ECT0

	for _, test := range []struct {
		name    string
		raw     []byte
		want    Segment
		options string
	}{
		{"SYN with the usual options", unhex(t, syn4), Segment{
			Src: client4, Dst: server4, Flags: SYN, Seq: 0x11223344, Window: 64240,
			MSS: 1460, SACKOK: true, WScale: 7, Clock: Clock{Valid: true, MS: 100},
		}, "mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7"},
		{"data on IPv6", unhex(t, data6), with(Segment{
			Src: server6, Dst: client6, Flags: PSH | ACK, Seq: 1000, Ack: 2000, Window: 502, WScale: -1,
		}, five), ""},
		{"ACK on IPv4", build(t, ip4(), tcp(nil)), ack4, ""},
		{"ACK on IPv6", build(t, ip6(), tcp(nil)), ack6, ""},
		{"no flags", build(t, ip4(), tcp(func(h *layers.TCP) { h.ACK = false })),
			with(ack4, func(s *Segment) { s.Flags = 0 }), ""},
		{"every flag", build(t, ip4(), tcp(func(h *layers.TCP) {
			h.FIN, h.SYN, h.RST, h.PSH, h.URG, h.ECE, h.CWR = true, true, true, true, true, true, true
		})), with(ack4, func(s *Segment) { s.Flags = 0xff }), ""},
		{"an urgent pointer", build(t, ip4(), tcp(func(h *layers.TCP) { h.URG, h.Urgent = true, 0x102 })),
			with(ack4, func(s *Segment) { s.Flags, s.Urgent = ACK|URG, 0x102 }), ""},
		{"congestion experienced, on IPv4", build(t, marked4, tcp(nil)), with(ack4, func(s *Segment) { s.ECN = CE }), ""},
		{"ECN-capable, on IPv6", build(t, marked6, tcp(nil)), with(ack6, func(s *Segment) { s.ECN = ECT0 }), ""},
		{"data to a name server", build(t, ip4(), tcp(func(h *layers.TCP) { h.DstPort = 53 }), hello),
			with(with(ack4, five), func(s *Segment) { s.Dst = netip.AddrPortFrom(s.Dst.Addr(), 53) }), ""},
		{"padding on IPv4", append(build(t, ip4(), tcp(nil)), make([]byte, 6)...), ack4, ""},
		{"padding on IPv6", append(build(t, ip6(), tcp(nil), hello), make([]byte, 6)...), with(ack6, five), ""},
		{"IPv4 options", build(t, &layers.IPv4{
			Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: ip4().SrcIP, DstIP: ip4().DstIP,
			Options: []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}},
		}, tcp(nil), hello), with(ack4, five), ""},
		{"IPv6 hop-by-hop options", insert(build(t, ip6(), tcp(nil), hello), layers.IPProtocolIPv6HopByHop, 0, 0, 1, 4, 0, 0, 0, 0), with(ack6, five), ""},
		{"IPv6 destination options", insert(build(t, ip6(), tcp(nil), hello), layers.IPProtocolIPv6Destination, 0, 0, 1, 4, 0, 0, 0, 0), with(ack6, five), ""},
		{"an IPv6 routing header before them", insert(
			insert(build(t, ip6(), tcp(nil), hello), layers.IPProtocolIPv6Destination, 0, 0, 1, 4, 0, 0, 0, 0),
			layers.IPProtocolIPv6Routing, append([]byte{0, 2, 2, 0}, make([]byte, 20)...)...), with(ack6, five), ""},
		{"an end of options", option(nop, layers.TCPOption{OptionType: layers.TCPOptionKindEndList}), ack4, "nop,eol"},
		{"a selective acknowledgement", option(nop, nop,
			layers.TCPOption{OptionType: layers.TCPOptionKindSACK, OptionLength: 18, OptionData: []byte{0, 0, 0, 1, 0, 0, 0, 6, 255, 255, 255, 255, 0, 0, 0, 2}}),
			with(ack4, func(s *Segment) { s.SACK = []Block{{1, 6}, {4294967295, 2}} }), "nop,nop,sack 2 {1:6}{4294967295:2}"},
		{"an empty Fast Open cookie", option(layers.TCPOption{OptionType: 34, OptionLength: 2}), ack4, "tfo cookiereq,eol"},
		{"an option of the wrong size", option(layers.TCPOption{OptionType: layers.TCPOptionKindMSS, OptionLength: 3, OptionData: []byte{5}}),
			ack4, "unknown-2 0x05,eol"},
		{"an option of no length", rawOptions(t, optNop, 5, 0, 8), ack4, "nop"},
		{"an option longer than the header", rawOptions(t, optNop, optNop, 5, 3), ack4, "nop,nop"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Decode(test.raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, segments); diff != "" {
				t.Error("Decode (-want +got):\n" + diff)
			}
			if text := got.OptionsText(); text != test.options {
				t.Errorf("options %q, want %q", text, test.options)
			}
		})
	}
}

// rawOptions is a segment with just these bytes of options.
func rawOptions(t testing.TB, options ...byte) []byte {
	t.Helper()
	raw, err := Rewrite(build(t, ip4(), tcp(nil)), func(h *TCP) { h.Options = options })
	if err != nil {
		t.Fatal(err)
	}
	return raw
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
			if got, err := Decode(test.raw); !errors.Is(err, ErrNotTCP) {
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
		{"an IPv4 header longer than the packet", set(v4[:40], 0, 0x4f, 0, 0, 40)},
		{"an extension header longer than the packet", insert(v6, layers.IPProtocolIPv6Destination, 0, 9, 1, 4, 0, 0, 0, 0)},
		{"a TCP header of 16 bytes", set(v4, 32, 0x40)},
		{"a TCP header longer than the packet", set(v4, 32, 0xf0)},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Decode(test.raw)
			if err == nil || errors.Is(err, ErrNotTCP) {
				t.Errorf("Decode = %+v, %v; want an error that is not ErrNotTCP", got, err)
			}
			if !reflect.DeepEqual(got, Segment{}) {
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
		for n := range whole {
			if got, err := Decode(whole[:n]); err == nil {
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
		got, err := Decode(raw)
		if !bytes.Equal(before, raw) {
			t.Fatal("Decode has changed the packet")
		}
		if err != nil {
			if !reflect.DeepEqual(got, Segment{}) {
				t.Errorf("Decode = %+v with an error", got)
			}
			if theirs := decodeOther(raw); theirs != nil {
				t.Errorf("Decode: %v; gopacket makes a segment of it", err)
			}
			return
		}
		compare(t, raw, got)
		// More after the packet's end is padding and changes nothing.
		padded, err := Decode(append(before, 1, 2, 3))
		if diff := cmp.Diff(got, padded, addrPorts); err != nil || diff != "" {
			t.Errorf("with padding: %v\n%s", err, diff)
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
			raw := unhex(b, bench.packet)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
