package lab

import (
	"fmt"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/internal/pattern"
	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/sockopt"
)

// A Wire carries segments between the hosts, and only when the story says so.
// What a host sends waits on it. Stories name a segment by a pattern: its flags
// ("SYN,ACK"), its sender where that is needed ("server:SYN,ACK"), and more (see
// labs/internal/pattern for the grammar).
//
// What a timer of the kernel sends is taken by Retransmission, Probe, Unanswered,
// LoseRetransmissions and LoseProbes alone: elsewhere it is as if it were not there,
// for on a busy machine a timer may run out while the story is between two words.
type Wire struct {
	run  *run
	only *rig.End // of this connection alone; nil for all
}

// Of returns the wire narrowed to the segments of one connection.
func (w *Wire) Of(conn *Sock) *Wire {
	if conn.End == nil {
		w.run.fail(fmt.Errorf("wire: %s: descriptor %d is not connected", conn.program.Name(), conn.num))
	}
	return &Wire{run: w.run, only: conn.End.rig}
}

// Next takes the next segment of that name from the wire, past any others that
// wait, and waits for it where it is not there yet.
func (w *Wire) Next(name string) *Segment {
	g := w.run.rig
	p := w.parse(name)
	if s := w.takeNext(p); s != nil {
		return s
	}
	inVain := g.Expect(name)
	until := g.Deadline()
	if due := g.SendsDue().Add(g.Patience()); due.After(until) {
		until = due
	}
	for late := false; !late; {
		late = !time.Now().Before(until) // then this look is the last, whatever holds it up
		// What does not come at once may be sent by a timer.
		g.Plan(name, g.SendsDue())
		w.run.must(g.Carry(until))
		g.Planned()
		if s := w.take(p); s != nil {
			return s
		}
	}
	inVain()
	w.run.fail(fmt.Errorf("wire: no %s came; on the wire: %s%s", name, w.run.onTheWire(), w.hint(p)))
	return nil
}

// takeNext takes the next segment that matches. What the kernel has sent again only because
// the machine was slow is passed over where there is another one.
func (w *Wire) takeNext(p pattern.Pattern) *Segment {
	g, told := w.run.rig, w.told(p)
	first := w.waiting(told)
	if first == nil {
		return nil
	}
	if early, now := g.Hurried(first); early {
		other := w.waiting(func(k *wire.Packet) bool { early, _ := g.Hurried(k); return !early && told(k) })
		switch {
		case other != nil && !now:
			return w.pick(func(k *wire.Packet) bool { return k == other })
		case other != nil:
			g.Misplaces(first)
		case p.Seq == (pattern.Range{}) && !p.Again:
			g.Names(first)
		}
	}
	return w.pick(func(k *wire.Packet) bool { return k == first })
}

// Take takes the next segment of that name from the wire if it is there now,
// and returns nil if it is not.
func (w *Wire) Take(name string) *Segment { return w.ifThere(w.told(w.parse(name))) }

// ifThere is pick for words that take what is there, and wait for nothing.
func (w *Wire) ifThere(match func(*wire.Packet) bool) *Segment {
	s := w.pick(match)
	if s != nil {
		w.run.rig.TakesAny(s.packet)
	}
	return s
}

// IfAny is Take for a segment that may be missing: what is returned then is empty, and to
// Deliver, Drop or Hold it does nothing.
func (w *Wire) IfAny(name string) *Segment {
	if s := w.Take(name); s != nil {
		return s
	}
	return w.none()
}

// none is an empty segment.
func (w *Wire) none() *Segment {
	return &Segment{run: w.run, packet: &wire.Packet{}, missing: true}
}

// Deliver delivers, one after another, the next segment of each of the names
// where there is one, and does nothing where there is none: for what a control
// may have made impossible.
func (w *Wire) Deliver(names ...string) {
	for _, name := range names {
		w.IfAny(name).Deliver()
	}
}

// Drop loses the next segment of each of the names where there is one, as Deliver
// delivers them.
func (w *Wire) Drop(names ...string) {
	for _, name := range names {
		w.IfAny(name).Drop()
	}
}

// TakeAll takes all the segments of that name that are there now.
func (w *Wire) TakeAll(name string) Flight { return w.allOf(w.told(w.parse(name))) }

// allOf takes all packets that match.
func (w *Wire) allOf(match func(*wire.Packet) bool) (all Flight) {
	for s := w.ifThere(match); s != nil; s = w.ifThere(match) {
		all = append(all, s)
	}
	return all
}

