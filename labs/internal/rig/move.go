package rig

import (
	"net/netip"
	"time"

	"github.com/tcplab/tcplab/labs/internal/pattern"
	"github.com/tcplab/tcplab/labs/internal/segment"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// ErrCanceled is returned by words that wait, and by Act, when the run is to end.
var ErrCanceled = wire.ErrCanceled

// Act begins an action of a host's program: what the thread does next is its
// system call.
func (h *Host) Act(call string) error {
	g := h.rig
	if g.Ended() {
		return ErrCanceled
	}
	g.account.Calls(h.Name)
	g.begin(h.Name + ": " + call)
	return nil
}

func (g *Rig) begin(what string) {
	g.acted = time.Now()
	g.clock.mark(g.acted, what)
	g.wire.Begin(g.acted)
}

// Connecting tells the kernel's own account which address the socket has whose
// connect is the latest action.
func (h *Host) Connecting(from netip.AddrPort) { h.rig.account.Connects(from) }

// Acted takes in what an action has made the host send, and looks at the socket
// that it was about, if it is not nil.
func (h *Host) Acted(e *End) error {
	if err := h.drain(false); err != nil {
		return err
	}
	if e == nil {
		return nil
	}
	changed, err := e.Look()
	if err == nil && changed && e.Seen.State == record.Close {
		err = h.count()
	}
	return err
}

// drain takes in what the host has sent.
func (h *Host) drain(provoked bool) error {
	g := h.rig
	known := g.wire.Seen()
	if err := h.Wrap(g.wire.Drain(h.index, provoked)); err != nil {
		return err
	}
	if g.wire.Seen() == known {
		return nil
	}
	waiting := g.wire.Waiting()
	for i := len(waiting) - 1; i >= 0 && waiting[i].ID > known; i-- {
		p := waiting[i]
		e := h.ends[Pair{p.Src, p.Dst}]
		if e == nil {
			continue
		}
		if p.Flags&segment.ACK != 0 {
			g.clock.clear(&e.delack)
		}
		if p.Provoked && p.Retransmission && e.timer.index != 0 && !e.timer.due.After(time.Now()) {
			p.Provoked = false // its timer may have sent it just now
		}
	}
	return nil
}

// Drain takes in what the host has sent by itself.
func (h *Host) Drain() error { return h.drain(false) }

// Subject is what a pattern sees of a packet.
func (g *Rig) Subject(p *wire.Packet) pattern.Segment {
	return pattern.Segment{
		From: g.Hosts[p.From].Name, Flags: p.Flags, Seq: p.RelSeq, Ack: p.RelAck, Len: p.Len, Win: p.Window,
		SACK: len(p.SACK) > 0, Again: p.Retransmission,
	}
}

// Wire returns the packets on the wire.
func (g *Rig) Wire() *wire.Wire { return g.wire }

// Sender returns the End that has sent a packet.
func (g *Rig) Sender(p *wire.Packet) *End { return g.Hosts[p.From].End(Pair{p.Src, p.Dst}, false) }

// Receiver returns the host that a packet is for.
func (g *Rig) Receiver(p *wire.Packet) (*Host, error) {
	i, err := g.wire.To(p.Dst.Addr())
	if err != nil {
		return nil, err
	}
	return g.Hosts[i], nil
}

// Decide records what becomes of a packet.
func (g *Rig) Decide(p *wire.Packet, fate record.Fate, forged bool) error {
	to, err := g.Receiver(p)
	if err != nil {
		return err
	}
	return g.Journal.Add(&record.Segment{
		From: g.Hosts[p.From].Name, To: to.Name, Src: p.Src, Dst: p.Dst,
		Flags: p.Flags.String(), Seq: p.RelSeq, Ack: p.RelAck, Win: p.Window, Len: p.Len, Options: p.OptionsText(),
		ECN: ecn[p.ECN], Urgent: p.Urgent,
		Fate: fate, Retransmission: p.Retransmission, Cause: g.cause(p), Forged: forged,
		ID: p.ID, SentAt: g.Journal.Since(p.SentAt), Raw: p.Raw,
	})
}

// ecn names the codepoints of the IP header, as RFC 3168 §5 does.
var ecn = [...]string{segment.NotECT: "", segment.ECT1: "ECT(1)", segment.ECT0: "ECT(0)", segment.CE: "CE"}

// cause says why a packet's sender has sent it again, or by itself.
func (g *Rig) cause(p *wire.Packet) record.Cause {
	switch {
	case p.Probe && g.Sender(p).watch.timer == "keepalive":
		return record.ByKeepalive
	case p.Probe:
		return record.ByWindowProbe
	case !p.Retransmission:
		return ""
	case !p.Provoked:
		return record.ByTimer
	case p.Len > 0:
		return record.ByDuplicates
	}
	return record.ByAnswer
}

// Deliver lets the host with the packet's destination address receive it, after
// its fate was decided. The host has dealt with it when Deliver returns; what it
// answers at once is then on the wire, and what became of its socket is recorded.
func (g *Rig) Deliver(p *wire.Packet, fate record.Fate, forged bool) error {
	to, err := g.Receiver(p)
	if err != nil {
		return err
	}
	what := "the delivery of the " + g.Hosts[p.From].Name + "'s " + p.Flags.String()
	if err := g.settle(to, to.End(Pair{p.Dst, p.Src}, true), what); err != nil {
		return err
	}
	if err := g.Decide(p, fate, forged); err != nil {
		return err
	}
	g.begin(what)
	g.account.Receives(to.Name, p.ID)
	if err := to.Wrap(g.wire.Write(to.index, p.Raw)); err != nil {
		return err
	}
	if err := g.ReadAccount(); err != nil {
		return err
	}
	answered := g.wire.Seen()
	if err := to.drain(true); err != nil {
		return err
	}
	return g.arrived(p, to, g.wire.Seen() > answered)
}

// settle takes in what a host has done by itself before a delivery to one of its
// sockets, where a timer may have run out: the delivery is not to be taken for the
// cause of it.
func (g *Rig) settle(h *Host, e *End, what string) error {
	now := time.Now()
	if !g.clock.due(now) && !e.overran {
		return nil
	}
	if err := h.drain(false); err != nil {
		return err
	}
	g.clock.mark(now, what)
	if !e.overran {
		return nil
	}
	_, err := e.Look()
	return err
}

// arrived looks at what a packet has changed where it has arrived.
func (g *Rig) arrived(p *wire.Packet, to *Host, answered bool) error {
	e := to.End(Pair{p.Dst, p.Src}, true)
	known := e.Known
	changed, err := e.Look()
	if err != nil {
		return err
	}
	if (p.Len > 0 || p.Flags&segment.FIN != 0) && !answered && e.delack.index == 0 && e.Known && e.Seen.State != record.Close {
		// Before about Linux 7.1 inet_diag does not tell of this timer.
		e.delack.timer, e.delack.due = Delack, g.acted.Add(delackMin)
		g.clock.set(&e.delack)
	}
	if !changed || e.Seen.State == record.Close || !known && e.Seen.State != record.SynRecv {
		err = to.count()
	}
	if err != nil || !changed || e.Seen.State == record.SynRecv || e.Seen.State == record.Close {
		return err
	}
	// A listener's queue changes when a handshake ends, and with nothing else
	// that comes over the wire.
	if listener := to.ends[Pair{Local: p.Dst}]; listener != nil {
		_, err = listener.Look()
	}
	return err
}

// Delack is the timer of an ACK that is put off, in State.Timer and Late.Timer.
const Delack = "delack"

// delackMin is the least time for which an ACK is put off: TCP_ATO_MIN, less a
// jiffy that the kernel's count may be behind.
const delackMin = 40*time.Millisecond - Jiffy

// Carry waits for the next packet, or until a time, which is no error.
func (g *Rig) Carry(until time.Time) error {
	err := g.wire.Wait(until)
	if err == nil {
		g.clearDelacks()
	}
	return err
}

// clearDelacks forgets the delayed ACKs that are on the wire.
func (g *Rig) clearDelacks() {
	for _, p := range g.wire.Waiting() {
		if e := g.Hosts[p.From].ends[Pair{p.Src, p.Dst}]; e != nil && p.Flags&segment.ACK != 0 {
			g.clock.clear(&e.delack)
		}
	}
}

// Intact returns an error where a host's interface has lost what the host has
// sent.
func (g *Rig) Intact() error {
	for _, h := range g.Hosts {
		if err := h.Enter(); err != nil {
			return err
		}
		if err := h.Intact(); err != nil {
			return err
		}
	}
	return nil
}

// Craft returns a packet that e's side of its connection has never sent.
func (g *Rig) Craft(e *End, raw []byte) (*wire.Packet, error) {
	return g.wire.Crafted(e.Host.index, raw)
}
