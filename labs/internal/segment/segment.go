// Package segment decodes TCP segments from packets, and rewrites them.
package segment

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// ErrNotTCP is returned for a packet that is something else: neighbour
// discovery, a multicast report, …
var ErrNotTCP = errors.New("not a TCP segment")

// A Flags is the set of a segment's control bits (RFC 9293 §3.1).
type Flags uint8

// The control bits.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

var flagNames = [...]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"}

// String joins the names of the flags from the lowest bit up: "SYN,ACK". A
// segment without flags is "NONE".
func (f Flags) String() string {
	switch f { // those of nearly every segment, without work
	case SYN:
		return "SYN"
	case SYN | ACK:
		return "SYN,ACK"
	case ACK:
		return "ACK"
	case PSH | ACK:
		return "PSH,ACK"
	case 0:
		return "NONE"
	}
	var names []string
	for i, name := range flagNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// A Segment is a decoded TCP segment.
type Segment struct {
	Src, Dst netip.AddrPort
	Flags    Flags
	Seq, Ack uint32
	Window   uint16
	Len      int    // bytes of data
	Options  string // as tcpdump prints them: "mss 1460,sackOK,nop,wscale 7"
	Clock    Clock
}

// A Clock is the sender's clock in the timestamps option (RFC 7323 §3). On
// Linux it counts milliseconds, from a random start for each connection.
type Clock struct {
	Valid bool // false without the option
	MS    uint32
}

// SeqLen is the room that the segment takes in sequence space: its data, and
// one each for SYN and FIN.
func (s *Segment) SeqLen() uint32 {
	n := uint32(s.Len)
	if s.Flags&SYN != 0 {
		n++
	}
	if s.Flags&FIN != 0 {
		n++
	}
	return n
}

// A Decoder decodes packets. It is not safe for concurrent use.
type Decoder struct {
	ip4    layers.IPv4
	ip6    layers.IPv6
	ext    extension
	tcp    layers.TCP
	v4, v6 *gopacket.DecodingLayerParser
	found  []gopacket.LayerType
}

// extension skips the IPv6 extension headers that may stand before a whole TCP
// segment. (Hop-by-hop options are gopacket's to skip. Behind a fragment header
// there is a piece of a segment, which can't be read as one.)
type extension struct{ layers.IPv6ExtensionSkipper }

func (*extension) CanDecode() gopacket.LayerClass { return layers.LayerTypeIPv6Destination }

// NewDecoder returns a Decoder.
func NewDecoder() *Decoder {
	d := &Decoder{}
	d.v4 = gopacket.NewDecodingLayerParser(layers.LayerTypeIPv4, &d.ip4, &d.tcp)
	d.v6 = gopacket.NewDecodingLayerParser(layers.LayerTypeIPv6, &d.ip6, &d.ext, &d.tcp)
	d.v4.IgnoreUnsupported = true
	d.v6.IgnoreUnsupported = true
	return d
}

// Decode decodes a packet from its IP header on. It returns ErrNotTCP for one
// that holds no whole TCP header, fragments among them, and another error for
// one that is damaged.
func (d *Decoder) Decode(raw []byte) (Segment, error) {
	src, dst, err := d.parse(raw)
	if err != nil {
		return Segment{}, err
	}
	return Segment{
		Src:     netip.AddrPortFrom(src, uint16(d.tcp.SrcPort)),
		Dst:     netip.AddrPortFrom(dst, uint16(d.tcp.DstPort)),
		Flags:   flags(&d.tcp),
		Seq:     d.tcp.Seq,
		Ack:     d.tcp.Ack,
		Window:  d.tcp.Window,
		Len:     len(d.tcp.Payload),
		Options: options(d.tcp.Options),
		Clock:   clock(d.tcp.Options),
	}, nil
}

// parse decodes a packet into the Decoder's layers, and returns its addresses.
func (d *Decoder) parse(raw []byte) (src, dst netip.Addr, err error) {
	parser, length := d.v4, 2 // where the header says how long the packet is
	switch {
	case len(raw) > 0 && raw[0]>>4 == 4:
	case len(raw) > 0 && raw[0]>>4 == 6:
		parser, length = d.v6, 4
	default:
		return src, dst, ErrNotTCP
	}
	err = parser.DecodeLayers(raw, &d.found)
	switch {
	case err != nil:
	case raw[length] == 0 && raw[length+1] == 0:
		// gopacket would take the rest of the buffer for the packet.
		err = errors.New("its header gives no length")
	case parser.Truncated:
		err = errors.New("it is longer than what is there of it")
	}
	if err != nil {
		return src, dst, fmt.Errorf("packet of %d bytes: %w", len(raw), err)
	}
	if d.found[len(d.found)-1] != layers.LayerTypeTCP {
		return src, dst, ErrNotTCP
	}
	if parser == d.v4 {
		return netip.AddrFrom4([4]byte(d.ip4.SrcIP)), netip.AddrFrom4([4]byte(d.ip4.DstIP)), nil
	}
	return netip.AddrFrom16([16]byte(d.ip6.SrcIP)), netip.AddrFrom16([16]byte(d.ip6.DstIP)), nil
}

func flags(t *layers.TCP) Flags {
	var f Flags
	for i, set := range [...]bool{t.FIN, t.SYN, t.RST, t.PSH, t.ACK, t.URG, t.ECE, t.CWR} {
		if set {
			f |= 1 << i
		}
	}
	return f
}

func clock(list []layers.TCPOption) Clock {
	for _, o := range list {
		if o.OptionType == layers.TCPOptionKindTimestamps && len(o.OptionData) == 8 {
			return Clock{Valid: true, MS: uint32(be(o.OptionData[:4]))}
		}
	}
	return Clock{}
}

// options writes the options as tcpdump does.
func options(list []layers.TCPOption) string {
	b := make([]byte, 0, 64)
	for i, o := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendOption(b, o)
	}
	return string(b)
}

