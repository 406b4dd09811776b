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
	s, _ := w.tryRetransmission(name)
	return s
}

// tryRetransmission is TryRetransmission. It returns what the timer had left
// that has sent the segment, or ended the socket.
func (w *Wire) tryRetransmission(name string) (*Segment, TimeLeft) {
	r, e := w.run, w.sender(name)
	if e.State() == record.Close && !w.sentAgain(e, name) {
		return nil, TimeLeft{}
	}
	wait, timer := w.awaited(e, name)
	left := timer.Left
	begin := r.waits(wait)
	due, until := begin.Add(left), begin.Add(left+left/4+r.options.Patience)
	for late := false; ; {
		s := w.repeats().take(name)
		gone := s == nil && e.State() == record.Close && !w.sentAgain(e, name)
		if s != nil || gone {
			if gone {
				r.wait.For = record.Close
			}
			r.waited()
			if s != nil {
				s.due = timer
			}
			return s, timer
		}
		if late {
			r.fail(fmt.Errorf("wire: no %s came, and %s of the %s is %s", name, e.name, e.host.name, e.seen.State))
		}
		now := time.Now()
		late = now.After(until) // then this look is the last, whatever holds it up
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
func (w *Wire) LoseRetransmissions(name string) []*Segment {
	lost, _ := w.loseRetransmissions(name)
	return lost
}

// loseRetransmissions is LoseRetransmissions. It returns what the timer had left
// that has ended the socket, too.
func (w *Wire) loseRetransmissions(name string) (lost []*Segment, last TimeLeft) {
	for {
		s, timer := w.tryRetransmission(name)
		if s == nil {
			return lost, timer
		}
		s.Drop()
		lost = append(lost, s)
	}
}

// awaited is the wait for a segment that the sender's timer sends again. The
// timer has nothing left where the segment is on the wire already.
func (w *Wire) awaited(e *End, name string) (wait record.Wait, left TimeLeft) {
	timer, left := e.Timer()
	if w.sentAgain(e, name) {
		left = TimeLeft{} // what was seen may be the timer after it
	}
	return record.Wait{Host: e.host.name, Socket: e.name, Timer: timer, For: name, LeftMS: left.Left.Milliseconds()}, left
}

// sentAgain tells whether the sender has sent the segment again by now. What was
// true of its socket before is asked about before: it may send at any time.
func (w *Wire) sentAgain(e *End, name string) bool {
	w.run.must(e.host.wrap(w.run.wire.Drain(e.host.index)))
	match := w.run.matcher(name)
	return slices.ContainsFunc(w.run.wire.Waiting(), func(p *wire.Packet) bool { return w.repeats().has(p) && match(p) })
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
