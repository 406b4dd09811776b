package lab

import (
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/internal/wire"
)

// The figures were measured on Linux 6.18, or follow from its source.
func TestSchedules(t *testing.T) {
	const ms = time.Millisecond
	orphan := func(n int, rto, maxRTO time.Duration) Schedule {
		return retransmitSchedule(rto, maxRTO, func(now time.Duration) int {
			if n == 0 && now < maxRTO {
				return 8
			}
			return n
		})
	}
	for name, test := range map[string]struct {
		got   Schedule
		sends string
		end   time.Duration
	}{
		"syn: the defaults":                {synSchedule(6, 4, defaultMaxRTO), "0 1000 2000 3000 4000 5000 7000 11000 19000 35000 67000", 131 * time.Second},
		"syn: before there were linear":    {synSchedule(6, 0, defaultMaxRTO), "0 1000 3000 7000 15000 31000 63000", 127 * time.Second},
		"syn: the time rules":              {synSchedule(1, 4, defaultMaxRTO), "0 1000 2000", 3 * time.Second},
		"syn: one retry":                   {synSchedule(1, 0, defaultMaxRTO), "0 1000", 3 * time.Second},
		"syn: two retries":                 {synSchedule(2, 0, defaultMaxRTO), "0 1000 3000", 7 * time.Second},
		"syn: a low maximum is linear":     {synSchedule(6, 4, time.Second), "0 1000 2000 3000 4000 5000 6000", 7 * time.Second},
		"syn,ack: the default":             {synackSchedule(5), "0 1000 3000 7000 15000 31000", 63 * time.Second},
		"syn,ack: none":                    {synackSchedule(0), "0", time.Second},
		"orphan: one":                      {orphan(1, 204*ms, defaultMaxRTO), "0 204 612", 1428 * ms},
		"orphan: two":                      {orphan(2, 204*ms, defaultMaxRTO), "0 204 612 1428", 3060 * ms},
		"orphan: none is eight":            {orphan(0, 204*ms, defaultMaxRTO), "0 204 612 1428 3060 6324 12852 25908 52020", 104244 * ms},
		"orphan: not alive at the maximum": {orphan(0, 204*ms, time.Second), "0 204 612 1428", 2428 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			if got := milliseconds(test.got.Sends); got != test.sends || test.got.End != test.end {
				t.Errorf("sends %s, end %v; want %s, %v", got, test.got.End, test.sends, test.end)
			}
		})
	}
}

// Timers that are late can end sooner what has hardly any time left: then, and
// only then, there are fewer sends.
func TestLateTimers(t *testing.T) {
	const ms = time.Millisecond
	s := retransmitSchedule(204*ms, defaultMaxRTO, func(time.Duration) int { return 3 })
	if got := milliseconds(s.Sends); got != "0 204 612 1428 3060" || s.End != 6324*ms {
		t.Fatalf("sends %s, end %v", got, s.End)
	}
	attempts := func(end time.Duration, times ...time.Duration) Attempts {
		a := Attempts{End: end}
		begin := time.Now()
		for _, at := range times {
			a.Sent = append(a.Sent, &Segment{packet: &wire.Packet{SentAt: begin.Add(at)}})
		}
		return a
	}
	for name, test := range map[string]struct {
		a    Attempts
		want bool
	}{
		"as it should be": {attempts(6324*ms, 0, 204*ms, 612*ms, 1428*ms, 3060*ms), true},
		"late":            {attempts(9000*ms, 0, 300*ms, 900*ms, 2000*ms, 4000*ms), true},
		"so late as to be over at the fourth timeout": {attempts(3320*ms, 0, 300*ms, 720*ms, 1550*ms), true},
		"over too soon":     {attempts(3060*ms, 0, 204*ms, 612*ms, 1428*ms), false},
		"far too soon":      {attempts(612*ms, 0, 204*ms), false},
		"too many":          {attempts(9000*ms, 0, 204*ms, 612*ms, 1428*ms, 3060*ms, 6324*ms), false},
		"a pause too short": {attempts(6324*ms, 0, 204*ms, 408*ms, 1428*ms, 3060*ms), true}, // OnSchedule's affair
	} {
		if got := s.Allows(test.a); got != test.want {
			t.Errorf("%s: allowed %v", name, got)
		}
		onSchedule := test.want && name != "a pause too short"
		if c := OnSchedule("sent", test.a, s); c.ok != onSchedule {
			t.Errorf("%s: on schedule %v: %v", name, c.ok, c.got)
		}
		if c := GaveUpAfter("after", test.a, s); c.ok != onSchedule {
			t.Errorf("%s: gave up after %v: %v", name, c.got, c.ok)
		}
	}
}

// The time that ends a series of SYNs is counted from the first of them.
func TestLateSYNs(t *testing.T) {
	const retries = 3
	s := synSchedule(retries, 2, time.Second)
	if got := milliseconds(s.Sends); got != "0 1000 2000 3000" || s.End != 4*time.Second {
		t.Fatalf("sends %s, end %v", got, s.End)
	}
	for end, want := range map[time.Duration]bool{3900 * time.Millisecond: false, 4100 * time.Millisecond: true} {
		a := Attempts{End: end}
		for i := range 3 { // each timer a third of a second late
			a.Sent = append(a.Sent, &Segment{packet: &wire.Packet{SentAt: time.Now().Add(time.Duration(i) * end / 3)}})
		}
		if s.Allows(a) != want {
			t.Errorf("three SYNs, and an end after %v: allowed %v", end, !want)
		}
	}
}

// What a timer was set to is known to within the time for which it can have run.
func TestTimeLeft(t *testing.T) {
	const ms = time.Millisecond
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
		if got := test.timer.wasSetTo(test.nominal); got != test.want {
			t.Errorf("%v left, set at most %v ago: was set to %v: %v", test.timer.Left, now.Sub(test.timer.before), test.nominal, got)
		}
	}
	var w timerWatch
	at := func(d time.Duration) time.Time { return now.Add(d - time.Hour) } // all of it is past
	w.see("retransmit", 200*ms, at(10*ms), at(9*ms))
	if !w.unset.Equal(at(9 * ms)) {
		t.Errorf("a timer that is seen for the first time was not set before the last action: %v", w.unset)
	}
	w.until, w.due = at(11*ms), at(211*ms)
	w.see("retransmit", 150*ms, at(61*ms), at(60*ms))
	if !w.unset.Equal(at(9 * ms)) {
		t.Error("a timer that goes on was taken for one that was set anew")
	}
	w.until, w.due = at(62*ms), at(212*ms)
	w.see("retransmit", 400*ms, at(212*ms), at(60*ms))
	if !w.unset.Equal(at(61 * ms)) {
		t.Errorf("a timer was set anew after the look at 61 ms: %v", w.unset.Sub(at(0)))
	}
}
