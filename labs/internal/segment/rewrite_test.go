package segment

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

func TestRewrite(t *testing.T) {
	hello := gopacket.Payload("hello")
	options := ip4()
	options.Options = []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}}

	for _, test := range []struct {
		name   string
		raw    []byte
		at     int // where the TCP header begins
		change func(*TCP)
		want   func(*Segment)
	}{
		{"the acknowledgement number", build(t, ip4(), tcp(nil), hello), 20,
			func(h *TCP) { h.Ack -= 5 }, func(s *Segment) { s.Ack -= 5 }},
		{"the flags, on IPv6", build(t, ip6(), tcp(nil), hello), 40,
			func(h *TCP) { h.Flags |= RST }, func(s *Segment) { s.Flags |= RST }},
		{"an option more", unhex(t, syn4), 20,
			func(h *TCP) { h.Options = append(h.Options, optNop) },
			func(s *Segment) { s.Options = append(slices.Clone(s.Options), optNop, optEnd, optEnd, optEnd) }},
		{"all options less", unhex(t, syn4), 20,
			func(h *TCP) { h.Options = nil },
			func(s *Segment) { s.Options, s.MSS, s.WScale, s.SACKOK, s.Clock = nil, 0, -1, false, Clock{} }},
		{"a value inside of an option", unhex(t, syn4), 20,
			func(h *TCP) { h.Options[2] = 0 },
			func(s *Segment) { s.Options = slices.Clone(s.Options); s.Options[2], s.MSS = 0, 180 }},
		{"the data, to an odd length", build(t, ip4(), tcp(nil), hello), 20,
			func(h *TCP) { h.Data = append(h.Data, " all"...) },
			func(s *Segment) { s.Len, s.Data = 9, []byte("hello all") }},
		{"data to a name server", build(t, ip4(), tcp(func(h *layers.TCP) { h.DstPort = 53 }), hello), 20,
			func(h *TCP) { h.Seq++ }, func(s *Segment) { s.Seq++ }},
		{"behind IPv4 options", build(t, options, tcp(nil), hello), 24,
			func(h *TCP) { h.Seq++ }, func(s *Segment) { s.Seq++ }},
		{"behind IPv6 options", insert(build(t, ip6(), tcp(nil), hello), layers.IPProtocolIPv6Destination, 0, 0, 1, 4, 0, 0, 0, 0), 48,
			func(h *TCP) { h.Seq++ }, func(s *Segment) { s.Seq++ }},
		{"before padding", append(build(t, ip4(), tcp(nil), hello), make([]byte, 6)...), 20,
			func(h *TCP) { h.Seq++ }, func(s *Segment) { s.Seq++ }},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := slices.Clone(test.raw)
			want, err := Decode(test.raw)
			if err != nil {
				t.Fatal(err)
			}
			test.want(&want)
			raw, err := Rewrite(test.raw, test.change)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(before, test.raw) {
				t.Error("Rewrite has changed the packet that it was given")
			}
			got, err := Decode(raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, addrPorts, cmpopts.EquateEmpty()); diff != "" {
				t.Error("rewritten (-want +got):\n" + diff)
			}
			checksums(t, raw, test.at)
		})
	}
}

// A packet that nothing is changed in comes out as it went in.
func TestRewriteNothing(t *testing.T) {
	checksums(t, unhex(t, syn4), 20)
	checksums(t, unhex(t, data6), 40)
	for _, raw := range [][]byte{
		unhex(t, syn4), unhex(t, data6),
		insert(unhex(t, data6), layers.IPProtocolIPv6HopByHop, 0, 0, 1, 4, 0, 0, 0, 0),
	} {
		got, err := Rewrite(raw, func(*TCP) {})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(raw, got); diff != "" {
			t.Error("rewritten (-want +got):\n" + diff)
		}
	}
}

func TestRewriteRefuses(t *testing.T) {
	never := func(*TCP) { t.Error("change was called") }
	if _, err := Rewrite(nil, never); !errors.Is(err, ErrNotTCP) {
		t.Errorf("Rewrite of nothing: %v", err)
	}
	if _, err := Rewrite(unhex(t, syn4)[:50], never); err == nil {
		t.Error("Rewrite of a packet that was cut short is no error")
	}
	long := build(t, ip4(), tcp(nil), gopacket.Payload(make([]byte, 65535-40)))
	if _, err := Rewrite(long, func(h *TCP) { h.Options = make([]byte, 4) }); err == nil {
		t.Error("Rewrite to more than 65535 bytes is no error")
	}
	if _, err := Rewrite(unhex(t, syn4), func(h *TCP) { h.Options = make([]byte, 41) }); err == nil {
		t.Error("Rewrite to 41 bytes of options is no error")
	}
}

func FuzzRewrite(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		before, err := Decode(raw)
		if err != nil {
			return
		}
		rewritten, err := Rewrite(raw, func(h *TCP) { h.Seq++ })
		if err != nil {
			t.Fatal(err)
		}
		after, err := Decode(rewritten)
		if err != nil {
			t.Fatal(err)
		}
		before.Seq++
		if diff := cmp.Diff(before, after, addrPorts); diff != "" {
			t.Error("rewritten (-want +got):\n" + diff)
		}
		at, _, err := locate(rewritten)
		if err != nil {
			t.Fatal(err)
		}
		checksums(t, rewritten, at)
	})
}

// The checksum is that of RFC 1071 §4.1, which adds two bytes at a time, for all lengths.
func TestChecksum(t *testing.T) {
	plain := func(b []byte) uint16 {
		var sum uint32
		for i, c := range b {
			sum += uint32(c) << (8 * uint(1-i%2))
			sum = sum>>16 + sum&0xffff
		}
		return ^uint16(sum)
	}
	random := rand.New(rand.NewPCG(1, 2))
	all := bytes.Repeat([]byte{0xff}, 100)
	for length := range 100 {
		some := make([]byte, length)
		for i := range some {
			some[i] = byte(random.Uint32())
		}
		for _, b := range [][]byte{some, make([]byte, length), all[:length]} {
			for cut := 0; cut <= length; cut += 2 {
				if got, want := checksum(b[:cut], b[cut:]), plain(b); got != want {
					t.Fatalf("the checksum of % x in %d and %d bytes is %#04x, want %#04x", b, cut, length-cut, got, want)
				}
			}
		}
	}
}
