package rig

import (
	"testing"
	"time"
)

// What a timer was set to is known to within the time for which it can have run.
func TestWasSetTo(t *testing.T) {
	now := time.Now()
	read := func(left, ran time.Duration) TimeLeft {
		return TimeLeft{Left: left, looked: now, until: now, before: now.Add(-ran)}
	}
	for _, test := range []struct {
		timer   TimeLeft
		nominal time.Duration
		want    bool
	}{
		{read(1000*ms, 0), 1000 * ms, true}, {read(992*ms, 0), 1000 * ms, true}, {read(1004*ms, 0), 1000 * ms, true},
		{read(960*ms, 0), 1000 * ms, true}, {read(940*ms, 0), 1000 * ms, false}, {read(1020*ms, 0), 1000 * ms, false},
		{read(300*ms, 700*ms), 1000 * ms, true}, {read(300*ms, 600*ms), 1000 * ms, false},
		{read(1500*ms, 700*ms), 1000 * ms, false}, {TimeLeft{}, 1000 * ms, true},
	} {
		if got := test.timer.WasSetTo(test.nominal); got != test.want {
			t.Errorf("%v left, set at most %v ago: was set to %v: %v", test.timer.Left, now.Sub(test.timer.before), test.nominal, got)
		}
	}
}

// A timer that goes on ends when it would have; one that was set anew, later.
func TestSetSince(t *testing.T) {
	now := time.Now()
	at := func(after, left time.Duration) TimeLeft {
		looked := now.Add(after)
		return TimeLeft{Left: left, looked: looked, until: looked.Add(ms)}
	}
	first := at(0, 200*ms)
	for _, test := range []struct {
		later TimeLeft
		want  bool
	}{{at(100*ms, 100*ms), false}, {at(100*ms, 140*ms), false}, {at(100*ms, 200*ms), true}, {at(300*ms, 0), true}} {
		if got := test.later.SetSince(first); got != test.want {
			t.Errorf("%v left after %v: set since: %t", test.later.Left, test.later.looked.Sub(now), got)
		}
	}
}

func TestInTime(t *testing.T) {
	for got, want := range map[time.Duration]bool{200 * ms: true, 900 * ms: true, 150 * ms: true, 149 * ms: false} {
		if InTime(got, 200*ms) != want {
			t.Errorf("%v for 200 ms: in time %t", got, !want)
		}
	}
}

// What is known of a timer is since when it can have been set as it is now.
func TestTimerWatch(t *testing.T) {
	now := time.Now()
	at := func(d time.Duration) time.Time { return now.Add(d) }
	var w timerWatch
	for _, look := range []struct {
		what  string
		timer string
		left  time.Duration
		at    time.Duration // it takes a millisecond
		acted time.Duration
		unset time.Duration
	}{
		{"seen for the first time, it was not set before the last action", "retransmit", 200 * ms, 10 * ms, 9 * ms, 9 * ms},
		{"it goes on", "retransmit", 150 * ms, 61 * ms, 60 * ms, 9 * ms},
		{"it was set anew after the look before", "retransmit", 400 * ms, 212 * ms, 60 * ms, 61 * ms},
		{"another timer was set after the look before", "keepalive", 100 * ms, 300 * ms, 60 * ms, 212 * ms},
		{"none", "", 0, 350 * ms, 60 * ms, 300 * ms},
		{"and again", "keepalive", 50 * ms, 360 * ms, 60 * ms, 350 * ms},
	} {
		w.see(look.timer, look.left, at(look.at), at(look.at+ms), at(look.acted))
		if !w.unset.Equal(at(look.unset)) {
			t.Errorf("%s: it was not set at %v, want %v", look.what, w.unset.Sub(now), look.unset)
		}
	}
}
