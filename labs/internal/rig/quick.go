package rig

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// Two timers of a sender's are quicker than its retransmission timeout: the one that
// ends RACK's reordering window (net/ipv4/tcp_recovery.c: tcp_rack_mark_lost) and the
// one of tail loss probes (net/ipv4/tcp_output.c: tcp_schedule_loss_probe). What the
// story does to a socket may set them, and they may have run out before the story has
// looked. They are set to two jiffies at least (TCP_TIMEOUT_MIN), the first of which
// may be nearly over.
var quickest = tick()

// tick is how long a jiffy of this kernel's is: the coarse clocks go by them
// (kernel/time/posix-timers.c: posix_get_coarse_res).
func tick() time.Duration {
	var res unix.Timespec
	if err := unix.ClockGetres(unix.CLOCK_MONOTONIC_COARSE, &res); err != nil || res.Nano() <= 0 {
		return time.Millisecond // the shortest that a kernel is built with
	}
	return time.Duration(res.Nano())
}

// window is the least time after which RACK's timer runs out: a quarter of the least
// round-trip time is its reordering window, where the segments have left together.
func (e *End) window() (time.Duration, error) {
	info, err := e.Host.Info(e.Local, e.Remote)
	return info.MinRTT/4 + quickest, e.Host.Wrap(err)
}

// doubt takes in that a delivery seems to have let the socket send data again. If that
// was taken in so late that the timer which the delivery has set may have sent it, the
// run is late.
func (e *End) doubt(p *wire.Packet) error {
	g := e.Host.rig
	if g.config.Blind || p.SentAt.Sub(g.acted) < quickest {
		return nil
	}
	window, err := e.window()
	if due := g.acted.Add(window); err == nil && !p.SentAt.Before(due) {
		g.clock.quick(e, due, p.SentAt, e.aLook)
	}
	return err
}

// overtaken notes that a timer was quicker than the first look since the story did
// something to the socket: that has found s, and what the timer has sent is on the
// wire, though none was due.
func (e *End) overtaken(s sight) error {
	g := e.Host.rig
	if s.until.Sub(g.acted) < quickest || g.clock.planned.After(g.acted) || s.State == record.Close {
		return nil
	}
	known := g.wire.Seen()
	if err := e.Host.drain(itself); err != nil {
		return err
	}
	if err := e.Host.probed(known); err != nil {
		return err
	}
	for _, p := range g.wire.Waiting() {
		if g.Latest(p) && e.Sent(p) && p.Retransmission && p.ByTimer() {
			g.clock.quick(e, g.acted.Add(quickest), s.until, e.aLook)
			return nil
		}
	}
	return nil
}

// probed takes in what the host has sent since the packet known. Where data was read so
// late that a tail loss probe may be among it, which takes new data where there is some, a
// counter tells.
func (h *Host) probed(known int) error {
	g := h.rig
	for _, p := range g.wire.Since(known) {
		if p.From != h.index || p.Len == 0 || p.SentAt.Sub(g.acted) < quickest || g.clock.planned.After(g.acted) {
			continue
		}
		probed, err := h.Probed()
		if err == nil && probed {
			e := g.Sender(p)
			g.clock.quick(e, g.acted.Add(quickest), p.SentAt, e.aLook)
		}
		return err
	}
	return nil
}

// quick notes that such a timer has run out unseen.
func (c *clock) quick(e *End, due, now time.Time, next string) {
	c.runOut(&alarm{end: e, due: due}, now, next)
	c.disturbed = true
}
