package rig

import (
	"github.com/tcplab/tcplab/labs/internal/segment"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// Idle is what a wait is for in which nothing is to happen. In Late.Timer it is no
// timer of the kernel's, and yet time decides: a connection that has neither sent nor
// received data for as long as its retransmission timeout begins with the first
// congestion window again (tcp_slow_start_after_idle_check in include/net/tcp.h), and
// acknowledges at once what it had put off (tcp_event_data_recv in
// net/ipv4/tcp_input.c).
const Idle = "idle"

// aBurst is how many segments of data are more than a request or an answer: where a
// story sends so many at once, the window and the delayed ACKs show.
const aBurst = 3

// sentData takes in which data a host has sent since the packet known, and where it has
// begun another connection.
func (h *Host) sentData(known int) {
	var last *End
	count := 0
	for _, p := range h.rig.wire.Since(known) {
		if p.From != h.index {
			continue
		}
		e := h.rig.Sender(p)
		if p.Flags&segment.SYN != 0 && !p.Retransmission && e.had() {
			e.history = history{}
		}
		if p.Len == 0 {
			continue
		}
		if e != last {
			last, count = e, 0
			e.active()
		}
		if count++; count < aBurst {
			continue
		}
		e.burst = p.ID
		if peer, err := e.Peer(); e.idled || err == nil && peer.idled {
			h.rig.Disturb()
		}
	}
}

// had reports whether the End was seen past the handshake: then a SYN is another connection's.
func (e *End) had() bool {
	return e.Known && e.Seen.State != record.SynSent && e.Seen.State != record.SynRecv
}

// received takes in that the End is given data, and whether it has answered at once. After
// an idle time it does that though it would have put the ACK off.
func (e *End) received(p *wire.Packet, answered bool) {
	if e.idled && (p.ID <= e.Host.rig.Sender(p).burst || answered && e.delays) {
		e.Host.rig.Disturb()
	}
	e.active()
}

// active notes that the connection is not idle now.
func (e *End) active() {
	g := e.Host.rig
	e.idle.timer, e.idle.due = Idle, g.acted.Add(leastTimer)
	g.clock.set(&e.idle)
}
