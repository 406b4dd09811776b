package rig

import (
	"strconv"
	"time"

	"github.com/tcplab/tcplab/labs/internal/segment"
	"github.com/tcplab/tcplab/labs/internal/sockdiag"
	"github.com/tcplab/tcplab/labs/internal/sysctl"
	"github.com/tcplab/tcplab/labs/internal/wire"
)

// Segments that leave together and arrive in another order are no loss for RACK, as long
// as the ones left within a quarter of the least round-trip time of the others
// (net/ipv4/tcp_recovery.c: tcp_rack_reo_wnd, tcp_rack_detect_loss). Where a story carries
// a segment as soon as it is sent, that is some 20 µs: the machine's speed decides, or a
// pause of it, and not the story.

// A departure is that of new data.
type departure struct {
	seq       uint32
	begun, at time.Time // what led to it began, and it left, at the latest
	// apart is set where time lies between it and the one before that the machine did not
	// take: the story has waited, or an ACK has let it go after a round trip.
	apart bool
	again bool // it has left once more since
}

// sends takes in that the End has sent data for the first time.
func (e *End) sends(p *wire.Packet) {
	now := departure{seq: p.RelSeq, begun: p.Begun, at: p.SentAt, apart: p.Provoked}
	if n := len(e.departures); n > 0 {
		last := e.departures[n-1]
		now.apart = now.apart || e.Host.rig.clock.planned.After(last.at)
		if e.Seen.WQueue == 0 && !last.begun.Equal(now.begun) { // nothing else is on its way
			e.departures = e.departures[:0]
		}
	}
	e.departures = append(e.departures, now)
	e.sentTo = max(e.sentTo, p.RelSeq+uint32(p.Len))
}

// resends takes in that the End has sent data again.
func (e *End) resends(p *wire.Packet) {
	for i := range e.departures {
		if e.departures[i].seq == p.RelSeq {
			e.departures[i].again = true
		}
	}
}

// given takes in what a segment tells the End that it is about to be given.
func (e *End) given(p *wire.Packet) {
	if p.Flags&segment.ACK != 0 {
		e.una = max(e.una, p.RelAck)
	}
	for _, b := range p.RelSACK {
		e.sackedTo = max(e.sackedTo, b.Right)
	}
}

// between returns how much time the machine has let pass between the sending of the byte lost
// and that of the last one that has arrived beyond it. It reports false where that is not
// the machine's, or unknown.
func (e *End) between(lost uint32) (first time.Time, passed time.Duration, ok bool) {
	for _, s := range e.departures {
		switch {
		case s.seq == lost && s.again:
			return first, 0, false
		case s.seq == lost:
			first = s.begun
		case first.IsZero():
		case s.seq >= e.sackedTo:
			return first, passed, passed > 0
		case s.apart || s.again:
			return first, 0, false
		default:
			passed = s.at.Sub(first)
		}
	}
	return first, passed, passed > 0
}

// A reorder is a reordering window that only the machine has let pass.
type reorder struct {
	over, sent time.Time // it ended, and after that the data left that has arrived
	recovery   uint32    // see End.recovery
	paused     bool      // the machine has, and not only taken its time
	told       bool      // so many segments have arrived since as mean a loss
}

// aPause is more than a machine that does not pause lets pass between a few segments that a
// story sends one after another.
const aPause = time.Millisecond

// hurried notes that an ACK has made the socket send data again before it has told of as
// many segments beyond the hole as mean a loss (tcp_reordering), and that more than the
// reordering window lies between that data and what has arrived, though the story has not
// waited in between. Then the machine has let the window pass. It matters only if the story
// takes what that led to, before so many segments have arrived.
func (e *End) hurried(p *wire.Packet) error {
	if e.Host.rig.config.Live {
		return nil
	}
	if e.una < e.recovery { // the same recovery goes on
		e.marksHurried(p)
		return nil
	}
	e.recovery = e.sentTo
	first, passed, ok := e.between(p.RelSeq)
	if !ok {
		return nil
	}
	info, err := e.Host.Info(e.Local, e.Remote)
	if err != nil || info.SACKed == 0 {
		return e.Host.Wrap(err)
	}
	if told, err := e.toldLoss(info); err != nil || told {
		return err
	}
	window := info.MinRTT / 4
	if passed < window {
		return nil
	}
	e.reorder = &reorder{
		over: first.Add(window), sent: first.Add(passed), recovery: e.recovery, paused: passed >= aPause,
	}
	e.marksHurried(p)
	return nil
}

// marksHurried notes which packets the present recovery has sent, if it has begun too early.
func (e *End) marksHurried(first *wire.Packet) {
	if e.reorder == nil || e.reorder.recovery != e.recovery {
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
// that, but for what a pause has left behind.
func (e *End) timedOut() {
	if e.reorder != nil && !e.reorder.paused {
		e.reorder = nil
	}
}

// Hurried reports whether a packet was sent again so early only because the machine has let
// the reordering window pass, and whether it would be there by now, if in another place.
func (g *Rig) Hurried(p *wire.Packet) (early, told bool) {
	r := g.hurried[p.ID]
	return r != nil, r != nil && r.told
}

// Names notes that the story names a packet because it is there, or takes it for one that
// was not sent before. A hurried one would not be there.
func (g *Rig) Names(p *wire.Packet) {
	if r := g.hurried[p.ID]; r != nil && !r.told {
		g.Sender(p).hasHurried(r)
	}
}

// Misplaces notes that the story takes a hurried packet that would be there by now, before
// others that would be before it.
func (g *Rig) Misplaces(p *wire.Packet) {
	if r := g.hurried[p.ID]; r != nil && r.paused {
		g.Sender(p).hasHurried(r)
	}
}

// Early is how many packets are on the wire, or were, that would not be yet.
func (g *Rig) Early() (n int) {
	for _, r := range g.hurried {
		if !r.told {
			n++
		}
	}
	return n
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

// ShowsInfo notes that the story has looked at something of the socket that a recovery may
// have changed.
func (e *End) ShowsInfo() {
	if e.reorder != nil && e.reorder.paused {
		e.hasHurried(e.reorder)
	}
}

// ShowsCounters is ShowsInfo for the host's counters.
func (h *Host) ShowsCounters() {
	if len(h.rig.hurried) == 0 {
		return
	}
	for _, e := range h.order {
		e.ShowsInfo()
	}
}

func (e *End) hasHurried(r *reorder) { e.Host.rig.clock.quick(e, r.over, r.sent, e.aLook) }

// noDupThresh is TCP_RACK_NO_DUPTHRESH, a bit of tcp_recovery (include/net/tcp.h).
const noDupThresh = 4

// toldLoss reports whether so many segments have arrived beyond the hole that there is no
// reordering window. There is one, however many arrive, where another order was seen
// before, or tcp_recovery says so. A connection that is gone was told nothing.
func (e *End) toldLoss(info sockdiag.Info) (bool, error) {
	if info.Reordering == 0 || info.SACKed < info.Reordering || info.Reordered {
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
