package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/tcplab/tcplab/labs/internal/segment"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// A Control is a sabotage, done behind the story's back, under which a claim
// must come out otherwise. It acts on one segment, or before one system call.
type Control struct {
	Says string // what is done, in a few words
	Args Args   // knobs of the sabotaged run
	// Segment names the segment that is lost, or changed by Change: its sender,
	// flags and the how-many-th it is that the story takes: "client:ACK#1".
	Segment string
	Change  func(*layers.TCP)
	// Before names a system call: "server:listen" or, for a later one of that
	// name, "server:listen#2". Do is told just before it.
	Before string
	Do     func(*Script)

	acted bool
}

// sabotagedPatience is how long a sabotaged run waits for what its sabotage
// keeps from coming, once the claim is judged.
const sabotagedPatience = 3 * time.Second

// Sabotage runs the lab with the control of one of its claims. It returns what
// the run said of the claim, and an error where that is not the opposite of what
// the catalogue expects, or where the control never came to act. The run may
// have broken after the claim was judged.
func Sabotage(ctx context.Context, l *Lab, c *Claim) (*record.Run, record.Verdict, error) {
	act := c.Control // a copy: it remembers whether it has acted
	r, err := Run(ctx, l, Options{Args: act.Args, Control: &act, Patience: sabotagedPatience})
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
	case !act.acted:
		err = fmt.Errorf("the control never acts: nothing is %s%s", act.Segment, act.Before)
	case verdict == "":
		err = errors.New("in the control's run the claim is not judged: " + r.Error)
	case !verdict.IsSurprise(c.Myth):
		err = fmt.Errorf("though %s, the claim is %s", act.Says, verdict)
	}
	return r, verdict, err
}

// tamper does what the control of the run does to segments.
func (r *run) tamper(s *Segment) {
	c := r.options.Control
	if c == nil || c.Segment == "" || !r.named(s.packet, c.Segment) {
		return
	}
	c.acted = true
	if c.Change == nil {
		s.lost = true
		return
	}
	raw, err := segment.Rewrite(s.packet.Raw, c.Change)
	r.must(err)
	changed, err := r.wire.Forged(s.packet, raw)
	r.must(err)
	changed.ID = s.packet.ID
	s.packet = changed
}

// named tells whether a packet has a full name: "client:ACK#1".
func (r *run) named(p *wire.Packet, full string) bool {
	return full == fmt.Sprintf("%s:%s#%d", r.hosts[p.From].name, p.Flags, p.Nth)
}

// beforeCall does what the control of the run does before a system call.
func (r *run) beforeCall(host, call string) {
	c := r.options.Control
	if c == nil || c.Do == nil || r.inHook {
		return
	}
	want, nth, numbered := strings.Cut(c.Before, "#")
	if want != host+":"+call {
		return
	}
	r.hookCalls++
	if !numbered {
		nth = "1"
	}
	if fmt.Sprint(r.hookCalls) != nth {
		return
	}
	r.inHook, c.acted = true, true
	c.Do(r.script)
	r.inHook = false
}

// AckLess is a change that takes n from a segment's acknowledgement number.
func AckLess(n uint32) func(*layers.TCP) { return func(t *layers.TCP) { t.Ack -= n } }

// AckItself is a change that makes a SYN acknowledge itself.
func AckItself(t *layers.TCP) { t.ACK, t.Ack = true, t.Seq+1 }

// ResetInstead is a change that turns a SYN,ACK into the RST that its receiver
// takes for one of the connection: with the number after the SYN.
func ResetInstead(t *layers.TCP) { t.SYN, t.RST, t.Seq = false, true, t.Seq+1 }

// IntoReset is a change that makes a segment a reset with the same numbers.
func IntoReset(t *layers.TCP) { t.RST, t.PSH, t.FIN = true, false, false }

// SeqMore is a change that adds n to a segment's sequence number.
func SeqMore(n uint32) func(*layers.TCP) { return func(t *layers.TCP) { t.Seq += n } }
