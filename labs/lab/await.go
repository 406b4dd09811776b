package lab

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/internal/pattern"
	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/internal/rto"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// A Schedule is when the kernel sends a segment that gets no answer: the rule of
// net/ipv4/tcp_timer.c, computed from the knobs in force.
type Schedule = rto.Schedule

// Retransmission waits for the kernel's timer of the named segment's sender to
// run out ("client:SYN") and takes what it sends again. The wire must be that
// of one connection.
func (w *Wire) Retransmission(name string) *Segment {
	return w.mustCome(name, again)
}

// TryRetransmission is Retransmission where the sender may have no timer running, or be
// gone: what is returned then is empty, as IfAny returns it.
func (w *Wire) TryRetransmission(name string) *Segment {
	p := w.parse(name)
	timer, _, err := w.sender(p).Timer()
	w.run.must(err)
	if sent := w.waiting(func(c *wire.Packet) bool { return w.sends(c, p, again) }); timer == "" && sent == nil {
		return w.none()
	}
	if s, _ := w.awaited(name, again); s != nil {
		return s
	}
	return w.none()
}

// Probe waits for the kernel's timer of the named segment's sender to run out
// ("client:ACK") and takes what it sends that repeats nothing: a keepalive, a
// window probe, or a tail loss probe with new data. The wire must be that of one
// connection.
func (w *Wire) Probe(name string) *Segment {
	return w.mustCome(name, probe)
}

// A kind is what a timer sends: a segment again, or what repeats nothing.
type kind bool

const (
	again kind = true
	probe kind = false
)

func (k kind) is(p *wire.Packet) bool {
	if k == again {
		return p.ByTimer() && p.Retransmission
	}
	return !p.Retransmission && (p.Probe || !p.Provoked && p.Len > 0)
}

// named names what is awaited, for the record.
func (k kind) named(name string) string {
	if k == again && !strings.HasSuffix(name, " again") {
		return name + " again"
	}
	return name
}

// sends reports whether a packet is what a timer has sent, of a kind and a name.
func (w *Wire) sends(c *wire.Packet, p pattern.Pattern, k kind) bool {
	return k.is(c) && w.carries(c) && p.Matches(w.run.rig.Subject(c))
}

func (w *Wire) mustCome(name string, k kind) *Segment {
	s, _ := w.awaited(name, k)
	if s == nil {
		e := w.sender(w.parse(name))
		w.run.fail(fmt.Errorf("wire: no %s came: the %s's %s is gone; on the wire: %s%s",
			name, e.Host.Name, e.Name, w.run.onTheWire(), w.hint(w.parse(name))))
	}
	return s
}

// awaited waits for what a timer of the kernel sends, and returns nil once the
// sender's socket is gone. It returns what the timer had left that has sent the
// segment, or ended the socket.
func (w *Wire) awaited(name string, k kind) (*Segment, TimeLeft) {
	r, p := w.run, w.parse(name)
	e := w.sender(p)
	match := func(c *wire.Packet) bool { return w.sends(c, p, k) }
	timer, sent, err := e.TimerUnlessSent(func() bool { return w.waiting(match) != nil })
	r.must(err)
	if e.Seen.State == record.Close && !sent {
		return nil, TimeLeft{}
	}
	if sent {
		e.AlreadySent()
	}
	wait := e.Await(k.named(name), timer.Left, r.options.OnWait)
	for overdue := false; ; {
		if s := w.pick(match); s != nil {
			s.Timer = timer
			if w.waiting(match) == nil { // or what is seen comes after it
				_, err := e.StillSent()
				r.must(err)
			}
			if k == again && e.Seen.Retransmits == 0 { // or it was the retransmission timeout
				var err error
				s.packet.LossProbe, err = e.Host.Probed()
				r.must(err)
			}
			_, err := wait.Over()
			r.must(err)
			return s, timer
		}
		counts, err := e.StillSent()
		r.must(err)
		switch {
		case !counts:
			continue
		case e.Seen.State == record.Close:
			r.rig.Journal.WaitedFor(record.Close)
			_, err := wait.Over()
			r.must(err)
			return nil, timer
		case overdue:
			r.fail(fmt.Errorf("wire: no %s came, and the %s's %s is %s; on the wire: %s%s",
				name, e.Host.Name, e.Name, e.Seen.State, r.onTheWire(), w.hint(p)))
		}
		overdue, err = wait.Step()
		r.must(err)
	}
}

