package rig

import (
	"fmt"
	"net/netip"
	"strings"
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
	if h.owing > 0 { // what its timer has sent by now is not the call's
		g.clock.mark(time.Now(), h.Name+": "+call)
		if err := h.drain(itself); err != nil {
			return err
		}
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
	if e != nil {
		e.passedBy("a call on the " + h.Name + "'s " + e.Name)
	}
	if err := h.drain(itsCall); err != nil {
		return err
	}
	if e == nil {
		return nil
	}
	before := e.Seen.State
	changed, err := e.firstLook()
	if err != nil {
		return err
	}
	gone := changed && e.Seen.State == record.Close
	if gone && before == record.Listen || e.shared {
		if err := h.lookAtQueued(e); err != nil {
			return err
		}
	}
	if !gone {
		return nil
	}
	return h.count()
}

// lookAtQueued looks at the connections that waited on a listener which is gone, or
// may be, if others have its address: the kernel resets them.
func (h *Host) lookAtQueued(listener *End) error {
	for _, e := range h.order {
		if h.listenerOf(e.Local) == listener && e.Known && e.Seen.State != record.Close && e.Seen.Inode == 0 {
			if _, err := e.Look(); err != nil {
				return err
			}
		}
	}
	return nil
}

// A sender says what has made a host send.
type sender int

const (
	itself   sender = iota // one of its timers
	itsCall                // a system call of its program
	delivery               // a segment that it was given
	message                // an ICMP message
)

// drain takes in what the host has sent.
func (h *Host) drain(by sender) error {
	g := h.rig
	known := g.wire.Seen()
	if err := h.Wrap(g.wire.Drain(h.index, by == delivery || by == message)); err != nil {
		return err
	}
	defer h.drained()
	if g.wire.Seen() == known {
		return nil
	}
	live := g.config.Live
	if !live {
		h.sentData(known)
		if by != itself && !g.config.Blind {
			if err := h.probed(known); err != nil {
				return err
			}
		}
	}
	sent := g.wire.Since(known)
	h.unprovoked(sent)
	for _, p := range sent {
		e := h.ends[Pair{p.Src, p.Dst}]
		if e == nil {
			continue
		}
		if !live {
			e.acks(p, by)
		}
		switch {
		case p.Len == 0:
			continue
		case !p.Retransmission && !live:
			e.sends(p)
		case p.Retransmission && p.Provoked && !live:
			if err := e.doubt(p); err != nil {
				return err
			}
		}
		if p.Retransmission {
			if err := e.sentDataAgain(p, by); err != nil {
				return err
			}
			e.resends(p)
		}
	}
	return nil
}

// unprovoked notes which of the packets that the host has just sent again one of its timers
// may have sent, and no delivery. A SYN nothing else sends again.
func (h *Host) unprovoked(sent []*wire.Packet) {
	now := time.Now()
	for _, p := range sent {
		e := h.ends[Pair{p.Src, p.Dst}]
		if e == nil || !p.Retransmission {
			continue
		}
		due := e.timer.index != 0 && !e.timer.due.After(now)
		if due || e.ranOut || p.Flags&(segment.SYN|segment.ACK) == segment.SYN {
			p.Provoked = false
		}
	}
}

// drained notes that what the host's timers have sent is taken in.
func (h *Host) drained() {
	if !h.ranOut {
		return
	}
	h.ranOut = false
	for _, e := range h.order {
		e.ranOut = false
	}
}

// Drain takes in what the host has sent by itself.
func (h *Host) Drain() error { return h.drain(itself) }

// Subject is what a pattern sees of a packet.
func (g *Rig) Subject(p *wire.Packet) pattern.Segment {
	return pattern.Segment{
		From: g.Hosts[p.From].Name, Flags: p.Flags, Seq: p.RelSeq, Ack: p.RelAck, Len: p.Len, Win: p.Window,
		Options: p.Options, MSS: p.MSS, WScale: p.WScale, Again: p.Retransmission,
	}
}

// Wire returns the packets on the wire.
func (g *Rig) Wire() *wire.Wire { return g.wire }

// Sender returns the End that has sent a packet.
func (g *Rig) Sender(p *wire.Packet) *End { return g.Hosts[p.From].End(Pair{p.Src, p.Dst}, false) }

// Latest reports whether a packet was sent since the latest action began.
func (g *Rig) Latest(p *wire.Packet) bool { return p.Begun.Equal(g.acted) }

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
	if p.Partial { // its receiver takes it as it is, but a reader of the record does not
		segment.SetSum(p.Raw)
		p.Partial = false
	}
	return g.Journal.Add(&record.Segment{
		From: g.Hosts[p.From].Name, To: to.Name, Src: p.Src, Dst: p.Dst,
		Flags: p.Flags.String(), Seq: p.RelSeq, Ack: p.RelAck, Win: p.Window, Len: p.Len, Options: p.OptionsText(),
		ECN: ecn[p.ECN], Urgent: p.Urgent, SACK: SACKText(p),
		Fate: fate, Retransmission: p.Retransmission, Cause: g.cause(p), Forged: forged, Timestamp: timestamp(p),
		ID: p.ID, SentAt: g.Journal.Since(p.SentAt), Raw: g.wire.Keep(p),
	})
}

