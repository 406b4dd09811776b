package free

import (
	"fmt"
	"time"

	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// tellsHoldUp is how late the wire may be before the user is told: the least timer of a
// kernel that may have acted meanwhile is that of a delayed ACK, 40 ms.
const tellsHoldUp = 30 * time.Millisecond

// leastTimer is how late the wire may be before what was not met is no evidence: the
// least retransmission timeout (TCP_RTO_MIN), less two jiffies of 4 ms. A delayed ACK,
// which comes sooner, is one ACK more, and much data makes the wire so late by itself.
const leastTimer = 192 * time.Millisecond

// A senderClock compares the times at which segments of a stream were carried with those
// that their timestamps have (RFC 7323 §3.2), in milliseconds. These count from an origin that no other stream has, so only their differences say something:
// by how much more than the others one was late.
type senderClock struct {
	known       bool
	first       uint32 // how far the two clocks were apart at first
	least, most int32  // how far since, from that
	latest      string // the segment that was so late
}

// compare compares the clocks as a segment is carried, so long after the start.
func (s *senderClock) compare(p *wire.Packet, now time.Duration, from string) {
	if !p.Clock.Valid || p.SeqLen() == 0 {
		return // a bare ACK may have an older time: that of what came last (tcp_cleanup_rbuf)
	}
	apart := uint32(now.Milliseconds()) - p.Clock.MS
	if !s.known {
		*s = senderClock{known: true, first: apart, latest: carrying(p, from)}
	}
	switch by := int32(apart - s.first); {
	case by > s.most:
		s.most, s.latest = by, carrying(p, from)
	case by < s.least:
		s.least = by
	}
}

// late is by how much the latest segment was late, at least: each of the clocks has whole
// milliseconds.
func (s *senderClock) late() time.Duration {
	return time.Duration(max(0, s.most-s.least-1)) * time.Millisecond
}

// carrying is what comes next, for record.HoldUp.
func carrying(p *wire.Packet, from string) string {
	return fmt.Sprintf("the carrying of the %s's %s", from, p.Flags)
}

// arrivesLate notes that a segment which was to be late has come even later.
func (c *carrier) arrivesLate(p latePacket, now time.Time) {
	if by := now.Sub(p.due); by > c.latest.For {
		c.latest = record.HoldUp{For: by, Before: carrying(p.packet, c.g.Hosts[p.packet.From].Name)}
	}
}

// heldUp is how late the wire was, which no rule has asked for.
func (c *carrier) heldUp() record.HoldUp {
	h := c.latest
	for _, s := range c.streams {
		if by := s.clock.late(); by > h.For {
			h = record.HoldUp{For: by, Before: s.clock.latest}
		}
	}
	return h
}
