package rig

import (
	"time"

	"github.com/tcplab/tcplab/labs/internal/wire"
)

// Segments that leave together and arrive in another order are no loss for RACK, as long
// as the ones left within a quarter of the least round-trip time of the others
// (net/ipv4/tcp_recovery.c: tcp_rack_reo_wnd, tcp_rack_detect_loss). Where a story carries
// a segment as soon as it is sent, that is some 20 µs: the machine's speed decides, or a
// pause of it, and not the story.

// sends takes in that the End has sent data for the first time.
func (e *End) sends(p *wire.Packet) {
	switch {
	case e.Seen.WQueue == 0:
		e.outstanding = p.Begun
	case p.Provoked: // an ACK has let it go: a round trip lies between it and the oldest
		e.outstanding = time.Time{}
	}
	e.sentLast = p.SentAt
	e.sentTo = max(e.sentTo, p.RelSeq+uint32(p.Len))
}

// hurried notes that an ACK has made the socket send data again before it has told of as
// many segments beyond the hole as mean a loss (tcp_reordering), though the story has not
// waited since the data was sent. Then the machine has let the reordering window pass,
// which is no matter as long as the story passes by what was sent.
func (e *End) hurried(p *wire.Packet) error {
	g := e.Host.rig
	if p.RelSeq < e.recovery || g.config.Live {
		return nil // the same recovery goes on
	}
	e.recovery = e.sentTo
	if e.outstanding.IsZero() || g.clock.planned.After(e.outstanding) {
		return nil
	}
	info, err := e.Host.Info(e.Local, e.Remote)
	if err != nil || info.SACKed >= info.Reordering {
		return e.Host.Wrap(err)
	}
	if due := e.outstanding.Add(info.MinRTT / 4); !e.sentLast.Before(due) { // else all of it left within the window
		g.hurried[p.ID] = due
	}
	return nil
}
