package lab

import (
	"time"
)

// A TimeLeft is what a timer of the kernel's had left when it was looked at.
//
// How long a timer takes to run out says little of what it was set to: it never
// fires early, but on a busy machine it may be late by any time. What it has
// left says more: it was set to that at least, and to no more than that and the
// time for which it can have run by then.
type TimeLeft struct {
	Left          time.Duration
	looked, until time.Time // the look began and ended
	before        time.Time // it was not set yet
}

// Timer looks which timer of the kernel is running for the socket ("" for
// none), and what it has left.
func (e *End) Timer() (string, TimeLeft) {
	e.look()
	return e.seen.Timer, TimeLeft{Left: e.seen.Expires, looked: e.watch.looked, until: e.watch.until, before: e.watch.unset}
}

// tick is how coarsely the kernel counts: a jiffy is 10 ms at most.
const tick = 10 * time.Millisecond

// wasSetTo tells whether the timer can have been set to a time. Of one that was
// not looked at, anything can be true.
func (t TimeLeft) wasSetTo(nominal time.Duration) bool {
	if t.until.IsZero() {
		return true
	}
	ran := t.until.Sub(t.before)
	return t.Left <= nominal+tick && t.Left >= nominal-ran-tick
}

// SetSince tells whether the timer was set, or set anew, after an earlier look.
func (t TimeLeft) SetSince(earlier TimeLeft) bool { return !t.before.Before(earlier.looked) }

// A timerWatch remembers of a socket's timer since when it can have been set.
type timerWatch struct {
	timer         string
	looked, until time.Time // the latest look began and ended
	due           time.Time // when, by that look, it runs out at the latest
	unset         time.Time // a time before it was set as it is now
}

// see takes in a look at a socket that began at looked. acted is when the story
// last did something, for a socket that is seen for the first time.
func (w *timerWatch) see(timer string, left time.Duration, looked, acted time.Time) {
	before := w.looked
	if before.IsZero() {
		before = acted
	}
	// A jiffy, for what is left is counted in whole ones.
	if timer != w.timer || looked.Add(left).After(w.due.Add(tick)) {
		w.unset = before
	}
	w.timer, w.looked, w.until = timer, looked, time.Now()
	w.due = w.until.Add(left)
}

// Left is the check that a timer was set to nominal, by what it has left.
func Left(name string, got TimeLeft, nominal time.Duration) Check {
	return Check{name + "_ms", got.Left.Milliseconds(), nominal.Milliseconds(), got.wasSetTo(nominal)}
}

// Lasted is the check that something which a timer ends took no less than what
// the timer had left when it was looked at.
func Lasted(name string, got time.Duration, timer TimeLeft) Check {
	return Check{name + "_ms", got.Milliseconds(), timer.Left.Milliseconds(), inTime(got, timer.Left)}
}

// SentAgain is the check that a segment was sent again when a timer that was
// set to nominal had run out, and no sooner.
func SentAgain(name string, again, first *Segment, nominal time.Duration) Check {
	got := again.Since(first)
	return Check{name + "_ms", got.Milliseconds(), nominal.Milliseconds(), inTime(got, nominal) && again.due.wasSetTo(nominal)}
}

// inTime tells whether a timer that was set to nominal may have taken so long:
// not less. The segments' timestamps have whole milliseconds, so it may seem to
// be one too soon.
func inTime(got, nominal time.Duration) bool { return got >= nominal-time.Millisecond }
