package segment

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// other is what another decoder, gopacket's, makes of a packet.
type other struct {
	src, dst netip.Addr
	ecn      uint8
	tcp      layers.TCP
}

// skipper passes by the extension headers that may stand before a whole segment.
type skipper struct{ layers.IPv6ExtensionSkipper }

func (*skipper) CanDecode() gopacket.LayerClass {
	return gopacket.NewLayerClass([]gopacket.LayerType{
		layers.LayerTypeIPv6HopByHop, layers.LayerTypeIPv6Destination, layers.LayerTypeIPv6Routing,
	})
}

// decodeOther returns nil for what gopacket can't read as a whole segment.
func decodeOther(raw []byte) *other {
	var (
		o    other
		ip4  layers.IPv4
		ip6  layers.IPv6
		skip skipper
		path []gopacket.LayerType
	)
	first, length := gopacket.LayerType(layers.LayerTypeIPv4), 2
	if len(raw) > 0 && raw[0]>>4 == 6 {
		first, length = layers.LayerTypeIPv6, 4
	}
	parser := gopacket.NewDecodingLayerParser(first, &ip4, &ip6, &skip, &o.tcp)
	parser.IgnoreUnsupported = true
	if len(raw) == 0 || raw[0]>>4 != 4 && raw[0]>>4 != 6 || parser.DecodeLayers(raw, &path) != nil || parser.Truncated ||
		// Without a length gopacket takes the rest of the buffer for the packet.
		raw[length] == 0 && raw[length+1] == 0 ||
		path[len(path)-1] != layers.LayerTypeTCP {
		return nil
	}
	if first == layers.LayerTypeIPv4 {
		o.src, o.dst = netip.AddrFrom4([4]byte(ip4.SrcIP)), netip.AddrFrom4([4]byte(ip4.DstIP))
		o.ecn = ip4.TOS & 3
	} else {
		o.src, o.dst = netip.AddrFrom16([16]byte(ip6.SrcIP)), netip.AddrFrom16([16]byte(ip6.DstIP))
		o.ecn = ip6.TrafficClass & 3
	}
	return &o
}

type option struct {
	Kind  byte
	Value []byte
}

// compare holds a segment against what gopacket makes of the same packet.
func compare(t *testing.T, raw []byte, got Segment) {
	t.Helper()
	o := decodeOther(raw)
	if o == nil {
		// gopacket reads the options of IP, too, and minds what is wrong in them.
		if raw[0] == 0x45 || raw[0]>>4 == 6 && raw[6] != hopByHop {
			t.Error("gopacket can't read it")
		}
		return
	}
	want := Segment{
		Src: netip.AddrPortFrom(o.src, uint16(o.tcp.SrcPort)), Dst: netip.AddrPortFrom(o.dst, uint16(o.tcp.DstPort)),
		ECN: o.ecn, Seq: o.tcp.Seq, Ack: o.tcp.Ack, Window: o.tcp.Window, Urgent: o.tcp.Urgent,
		Len: len(o.tcp.Payload), Data: o.tcp.Payload, Options: o.tcp.Contents[tcpHeader:],
	}
	for i, set := range [...]bool{o.tcp.FIN, o.tcp.SYN, o.tcp.RST, o.tcp.PSH, o.tcp.ACK, o.tcp.URG, o.tcp.ECE, o.tcp.CWR} {
		if set {
			want.Flags |= 1 << i
		}
	}
	said := cmpopts.IgnoreFields(Segment{}, "MSS", "WScale", "SACKOK", "SACK", "Clock")
	if diff := cmp.Diff(want, got, addrPorts, cmpopts.EquateEmpty(), said); diff != "" {
		t.Error("Decode (-gopacket +ours):\n" + diff)
	}
	var theirs, ours []option
	for _, x := range o.tcp.Options {
		theirs = append(theirs, option{byte(x.OptionType), x.OptionData})
	}
	for kind, value := range options(got.Options) {
		ours = append(ours, option{kind, value})
	}
	if strings.Contains(got.OptionsText(), "unknown-30") {
		return // gopacket stops at an option of Multipath TCP that is not as it should be
	}
	if diff := cmp.Diff(theirs, ours, cmpopts.EquateEmpty()); diff != "" {
		t.Error("options (-gopacket +ours):\n" + diff)
	}
}