// DeliverAll names the segments from a host that wait on the wire, as Waiting does, and
// delivers them.
func (w *Wire) DeliverAll(from *Host) string {
	names := w.Waiting(from)
	w.allOf(w.from(from)).Deliver()
	return names
}

// DropAll names the segments from a host that wait on the wire, as Waiting does, and
// loses them.
func (w *Wire) DropAll(from *Host) string {
	names := w.Waiting(from)
	w.allOf(w.from(from)).Drop()
	return names
}

// Pass delivers, one after another, the next segment of each of the names, which
// must come: see Next.
func (w *Wire) Pass(names ...string) {
	for _, name := range names {
		w.Next(name).Deliver()
	}
}

// A Handshake is the three segments that establish a connection.
type Handshake struct {
	SYN    *Segment // the first
	SYNACK *Segment // the answer
	ACK    *Segment // the third
}

// Handshake passes the three segments that establish a connection, and returns them.
func (w *Wire) Handshake(conn *Sock) Handshake {
	own := w.Of(conn)
	return Handshake{own.Next("SYN").Deliver(), own.Next("SYN,ACK").Deliver(), own.Next("ACK").Deliver()}
}

// TryHandshake is Handshake as far as it goes: the SYN must come, and of the rest what
// comes at once is delivered, or a refusal.
func (w *Wire) TryHandshake(conn *Sock) {
	w.Of(conn).Pass("SYN")
	w.Of(conn).Deliver("SYN,ACK", "RST,ACK", "ACK")
}

func (w *Wire) parse(name string) pattern.Pattern {
	p, err := pattern.Parse(name)
	w.run.must(err)
	return p
}

func (w *Wire) take(p pattern.Pattern) *Segment { return w.pick(w.told(p)) }

// told returns the test for a segment that words see which are not about timers.
func (w *Wire) told(p pattern.Pattern) func(*wire.Packet) bool {
	return func(k *wire.Packet) bool { return !k.ByTimer() && w.carries(k) && p.Matches(w.run.rig.Subject(k)) }
}

// carries reports whether a packet is one of the Wire's connection.
func (w *Wire) carries(p *wire.Packet) bool {
	return w.only == nil ||
		w.only.Sent(p) ||
		p.Src == w.only.Remote && p.Dst == w.only.Local
}

// pick takes the first packet that matches, and returns nil where there is none.
func (w *Wire) pick(match func(*wire.Packet) bool) *Segment {
	g := w.run.rig
	p := g.Wire().Take(match)
	if p == nil {
		return nil
	}
	s := &Segment{run: w.run, from: g.Hosts[p.From], packet: p}
	w.run.tamper(s)
	s.read()
	return s
}

// waiting returns the first packet on the wire that matches, or nil.
func (w *Wire) waiting(match func(*wire.Packet) bool) *wire.Packet {
	for _, p := range w.run.rig.Wire().Waiting() {
		if match(p) {
			return p
		}
	}
	return nil
}

// has reports whether a segment of that name waits on the wire.
func (w *Wire) has(name string) bool {
	p := w.waiting(w.told(w.parse(name)))
	if p != nil {
		w.run.rig.Names(p)
	}
	return p != nil
}

// onTheWire names everything that waits on the wire, for an error.
func (r *run) onTheWire() string {
	var names []string
	for _, h := range r.rig.Hosts {
		text := h.Name + ": " + r.named(h, func(p *wire.Packet) bool { return !p.ByTimer() })
		if again := r.named(h, (*wire.Packet).ByTimer); again != nothing {
			text += ", by its timers: " + again
		}
		switch n := r.unsent(h); n {
		case 0:
		case 1:
			text += " (1 byte is held back)"
		default:
			text += fmt.Sprintf(" (%d bytes are held back)", n)
		}
		names = append(names, text)
	}
	return strings.Join(names, "; ")
}

// unsent is how much of what a host's programs have written its kernel holds back, by
// Nagle's algorithm perhaps, or because a window is full; a FIN counts as one byte.
func (r *run) unsent(h *rig.Host) (bytes int) {
	counted := map[*End]bool{}
	for _, host := range r.script.hosts {
		for _, s := range host.socks {
			if host.rig != h || counted[s.End] { // by another descriptor
				continue
			}
			counted[s.End] = true
			if info, err := sockopt.Get(s.fd, sockopt.Info); err == nil { // a UDP socket has none
				bytes += int(info.NotsentBytes)
			}
		}
	}
	return bytes
}