// timestamp says how a forged packet's timestamp differs from that of the one that it
// was made of.
func timestamp(p *wire.Packet) record.Timestamp {
	switch {
	case p.Untimed:
		return record.NoTimestamp
	case p.Older > 0:
		return record.OlderTimestamp
	case p.Older < 0:
		return record.NewerTimestamp
	}
	return ""
}

// ecn names the codepoints of the IP header, as RFC 3168 §5 does.
var ecn = [...]string{segment.NotECT: "", segment.ECT1: "ECT(1)", segment.ECT0: "ECT(0)", segment.CE: "CE"}

// SACKText writes a packet's SACK blocks, in relative numbers: "1449-2897".
func SACKText(p *wire.Packet) string {
	blocks := make([]string, len(p.RelSACK))
	for i, b := range p.RelSACK {
		blocks[i] = fmt.Sprintf("%d-%d", b.Left, b.Right)
	}
	return strings.Join(blocks, ",")
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
	e := to.End(Pair{p.Dst, p.Src}, true)
	if err := g.settle(to, e, what); err != nil {
		return err
	}
	if err := g.Decide(p, fate, forged); err != nil {
		return err
	}
	var delayed int64
	if e.toNextJiffy(p) {
		if delayed, err = to.delayedACKs(); err != nil {
			return err
		}
	}
	g.begin(what)
	g.account.Receives(to.Name, p.ID)
	if !forged {
		e.given(p)
	}
	if err := to.Wrap(g.wire.Hand(to.index, p)); err != nil {
		return err
	}
	if err := g.ReadAccount(); err != nil {
		return err
	}
	answered := g.wire.Seen()
	if err := to.drain(delivery); err != nil {
		return err
	}
	if err := e.acknowledged(); err != nil {
		return err
	}
	if e.toNextJiffy(p) {
		if err := e.nextJiffyCame(answered, delayed); err != nil {
			return err
		}
	}
	if p.Len > 0 || p.Flags&segment.FIN != 0 {
		e.readLate(answered)
	}
	return g.arrived(p, e, g.wire.Seen() > answered, fate == record.Injected)
}

