package lab

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/internal/sockdiag"
	"github.com/tcplab/tcplab/labs/record"
)

// pair identifies a socket on its host. A listener's remote is zero.
type pair struct{ local, remote netip.AddrPort }

// name names the socket as record.State does.
func (p pair) name(passive bool) string {
	switch {
	case p.remote.Port() == 0:
		return fmt.Sprintf(":%d", p.local.Port())
	case passive:
		return fmt.Sprintf("%d<-%d", p.local.Port(), p.remote.Port())
	}
	return fmt.Sprintf("%d->%d", p.local.Port(), p.remote.Port())
}

// An End is one host's side of a connection, or a listener: what the kernel
// has there, whether or not a program holds a descriptor for it.
type End struct {
	host *Host
	pair
	name string
	seen sockdiag.Socket // as last looked at
	// known is set from the time the kernel first had it: a socket that is gone
	// is told apart from one that never was.
	known bool
	watch timerWatch
}

// end returns the host's End with these addresses. One that is met for the
// first time in a segment that the host receives was opened passively.
func (h *Host) end(p pair, passive bool) *End {
	e := h.ends[p]
	if e == nil {
		e = &End{host: h, pair: p, name: p.name(passive)}
		h.ends[p] = e
		h.order = append(h.order, e)
	}
	return e
}

// look reads the End's socket from the kernel, records what has changed, and
// tells whether anything has.
func (e *End) look() bool {
	if e.host.run.options.Blind {
		return false
	}
	looked := time.Now()
	now, found, err := e.host.lookUp(e.local, e.remote)
	e.host.run.must(e.host.wrap(err))
	if found && now.State == record.Listen && e.remote.Port() != 0 {
		found = false // the kernel has the listener for it, and no connection
	}
	if !found {
		if !e.known || e.seen.State == record.Close {
			return false
		}
		now = sockdiag.Socket{State: record.Close}
	}
	e.watch.see(now.Timer, now.Expires, looked, e.host.run.acted)
	before := e.seen
	e.seen = now
	if e.known && sameButTime(before, now) {
		return false
	}
	if before.State == record.Close {
		before.State = "" // another socket with the same addresses
	}
	e.known = true
	e.host.run.add(&record.State{
		Host: e.host.name, Socket: e.name, From: before.State, To: now.State,
		RQueue: now.RQueue, WQueue: now.WQueue, Timer: now.Timer,
		ExpiresMS: now.Expires.Milliseconds(), Retransmits: now.Retransmits,
		Descriptor: now.Inode != 0,
	})
	return true
}

// sameButTime compares all but the time left on the timer, and which inode it
// is that stands for a descriptor.
func sameButTime(a, b sockdiag.Socket) bool {
	a.Expires, b.Expires = 0, 0
	a.Inode, b.Inode = min(a.Inode, 1), min(b.Inode, 1)
	return a == b
}

// State looks at the socket: "ESTABLISHED", "CLOSE" once it is gone, and
// "none" while it has never been there.
func (e *End) State() string {
	e.look()
	if !e.known {
		return "none"
	}
	return e.seen.State
}

// Held looks whether a program holds a descriptor for the socket. None does
// while a connection waits for accept, and after close.
func (e *End) Held() bool {
	e.look()
	return e.seen.Inode != 0
}

// Received looks how many bytes wait to be read; a FIN that was not read yet
// counts as one.
func (e *End) Received() int {
	e.look()
	return int(e.seen.RQueue)
}

// Unacknowledged looks how many bytes are sent, or to be sent, and not
// acknowledged; SYN and FIN count as one.
func (e *End) Unacknowledged() int {
	e.look()
	return int(e.seen.WQueue)
}

// Retransmits looks how often the socket has sent again what was not
// acknowledged.
func (e *End) Retransmits() int {
	e.look()
	return e.seen.Retransmits
}

// Peer returns the other side of the connection, on the host that has its
// remote address.
func (e *End) Peer() *End {
	for _, h := range e.host.run.hosts {
		if h.addr == e.remote.Addr() {
			return h.end(pair{e.remote, e.local}, true)
		}
	}
	e.host.run.fail(fmt.Errorf("%s: %s has no peer on any host", e.host.name, e.name))
	return nil
}

// Queue looks how many connections wait on a listener for accept.
func (e *End) Queue() int { return e.Received() }

// Limit looks what the kernel reports as the limit of a listener's queue.
func (e *End) Limit() int { return e.Unacknowledged() }

// Path returns the states that the socket was seen in, from the last time that
// it entered the state from: "ESTABLISHED → FIN_WAIT1 → CLOSING".
func (e *End) Path(from string) string {
	e.look()
	var path []string
	for _, ev := range e.host.run.events {
		s, ok := ev.Body.(*record.State)
		if !ok || s.Host != e.host.name || s.Socket != e.name || s.From == s.To {
			continue
		}
		if s.To == from {
			path = nil
		}
		path = append(path, s.To)
	}
	return strings.Join(path, " → ")
}