// Waiting names the segments from a host that wait on the wire and that
// nothing was done with yet, in the order in which they were sent: "nothing",
// "SYN,ACK", "ACK ACK".
func (w *Wire) Waiting(from *Host) string {
	g, its := w.run.rig, w.from(from)
	w.run.must(from.rig.Drain())
	for _, p := range g.Wire().Waiting() {
		if its(p) {
			g.Names(p)
		}
	}
	from.rig.NamesAll(w.only)
	return w.run.named(from.rig, its)
}

// from returns the test for a segment from a host that words see which are not about
// timers.
func (w *Wire) from(host *Host) func(*wire.Packet) bool {
	return func(p *wire.Packet) bool {
		return w.run.rig.Hosts[p.From] == host.rig && !p.ByTimer() && w.carries(p)
	}
}

// OnTheWire names the segments that wait on the wire and that nothing was done with
// yet, each by a pattern that it matches: "client:SYN", "server:data seq=1", and "client:SYN
// again" for one that was sent before.
func (s *Script) OnTheWire() []string {
	g := s.run.rig
	for _, h := range s.hosts {
		s.run.must(h.rig.Drain())
	}
	names := []string{}
	for _, k := range g.Wire().Waiting() {
		names = append(names, s.run.nameOf(k))
	}
	return names
}

// nameOf names a packet by a pattern that it matches.
func (r *run) nameOf(k *wire.Packet) string {
	p := pattern.Pattern{From: r.rig.Hosts[k.From].Name, Flags: pattern.Plain(k.Flags), Again: k.Retransmission}
	if plainData(k) {
		p.AnyFlags, p.Data, p.Seq = true, true, pattern.Exactly(k.RelSeq)
	}
	return p.String()
}

// named names the packets from a host that match.
func (r *run) named(from *rig.Host, match func(*wire.Packet) bool) string {
	var names []string
	for _, p := range r.rig.Wire().Waiting() {
		if r.rig.Hosts[p.From] == from && match(p) {
			names = append(names, pattern.Plain(p.Flags).String())
		}
	}
	if names == nil {
		return nothing
	}
	return strings.Join(names, " ")
}

// Sent counts the segments that the hosts have put on the wire since the start,
// but for those that a timer has sent, or RACK because its window was over: how many these
// are is a matter of how busy the machine is.
func (w *Wire) Sent() int {
	for _, h := range w.run.rig.Hosts {
		w.run.must(h.Drain())
	}
	return w.run.rig.Wire().Sent() - w.run.rig.Early()
}

// Carry carries what one side of the connection has written, segment by
// segment, until all of it is acknowledged or that side is gone. After each
// segment it delivers what the other side answers at once, and it waits only
// where there is nothing to deliver. What the other side's timer sends again, a
// FIN perhaps, is not of what was written. It reports false where the other side's
// window is closed: then nothing moves until its program reads.
func (w *Wire) Carry(from *Sock) (all bool) { return w.carry(from.End) }

func (w *Wire) carry(from *End) (all bool) {
	g, e := w.run.rig, from.rig
	to := from.Peer().rig
	inVain := g.Expect("an acknowledgement")
	for until := g.Deadline(); from.Unacknowledged() > 0; {
		next := w.pick(func(p *wire.Packet) bool { return to.Sent(p) && !p.ByTimer() })
		if next == nil {
			next = w.pick(func(p *wire.Packet) bool { return e.Sent(p) && !p.ByTimer() })
		}
		if next == nil && g.SendsDue().IsZero() { // what was lost before, and no copy of what is on its way
			next = w.pick(e.Sent)
		}
		switch {
		case next != nil:
			g.TakesAny(next.packet)
			next.Deliver()
		case e.Seen.Timer == "probe":
			return false
		case time.Now().Before(until):
			g.Plan("an acknowledgement", g.SendsDue())
			g.Plan("an acknowledgement", e.Due())
			w.run.must(g.Carry(until))
			g.Planned()
		default:
			inVain()
			w.run.fail(fmt.Errorf("wire: %d bytes of %s's are not acknowledged; on the wire: %s",
				e.Seen.WQueue, e.Host.Name, w.run.onTheWire()))
		}
	}
	return true
}
