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

// hurried notes that an ACK has made the socket send data again before it has told of as
// many segments beyond the hole as mean a loss (tcp_reordering), though the story has not
// waited since the data was sent. Then the machine has let the reordering window pass,
// which is no matter as long as the story passes by what that led to, or until so many
// segments have arrived: then it would have come anyway.
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
	if err != nil || info.SACKed == 0 {
		return e.Host.Wrap(err)
	}
	if told, err := e.toldLoss(info); err != nil || told {
		return err
	}
	due := e.outstanding.Add(info.MinRTT / 4)
	if e.sentLast.Before(due) {
		return nil // all of it left within the window
	}
	e.windowOver = due
	for _, q := range e.together(p) {
		g.hurried[q.ID] = true
	}
	return nil
}

// acknowledged takes in that the End was given a segment, which may have told it of so
// many segments beyond the hole as mean a loss.
func (e *End) acknowledged() error {
	if e.windowOver.IsZero() {
		return nil
	}
	info, err := e.Host.Info(e.Local, e.Remote)
	if err != nil {
		return e.Host.Wrap(err)
	}
	told, err := e.toldLoss(info)
	if told {
		e.windowOver = time.Time{}
	}
	return err
}

// Hurried reports whether a packet is on the wire only because the machine has let the
// reordering window pass.
func (g *Rig) Hurried(p *wire.Packet) bool {
	return g.hurried[p.ID] && !g.Sender(p).windowOver.IsZero()
}

// ShowsRecovery notes that the story takes what shows that the socket has entered recovery.
// If it has only because the machine has let the reordering window pass, the run is late.
func (e *End) ShowsRecovery() {
	if !e.windowOver.IsZero() {
		e.Host.rig.clock.quick(e, e.windowOver, e.sentLast, e.aLook)
	}
}

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
