package lab

// What is said here of a segment, the wire's words say of one that they name.

// wire is the wire narrowed to the segment's connection, and name the segment's name
// there.
func (s *Segment) wire() (w *Wire, name string) {
	name = s.from.Name + ":" + s.Flags
	if s.plainData() {
		name = s.from.Name + ":data"
	}
	return &Wire{run: s.run, only: s.run.rig.Sender(s.packet)}, name
}

// Retransmission waits for the timer of the segment's sender to run out, and takes what
// that sends again: of data the first that is not acknowledged, which may be another
// segment. See Wire.Retransmission.
func (s *Segment) Retransmission() *Segment {
	w, name := s.wire()
	return w.Retransmission(name)
}

// TryRetransmission is Retransmission where the sender may have no timer running, or be
// gone: what is returned then is empty.
func (s *Segment) TryRetransmission() *Segment {
	w, name := s.wire()
	return w.TryRetransmission(name)
}

// Lose loses the segment, unless that was done, and what its sender's timer sends again,
// n times in all. It returns what is sent again then, and for 0 the segment itself.
func (s *Segment) Lose(n int) (again *Segment) {
	again = s
	for range n {
		if !again.fated {
			again.Drop()
		}
		again = again.Retransmission()
	}
	return again
}

// Unanswered loses the segment, unless that was done, and loses it again each time that
// its sender's timer sends it again, until the sender gives up: see Wire.Unanswered.
func (s *Segment) Unanswered() Attempts {
	if !s.fated {
		s.Drop()
	}
	w, name := s.wire()
	return w.Unanswered(name, s)
}

// Carry delivers the segment, and carries what else its sender has written, as Wire.Carry
// does.
func (s *Segment) Carry() (all bool) {
	s.Deliver()
	return s.run.script.Wire.carry(s.run.endOf(s.run.rig.Sender(s.packet)))
}
