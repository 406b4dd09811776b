package lab

import (
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/internal/rto"
	"github.com/tcplab/tcplab/labs/internal/wire"
)

const ms = time.Millisecond

// attempts are those whose times are known by the wire alone, and whose timers
// nobody has looked at.
func attempts(end time.Duration, times ...time.Duration) Attempts {
	a := Attempts{End: end}
	begin := time.Now()
	for _, at := range times {
		a.Sent = append(a.Sent, &Segment{packet: &wire.Packet{SentAt: begin.Add(at)}})
	}
	return a
}

// Timers that are late can end sooner what has hardly any time left: then, and
// only then, there are fewer sends, and the checks prove nothing.
func TestAttempts(t *testing.T) {
	s := rto.Data(3, 204*ms, rto.DefaultMax)
	if got := list(s.Sends); got != "0 204 612 1428 3060" || s.End != 6324*ms {
		t.Fatalf("sends %s, end %v", got, s.End)
	}
	for name, test := range map[string]struct {
		a             Attempts
		onTime, fewer bool
	}{
		"as it should be": {attempts(6324*ms, 0, 204*ms, 612*ms, 1428*ms, 3060*ms), true, false},
		"late":            {attempts(9000*ms, 0, 300*ms, 900*ms, 2000*ms, 4000*ms), true, false},
		"so late as to be over at the fourth timeout": {attempts(3320*ms, 0, 300*ms, 720*ms, 1550*ms), true, true},
		"over too soon":     {attempts(3060*ms, 0, 204*ms, 612*ms, 1428*ms), false, false},
		"far too soon":      {attempts(612*ms, 0, 204*ms), false, false},
		"too many":          {attempts(9000*ms, 0, 204*ms, 612*ms, 1428*ms, 3060*ms, 6324*ms), false, false},
		"a pause too short": {attempts(6324*ms, 0, 204*ms, 408*ms, 1428*ms, 3060*ms), false, false},
	} {
		if got := test.a.Late(s); got != test.fewer {
			t.Errorf("%s: timers were so late that there were fewer attempts: %t", name, got)
		}
		for _, c := range []Check{OnSchedule("sent", test.a, s), GaveUpAfter("after", test.a, s)} {
			if c.ok != test.onTime || (c.moot != "") != test.fewer {
				t.Errorf("%s: %s: %t, moot because %q: %v, want %v", name, c.name, c.ok, c.moot, c.got, c.want)
			}
		}
	}
}

// The last pause is measured alone: attempts that came at other times change
// nothing about it.
func TestGaveUp(t *testing.T) {
	s := rto.Data(3, 204*ms, rto.DefaultMax)
	for name, test := range map[string]struct {
		a    Attempts
		want bool
	}{
		"as it should be":             {attempts(6324*ms, 0, 204*ms, 612*ms, 1428*ms, 3060*ms), true},
		"a pause before was short":    {attempts(6324*ms, 0, 204*ms, 408*ms, 1428*ms, 3060*ms), true},
		"the last pause was short":    {attempts(6000*ms, 0, 204*ms, 612*ms, 1428*ms, 3060*ms), false},
		"the last pause was too long": {attempts(9000*ms, 0, 204*ms, 612*ms, 1428*ms, 3060*ms), true}, // a timer may be late
	} {
		if c := GaveUp("after", test.a, s); c.ok != test.want {
			t.Errorf("%s: %t: %v, want %v", name, c.ok, c.got, c.want)
		}
	}
	// A request's timer is set before its SYN,ACK is sent, and so may seem early.
	one := attempts(900*ms, 0)
	for armed, want := range map[time.Duration]bool{0: false, 60 * ms: true} {
		one.armed = armed
		if c := GaveUp("after", one, rto.SYNACK(0)); c.ok != want {
			t.Errorf("armed %v before: %t", armed, c.ok)
		}
	}
}

// The sender's own clock says when a segment was sent, if it is told.
func TestSince(t *testing.T) {
	begin := time.Now()
	at := func(after time.Duration, clock uint32, valid bool) *Segment {
		p := &wire.Packet{SentAt: begin.Add(after)}
		p.Clock.MS, p.Clock.Valid = clock, valid
		return &Segment{packet: p}
	}
	for name, test := range map[string]struct {
		first, again *Segment
		want         time.Duration
	}{
		"by its clock":            {at(0, 100, true), at(500*ms, 304, true), 204 * ms},
		"its clock wraps around":  {at(0, 4294967295, true), at(500*ms, 203, true), 204 * ms},
		"it does not tell":        {at(0, 0, false), at(500*ms, 0, false), 500 * ms},
		"only one of them tells":  {at(0, 100, true), at(500*ms, 0, false), 500 * ms},
		"what was sent before it": {at(0, 304, true), at(500*ms, 100, true), -204 * ms},
	} {
		if got := test.again.since(test.first); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
