package lab

import (
	"fmt"
	"strings"

	"github.com/gopacket/gopacket/layers"

	"github.com/tcplab/tcplab/labs/internal/segment"
	"github.com/tcplab/tcplab/labs/internal/wire"
)

// A Control is a sabotage, done behind the story's back, under which a claim
// must come out otherwise. It acts on one segment, or before one system call.
type Control struct {
	Says string // what is done, in a few words
	Args Args   // knobs of the sabotaged run
	// Segment names the segment that is lost, or changed by Change: its sender,
	// flags and how-many-th it is: "client:ACK#1".
	Segment string
	Change  func(*layers.TCP)
	// Before names a system call: "server:listen" or, for a later one of that
	// name, "server:listen#2". Do is told just before it.
	Before string
	Do     func(*Script)

	acted bool
}

// Acted tells whether the segment or the call came, in the run that was given
// this Control.
func (c *Control) Acted() bool { return c.acted }

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
