package lab

import (
	"fmt"
	"strings"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/tcplab/tcplab/labs/internal/segment"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// A Wire carries segments between the hosts, and only when the story says so.
// What a host sends waits on it. What a timer of the kernel sends again is taken
// by Retransmission, TryRetransmission and LoseRetransmissions alone: elsewhere
// it is as if it were not there, for on a busy machine a timer may run out while
// the story is between two words. Stories name a segment by its flags
// ("SYN,ACK") and, where that is needed, its sender ("server:SYN,ACK").
type Wire struct {
	run   *run
	only  *End // of this connection alone; nil for all
	again bool // what was sent before, and nothing else
}

// Of returns the wire narrowed to the segments of one connection.
func (w *Wire) Of(conn *Sock) *Wire {
	if conn.End == nil {
		w.run.fail(fmt.Errorf("wire: %s: descriptor %d is not connected", conn.host.name, conn.num))
	}
	return &Wire{run: w.run, only: conn.End}
}

// Next takes the next segment of that name from the wire, past any others that
// wait, and waits for it where it is not there yet.
func (w *Wire) Next(name string) *Segment {
	return w.next(name, w.run.deadline())
}

func (w *Wire) next(name string, until time.Time) *Segment {
	for late := false; ; {
		if s := w.take(name); s != nil {
			return s
		}
		if late {
			w.run.fail(fmt.Errorf("wire: no %s came; on the wire: %s", name, w.run.onTheWire()))
		}
		late = !time.Now().Before(until) // then this look is the last, whatever holds it up
		w.run.must(w.run.wire.Wait(until))
	}
}

// Take takes the next segment of that name from the wire if it is there now,
// and returns nil if it is not.
func (w *Wire) Take(name string) *Segment { return w.take(name) }

func (w *Wire) take(name string) *Segment { return w.pick(w.run.matcher(name)) }

func (w *Wire) pick(match func(*wire.Packet) bool) *Segment {
	p := w.run.wire.Take(func(p *wire.Packet) bool { return w.has(p) && match(p) })
	if p == nil {
		return nil
	}
	from := w.run.hosts[p.From]
	if p.Retransmission {
		from.end(pair{p.Src, p.Dst}, false).look() // its timer has run out
	}
	s := &Segment{run: w.run, from: from, packet: p}
	w.run.tamper(s)
	s.read()
	return s
}

// onTheWire names everything that waits on the wire, for an error.
func (r *run) onTheWire() string {
	var names []string
	for _, h := range r.hosts {
		text := h.name + ": " + r.script.Wire.Waiting(h)
		if again := r.script.Wire.repeats().Waiting(h); again != "nothing" {
			text += ", again " + again
		}
		names = append(names, text)
	}
	return strings.Join(names, "; ")
}

// has tells whether a packet is one of those that the words of this Wire see.
func (w *Wire) has(p *wire.Packet) bool {
	return p.Retransmission == w.again && w.carries(p)
}

// carries tells whether a packet is one of the Wire's connection.
func (w *Wire) carries(p *wire.Packet) bool {
	return w.only == nil ||
		p.Src == w.only.local && p.Dst == w.only.remote ||
		p.Src == w.only.remote && p.Dst == w.only.local
}

// matcher returns the meaning of a segment's name.
func (r *run) matcher(name string) func(*wire.Packet) bool {
	host, flags, ok := strings.Cut(name, ":")
	if !ok {
		host, flags = "", name
	}
	want, err := segment.ParseFlags(flags)
	r.must(err)
	return func(p *wire.Packet) bool {
		return plainFlags(p) == want && (host == "" || r.hosts[p.From].name == host)
	}
}

// plainFlags are the flags that stories know a packet by: all but those of ECN
// (RFC 3168 §6.1), which change nothing about what the segment is for.
func plainFlags(p *wire.Packet) segment.Flags { return p.Flags &^ (segment.ECE | segment.CWR) }

// Waiting names the segments from a host that wait on the wire and that
// nothing was done with yet, in the order in which they were sent: "nothing",
// "SYN,ACK", "ACK ACK".
func (w *Wire) Waiting(from *Host) string {
	w.run.must(w.run.wire.Drain(from.index))
	var names []string
	for _, p := range w.run.wire.Waiting() {
		if w.has(p) && p.From == from.index {
			names = append(names, plainFlags(p).String())
		}
	}
	if names == nil {
		return "nothing"
	}
	return strings.Join(names, " ")
}

// Sent counts the segments that the hosts have put on the wire since the start,
// but for those that a timer has sent again: how many these are is a matter of
// how busy the machine is.
func (w *Wire) Sent() int {
	for i := range w.run.hosts {
		w.run.must(w.run.wire.Drain(i))
	}
	return w.run.wire.Sent()
}

// Retransmission waits for the kernel's timer of the named segment's sender to
// run out ("client:SYN") and takes what it sends again. The wire must be that
// of one connection.
func (w *Wire) Retransmission(name string) *Segment {
	e := w.sender(name)
	wait, due := w.awaited(e, name)
	begin := w.run.waits(wait)
	// Timers of the kernel fire up to an eighth late (kernel/time/timer.c:
	// calc_index), and this machine may be busy.
	s := w.repeats().next(name, begin.Add(due.Left+due.Left/4+w.run.options.Patience))
	s.due = due
	w.run.waited()
	return s
}

// repeats is the wire with the segments that were sent before, and no others.
func (w *Wire) repeats() *Wire { return &Wire{run: w.run, only: w.only, again: true} }

// Deliver delivers the next segment of that name where there is one, and does
// nothing where there is none: for what a control may have made impossible.
func (w *Wire) Deliver(name string) {
	if s := w.take(name); s != nil {
		s.Deliver()
	}
}

// Handshake carries the three segments that establish a connection.
func (w *Wire) Handshake(conn *Sock) {
	of := w.Of(conn)
	of.Next("SYN").Deliver()
	of.Next("SYN,ACK").Deliver()
	of.Next("ACK").Deliver()
}

// A Segment was taken from the wire. It is in the story's hands until it is
// delivered or dropped.
type Segment struct {
	run    *run
	from   *Host
	packet *wire.Packet
	forged bool     // it was never sent by its sender
	lost   bool     // by a control: whatever the story does, it never arrives
	due    TimeLeft // of the timer that has sent it, where it was waited for

	Flags    string // without those of ECN
	Seq, Ack uint32 // relative, as in record.Segment
	Len      int    // bytes of data
	Again    bool   // its sender has sent these sequence numbers before
}

// read takes over what stories may know of the packet.
func (s *Segment) read() {
	p := s.packet
	s.Flags, s.Seq, s.Ack, s.Len = plainFlags(p).String(), p.RelSeq, p.RelAck, p.Len
	s.Again = p.Retransmission
}

// Deliver lets the host with the destination address receive the segment. The
// host has dealt with it when Deliver returns; what it answers at once is then
// on the wire.
func (s *Segment) Deliver() {
	switch {
	case s.lost:
		s.Drop()
	case s.forged:
		s.receive(record.Injected)
	default:
		s.receive(record.Delivered)
	}
}

// Duplicate delivers a copy of the segment; the segment itself stays in the
// story's hands.
func (s *Segment) Duplicate() { s.receive(record.Injected) }

// Drop loses the segment.
func (s *Segment) Drop() { s.record(record.Dropped, s.to()) }

// Hold records that the segment waits on the wire while the story goes on. It
// can be delivered or dropped later.
func (s *Segment) Hold() { s.record(record.Held, s.to()) }

// Forge returns another segment in its stead: a copy of it with its TCP header
// changed. The segment itself stays in the story's hands.
func (s *Segment) Forge(change func(*layers.TCP)) *Segment {
	raw, err := segment.Rewrite(s.packet.Raw, change)
	s.run.must(err)
	p, err := s.run.wire.Forged(s.packet, raw)
	s.run.must(err)
	f := &Segment{run: s.run, from: s.from, packet: p, forged: true}
	f.read()
	return f
}

// Since returns how long after another segment of its sender's it was sent: by
// the sender's own clock, of which the TCP timestamps option (RFC 7323 §3) has
// the milliseconds, so that a busy machine changes nothing about it. Without
// the option it is the time at which the wire has seen them.
func (s *Segment) Since(earlier *Segment) time.Duration {
	if a, b := earlier.packet.Clock, s.packet.Clock; a.Valid && b.Valid && earlier.from == s.from {
		return time.Duration(int32(b.MS-a.MS)) * time.Millisecond
	}
	return s.packet.SentAt.Sub(earlier.packet.SentAt).Truncate(time.Microsecond)
}

func (s *Segment) to() *Host {
	i, err := s.run.wire.To(s.packet)
	s.run.must(err)
	return s.run.hosts[i]
}

func (s *Segment) receive(fate record.Fate) {
	to := s.to()
	s.record(fate, to)
	s.run.acted = time.Now()
	s.run.trace.receives(to, s.packet.ID)
	s.run.must(to.wrap(s.run.wire.Write(to.index, s.packet.Raw)))
	s.run.must(s.run.trace.read())
	s.run.must(to.wrap(s.run.wire.Drain(to.index)))
	e := to.end(pair{s.packet.Dst, s.packet.Src}, true)
	if !e.look() || e.seen.State == record.SynRecv {
		return
	}
	// A listener's queue changes when a handshake ends, and with nothing else
	// that comes over the wire.
	if listener := to.ends[pair{local: s.packet.Dst}]; listener != nil {
		listener.look()
	}
}

func (s *Segment) record(fate record.Fate, to *Host) {
	p := s.packet
	s.run.add(&record.Segment{
		From: s.from.name, To: to.name, SrcPort: p.Src.Port(), DstPort: p.Dst.Port(),
		Flags: p.Flags.String(), Seq: s.Seq, Ack: s.Ack, Win: p.Window, Len: s.Len, Options: p.Options,
		Fate: fate, Retransmission: p.Retransmission, Forged: s.forged, ID: p.ID, SentAt: s.run.since(p.SentAt), Raw: p.Raw,
	})
}
