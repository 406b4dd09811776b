package lab

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// TryRetransmission is Retransmission where the sender may give up instead: it
// returns nil once the sender's socket is gone.
func (w *Wire) TryRetransmission(name string) *Segment {
	r, e := w.run, w.sender(name)
	if e.State() == record.Close {
		return nil
	}
	wait, left := w.awaited(e, name)
	begin := time.Now()
	due, until := begin.Add(left), begin.Add(left+left/4+r.options.Patience)
	r.waits(wait)
	for {
		s := w.repeats().take(name)
		gone := s == nil && e.State() == record.Close
		if s != nil || gone {
			if gone {
				wait.For = record.Close
			}
			r.waited(wait, begin, gone)
			return s
		}
		now := time.Now()
		if now.After(until) {
			r.fail(fmt.Errorf("wire: no %s came, and %s of the %s is %s", name, e.name, e.host.name, e.seen.State))
		}
		next := now.Add(glance)
		if now.Before(due) {
			next = due
		}
		r.must(r.wire.Wait(next))
	}
}

// LoseRetransmissions loses every segment of that name that the kernel's timer
// sends again ("server:SYN,ACK"), until the sender's socket is gone, and returns
// them. The wire must be that of one connection.
func (w *Wire) LoseRetransmissions(name string) (lost []*Segment) {
	for s := w.TryRetransmission(name); s != nil; s = w.TryRetransmission(name) {
		s.Drop()
		lost = append(lost, s)
	}
	return lost
}

// awaited is the wait for a segment that the sender's timer sends again. The
// timer has nothing left where the segment is on the wire already.
func (w *Wire) awaited(e *End, name string) (wait record.Wait, left time.Duration) {
	timer, left := e.Timer()
	match := w.run.matcher(name)
	if slices.ContainsFunc(w.run.wire.Waiting(), func(p *wire.Packet) bool { return w.repeats().has(p) && match(p) }) {
		left = 0
	}
	return record.Wait{Host: e.host.name, Socket: e.name, Timer: timer, For: name, LeftMS: left.Milliseconds()}, left
}

// sender returns the side of the connection that sends the named segment.
func (w *Wire) sender(name string) *End {
	if w.only == nil {
		w.run.fail(fmt.Errorf("wire: retransmission of %s: of which connection? Of says it", name))
	}
	host, _, _ := strings.Cut(name, ":")
	for _, e := range []*End{w.only, w.only.Peer()} {
		if e.host.name == host {
			return e
		}
	}
	w.run.fail(fmt.Errorf("wire: %s: no such side of the connection %s", name, w.only.name))
	return nil
}

// waited records a wait that is over, before the last event if that is what it
// led to, and returns how long it was.
func (r *run) waited(wait record.Wait, begin time.Time, ledToLast bool) time.Duration {
	took := time.Since(begin)
	wait.WaitedMS = max(1, took.Milliseconds())
	r.waits(wait)
	r.add(&wait)
	last := len(r.events) - 2 // but for the wait
	for last > 0 && isKernel(r.events[last]) {
		last-- // it may have said something since
	}
	if ledToLast && last >= 0 {
		e := record.Event{At: r.events[last].At, Body: &wait}
		r.events = slices.Insert(r.events[:len(r.events)-1], last, e)
	}
	return took
}

// SetDefault sets a sysctl to what suits the lab, as SetSysctl does, unless the
// user has said what it is to be. Where the kernel does not have it, nothing is
// done.
func (h *Host) SetDefault(key, value string) {
	given := slices.ContainsFunc(slices.Concat(h.run.knobSysctls(), h.run.options.Sysctls), func(s Sysctl) bool {
		return s.Key == key && (s.Side == "" || s.Side == h.name)
	})
	if !given && h.Has(key) {
		h.SetSysctl(key, value)
	}
}