// Bounce lets the sender of a packet receive an ICMP error message about it, as if
// from had sent it. The host has dealt with it when Bounce returns, and what became
// of the sender's socket is recorded.
func (g *Rig) Bounce(p *wire.Packet, kind segment.ICMP, says string, from netip.Addr) error {
	to, e := g.Hosts[p.From], g.Sender(p)
	what := "the ICMP message about the " + to.Name + "'s " + p.Flags.String()
	if err := g.settle(to, e, what); err != nil {
		return err
	}
	raw, err := segment.BuildICMP(kind, from, p.Src.Addr(), p.Raw)
	if err != nil {
		return err
	}
	err = g.Journal.Add(&record.ICMP{
		To: to.Name, Src: from, Dst: p.Src.Addr(), Type: kind.Type, Code: kind.Code, Says: says, MTU: kind.MTU,
		About: p.ID, From: p.Src, Dest: p.Dst, Raw: raw,
	})
	if err != nil {
		return err
	}
	g.begin(what)
	g.account.Receives(to.Name, p.ID)
	if err := to.Wrap(g.wire.Write(to.index, raw)); err != nil {
		return err
	}
	if err := g.ReadAccount(); err != nil {
		return err
	}
	if err := to.drain(message); err != nil {
		return err
	}
	if _, err := e.firstLook(); err != nil {
		return err
	}
	return to.count()
}

// settle takes in what a host has done by itself before a delivery to one of its
// sockets, where a timer may have run out: the delivery is not to be taken for the
// cause of it.
func (g *Rig) settle(h *Host, e *End, what string) error {
	now := time.Now()
	if !g.clock.due(now) && !h.ranOut && !e.overran && !e.owes {
		return nil
	}
	if err := h.drain(itself); err != nil {
		return err
	}
	e.passedBy(what)
	g.clock.mark(now, what)
	if !e.overran {
		return nil
	}
	_, err := e.Look()
	return err
}

// arrived looks at what a packet has changed where it has arrived. Why the kernel
// answers an injected one as it does, only its counters tell.
func (g *Rig) arrived(p *wire.Packet, e *End, answered, injected bool) error {
	to, known := e.Host, e.Known
	if p.Len > 0 {
		e.received(p, answered)
	}
	stray := e.stray
	changed, err := e.firstLook()
	if err != nil {
		return err
	}
	answered = answered || e.stray != stray
	if (p.Len > 0 || p.Flags&segment.FIN != 0) && !answered && e.delack.index == 0 && e.Known && e.Seen.State != record.Close {
		// Before Linux 7.1 (commit c698f5cc940d) inet_diag does not report this timer.
		to.owe(e)
	}
	e.fed = e.fed || p.Len > 0
	if injected || !changed || e.Seen.State == record.Close || !known && e.Seen.State != record.SynRecv {
		err = to.count()
	}
	if err != nil || !changed || e.Seen.State == record.SynRecv || e.Seen.State == record.Close {
		return err
	}
	// A listener's queue changes when a handshake ends, and with nothing else
	// that comes over the wire.
	if listener := to.listenerOf(p.Dst); listener != nil {
		_, err = listener.Look()
	}
	return err
}

// listenerOf returns the listener that a segment for an address goes to, or nil: one
// on the address itself goes before one on the wildcard address, and that of IPv4
// before that of IPv6, which takes both.
func (h *Host) listenerOf(a netip.AddrPort) *End {
	if e := h.ends[Pair{Local: a}]; e != nil {
		return e
	}
	if a.Addr().Is4() {
		if e := h.ends[Pair{Local: netip.AddrPortFrom(netip.IPv4Unspecified(), a.Port())}]; e != nil {
			return e
		}
	}
	return h.ends[Pair{Local: netip.AddrPortFrom(netip.IPv6Unspecified(), a.Port())}]
}

// Carry waits for the next packet, or until a time, which is no error.
func (g *Rig) Carry(until time.Time) error {
	known := g.wire.Seen()
	if err := g.wire.Wait(until); err != nil {
		return err
	}
	g.clearDelacks()
	for _, p := range g.wire.Since(known) {
		if p.Retransmission && p.Len > 0 && p.ByTimer() {
			e := g.Sender(p)
			e.timedOut()
			e.resends(p)
		}
	}
	return nil
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
