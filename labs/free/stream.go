package free

import (
	"net/netip"
	"time"

	"github.com/tcplab/tcplab/labs/internal/segment"
	"github.com/tcplab/tcplab/labs/internal/wire"
)

// A stream is what one side of a connection sends.
type stream struct{ src, dst netip.AddrPort }

func streamOf(p *wire.Packet) stream { return stream{p.Src, p.Dst} }

// streamState is what the carrier knows of a stream.
type streamState struct {
	arrived bool   // something of it has
	next    uint32 // the sequence number that its receiver waits for
	// notBefore is when what was delayed arrives: what is sent after it does not
	// overtake it.
	notBefore time.Time
	clock     senderClock
	fold      *foldState // the connection's, which it stands for: of both streams
	looked    time.Time  // when its receiver was last looked at for what was only counted
}

func (c *carrier) stream(p *wire.Packet) *streamState {
	s := c.streams[streamOf(p)]
	if s == nil {
		s = &streamState{}
		if back := c.streams[stream{p.Dst, p.Src}]; back != nil {
			s.fold = back.fold
		} else {
			s.fold = &foldState{}
			c.folded = append(c.folded, s.fold)
		}
		c.streams[streamOf(p)] = s
	}
	return s
}

// due reports whether the receiver of what is only counted is to be looked at: to do so
// each time would take a quarter of what carrying takes.
func (s *streamState) due() bool {
	now := time.Now()
	if now.Sub(s.looked) < glance {
		return false
	}
	s.looked = now
	return true
}

// arrive takes in that a packet has reached its receiver.
func (s *streamState) arrive(p *wire.Packet) {
	end := p.Seq + p.SeqLen()
	switch {
	case !s.arrived || p.Flags&segment.SYN != 0:
		s.arrived, s.next = true, end
	case int32(p.Seq-s.next) <= 0 && int32(end-s.next) > 0:
		s.next = end
	}
}
