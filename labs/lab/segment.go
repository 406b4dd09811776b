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
// delivered or dropped.
type Segment struct {
	run    *run
	from   *rig.Host
	packet *wire.Packet
	forged bool     // it was never sent by its sender
	lost   bool     // by a control: whatever the story does, it never arrives
	gone   bool     // it was delivered
	due    TimeLeft // of the timer that has sent it, where it was waited for

	Flags    string // without those of ECN
	Seq, Ack uint32 // relative, as in record.Segment
	Win      uint16
	Len      int  // bytes of data
	Again    bool // its sender has sent these sequence numbers before
}

// read takes over what stories may know of the packet.
func (s *Segment) read() {
	p := s.packet
	s.Flags, s.Seq, s.Ack, s.Win, s.Len = pattern.Plain(p.Flags).String(), p.RelSeq, p.RelAck, p.Window, p.Len
	s.Again = p.Retransmission
}

// Deliver lets the host with the destination address receive the segment. The
// host has dealt with it when Deliver returns; what it answers at once is then
// on the wire. Delivered once more, it is a copy.
func (s *Segment) Deliver() {
	fate := record.Delivered
	switch {
	case s.lost:
		s.Drop()
		return
	case s.forged, s.gone:
		fate = record.Injected
	}
	s.gone = true
	s.run.must(s.run.rig.Deliver(s.packet, fate, s.forged))
}

// Drop loses the segment.
func (s *Segment) Drop() { s.decide(record.Dropped) }

// Hold records that the segment waits on the wire while the story goes on. It
// can be delivered or dropped later.
func (s *Segment) Hold() { s.decide(record.Held) }

func (s *Segment) decide(f record.Fate) { s.run.must(s.run.rig.Decide(s.packet, f, s.forged)) }

// Forge returns another segment in place of this one: a copy of it with its TCP
// header changed. The segment itself stays in the story's hands.
func (s *Segment) Forge(change func(*TCP)) *Segment {
	raw, err := segment.Rewrite(s.packet.Raw, change)
	s.run.must(err)
	p, err := s.run.rig.Wire().Forged(s.packet, raw)
	s.run.must(err)
	f := &Segment{run: s.run, from: s.from, packet: p, forged: true}
	f.read()
	return f
}

// Reset forges the reset that the segment's sender could send next: its
// sequence number is the one that follows the segment, which is just what the
// receiver expects (RFC 5961 §3.2). A control may lose it.
func (s *Segment) Reset() *Segment {
	if s.Len > 0 {
		s.run.fail(fmt.Errorf("wire: %s len=%d: a reset is made of a segment without data", s.Flags, s.Len))
	}
	next := s.packet.Seq + s.packet.SeqLen()
	r := s.Forge(func(t *TCP) { t.Seq, t.Ack, t.Window, t.Flags = next, 0, 0, segment.RST })
	s.run.tamper(r)
	return r
}

// since returns how long after another segment of its sender's it was sent: by
// the sender's own clock, of which the TCP timestamps option (RFC 7323 §3) has
// the milliseconds, so that a busy machine changes nothing about it. Without
// the option it is the time at which the wire has seen them.
func (s *Segment) since(earlier *Segment) time.Duration {
	if a, b := earlier.packet.Clock, s.packet.Clock; a.Valid && b.Valid && earlier.from == s.from {
		return time.Duration(int32(b.MS-a.MS)) * time.Millisecond
	}
	return s.packet.SentAt.Sub(earlier.packet.SentAt).Truncate(time.Microsecond)
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
