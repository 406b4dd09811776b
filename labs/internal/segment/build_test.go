package segment

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

func TestBuild(t *testing.T) {
	want := unhex(t, syn4)
	copy(want[4:], []byte{0, 0}) // Build gives no identification
	setSum4(want)
	options, err := ParseOptions("mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Build(client4.Addr(), server4.Addr(), TCP{
		SrcPort: 40000, DstPort: 80, Seq: 0x11223344, Flags: SYN, Window: 64240, Options: options,
	})
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("Build = % x, %v\nwant    % x", got, err, want)
	}
	got, err = Build(server6.Addr(), client6.Addr(), TCP{
		SrcPort: 80, DstPort: 40000, Seq: 1000, Ack: 2000, Flags: PSH | ACK, Window: 502, Data: []byte("hello"),
	})
	if want := unhex(t, data6); err != nil || !bytes.Equal(got, want) {
		t.Errorf("Build = % x, %v\nwant    % x", got, err, want)
	}
}

func TestBuildRefuses(t *testing.T) {
	for name, f := range map[string]func() ([]byte, error){
		"two versions of IP":  func() ([]byte, error) { return Build(client4.Addr(), server6.Addr(), TCP{}) },
		"no address":          func() ([]byte, error) { return Build(client4.Addr(), netip.Addr{}, TCP{}) },
		"41 bytes of options": func() ([]byte, error) { return Build(client4.Addr(), server4.Addr(), TCP{Options: make([]byte, 41)}) },
		"65536 bytes": func() ([]byte, error) {
			return Build(client4.Addr(), server4.Addr(), TCP{Data: make([]byte, 65536-40)})
		},
		"two versions of ICMP": func() ([]byte, error) { return BuildICMP(ICMP{}, client4.Addr(), server6.Addr(), nil) },
	} {
		if got, err := f(); err == nil || got != nil {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

func TestSetECN(t *testing.T) {
	for _, whole := range []string{syn4, data6} {
		for ecn := range uint8(4) {
			raw := unhex(t, whole)
			got := SetECN(raw, ecn)
			if !bytes.Equal(raw, unhex(t, whole)) {
				t.Error("SetECN has changed the packet that it was given")
			}
			s, err := Decode(got)
			if err != nil || s.ECN != ecn {
				t.Errorf("ECN = %d, %v; want %d", s.ECN, err, ecn)
			}
			at, _, _ := locate(got)
			checksums(t, got, at)
			if back := SetECN(got, NotECT); !bytes.Equal(back, raw) {
				t.Errorf("there and back:\n% x\n% x", back, raw)
			}
		}
	}
}

func TestBuildICMP(t *testing.T) {
	router4, router6 := netip.MustParseAddr("192.0.2.254"), netip.MustParseAddr("2001:db8::fe")
	long4 := build(t, ip4(), tcp(nil), gopacket.Payload(make([]byte, 1400)))
	long6 := build(t, ip6(), tcp(nil), gopacket.Payload(make([]byte, 1400)))
	for _, test := range []struct {
		name     string
		kind     ICMP
		from, to netip.Addr
		about    []byte
		length   int // of the whole message
	}{
		{"port unreachable", ICMP{Type: 3, Code: 3}, router4, client4.Addr(), unhex(t, syn4), 28 + 60},
		{"fragmentation needed", ICMP{Type: 3, Code: 4, MTU: 1200}, router4, client4.Addr(), long4, 576},
		{"host unreachable, on IPv6", ICMP{Type: 1, Code: 3}, router6, server6.Addr(), unhex(t, data6), 48 + 65},
		{"packet too big, on IPv6", ICMP{Type: 2, MTU: 70000}, router6, client6.Addr(), long6, 1280},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := BuildICMP(test.kind, test.from, test.to, test.about)
			if err != nil || len(got) != test.length {
				t.Fatalf("%d bytes, %v; want %d", len(got), err, test.length)
			}
			if want := otherICMP(t, test.kind, test.from, test.to, quoted(got)); !bytes.Equal(got, want) {
				t.Error("(-gopacket +ours):\n" + cmp.Diff(want, got))
			}
			if !bytes.HasPrefix(test.about, quoted(got)) {
				t.Errorf("it quotes % x", quoted(got))
			}
		})
	}
}

// quoted is what an ICMP message is about.
func quoted(message []byte) []byte {
	if message[0]>>4 == 6 {
		return message[ip6Header+8:]
	}
	return message[ip4Header+8:]
}

// otherICMP lets gopacket make the message.
func otherICMP(t *testing.T, kind ICMP, from, to netip.Addr, about []byte) []byte {
	t.Helper()
	if from.Is4() {
		ip := ip4()
		ip.SrcIP, ip.DstIP, ip.Protocol, ip.Flags = net.IP(from.AsSlice()), net.IP(to.AsSlice()), layers.IPProtocolICMPv4, layers.IPv4DontFragment
		icmp := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(kind.Type, kind.Code), Seq: uint16(kind.MTU)}
		return build(t, ip, icmp, gopacket.Payload(about))
	}
	ip := ip6()
	ip.SrcIP, ip.DstIP, ip.NextHeader = net.IP(from.AsSlice()), net.IP(to.AsSlice()), layers.IPProtocolICMPv6
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(kind.Type, kind.Code)}
	if err := icmp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	mtu := []byte{byte(kind.MTU >> 24), byte(kind.MTU >> 16), byte(kind.MTU >> 8), byte(kind.MTU)}
	return build(t, ip, icmp, gopacket.Payload(slices.Concat(mtu, about)))
}

// What Build makes is what gopacket reads, and makes of it again.
func FuzzBuild(f *testing.F) {
	f.Add(false, []byte{1, 2, 3}, []byte("hello"), uint8(SYN|ACK), uint32(1), uint32(2), uint16(3), uint16(4))
	f.Add(true, []byte{2, 4, 5, 0xb4}, []byte{}, uint8(255), uint32(1<<31), uint32(0), uint16(0), uint16(0))
	f.Fuzz(func(t *testing.T, v6 bool, options, data []byte, flags uint8, seq, ack uint32, window, urgent uint16) {
		src, dst := client4, server4
		if v6 {
			src, dst = client6, server6
		}
		in := TCP{
			SrcPort: src.Port(), DstPort: dst.Port(), Seq: seq, Ack: ack, Flags: Flags(flags),
			Window: window, Urgent: urgent, Options: options, Data: data,
		}
		raw, err := Build(src.Addr(), dst.Addr(), in)
		if err != nil {
			if len(options) <= maxOptions && len(data) < 60000 {
				t.Error(err)
			}
			return
		}
		at, end, err := locate(raw)
		if err != nil || end != len(raw) {
			t.Fatalf("of %d bytes the packet is %d: %v", len(raw), end, err)
		}
		checksums(t, raw, at)
		s, err := Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, raw, s)
		in.Options = pad(slices.Clone(in.Options))
		if !bytes.Equal(s.Options, in.Options) || !bytes.Equal(s.Data, data) {
			t.Errorf("options % x, data % x", s.Options, s.Data)
		}
	})
}
