package lab

import (
	"fmt"
	"time"

	"github.com/tcplab/tcplab/labs/internal/wire"
)

// Carry carries what one side of the connection has written, segment by
// segment, until all of it is acknowledged or that side is gone. After each
// segment it delivers what the other side answers at once, and it waits only
// where there is nothing to deliver. What the other side's timer sends again, a
// FIN perhaps, is not of what was written.
func (w *Wire) Carry(from *End) {
	to := from.Peer()
	for until := w.run.deadline(); from.Unacknowledged() > 0; {
		next := w.pick(to.sent)
		if next == nil {
			next = w.pick(from.sent)
		}
		if next == nil {
			next = w.repeats().pick(from.sent)
		}
		switch {
		case next != nil:
			next.Deliver()
		case time.Now().Before(until):
			w.run.must(w.run.wire.Wait(until))
		default:
			w.run.fail(fmt.Errorf("wire: %d bytes of %s's are not acknowledged; on the wire: %s",
				from.seen.WQueue, from.host.name, w.run.onTheWire()))
		}
	}
}

// sent tells whether a packet is one that this side of the connection has sent.
func (e *End) sent(p *wire.Packet) bool { return p.Src == e.local && p.Dst == e.remote }