func appendOption(b []byte, o layers.TCPOption) []byte {
	data := o.OptionData
	switch {
	case o.OptionType == layers.TCPOptionKindEndList:
		return append(b, "eol"...)
	case o.OptionType == layers.TCPOptionKindNop:
		return append(b, "nop"...)
	case o.OptionType == layers.TCPOptionKindMSS && len(data) == 2:
		return strconv.AppendUint(append(b, "mss "...), be(data), 10)
	case o.OptionType == layers.TCPOptionKindWindowScale && len(data) == 1:
		return strconv.AppendUint(append(b, "wscale "...), be(data), 10)
	case o.OptionType == layers.TCPOptionKindSACKPermitted:
		return append(b, "sackOK"...)
	case o.OptionType == layers.TCPOptionKindTimestamps && len(data) == 8:
		b = strconv.AppendUint(append(b, "TS val "...), be(data[:4]), 10)
		return strconv.AppendUint(append(b, " ecr "...), be(data[4:]), 10)
	case o.OptionType == layers.TCPOptionKindSACK && len(data)%8 == 0:
		b = append(b, "sack "...)
		b = strconv.AppendInt(b, int64(len(data)/8), 10)
		b = append(b, ' ')
		for ; len(data) > 0; data = data[8:] {
			b = append(b, '{')
			b = strconv.AppendUint(b, be(data[:4]), 10)
			b = append(b, ':')
			b = strconv.AppendUint(b, be(data[4:8]), 10)
			b = append(b, '}')
		}
		return b
	}
	return fmt.Appendf(b, "unknown-%d 0x%x", o.OptionType, data)
}

func be(b []byte) uint64 {
	var n uint64
	for _, x := range b {
		n = n<<8 | uint64(x)
	}
	return n
}

// ParseFlags reads what String writes. The names may come in any order.
func ParseFlags(text string) (Flags, error) {
	var f Flags
	if text == "NONE" {
		return 0, nil
	}
	for name := range strings.SplitSeq(text, ",") {
		i := slices.Index(flagNames[:], name)
		if i < 0 {
			return 0, fmt.Errorf("segment %q: no flag is called %q", text, name)
		}
		f |= 1 << i
	}
	return f, nil
}
