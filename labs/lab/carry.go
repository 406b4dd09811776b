package lab

import (
	"fmt"
	"time"

	"github.com/tcplab/tcplab/labs/internal/wire"
)

// Carry carries what one side of the connection has written, segment by
// segment, until all of it is acknowledged or that side is gone. After each
// segment it delivers what the other side answers at once, and it waits only
// where there is nothing to deliver.
func (w *Wire) Carry(from *End) {
	to := from.Peer()
	for until := w.run.deadline(); from.Unacknowledged() > 0; {
		next := w.sentBy(to)
		if next == nil {
			next = w.sentBy(from)
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

// sentBy takes the next segment of one side of a connection, if there is one.
func (w *Wire) sentBy(e *End) *Segment {
	own := func(p *wire.Packet) bool { return p.Src == e.local && p.Dst == e.remote }
	if s := w.pick(own); s != nil {
		return s
	}
	return w.repeats().pick(own)
}
