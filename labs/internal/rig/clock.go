package rig

import (
	"container/heap"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

// A clock knows how late the story is.
//
// A machine stops a process when it likes. What the story then finds is true, but
// it may not be what the story is about: meanwhile a timer of the kernel has run
// out that the story would have stopped, or looked at before. Time alone says
// nothing of that. The timers do: inet_diag tells of every socket that is looked
// at which timer runs and when it ends. So the clock knows at each word of the
// story which timers are pending. If the story comes to its next word after one of
// them has ended, and did not wait for it, the run is late from there on.
//
// A timer that ends while the story waits for another, and no later than that one,
// is no matter: the story lets it end.
type clock struct {
	start   time.Time
	pending alarms
	planned time.Time // until when the story meant to wait, or has waited
	last    time.Time // the latest mark
	heldUp  record.HoldUp
	late    *record.Late
	// disturbed is set where an unawaited timer may have ended a socket, and the
	// story has gone on from there.
	disturbed bool
	missed    bool // some End has missed its retransmission timer: see End.missed
}

// An alarm is a timer of the kernel that is pending.
type alarm struct {
	end   *End
	timer string
	due   time.Time // it ends no sooner
	since time.Time // of a put-off ACK: the delivery that it is about
	// again is the least time after which the same timer ends once more, by
	// itself; 0 where it does not.
	again time.Duration
	// kills reports whether its end may be that of the socket.
	kills bool
	index int // in the heap, from 1; 0 where it is not pending
}

// set makes an alarm pending, or changes it.
func (c *clock) set(a *alarm) {
	if a.index == 0 {
		heap.Push(&c.pending, a)
		return
	}
	heap.Fix(&c.pending, a.index-1)
}

// clear makes an alarm pending no more.
func (c *clock) clear(a *alarm) {
	if a.index != 0 {
		heap.Remove(&c.pending, a.index-1)
	}
}

// due reports whether a timer may have run out by now.
func (c *clock) due(now time.Time) bool {
	return len(c.pending) > 0 && !c.pending[0].due.Add(-Jiffy).After(now)
}

// mark notes that the story comes to a word, or has looked at what came of one.
func (c *clock) mark(now time.Time, next string) {
	if c.start.IsZero() {
		return
	}
	since := c.last
	if c.planned.After(since) {
		since = c.planned
	}
	if d := now.Sub(since); !c.last.IsZero() && d > c.heldUp.For {
		c.heldUp = record.HoldUp{For: d, Before: next}
	}
	c.last = now
	for len(c.pending) > 0 && c.pending[0].due.Before(now) {
		a := c.pending[0]
		if a.timer != Idle { // which sends nothing
			a.end.Host.ranOut = true
			a.end.ranOut = a.end.ranOut || a.timer != Delack
		}
		if a.due.After(c.planned) {
			c.runOut(a, now, next)
			continue
		}
		if a.again > 0 {
			a.due = a.due.Add(a.again)
			a.kills = true
			c.set(a)
		} else {
			c.clear(a)
		}
	}
}

// runOut notes that a timer has ended that nobody has awaited.
func (c *clock) runOut(a *alarm, now time.Time, next string) {
	by := now.Sub(a.due)
	if c.late == nil {
		c.late = &record.Late{
			At: now.Sub(c.start).Truncate(time.Microsecond), Host: a.end.Host.Name, Socket: a.end.Name,
			Timer: a.timer, By: by.Truncate(time.Microsecond), Before: next,
		}
	}
	a.end.overran = a.end.overran || a.kills || a.again > 0 && by >= a.again
	a.end.idled = a.end.idled || a.timer == Idle
	if a.timer == "retransmit" {
		a.end.missed, c.missed = a.due, true
	}
	c.clear(a)
}

// What an action sets runs out no sooner than leastTimer (TCP_RTO_MIN), but for a
// delayed ACK. The timers that leave no trace at a socket which outlives them take
// untracedTimer at least: those of requests (TCP_TIMEOUT_INIT), and whatever is set
// in whole seconds.
const (
	leastTimer    = 200*time.Millisecond - Slack
	untracedTimer = time.Second - Slack
)

// unseen notes that the first look since the story did something to a socket came
// so late that a timer which that has set may have run out before anybody saw it.
// Then the record does not show what the story did, but what became of it. A wait in
// between was meant.
func (c *clock) unseen(e *End, s sight, next string) {
	since := e.Host.rig.acted
	if c.planned.After(since) {
		since = c.planned
	}
	due := since.Add(leastTimer)
	if s.until.After(due) && !e.traced(s) {
		due = since.Add(untracedTimer)
	}
	if s.until.After(due) {
		c.runOut(&alarm{end: e, due: due}, s.until, next)
		c.disturbed = true
	}
}

// plan notes that the story waits for a timer that has so much left. Timers of
// the kernel fire up to an eighth late (kernel/time/timer.c: calc_index).
func (c *clock) plan(begin time.Time, left time.Duration) {
	if until := begin.Add(left + left/8 + Jiffy); until.After(c.planned) {
		c.planned = until
	}
}

// over notes that a wait is over.
func (c *clock) over(now time.Time) {
	if c.planned.After(now) {
		c.planned = now
	}
}

// An alarms is a heap of pending alarms, the next one first.
type alarms []*alarm

func (h alarms) Len() int           { return len(h) }
func (h alarms) Less(i, j int) bool { return h[i].due.Before(h[j].due) }

func (h alarms) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

func (h *alarms) Push(x any) {
	a := x.(*alarm)
	*h = append(*h, a)
	a.index = len(*h)
}

func (h *alarms) Pop() any {
	last := len(*h) - 1
	a := (*h)[last]
	a.index = 0
	*h = (*h)[:last]
	return a
}

// Late returns the first timer that ran out unawaited by now, and nil on a
// punctual run. What comes next is told by its name.
func (g *Rig) Late(next string) *record.Late {
	g.clock.mark(time.Now(), next)
	return g.clock.late
}

// HeldUp returns the longest time for which the story was held up.
func (g *Rig) HeldUp() record.HoldUp { return g.clock.heldUp }

// Disturbed reports whether the record shows what the kernel did only because the
// story was late.
func (g *Rig) Disturbed() bool { return g.clock.disturbed }

// Disturb notes that the story has found that time has gone astray in a way that
// no timer tells of.
func (g *Rig) Disturb() { g.clock.disturbed = true }
