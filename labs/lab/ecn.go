package lab

import (
	"fmt"

	"github.com/tcplab/tcplab/labs/internal/segment"
)

// MarkCE marks the segment's packet as a router does that is congested: Congestion
// Experienced (RFC 3168 §5). Its sender must have allowed that, by ECT.
func (s *Segment) MarkCE() *Segment {
	if s.packet.ECN == segment.NotECT {
		s.run.fail(fmt.Errorf("wire: %s len=%d does not allow a mark (ECT)", s.Flags, s.Len))
	}
	marked := *s.packet
	marked.Raw, marked.ECN = segment.SetECN(s.packet.Raw, segment.CE), segment.CE
	s.packet = &marked
	return s
}

// Has reports whether the segment has all of these flags, those of ECN too: "ECE",
// "SYN,ECE,CWR".
func (s *Segment) Has(flags string) bool {
	want, err := segment.ParseFlags(flags)
	s.run.must(err)
	return s.packet.Flags&want == want
}