// hint says, for an error, by which word a segment is awaited that matches and that
// a timer has sent (story files have the same two words, in small letters), or which
// segment that waits has all the flags, and others.
func (w *Wire) hint(p pattern.Pattern) string {
	more := w.waiting(func(k *wire.Packet) bool {
		return !k.ByTimer() && w.carries(k) && p.Flags != 0 && k.Flags&p.Flags == p.Flags &&
			(p.From == "" || p.From == w.run.rig.Hosts[k.From].Name)
	})
	k := w.waiting(func(k *wire.Packet) bool {
		return k.ByTimer() && w.carries(k) && p.Matches(w.run.rig.Subject(k))
	})
	switch {
	case k == nil && more == nil:
		return ""
	case k == nil:
		return fmt.Sprintf("; is %s meant?", w.run.nameOf(more))
	case again.is(k):
		return "; a timer sent it again: a Retransmission"
	}
	return "; a timer sent it, and it repeats nothing: a Probe"
}

// sender returns the side of the connection that sends the named segment. Where the
// sender has one connection alone, the wire need not be narrowed to it.
func (w *Wire) sender(p pattern.Pattern) *rig.End {
	if w.only == nil {
		return w.run.onlyEnd(p)
	}
	peer, err := w.only.Peer()
	w.run.must(err)
	for _, e := range []*rig.End{w.only, peer} {
		if e.Host.Name == p.From {
			return e
		}
	}
	w.run.fail(fmt.Errorf("wire: %v: no such side of the connection %s", p, w.only.Name))
	return nil
}

// onlyEnd returns the one connection of a segment's sender.
func (r *run) onlyEnd(p pattern.Pattern) (only *rig.End) {
	for _, h := range r.rig.Hosts {
		for _, e := range h.Ends() {
			if h.Name != p.From || e.Remote.Port() == 0 {
				continue
			}
			if only != nil {
				r.fail(fmt.Errorf("wire: timer of the sender of %v: of which connection? Of says it", p))
			}
			only = e
		}
	}
	if only == nil {
		r.fail(fmt.Errorf("wire: timer of the sender of %v: no such sender has a connection", p))
	}
	return only
}

// LoseRetransmissions loses every segment of that name that the kernel's timer
// sends again ("server:SYN,ACK"), until the sender's socket is gone, and returns
// them. The wire must be that of one connection.
func (w *Wire) LoseRetransmissions(name string) []*Segment {
	lost, _ := w.lose(name, again)
	return lost
}

// LoseProbes loses every probe of that name that the kernel's timer sends
// ("client:ACK"), until the sender's socket is gone, and returns them. The wire must
// be that of one connection.
func (w *Wire) LoseProbes(name string) []*Segment {
	lost, _ := w.lose(name, probe)
	return lost
}

// lose loses what timers send of a kind. It returns what the timer had left that has
// ended the socket, too.
func (w *Wire) lose(name string, k kind) (lost []*Segment, last TimeLeft) {
	for {
		s, timer := w.awaited(name, k)
		if s == nil {
			return lost, timer
		}
		s.Drop()
		lost = append(lost, s)
	}
}

// Attempts are how a host tried in vain to get a segment across.
type Attempts struct {
	Sent []*Segment    // the segment, and each time that it was sent again
	End  time.Duration // when the host's socket was gone, since the first
	last TimeLeft      // of the timer that has ended it
	// armed is how long before the first was seen its timer may have been set,
	// where that is set before the segment is sent.
	armed time.Duration
}

