package lab

import (
	"fmt"
	"time"
)

// A TimeLeft is what a timer of the kernel's had left when it was looked at.
//
// How long a timer takes to run out says little of what it was set to: it is
// hardly ever early (see slack), but on a busy machine it may be late by any time. What it has
// left says more: it was set to that at least, and to no more than that and the
// time for which it can have run by then.
type TimeLeft struct {
	Left          time.Duration
	looked, until time.Time // the look began and ended
	before        time.Time // it was not set yet
}

// Timer looks which timer of the kernel is running for the socket ("" for
// none), and what it has left. A look that the machine has held up does not say
// when that was left, so it is taken again; it changes nothing.
func (e *End) Timer() (string, TimeLeft) {
	for until := e.host.run.deadline(); ; {
		e.look()
		t := TimeLeft{Left: e.seen.Expires, looked: e.watch.looked, until: e.watch.until, before: e.watch.unset}
		if e.seen.Timer == "" || t.until.Sub(t.looked) < jiffy || time.Now().After(until) {
			return e.seen.Timer, t
		}
	}
}

// TimerBelow looks at the timer when it has less left than limit, and waits for
// that where the story has come too soon.
func (e *End) TimerBelow(limit time.Duration) TimeLeft {
	for {
		timer, t := e.Timer()
		if timer == "" || t.Left < limit {
			return t
		}
		e.host.run.pause(time.Now().Add(t.Left - limit + glance))
	}
}

// A jiffy of the kernel's, in which it counts, is 10 ms at most. Its count may
// be 5 of them behind when it sets a timer, where a processor is held up
// (kernel/time/tick-sched.c: MAX_STALLED_JIFFIES): so much too early a timer may
// seem to run out, or so much too long to go on.
const (
	jiffy = 10 * time.Millisecond
	slack = 5 * jiffy
)

// wasSetTo tells whether the timer can have been set to a time. Of one that was
// not looked at, anything can be true.
func (t TimeLeft) wasSetTo(nominal time.Duration) bool {
	if t.until.IsZero() {
		return true
	}
	ran := t.until.Sub(t.before)
	return t.Left <= nominal+jiffy && t.Left >= nominal-ran-slack
}

// SetSince tells whether the timer was set, or set anew, after an earlier look:
// it runs out later than it would have.
func (t TimeLeft) SetSince(earlier TimeLeft) bool {
	return t.looked.Add(t.Left).After(earlier.until.Add(earlier.Left + slack))
}

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
	if timer != w.timer || looked.Add(left).After(w.due.Add(slack)) {
		w.unset = before
	}
	w.timer, w.looked, w.until = timer, looked, time.Now()
	w.due = w.until.Add(left)
}

// Left is the check that a timer was set to nominal, by what it has left.
func Left(name string, got TimeLeft, nominal time.Duration) Check {
	return Check{name + "_ms", got.Left.Milliseconds(), nominal.Milliseconds(), got.wasSetTo(nominal)}
}

// LeftWithin is the check that a timer was set to least at least and to most at
// most, by what it has left.
func LeftWithin(name string, got TimeLeft, least, most time.Duration) Check {
	if least == most {
		return Left(name, got, least)
	}
	want := fmt.Sprintf("%d to %d", least.Milliseconds(), most.Milliseconds())
	return Check{name + "_ms", got.Left.Milliseconds(), want, got.wasSetTo(min(max(got.Left, least), most))}
}

// Took tells how long a part of the story has taken.
func Took(part func()) time.Duration {
	begin := time.Now()
	part()
	return time.Since(begin)
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
// not less, but for the slack.
func inTime(got, nominal time.Duration) bool { return got >= nominal-slack }
