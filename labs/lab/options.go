package lab

import (
	"github.com/tcplab/tcplab/labs/internal/segment"
)

// Offers reports whether the segment has a TCP option, by the name that tcpdump gives
// it: "mss", "sackOK", "TS", "wscale", "tfo".
func (s *Segment) Offers(option string) bool {
	kind := segment.OptionNamed(option)
	return kind != 0 && segment.Kinds(s.packet.Options).Has(kind)
}

// MSS is the segment size that the segment announces; 0 without the option.
func (s *Segment) MSS() int { return s.packet.MSS }

// DSCP is the class of service in the packet's IP header: 0 to 63.
func (s *Segment) DSCP() int {
	raw := s.packet.Raw
	if raw[0]>>4 == 6 {
		return int(raw[0]&0xf)<<2 | int(raw[1]>>6)
	}
	return int(raw[1] >> 2)
}

// WScale is the shift of the window scale option; -1 without it.
func (s *Segment) WScale() int { return s.packet.WScale }

// AnnounceMSS is a change that makes a SYN announce another segment size, as a router
// that clamps the MSS does.
func AnnounceMSS(mss uint16) func(*TCP) { return func(t *TCP) { segment.SetMSS(t.Options, mss) } }
