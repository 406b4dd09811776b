package free

import (
	"container/heap"
	"slices"
	"time"

	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/internal/segment"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// A carrier carries what the hosts send, as they send it, and as the rules say.
type carrier struct {
	g      *rig.Rig
	rules  []*Rule
	expect []*Expectation

	late    lateness // packets that arrive later, the next one first
	held    []*heldPacket
	streams map[stream]*streamState
	folded  []*foldState // of all connections, in the order in which they were met
	fold    int          // see Options.Fold
	sent    seenSegments
	others  map[string]int // packets that are not TCP, by protocol
	strays  int            // packets for no host
	ended   bool           // the run is over: see over
	taken   *wire.Packet   // from the wire just now, unless a rule makes it late
	latest  record.HoldUp  // of the packets that were to be late: see heldUp
}

// next is when the next of the late packets arrives; the zero time for none.
func (c *carrier) next() time.Time {
	if len(c.late) == 0 {
		return time.Time{}
	}
	return c.late[0].due
}

// busy reports whether something is on the wire.
func (c *carrier) busy() bool { return len(c.late) > 0 || len(c.held) > 0 }

// step carries what there is to carry now, and reports whether there was anything.
func (c *carrier) step() (any bool, err error) {
	for len(c.late) > 0 && !c.late[0].due.After(time.Now()) {
		p := heap.Pop(&c.late).(latePacket)
		if c.ended {
			continue
		}
		c.arrivesLate(p, time.Now())
		if err := c.deliver(p.packet); err != nil {
			return true, err
		}
		c.g.Done(p.packet)
		any = true
	}
	packets, err := c.g.Sent()
	for _, p := range packets {
		if err == nil {
			err = c.take(p)
		}
	}
	return any || len(packets) > 0, err
}

// take decides what becomes of a segment that a host has sent.
func (c *carrier) take(p *wire.Packet) error {
	if _, err := c.g.Receiver(p); err != nil {
		c.strays++
		return nil
	}
	if c.ended {
		return c.g.Hand(p)
	}
	s := c.g.Subject(p)
	stream := c.stream(p)
	stream.clock.compare(p, c.g.Journal.Since(time.Now()), s.From)
	c.taken = p
	defer func() { c.taken = nil }()
	c.sent.add(s)
	for _, e := range c.expect {
		e.meets(s)
	}
	if p.Flags&(segment.SYN|segment.FIN|segment.RST) != 0 || p.Retransmission || p.Probe {
		if err := c.tell(p); err != nil {
			return err
		}
		if err := c.g.Sender(p).GlimpseApart(true); err != nil {
			return err
		}
	}
	var acts *Rule
	for _, r := range c.rules {
		if r.until != nil && r.until.Matches(s) {
			r.ends(p)
		}
		if r.meets(s, stream.fold) && acts == nil {
			acts = r
		}
	}
	if acts == nil {
		return c.passLink(p)
	}
	acts.hits++
	return c.obey(p, acts)
}

// obey does with a segment what a rule says.
func (c *carrier) obey(p *wire.Packet, r *Rule) error {
	if err := c.tell(p); err != nil {
		return err
	}
	switch r.do {
	case drop, vanish:
		return c.g.Decide(p, record.Dropped, false)
	case hold, reorder:
		if r.time == 0 {
			c.held = append(c.held, &heldPacket{p, r})
		} else {
			c.schedule(p, time.Now().Add(r.time))
		}
		return c.g.Decide(p, record.Held, false)
	case delayOne:
		due := time.Now().Add(r.time)
		c.stream(p).notBefore = due
		c.schedule(p, due)
		return c.g.Decide(p, record.Held, false)
	case duplicate:
		if err := c.deliver(p); err != nil {
			return err
		}
		return c.hand(p, record.Injected, false)
	case reset:
		if err := c.g.Decide(p, record.Dropped, false); err != nil {
			return err
		}
		return c.resetBoth(p)
	default: // resetAfter
		if err := c.deliver(p); err != nil {
			return err
		}
		return c.resetBoth(p)
	}
}

func (c *carrier) schedule(p *wire.Packet, due time.Time) {
	heap.Push(&c.late, latePacket{due, p.ID, p})
}

// passLink lets a segment pass that no rule about segments has taken, as those about
// its side say.
func (c *carrier) passLink(p *wire.Packet) error {
	now := time.Now()
	due := now
	from := c.g.Hosts[p.From].Name
	for _, r := range c.rules {
		if !r.aboutSide() || r.from != "" && r.from != from {
			continue
		}
		switch r.do {
		case lose:
			if !r.falls(from) {
				continue
			}
			r.hits++
			if err := c.tell(p); err != nil {
				return err
			}
			return c.g.Decide(p, record.Dropped, false)
		case delayAll:
			due = due.Add(r.time)
		case rate:
			due = r.through(from, due, len(p.Raw))
		}
		r.hits++
	}
	if s := c.streams[streamOf(p)]; s != nil && s.notBefore.After(due) {
		due = s.notBefore
	}
	if due.After(now) {
		c.schedule(p, due)
		return nil
	}
	if err := c.deliver(p); err != nil {
		return err
	}
	c.g.Done(p)
	return nil
}

// deliver lets a segment arrive, and what was held for it.
func (c *carrier) deliver(p *wire.Packet) error {
	if err := c.hand(p, record.Delivered, false); err != nil {
		return err
	}
	for _, r := range c.rules {
		r.begun = r.begun || r.do == vanish && slices.Contains(r.endings, p.ID)
	}
	for i := 0; i < len(c.held); i++ {
		h := c.held[i]
		overtaken := h.rule.do == reorder && streamOf(h.packet) == streamOf(p)
		if !overtaken && !(h.rule.until != nil && slices.Contains(h.rule.endings, p.ID)) {
			continue
		}
		c.held = slices.Delete(c.held, i, i+1)
		if err := c.deliver(h.packet); err != nil {
			return err
		}
		i = -1 // what has arrived may have let go of others
	}
	return nil
}

// hand gives a segment to its receiver and looks at what has become of it there.
func (c *carrier) hand(p *wire.Packet, fate record.Fate, forged bool) error {
	to, err := c.g.Receiver(p)
	if err != nil {
		return err
	}
	stream := c.stream(p)
	quiet := fate == record.Delivered && c.counts(p)
	if !ordinary(p) || fate != record.Delivered {
		if err := c.tell(p); err != nil {
			return err
		}
	}
	if !quiet {
		if err := c.g.Decide(p, fate, forged); err != nil {
			return err
		}
	}
	if p == c.taken {
		stream.clock.compare(p, c.g.Journal.Since(time.Now()), c.g.Hosts[p.From].Name)
	}
	if err := c.g.Hand(p); err != nil {
		return err
	}
	stream.arrive(p)
	e := to.End(rig.Pair{Local: p.Dst, Remote: p.Src}, true)
	if quiet && !stream.due() {
		return nil
	}
	changed, err := e.Glimpse(!quiet, func() error { return c.tellIf(quiet, p) })
	if err != nil || quiet && !changed {
		return err
	}
	if changed && e.Seen.State != record.SynRecv {
		if l := to.ListenerOf(p); l != nil {
			if _, err := l.Glimpse(true, nil); err != nil {
				return err
			}
		}
	}
	if forged || !changed && p.Flags&(segment.SYN|segment.RST) != 0 || e.Seen.State == record.Close {
		return to.Count()
	}
	return nil
}

func newCarrier(g *rig.Rig, rules []*Rule, expect []*Expectation, fold int) *carrier {
	c := &carrier{
		g: g, rules: rules, expect: expect, fold: fold,
		streams: map[stream]*streamState{}, others: map[string]int{},
	}
	g.PassOthers(func(_ *rig.Host, raw []byte, lost bool) {
		switch dst, _ := segment.Destination(raw); {
		case dst.IsMulticast(): // what IPv6 tells the routers that there are none of
		case lost:
			c.strays++
		default:
			c.others[segment.Protocol(raw)]++
		}
	})
	return c
}

// over ends the rules: from here on everything passes, and nothing is told.
func (c *carrier) over() { c.ended = true }
