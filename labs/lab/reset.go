package lab

import (
	"fmt"

	"github.com/gopacket/gopacket/layers"
)

// Reset forges the reset that the segment's sender could send next: its
// sequence number is the one that follows the segment, which is just what the
// receiver expects (RFC 5961 §3.2). A control may lose it: it is named as if it
// were the how-many-th of the segment's name ("client:RST#2").
func (s *Segment) Reset() *Segment {
	if s.Len > 0 {
		s.run.fail(fmt.Errorf("wire: %s len=%d: a reset is made of a segment without data", s.Flags, s.Len))
	}
	next := s.packet.Seq + s.packet.SeqLen()
	r := s.Forge(func(t *layers.TCP) {
		t.Seq, t.Ack, t.Window = next, 0, 0
		t.SYN, t.FIN, t.PSH, t.ACK, t.RST = false, false, false, false, true
	})
	s.run.tamper(r)
	return r
}
