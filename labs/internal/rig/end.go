package rig

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/tcplab/tcplab/labs/internal/sockdiag"
	"github.com/tcplab/tcplab/labs/internal/stack"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// A Host is one of the rig's hosts, and what was seen on it.
type Host struct {
	*stack.Host
	rig         *Rig
	index       int
	instruments Instruments
	ends        map[Pair]*End
	order       []*End           // as they were met
	counters    map[string]int64 // when they were last read
	slowStart   int64            // TCPSlowStartRetrans, when data was last sent again
	owing       int              // how many of its ends owe an ACK
	ranOut      bool             // a timer of one of its ends, since what it has sent was last taken in
}

// A LookUp asks inet_diag for one socket: see sockdiag.Conn.Get.
type LookUp func(local, remote netip.AddrPort) (s sockdiag.Socket, found bool, err error)

// A Pair identifies a socket on its host. A listener's Remote is zero.
type Pair struct{ Local, Remote netip.AddrPort }

// name names the socket as record.State does.
func (p Pair) name(passive bool) string {
	switch {
	case p.Remote.Port() == 0:
		return fmt.Sprintf(":%d", p.Local.Port())
	case passive:
		return fmt.Sprintf("%d<-%d", p.Local.Port(), p.Remote.Port())
	}
	return fmt.Sprintf("%d->%d", p.Local.Port(), p.Remote.Port())
}

// An End is one host's side of a connection, or a listener: what the kernel
// has there, whether or not a program holds a descriptor for it.
type End struct {
	Host *Host
	Pair
	Name string
	Seen sockdiag.Socket // as last looked at
	// Known is set from the time the kernel first had it: a socket that is gone
	// is told apart from one that never was.
	Known bool
	// shared is set where several sockets listen on the address: see Share.
	shared bool

	aLook   string // "a look at the server's 80<-40000"
	watch   timerWatch
	timer   alarm
	delack  alarm
	idle    alarm
	owes    bool // an ACK that it has put off
	unasked int  // the put-off ACK that its timer has sent while the story did not wait for it, or 0
	stray   int  // such an ACK that the story has passed by, or 0
	apart   bool // see GlimpseApart
	acted   bool // the story has just done something to it
	overran bool // a timer that may end it has run out since it was last looked at
	ranOut  bool // a timer that sends again has, since what the host has sent was last taken in
	history
}

// A history is what was seen of a connection, and no matter to the next one with the same
// addresses.
type history struct {
	delays  bool // it has put an ACK off before
	fed     bool // data has come
	bounced bool // an ICMP message has made it send data again
	// missed is when its retransmission timer ran out the last time that the story did
	// not wait for it; the zero time where it always did.
	missed time.Time
	idled  bool // it was idle for as long as an RTO, and the story did not mean it
	// departures are of new data since nothing was on its way, in order.
	departures       []departure
	sentTo, recovery uint32   // where the data ends that was sent, and did when it was last recovered
	una, sackedTo    uint32   // what the End was told that has arrived: all before una, and some before sackedTo
	reorder          *reorder // nil where none was, or it is no matter any more
	burst            int      // the ID of the last segment of its latest burst
}

// End returns the host's End with these addresses. One that is met for the
// first time in a segment that the host receives was opened passively.
func (h *Host) End(p Pair, passive bool) *End {
	e := h.ends[p]
	if e == nil {
		e = &End{Host: h, Pair: p, Name: p.name(passive)}
		e.aLook = "a look at the " + h.Name + "'s " + e.Name
		e.timer.end, e.delack.end, e.idle.end = e, e, e
		h.ends[p] = e
		h.order = append(h.order, e)
	}
	return e
}

// Sent reports whether the End has sent a packet.
func (e *End) Sent(p *wire.Packet) bool { return p.Src == e.Local && p.Dst == e.Remote }

// Ends returns the host's ends in the order in which they were met.
func (h *Host) Ends() []*End { return h.order }

// Enter puts the story's thread into the host's namespace.
func (h *Host) Enter() error { return h.Host.Enter(h.rig.thread) }

// Peer returns the other side of the connection, on the host that has its
// remote address.
func (e *End) Peer() (*End, error) {
	h, err := e.Host.rig.Peer(e.Remote.Addr())
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", e.Host.Name, e.Name, err)
	}
	return h.End(Pair{e.Remote, e.Local}, true), nil
}

// Share notes that another socket listens on the same address (SO_REUSEPORT).
// inet_diag answers a question about the address with one of them, which nobody
// chooses. So from here on a look tells that somebody listens, and of no queue.
func (e *End) Share() {
	e.shared = true
	e.Seen.RQueue, e.Seen.WQueue = 0, 0
}

// Shared reports whether several sockets listen on the address.
func (e *End) Shared() bool { return e.shared }

// A sight is what one look-up has found.
type sight struct {
	sockdiag.Socket
	looked, until time.Time // the look-up began and ended
}

