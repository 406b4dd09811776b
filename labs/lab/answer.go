package lab

import (
	"strings"

	"github.com/tcplab/tcplab/labs/internal/pattern"
	"github.com/tcplab/tcplab/labs/internal/wire"
)

// An Answer is what a host has sent at once when a segment came.
type Answer struct {
	// Names names all of it, as Wire.Waiting does: "ACK", "RST", "nothing".
	Names string
	// First is the first segment of it, and an empty one where there is none.
	First *Segment
}

// nothing is how words name what a host sends that sends nothing.
const nothing = "nothing"

// Exchange delivers the segment, and then what its receiver answers at once, which it
// returns.
func (s *Segment) Exchange() Answer { return s.Deliver().answer((*Segment).Deliver) }

// Provoke delivers the segment and loses what its receiver answers at once, which it
// returns: for a segment whose sender did not send it, and would answer in turn.
func (s *Segment) Provoke() Answer { return s.Deliver().answer((*Segment).Drop) }

// answer takes what the segment's receiver has sent to its sender since the delivery, and
// does something with each. What was on the wire before is no answer: the receiver may
// have sent it just then by itself, or for a segment that came earlier.
func (s *Segment) answer(then func(*Segment) *Segment) Answer {
	none := Answer{nothing, s.run.script.Wire.none()}
	if s.missing || s.lost {
		return none
	}
	g := s.run.rig
	to, err := g.Receiver(s.packet)
	s.run.must(err)
	s.run.must(to.Drain())
	all := s.run.script.Wire.allOf(func(p *wire.Packet) bool {
		return p.Src == s.packet.Dst && p.Dst == s.packet.Src && g.Latest(p) && !p.ByTimer()
	})
	if all == nil {
		return none
	}
	var names []string
	for _, a := range all {
		names = append(names, pattern.Plain(a.packet.Flags).String())
	}
	for _, a := range all {
		then(a)
	}
	return Answer{strings.Join(names, " "), all[0]}
}