// Unanswered loses the next segment of that name ("client:FIN,ACK"), and loses
// it again each time that its sender's timer sends it again, until the sender
// gives up and its socket is gone. Where the story has lost it already, lost is
// that segment, and Unanswered loses what is sent again. The wire must be that
// of one connection.
func (w *Wire) Unanswered(name string, lost ...*Segment) Attempts {
	a := Attempts{Sent: lost}
	if len(lost) == 0 {
		a.Sent = []*Segment{w.Next(name)}
		a.Sent[0].Drop()
	}
	first := a.Sent[0].packet
	a.armed = first.SentAt.Sub(first.Begun)
	more, last := w.lose(name, again)
	a.Sent, a.last = slices.Concat(a.Sent, more), last
	// A busy machine may have let us see a segment some time after it was sent.
	// The one seen soonest tells best when that was; without a clock of the sender's it
	// is reckoned from the first, as all the times are.
	gone := time.Now()
	a.End = gone.Sub(a.Sent[0].soonest())
	if first.Clock.Valid {
		a.End = 0
		for _, s := range a.Sent {
			a.End = max(a.End, gone.Sub(s.packet.SentAt)+s.since(a.Sent[0]))
		}
	}
	return a
}

// times are when the attempts were made, since the first.
func (a Attempts) times() []time.Duration {
	times := make([]time.Duration, len(a.Sent))
	for i, s := range a.Sent {
		times[i] = s.since(a.Sent[0])
	}
	return times
}

// As returns the schedule as it is for these attempts: timers may have been so
// late that the time was over sooner, with fewer sends.
func (a Attempts) As(s Schedule) Schedule { return s.As(a.times(), a.End) }

// early is how much sooner than the schedule says the first timer after the first
// attempt may seem to run out.
func (a Attempts) early(s Schedule) time.Duration {
	if s.ArmedFirst {
		return a.armed
	}
	return 0
}

// onTime reports whether the attempts were made, and given up, by a schedule: each
// timer was set to the pause that it says, and has run out no sooner.
func (a Attempts) onTime(want Schedule) bool {
	got := a.times()
	if len(got) != len(want.Sends) || !a.last.WasSetTo(want.Pause(len(got))) {
		return false
	}
	early := a.early(want)
	for i := 1; i < len(got); i++ {
		if !rig.InTime(got[i]-got[i-1]+early, want.Pause(i)) || !a.Sent[i].Timer.WasSetTo(want.Pause(i)) {
			return false
		}
		early = 0
	}
	return true
}

// moot says why fewer attempts than the schedule has prove nothing.
func (a Attempts) moot(s Schedule) string {
	if !a.Late(s) {
		return ""
	}
	return LateTimers
}

// Late reports whether timers were so late that there were fewer attempts than the
// schedule has.
func (a Attempts) Late(s Schedule) bool { return len(a.As(s).Sends) != len(s.Sends) }

// LateTimers is why a claim about the number of attempts does not apply then.
const LateTimers = "timers of this machine were so late that the time was over sooner, with fewer attempts"

// OnSchedule is the check that the attempts were made by a schedule.
func OnSchedule(name string, a Attempts, s Schedule) Check {
	want := a.As(s)
	return Check{name: name + "_ms", got: list(a.times()), want: list(want.Sends), ok: a.onTime(want), moot: a.moot(s)}
}

// GaveUp is the check that after the last of the attempts the sender has waited
// once more, as the schedule says, and then given up.
func GaveUp(name string, a Attempts, s Schedule) Check {
	want := a.As(s)
	pause := want.Pause(len(want.Sends))
	got := a.End - a.Sent[len(a.Sent)-1].since(a.Sent[0])
	early := time.Duration(0)
	if len(a.Sent) == 1 {
		early = a.early(want)
	}
	c := milliseconds(name, got, pause, rig.InTime(got+early, pause) && a.last.WasSetTo(pause))
	c.moot = a.moot(s)
	return c
}

// GaveUpAfter is the check that the sender has given up as long after the first
// of the attempts as the schedule says.
func GaveUpAfter(name string, a Attempts, s Schedule) Check {
	want := a.As(s)
	c := milliseconds(name, a.End, want.End, a.onTime(want) && rig.InTime(a.End+a.early(want), want.End))
	c.moot = a.moot(s)
	return c
}

func list(times []time.Duration) string {
	words := make([]string, len(times))
	for i, t := range times {
		words[i] = fmt.Sprint(t.Milliseconds())
	}
	return strings.Join(words, " ")
}