// ask looks up the End's socket and changes nothing. A socket that is gone is in
// CLOSE; found is false for one that never was.
func (e *End) ask() (s sight, found bool, err error) {
	s.looked = time.Now()
	s.Socket, found, err = e.Host.instruments.LookUp(e.Local, e.Remote)
	s.until = time.Now()
	if err != nil {
		return s, false, e.Host.Wrap(err)
	}
	if found && s.State == record.Listen && e.Remote.Port() != 0 {
		found = false // the kernel has the listener for it, and no connection
	}
	if e.shared {
		s.RQueue, s.WQueue = 0, 0
	}
	if !found && e.Known {
		s.Socket, found = sockdiag.Socket{State: record.Close}, true
	}
	return s, found, nil
}

// Look reads the End's socket from the kernel, records what has changed, and
// reports whether anything has.
func (e *End) Look() (changed bool, err error) {
	if e.Host.rig.config.Blind {
		return false, nil
	}
	s, found, err := e.ask()
	if err != nil {
		return false, err
	}
	if c := &e.Host.rig.clock; e.acted {
		c.mark(s.until, e.aLook)
		c.unseen(e, s, e.aLook)
		if err := e.overtaken(s); err != nil {
			return false, err
		}
	}
	if !found {
		return false, nil
	}
	return e.see(s)
}

// traced reports whether a timer may have been at a socket since it was last looked
// at: it is gone, something was sent again (by a loss probe, which counts nowhere, if
// the wire alone knows of it), or a probe was. A listener has no timers.
func (e *End) traced(s sight) bool {
	if e.Remote.Port() == 0 || !e.Known && s.State == "" {
		return false
	}
	return s.State == record.Close || s.Retransmits > 0 || e.sentAgain()
}

// sentAgain reports whether a segment is on the wire that its sender has sent before.
func (e *End) sentAgain() bool {
	for _, p := range e.Host.rig.wire.Waiting() {
		if p.From == e.Host.index && e.Sent(p) && (p.Retransmission || p.Probe) {
			return true
		}
	}
	return false
}

// firstLook is the look at a socket to which the story has just done something.
func (e *End) firstLook() (changed bool, err error) {
	e.acted = true
	defer func() { e.acted = false }()
	return e.Look()
}

// see takes in what a look-up has found.
func (e *End) see(s sight) (changed bool, err error) {
	g := e.Host.rig
	g.clock.mark(s.until, e.aLook)
	if s.State == record.Close && e.Seen.State == record.Close {
		return false, nil
	}
	if e.overran && s.State == record.Close && e.Known {
		g.clock.disturbed = true
	}
	e.overran = false
	e.watch.see(s.Timer, s.Expires, s.looked, s.until, g.acted)
	before := e.Seen
	e.Seen = s.Socket
	e.arm(s, before)
	if e.Known && sameButTime(before, s.Socket) {
		return false, nil
	}
	if before.State == record.Close {
		before.State = "" // another socket with the same addresses
	}
	e.Known = true
	return true, g.Journal.Add(&record.State{
		Host: e.Host.Name, Socket: e.Name, Local: e.Local, Remote: e.Remote, From: before.State, To: s.State,
		RQueue: s.RQueue, WQueue: s.WQueue, Timer: s.Timer,
		ExpiresMS: s.Expires.Milliseconds(), Retransmits: s.Retransmits,
		Descriptor: s.Inode != 0, Apart: e.apart,
	})
}

// arm tells the clock which timer is pending.
func (e *End) arm(s sight, before sockdiag.Socket) {
	c, a := &e.Host.rig.clock, &e.timer
	if s.State == record.Close {
		c.clear(&e.delack)
		c.clear(&e.idle)
		if e.owes {
			e.owes = false
			e.Host.owing--
		}
	}
	if s.Timer == "" {
		c.clear(a)
		return
	}
	due := s.looked.Add(s.Expires)
	running := a.index != 0 && a.timer == s.Timer
	switch {
	case running && s.Expires == 0:
		return // it is due, and runs out as soon as the kernel comes round to it
	case running && !due.After(a.due.Add(Slack)) && before.Retransmits == s.Retransmits:
		a.due = due
	default:
		a.timer, a.due, a.again = s.Timer, due, 0
		if s.Timer != "timewait" {
			a.again = s.Expires
		}
	}
	a.kills = s.Timer != "retransmit" || s.Retransmits > 0 || s.State == record.SynRecv
	c.set(a)
}

// sameButTime compares all but the time left on the timer, and which inode it
// is that stands for a descriptor.
func sameButTime(a, b sockdiag.Socket) bool {
	a.Expires, b.Expires = 0, 0
	a.Inode, b.Inode = min(a.Inode, 1), min(b.Inode, 1)
	return a == b
}

// Timer looks which timer of the kernel is running for the socket ("" for
// none), and what it has left. A look that the machine has held up does not say
// when that was left, so it is taken again; it changes nothing.
func (e *End) Timer() (string, TimeLeft, error) {
	for until := e.Host.rig.Deadline(); ; {
		late := time.Now().After(until) // then this look is the last, whatever holds it up
		if _, err := e.Look(); err != nil {
			return "", TimeLeft{}, err
		}
		t := e.left()
		if e.Seen.Timer == "" || t.until.Sub(t.looked) < Jiffy || late {
			return e.Seen.Timer, t, nil
		}
	}
}

// left is what the timer had left when it was last looked at.
func (e *End) left() TimeLeft {
	return TimeLeft{Left: e.Seen.Expires, Timer: e.Seen.Timer, looked: e.watch.looked, until: e.watch.until, before: e.watch.unset}
}
