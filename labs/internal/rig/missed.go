package rig

import (
	"time"

	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// A timer that the story has missed may have sent something, which is on the wire now. It
// is no matter as long as the story passes it by, or waits for just that. It is one where
// the record shows what the kernel did only because the story was late. The same is true of
// what RACK has sent again because the machine let its reordering window pass: see Names.

// TakesAny notes that the story takes a packet because it is there. An ACK that was put
// off, and whose timer was quicker than the story, would not be: what the story did next
// would have been acknowledged with it. Nor would what a missed timer has sent again.
func (g *Rig) TakesAny(p *wire.Packet) {
	g.Names(p)
	e := g.Sender(p)
	if p.ID == e.unasked || p.ID == e.stray || !e.missed.IsZero() && p.ByTimer() {
		g.Disturb()
	}
}

// NamesAll notes that the story names all that waits from the host, or that is of one
// connection where of is not nil. A missed timeout lets less be sent.
func (h *Host) NamesAll(of *End) {
	g := h.rig
	g.clock.mark(time.Now(), "a look at what waits from the "+h.Name)
	if !g.clock.missed {
		return
	}
	for _, e := range h.order {
		its := of == nil || e.Pair == of.Pair || e.Pair == Pair{of.Remote, of.Local}
		if its && !e.missed.IsZero() && e.Seen.State != record.Close {
			g.Disturb()
		}
	}
}

// AlreadySent notes that the story begins to wait for what the socket's timer sends, and
// finds it on the wire. What a missed timer has sent, before the story went on, stands
// where another one would.
func (e *End) AlreadySent() {
	if !e.missed.IsZero() && e.missed.Before(e.Host.rig.acted) {
		e.Host.rig.Disturb()
	}
}

// recovers notes that a delivery has let the socket send data again. After a timeout that
// the story has missed it does so because of that: all that was on its way counts as lost.
func (e *End) recovers() {
	if !e.missed.IsZero() {
		e.Host.rig.Disturb()
	}
}
