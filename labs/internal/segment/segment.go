// Package segment decodes TCP segments from packets, rewrites them, and makes
// packets from nothing.
package segment

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
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

// A Segment is a decoded TCP segment. Its slices of bytes are parts of the
// packet that was decoded.
type Segment struct {
	Src, Dst netip.AddrPort
	ECN      uint8 // of the IP header: NotECT, ECT1, ECT0 or CE
	Flags    Flags
	Seq, Ack uint32
	Window   uint16
	Urgent   uint16
	Len      int // bytes of data
	Data     []byte
	Options  []byte // as they are on the wire; OptionsText is for people
	MSS      int    // the maximum segment size option, or 0
	WScale   int    // the window scale option, or -1
	SACKOK   bool   // the SACK-permitted option is there
	SACK     []Block
	Clock    Clock
}

// The codepoints of the ECN field in the IP header (RFC 3168 §5).
const (
	NotECT = iota
	ECT1
	ECT0
	CE
)

// A Block is what a selective acknowledgement tells of: the sequence numbers
// from Left up to, but not including, Right (RFC 2018 §3).
type Block struct{ Left, Right uint32 }

// A Clock is the sender's clock in the timestamps option (RFC 7323 §3). On
// Linux it counts milliseconds, from a random start for each connection.
type Clock struct {
	Valid bool // false without the option
	MS    uint32
}

// SeqLen returns the room that the segment takes in sequence space: its data, and
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

// ParseFlags reads what String writes. The names may come in any order.
func ParseFlags(text string) (Flags, error) {
	var f Flags
	if text == "NONE" {
		return 0, nil
	}
	for name := range strings.SplitSeq(text, ",") {
		i := slices.Index(flagNames[:], name)
		if i < 0 {
			return 0, fmt.Errorf("segment %q: no flag is called %q; there are %s, and several are joined as SYN,ACK", text, name, strings.Join(flagNames[:], ", "))
		}
		f |= 1 << i
	}
	return f, nil
}

// UnmarshalText is ParseFlags.
func (f *Flags) UnmarshalText(text []byte) (err error) {
	*f, err = ParseFlags(string(text))
	return err
}
