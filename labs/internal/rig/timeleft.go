package rig

import "time"

// A TimeLeft is what a timer of the kernel's had left when it was looked at.
//
// How long a timer takes to run out says little of what it was set to: it is
// hardly ever early (see Slack), but on a busy machine it may be late by any time.
// What it has left says more: it was set to that at least, and to no more than
// that and the time for which it can have run by then.
type TimeLeft struct {
	Left          time.Duration
	Timer         string    // which it is, as inet_diag calls it: "retransmit", "keepalive", "probe"; "" for none
	looked, until time.Time // the look began and ended
	before        time.Time // it was not set yet
}

// And returns what two timers that run one after the other have left in all: t, and
// the later one, each looked at while it ran.
func (t TimeLeft) And(later TimeLeft) TimeLeft {
	later.Left += t.Left
	later.before = later.before.Add(-t.until.Sub(t.before))
	return later
}

// A Jiffy of the kernel's, in which it counts, is 10 ms at most. Its count may be
// 5 of them behind when it sets a timer, where a processor is held up
// (kernel/time/tick-sched.c: MAX_STALLED_JIFFIES): so much too early a timer may
// seem to run out, or so much too long to go on.
const (
	Jiffy = 10 * time.Millisecond
	Slack = 5 * Jiffy
)

// Due returns when the timer runs out, by that look; the zero time where there was none.
func (t TimeLeft) Due() time.Time {
	if t.looked.IsZero() {
		return time.Time{}
	}
	return t.looked.Add(t.Left)
}

// WasSetTo reports whether the timer can have been set to a time. Of one that
// was not looked at, anything can be true.
func (t TimeLeft) WasSetTo(nominal time.Duration) bool {
	if t.until.IsZero() {
		return true
	}
	ran := t.until.Sub(t.before)
	return t.Left <= nominal+Jiffy && t.Left >= nominal-ran-Slack
}

// SetSince reports whether the timer was set, or set anew, after an earlier look:
// it runs out later than it would have.
func (t TimeLeft) SetSince(earlier TimeLeft) bool {
	return t.looked.Add(t.Left).After(earlier.until.Add(earlier.Left + Slack))
}

// InTime reports whether a timer that was set to nominal may have taken so long:
// not less, but for the slack.
func InTime(got, nominal time.Duration) bool { return got >= nominal-Slack }

// A timerWatch remembers of a socket's timer since when it can have been set.
type timerWatch struct {
	timer         string
	looked, until time.Time // the latest look began and ended
	due           time.Time // when, by that look, it runs out at the latest
	unset         time.Time // a time before it was set as it is now
}

// see takes in a look at a socket that began at looked. acted is when the story
// last did something, for a socket that is seen for the first time.
func (w *timerWatch) see(timer string, left time.Duration, looked, until, acted time.Time) {
	before := w.looked
	if before.IsZero() {
		before = acted
	}
	if timer != w.timer || looked.Add(left).After(w.due.Add(Slack)) {
		w.unset = before
	}
	w.timer, w.looked, w.until = timer, looked, until
	w.due = until.Add(left)
}
