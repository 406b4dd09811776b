package rig

import (
	"strconv"
	"time"

	"github.com/tcplab/tcplab/labs/internal/sockdiag"
	"github.com/tcplab/tcplab/labs/internal/sysctl"
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

// A reorder is a reordering window that only the machine has let pass.
type reorder struct {
	over   time.Time // when it ended
	sent   time.Time // after that, the latest data
	paused bool      // the machine has, and not only taken its time
	told   bool      // so many segments have arrived since as mean a loss
}

// aPause is more than a machine that does not pause lets pass between two segments that a
// story sends one after the other.
const aPause = time.Millisecond

// hurried notes that an ACK has made the socket send data again before it has told of as
// many segments beyond the hole as mean a loss (tcp_reordering), though the story has not
// waited since the data was sent. Then the machine has let the reordering window pass. It
// matters only if the story takes what that led to, before so many segments have arrived.
func (e *End) hurried(p *wire.Packet) error {
	g := e.Host.rig
	if g.config.Live {
		return nil
	}
	if p.RelSeq < e.recovery { // the same recovery goes on
		e.marksHurried(p)
		return nil
	}
	e.recovery = e.sentTo
	if e.outstanding.IsZero() || g.clock.planned.After(e.outstanding) {
		return nil
	}
	info, err := e.Host.Info(e.Local, e.Remote)
	if err != nil || info.SACKed == 0 {
		return e.Host.Wrap(err)
	}
	if told, err := e.toldLoss(info); err != nil || told {
		return err
	}
	over := e.outstanding.Add(info.MinRTT / 4)
	if e.sentLast.Before(over) {
		return nil // all of it left within the window
	}
	e.reorder = &reorder{over: over, sent: e.sentLast, paused: e.sentLast.Sub(e.outstanding) >= aPause}
	e.marksHurried(p)
	return nil
}

// marksHurried notes which packets a recovery has sent, if it has begun too early.
func (e *End) marksHurried(first *wire.Packet) {
	if e.reorder == nil {
		return
	}
	for _, q := range e.together(first) {
		e.Host.rig.hurried[q.ID] = e.reorder
	}
}

// acknowledged takes in that the End was given a segment, which may have told it of so
// many segments beyond the hole as mean a loss. The recovery would have begun by now, and
// what it sends again is no matter; but after a pause the congestion window is some steps
// ahead.
func (e *End) acknowledged() error {
	if e.reorder == nil || e.reorder.told {
		return nil
	}
	info, err := e.Host.Info(e.Local, e.Remote)
	if err != nil {
		return e.Host.Wrap(err)
	}
	e.reorder.told, err = e.toldLoss(info)
	if e.reorder.told && !e.reorder.paused {
		e.reorder = nil
	}
	return err
}

// timedOut takes in that a timer has sent data again: what the End does now is because of
// that. What waits on the wire is not.
func (e *End) timedOut() { e.reorder = nil }

// Hurried reports whether a packet has been sent again so early only because the machine
// has let the reordering window pass.
func (g *Rig) Hurried(p *wire.Packet) bool { return g.hurried[p.ID] != nil }

// Names notes that the story names a packet because it is there, or takes it for one that
// was not sent before. A hurried one would not be there.
func (g *Rig) Names(p *wire.Packet) {
	if r := g.hurried[p.ID]; r != nil && !r.told {
		g.Sender(p).hasHurried(r)
	}
}

// ShowsWindow notes that the story has looked at the socket's congestion window, which shows
// whether and when a recovery has begun, and whether a timer has run out that the story has
// missed.
func (e *End) ShowsWindow() {
	g := e.Host.rig
	g.clock.mark(time.Now(), e.aLook)
	if !e.missed.IsZero() {
		g.Disturb()
	}
	if e.reorder != nil {
		e.hasHurried(e.reorder)
	}
}

func (e *End) hasHurried(r *reorder) { e.Host.rig.clock.quick(e, r.over, r.sent, e.aLook) }

// noDupThresh is TCP_RACK_NO_DUPTHRESH, a bit of tcp_recovery (include/net/tcp.h).
const noDupThresh = 4

// toldLoss reports whether so many segments have arrived beyond the hole that there is no
// reordering window. There is one, however many arrive, where another order was seen
// before, or tcp_recovery says so.
func (e *End) toldLoss(info sockdiag.Info) (bool, error) {
	if info.SACKed < info.Reordering || info.Reordered {
		return false, nil
	}
	if err := e.Host.Enter(); err != nil {
		return false, err
	}
	text, err := sysctl.Read("net.ipv4.tcp_recovery")
	if err != nil {
		return false, e.Host.Wrap(err)
	}
	recovery, err := strconv.Atoi(text)
	return recovery&noDupThresh == 0, e.Host.Wrap(err)
}
