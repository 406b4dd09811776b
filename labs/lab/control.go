package lab

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/internal/pattern"
	"github.com/tcplab/tcplab/labs/internal/segment"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// A Control is a sabotage, done behind the story's back, under which a claim
// must come out otherwise. It acts on one segment, or before one system call or wait. It
// names them as the story does: segments by a pattern, and sockets by the names
// that they have in the story (see Host.Named).
type Control struct {
	Says string // what is done, in a few words
	Args Args   // knobs of the sabotaged run
	// Of names the socket whose connection the segment is of; "" for any.
	Of string
	// Segment names the segment that is lost, or changed by Change: the first
	// that the story takes of that name, or the nth ("client:ACK#2"). With Do alone
	// the segment stays as it is.
	Segment string
	Change  func(*TCP)
	// Before names a system call on a socket: "listener:listen" or, for a later
	// one of that name, "client:write#2". A wait for a state or a timer of a
	// socket's is called "await".
	Before string
	// Do is told just before that call or wait, or as the story takes that segment.
	Do func(*Script)
}

// A sabotage is a Control at work.
type sabotage struct {
	*Control
	segment pattern.Pattern
	before  string // the socket and the call
	nth     int    // of Before or Segment
	met     int    // how many of them the story has come to
	acted   bool
	busy    bool // it does not sabotage itself
	seen    seen // what it could have acted on
}

func newSabotage(c *Control) (*sabotage, error) {
	s := &sabotage{Control: c, nth: 1}
	if c.Segment != "" {
		var err error
		if s.segment, err = pattern.Parse(c.Segment); err != nil {
			return nil, fmt.Errorf("control: %w", err)
		}
		s.nth = max(1, s.segment.Nth)
		return s, nil
	}
	call, nth, numbered := strings.Cut(c.Before, "#")
	s.before = call
	if numbered {
		var err error
		if s.nth, err = strconv.Atoi(nth); err != nil {
			return nil, fmt.Errorf("control: before %s: %w", c.Before, err)
		}
	}
	return s, nil
}

// sabotagedPatience is how long a sabotaged run waits for what its sabotage
// keeps from coming, once the claim is judged.
const sabotagedPatience = 3 * time.Second

// Sabotage runs the lab with the control of one of its claims. It returns what
// the run said of the claim, and an error where that is not the opposite of what
// the catalogue expects, or where the control never came to act. The run may
// have broken after the claim was judged.
func Sabotage(ctx context.Context, l *Lab, c *Claim, ipv6 bool) (*record.Run, record.Verdict, error) {
	r, run, err := sabotaged(ctx, l, Options{IPv6: ipv6, Args: c.Control.Args, Control: &c.Control, Patience: sabotagedPatience})
	if err != nil {
		return nil, "", err
	}
	var verdict record.Verdict
	for _, e := range r.Events { // in a broken run the claim itself is broken
		if v, ok := e.Body.(*record.VerdictGiven); ok && v.Claim == c.ID {
			verdict = v.Verdict
		}
	}
	switch {
	case !run.control.acted && r.Error != "":
		err = errors.New("the control has not acted when its run ends: " + r.Error)
	case !run.control.acted:
		err = run.control.neverActs(run.script)
	case verdict == "":
		err = errors.New("in the control's run the claim is not judged: " + r.Error)
	case !verdict.IsSurprise(c.Myth):
		err = fmt.Errorf("though %s, the claim is %s", c.Control.Says, verdict)
	}
	return r, verdict, err
}

// tamper does what the control of the run does to segments.
func (r *run) tamper(s *Segment) {
	c := r.control
	if c == nil || c.Segment == "" || c.acted || c.busy {
		return
	}
	c.seen.add(r.nameOf(s.packet))
	if !c.segment.Matches(r.rig.Subject(s.packet)) || !r.concerns(c.Of, s.packet) {
		return
	}
	if c.met++; c.met != c.nth {
		return
	}
	c.acted = true
	if c.Do != nil {
		r.act()
	}
	if c.Change == nil {
		s.lost = c.Do == nil
		return
	}
	raw, err := segment.Rewrite(s.packet.Raw, c.Change)
	r.must(err)
	changed, err := r.rig.Wire().Forged(s.packet, raw)
	r.must(err)
	changed.ID, changed.SentAt, changed.Begun = s.packet.ID, s.packet.SentAt, s.packet.Begun
	s.packet = changed
}

// concerns reports whether a packet is of the connection of a socket that the
// story calls name, or name is "".
func (r *run) concerns(name string, p *wire.Packet) bool {
	if name == "" {
		return true
	}
	sock := r.script.socks[name]
	return sock != nil && sock.End != nil && (&Wire{run: r, only: sock.End.rig}).carries(p)
}

// beforeCall does what the control of the run does before a system call on a
// socket.
func (r *run) beforeCall(socket, call string) {
	c := r.control
	if c == nil || c.before == "" || c.acted || c.busy {
		return
	}
	c.seen.add(socket + ":" + call)
	if c.before != socket+":"+call {
		return
	}
	if c.met++; c.met != c.nth {
		return
	}
	c.acted = true
	r.act()
}

// act does what the control of the run does to the story's sockets and hosts.
func (r *run) act() {
	r.control.busy = true
	r.control.Do(r.script)
	r.control.busy = false
}

// AckLess is a change that takes n from a segment's acknowledgement number.
func AckLess(n uint32) func(*TCP) { return func(t *TCP) { t.Ack -= n } }

// AckItself is a change that makes a SYN acknowledge itself.
func AckItself(t *TCP) { t.Flags, t.Ack = t.Flags|segment.ACK, t.Seq+1 }

// ResetInstead is a change that turns a SYN,ACK into the RST that its receiver
// takes for one of the connection: with the number after the SYN.
func ResetInstead(t *TCP) { t.Flags, t.Seq = t.Flags&^segment.SYN|segment.RST, t.Seq+1 }

// IntoReset is a change that makes a segment a reset with the same numbers.
func IntoReset(t *TCP) { t.Flags = t.Flags&^(segment.PSH|segment.FIN) | segment.RST }

// TimeMore is a change that adds ms to the value of a segment's timestamps option.
func TimeMore(ms int32) func(*TCP) {
	return func(t *TCP) { segment.AddTime(t.Options, ms) }
}

// EchoMore is a change that adds ms to the time that a segment's timestamps option echoes.
func EchoMore(ms int32) func(*TCP) {
	return func(t *TCP) { segment.AddEcho(t.Options, ms) }
}

// SeqMore is a change that adds n to a segment's sequence number.
func SeqMore(n uint32) func(*TCP) { return func(t *TCP) { t.Seq += n } }
