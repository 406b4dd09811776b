package rig

import (
	"time"

	"github.com/tcplab/tcplab/labs/internal/segment"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// Delack is the timer of an ACK that is put off, in State.Timer and Late.Timer.
const Delack = "delack"

// delackMin is the least time for which an ACK of data is put off: TCP_ATO_MIN, less a
// jiffy that the kernel's count may be behind.
//
// It may be less: tcp_rto_min_us and TCP_DELACK_MAX_US bound it (tcp_delack_max). And
// where a FIN is the first that comes, the kernel has no such time yet (icsk_ack.ato is
// 0), and the timer runs out at the next jiffy (tcp_fin, tcp_send_delayed_ack). So the
// clock alone does not know; the ACK itself tells: see passedBy.
const delackMin = 40*time.Millisecond - Jiffy

// owe notes that a socket has put off an ACK: its timer is going to send it.
func (h *Host) owe(e *End) {
	e.delack.timer, e.delack.due, e.delack.since = Delack, h.rig.acted.Add(delackMin), h.rig.acted
	h.rig.clock.set(&e.delack)
	e.delays = true
	if !e.owes {
		e.owes = true
		h.owing++
	}
}

// acks takes in that the socket has sent a segment: if it has an ACK, the socket owes
// none any more. One that nothing but the timer can have sent was delayed.
func (e *End) acks(p *wire.Packet, by sender) {
	if p.Flags&segment.ACK == 0 {
		return
	}
	h := e.Host
	c := &h.rig.clock
	if now := time.Now(); e.delack.index != 0 && e.delack.due.Before(now) {
		c.mark(now, "an ACK that the "+h.Name+" had put off") // or nobody learns that it ran out
	}
	c.clear(&e.delack)
	if by == itself && bare(p) && !e.owes && h.rig.Latest(p) {
		// What the story did just now was to be acknowledged later, and the timer was
		// quicker than the look.
		e.delack.timer, e.delack.since, e.stray = Delack, h.rig.acted, p.ID
		e.ackRanOut(e.aLook)
	}
	if !e.owes {
		return
	}
	e.owes = false
	h.owing--
	if !bare(p) {
		return
	}
	awaited := !e.delack.since.After(c.planned)
	switch {
	case by == itself:
		h.rig.causes[p.ID] = record.ByDelay
		if !awaited {
			e.unasked = p.ID
		}
	case by == itsCall && !e.fed && !awaited: // without data no call sends an ACK: the timer was quicker
		e.ackRanOut("a call of the " + h.Name + "'s")
	}
}

// toNextJiffy reports whether the End puts off its ACK of a packet to the next jiffy only,
// which may come as soon as the packet is delivered: see delackMin.
func (e *End) toNextJiffy(p *wire.Packet) bool {
	g := e.Host.rig
	return p.Flags&segment.FIN != 0 && p.Len == 0 && !e.fed && !g.config.Live && !g.config.Blind
}

// delayedACKs is how many ACKs that were put off the host's timers have sent.
func (h *Host) delayedACKs() (int64, error) {
	now, err := h.ReadCounters()
	return now["DelayedACKs"], err
}

// nextJiffyCame takes in the answers to such a packet, which are those after the packet
// known: if the timer has sent one, it is no answer.
func (e *End) nextJiffyCame(known int, delayed int64) error {
	for _, p := range e.Host.rig.wire.Since(known) {
		if !e.Sent(p) || !bare(p) {
			continue
		}
		now, err := e.Host.delayedACKs()
		if err == nil && now > delayed {
			e.Host.rig.causes[p.ID], e.unasked = record.ByDelay, p.ID
			e.delack.timer, e.delack.since = Delack, e.Host.rig.acted
		}
		return err
	}
	return nil
}

// readLate takes in how late the answers to a delivery were read that the End might have
// put off: those after the packet known. Then nothing tells whether an ACK was sent at
// once, or by its timer; from an End that has put ACKs off before, it was more likely the
// timer.
func (e *End) readLate(known int) {
	g := e.Host.rig
	for _, p := range g.wire.Since(known) {
		if !e.Sent(p) || !bare(p) || p.SentAt.Sub(g.acted) <= delackMin {
			continue
		}
		e.delack.timer, e.delack.since = Delack, g.acted
		e.ackRanOut("the answer to a delivery")
		if e.delays {
			g.Disturb()
		}
		return
	}
}

// bare reports whether a packet does nothing but acknowledge.
func bare(p *wire.Packet) bool {
	return p.Flags&(segment.SYN|segment.FIN|segment.RST) == 0 && p.Len == 0 && !p.Probe && !p.Retransmission
}

// passedBy notes that the story does something to the socket. If a put-off ACK of the
// socket's is on the wire that the story has not waited for, its timer was quicker than
// the story.
func (e *End) passedBy(what string) {
	if e.unasked == 0 {
		return
	}
	for _, p := range e.Host.rig.wire.Waiting() {
		if p.ID == e.unasked {
			e.stray = p.ID
			e.ackRanOut(what)
		}
	}
	e.unasked = 0
}

// ackRanOut notes that the timer of the socket's put-off ACK has run out unawaited.
func (e *End) ackRanOut(what string) {
	e.delack.due = e.delack.since
	e.Host.rig.clock.runOut(&e.delack, time.Now(), what)
}

// clearDelacks takes in the delayed ACKs that have come while the story waited.
func (g *Rig) clearDelacks() {
	for _, p := range g.wire.Waiting() {
		h := g.Hosts[p.From]
		if e := h.ends[Pair{p.Src, p.Dst}]; h.owing > 0 && e != nil {
			e.acks(p, itself)
		}
	}
}
