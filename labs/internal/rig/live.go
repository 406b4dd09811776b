package rig

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/segment"
	"github.com/tcplab/tcplab/labs/internal/wire"
)

// What stands here is for a wire that carries what programs send, as they send it.
// They go on while a socket is looked at, so a state is what it was just after an
// event; and the clock takes every timer for awaited, for there is no story that could
// be late.

// forever is longer than any run.
const forever = 100 * 365 * 24 * time.Hour

// PassOthers hands what is no TCP segment over to the host that it is for, as it is,
// and tells of each such packet. lost reports that it is for no host.
func (g *Rig) PassOthers(tell func(from *Host, raw []byte, lost bool)) {
	g.wire.Other = func(from int, raw []byte) int {
		to := -1
		if dst, ok := segment.Destination(raw); ok {
			to = g.wire.At(dst)
		}
		tell(g.Hosts[from], raw, to < 0)
		return to
	}
}

// Sent takes the segments that hosts have sent by now from the wire.
func (g *Rig) Sent() ([]*wire.Packet, error) {
	for _, h := range g.Hosts {
		if err := h.drain(itself); err != nil {
			return nil, err
		}
	}
	return g.wire.TakeAll(), nil
}

// Watch waits until a host has sent something, one of some descriptors is readable, or
// a time has come; the zero time never comes. ready reports whether one of them is.
func (g *Rig) Watch(until time.Time, more ...int) (ready bool, err error) {
	fds := []unix.PollFd{{Fd: int32(g.cancel), Events: unix.POLLIN}}
	for _, h := range g.Hosts {
		fds = append(fds, unix.PollFd{Fd: int32(h.instruments.Device.FD()), Events: unix.POLLIN})
	}
	for _, fd := range more {
		fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	if until.IsZero() {
		until = time.Now().Add(time.Hour)
	}
	if err := wire.Poll(fds, until); err != nil {
		return false, err
	}
	if fds[0].Revents != 0 {
		return false, ErrCanceled
	}
	for _, fd := range fds[1+len(g.Hosts):] {
		ready = ready || fd.Revents != 0
	}
	return ready, nil
}

// Hand lets the host that a packet is for receive it. What it sends at once is on the
// wire then.
func (g *Rig) Hand(p *wire.Packet) error {
	to, err := g.Receiver(p)
	if err != nil {
		return err
	}
	g.acted = time.Now()
	g.wire.Begin(g.acted)
	if err := to.Wrap(g.wire.Hand(to.index, p)); err != nil {
		return err
	}
	return to.drain(delivery)
}

// Done takes back what a packet takes of memory. Nobody may look into it afterwards; what
// the journal has of it stays.
func (g *Rig) Done(p *wire.Packet) { g.wire.Recycle(p) }

// Glimpse looks at the End's socket and reports whether its state has changed. Only
// then, or with always, does it record what it has found; first is called before that,
// if it is not nil.
func (e *End) Glimpse(always bool, first func() error) (changed bool, err error) {
	if e.Host.rig.config.Blind {
		return false, nil
	}
	s, found, err := e.ask()
	if err != nil || !found {
		return false, err
	}
	if changed = !e.Known || s.State != e.Seen.State; !changed && !always {
		return false, nil
	}
	if first != nil {
		if err := first(); err != nil {
			return changed, err
		}
	}
	_, err = e.see(s)
	return changed, err
}

// GlimpseApart is Glimpse for a look that no delivery has led to. What it finds belongs
// to no event before it.
func (e *End) GlimpseApart(always bool) error {
	e.apart = true
	defer func() { e.apart = false }()
	_, err := e.Glimpse(always, nil)
	return err
}

// Count records which counters of the host have risen since they were last read.
func (h *Host) Count() error { return h.count() }

// ListenerOf returns the End of the listener that a segment for an address goes to, or
// nil where none is known.
func (h *Host) ListenerOf(p *wire.Packet) *End { return h.listenerOf(p.Dst) }
