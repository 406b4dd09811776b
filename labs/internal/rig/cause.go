package rig

import (
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// cause says why a packet's sender has sent it again, or by itself.
func (g *Rig) cause(p *wire.Packet) record.Cause {
	switch {
	case p.Probe && g.Sender(p).watch.timer == "keepalive":
		return record.ByKeepalive
	case p.Probe:
		return record.ByWindowProbe
	case g.causes[p.ID] != "":
		return g.causes[p.ID]
	case !p.Retransmission:
		return ""
	case p.LossProbe:
		return record.ByProbe
	case !p.Provoked:
		return record.ByTimer
	case p.Len > 0:
		return record.ByDuplicates
	}
	return record.ByAnswer
}

// sentDataAgain takes in that the socket has sent data again, and finds out why where a
// delivery has led to that. The kernel knows two kinds. While it recovers from a loss
// that acknowledgements have shown, it is fast retransmit. After a timeout all that was
// on its way counts as lost, and acknowledgements let it go again, as many segments as
// slow start allows. It comes to the same state if a message or a SYN,ACK says that data
// did not arrive (tcp_non_congestion_loss_retransmit). A counter of its own tells the
// second kind (tcp_xmit_retransmit_queue).
func (e *End) sentDataAgain(p *wire.Packet, by sender) error {
	h := e.Host
	switch {
	case h.rig.config.Blind:
		return nil
	case !p.Provoked:
		e.bounced = false
		e.timedOut()
		return nil
	case by == message:
		e.bounced = true
	}
	e.recovers()
	if h.rig.causes[p.ID] != "" {
		return nil // the delivery has let another one go before, and this has the same cause
	}
	const counter = "TCPSlowStartRetrans"
	now, err := h.ReadCounters()
	if err != nil {
		return err
	}
	cause := record.BySlowStart
	switch {
	case now[counter] == h.slowStart && by != message:
		cause = record.ByDuplicates
	case e.bounced:
		cause = record.ByICMP
	case e.Seen.State == record.SynSent:
		cause = record.BySYNACK
	}
	h.slowStart = now[counter]
	for _, q := range e.together(p) {
		h.rig.causes[q.ID] = cause
	}
	if cause == record.ByDuplicates {
		return e.hurried(p)
	}
	return nil
}

// together returns what the socket has sent again because of one delivery: the packet p,
// and what came after it.
func (e *End) together(p *wire.Packet) (all []*wire.Packet) {
	for _, q := range e.Host.rig.wire.Since(p.ID - 1) {
		if e.Sent(q) && q.Retransmission && q.Provoked {
			all = append(all, q)
		}
	}
	return all
}
