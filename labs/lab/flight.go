package lab

import (
	"fmt"
	"strings"
)

// A Flight is several segments, one after another.
type Flight []*Segment

// Segment writes data that leaves in one segment, and takes that from the wire.
func (s *Sock) Segment(data string) *Segment {
	s.Write(data)
	return s.script.Wire.Of(s).Next(s.program.Name() + ":data")
}

// Segments writes data for n full segments, and takes them from the wire: those that leave
// at once.
func (s *Sock) Segments(n int) (all Flight) {
	s.Write(s.Full(n))
	wire := s.script.Wire.Of(s)
	for range n {
		if next := wire.Take(s.program.Name() + ":data"); next != nil {
			all = append(all, next)
		}
	}
	return all
}

// Full is data for n full segments of the connection, 16 MB at most.
func (s *Sock) Full(n int) string {
	mss := int(s.info().SndMSS)
	if n < 0 || n > maxRead/max(1, mss) {
		s.program.run.fail(fmt.Errorf("%s: %d is no number of full segments: they are 0 to %d", s.program.Name(), n, maxRead/max(1, mss)))
	}
	return strings.Repeat("x", n*mss)
}

// Deliver delivers them, one after another. Deliver, Drop and Hold return the flight.
func (f Flight) Deliver() Flight { return f.each((*Segment).Deliver) }

// Drop loses them.
func (f Flight) Drop() Flight { return f.each((*Segment).Drop) }

// Hold records of each that it waits, as Segment.Hold does.
func (f Flight) Hold() Flight { return f.each((*Segment).Hold) }

func (f Flight) each(do func(*Segment) *Segment) Flight {
	for _, s := range f {
		do(s)
	}
	return f
}

// Exchange delivers each with the answers to it, as Segment.Exchange does, and returns
// the last answer that came.
func (f Flight) Exchange() (last Answer) {
	for _, s := range f {
		if a := s.Exchange(); last.First == nil || a.Names != nothing {
			last = a
		}
	}
	return last
}
