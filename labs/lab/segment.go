package lab

import (
	"fmt"
	"time"

	"github.com/tcplab/tcplab/labs/internal/pattern"
	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/internal/segment"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// A TCP is what of a segment can be changed, and made: see Segment.Forge.
type TCP = segment.TCP

// A Segment was taken from the wire. It is in the story's hands until it is
// delivered or dropped. To Deliver, Drop or Hold none, as Wire.Take returns it, does nothing.
type Segment struct {
	run     *run
	from    *rig.Host
	packet  *wire.Packet
	missing bool // there is none: see Wire.IfAny
	forged  bool // it was never sent by its sender
	lost    bool // by a control: whatever the story does, it never arrives
	gone    bool // it was delivered
	fated   bool // what becomes of it was said

	Flags    string // without those of ECN
	Seq, Ack uint32 // relative, as in record.Segment
	Win      uint16
	Len      int  // bytes of data
	Urgent   int  // the urgent pointer, from Seq
	Again    bool // its sender has sent these sequence numbers before
	// Timer is what the timer that has sent it had left when the story began to wait for
	// it; nothing where it did not.
	Timer TimeLeft
	// SACK is what it acknowledges selectively, in relative numbers: "1449-2897",
	// with commas between several.
	SACK string
}

// read takes over what stories may know of the packet.
func (s *Segment) read() {
	p := s.packet
	s.Flags, s.Seq, s.Ack, s.Win, s.Len = pattern.Plain(p.Flags).String(), p.RelSeq, p.RelAck, p.Window, p.Len
	s.Urgent = int(p.Urgent)
	s.Again, s.SACK = p.Retransmission, rig.SACKText(p)
}

// Deliver lets the host with the destination address receive the segment. The
// host has dealt with it when Deliver returns; what it answers at once is then
// on the wire. Delivered once more, it is a copy. Deliver, Drop and Hold return the
// segment.
func (s *Segment) Deliver() *Segment {
	fate := record.Delivered
	switch {
	case s == nil, s.missing:
		return s
	case s.lost:
		return s.Drop()
	case s.forged, s.gone:
		fate = record.Injected
	}
	s.gone, s.fated = true, true
	s.run.must(s.run.rig.Deliver(s.packet, fate, s.forged))
	return s
}

// Drop loses the segment.
func (s *Segment) Drop() *Segment { return s.decide(record.Dropped) }

// Hold records that the segment waits on the wire while the story goes on. It
// can be delivered or dropped later.
func (s *Segment) Hold() *Segment { return s.decide(record.Held) }

func (s *Segment) decide(f record.Fate) *Segment {
	if s == nil || s.missing {
		return s
	}
	s.fated = true
	s.run.must(s.run.rig.Decide(s.packet, f, s.forged))
	return s
}

// Forge returns another segment instead of this one: a copy of it with its TCP
// header changed. The segment itself stays in the story's hands. A control may
// change the copy, or lose it.
func (s *Segment) Forge(changes ...func(*TCP)) *Segment {
	raw, err := segment.Rewrite(s.packet.Raw, func(t *TCP) {
		for _, change := range changes {
			change(t)
		}
	})
	s.run.must(err)
	p, err := s.run.rig.Wire().Forged(s.packet, raw)
	s.run.must(err)
	f := &Segment{run: s.run, from: s.from, packet: p, forged: true}
	s.run.tamper(f)
	f.read()
	return f
}

// Reset forges the reset that the segment's sender could send next: its
// sequence number is the one that follows the segment, which is just what the
// receiver expects (RFC 5961 §3.2).
func (s *Segment) Reset() *Segment {
	if s.Len > 0 {
		s.run.fail(fmt.Errorf("wire: %s len=%d: a reset is made of a segment without data", s.Flags, s.Len))
	}
	next := s.packet.Seq + s.packet.SeqLen()
	return s.Forge(func(t *TCP) { t.Seq, t.Ack, t.Window, t.Flags = next, 0, 0, segment.RST })
}

// plainData reports whether the segment carries data, and nothing that opens or ends the
// connection.
func (s *Segment) plainData() bool { return plainData(s.packet) }

func plainData(p *wire.Packet) bool {
	return p.Len > 0 && p.Flags&(segment.SYN|segment.FIN|segment.RST) == 0
}

// since returns how long after another segment of its sender's it was sent: by
// the sender's own clock, of which the TCP timestamps option (RFC 7323 §3) has
// the milliseconds, so that a busy machine changes nothing about it. Without
// the option it is between the soonest that each can have been sent.
func (s *Segment) since(earlier *Segment) time.Duration {
	if a, b := earlier.packet.Clock, s.packet.Clock; a.Valid && b.Valid && earlier.from == s.from {
		return time.Duration(int32(b.MS-a.MS)) * time.Millisecond
	}
	return s.soonest().Sub(earlier.soonest()).Truncate(time.Microsecond)
}

// soonest is when the segment can have been sent: when the timer had run out that the
// story waited for or, if no timer has sent it, when the action began that led to it.
// The wire may see it later by any time, and the pause until the next one then seems
// shorter than it was.
func (s *Segment) soonest() time.Time {
	at := s.Timer.Due()
	if at.IsZero() && !s.packet.ByTimer() {
		at = s.packet.Begun
	}
	if seen := s.packet.SentAt; at.IsZero() || seen.Before(at) {
		return seen
	}
	return at
}

// A Craft is a segment to be made from nothing. Its numbers are relative to the
// initial sequence numbers of its connection's two directions, where the wire has
// seen these, and absolute otherwise.
type Craft struct {
	Flags    string // "RST", "PSH,ACK"
	Seq, Ack int64
	Win      uint16
	Data     string
	Options  string // as tcpdump prints them: "mss 1460,nop,wscale 7"
}

// Craft makes a segment that this side of the connection never sent.
func (e *End) Craft(c Craft) *Segment {
	g := e.run.rig
	flags, err := segment.ParseFlags(c.Flags)
	e.run.must(err)
	options, err := segment.ParseOptions(c.Options)
	e.run.must(err)
	src, dst := e.rig.Local, e.rig.Remote
	t := segment.TCP{
		SrcPort: src.Port(), DstPort: dst.Port(), Flags: flags, Window: c.Win, Options: options, Data: []byte(c.Data),
		Seq: g.Wire().Initial(src, dst) + uint32(c.Seq),
	}
	if flags&segment.ACK != 0 {
		t.Ack = g.Wire().Initial(dst, src) + uint32(c.Ack)
	}
	raw, err := segment.Build(src.Addr(), dst.Addr(), t)
	e.run.must(err)
	p, err := g.Craft(e.rig, raw)
	e.run.must(err)
	s := &Segment{run: e.run, from: e.rig.Host, packet: p, forged: true}
	e.run.tamper(s)
	s.read()
	return s
}
