package rig

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/internal/segment"
	"github.com/tcplab/tcplab/labs/internal/sockdiag"
	"github.com/tcplab/tcplab/labs/internal/stack"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

const ms = time.Millisecond

// A clockStep is one of the things that are done with a clock, at a time since the
// start.
type clockStep struct {
	at   time.Duration
	do   string        // "mark", "plan", "over", "set", "clear"
	time time.Duration // plan: what is left; set: when the timer ends, since the start
	// of set
	again time.Duration
	kills bool
}

// A run is late from the first timer on that ends unawaited.
func TestClock(t *testing.T) {
	late := func(at, by time.Duration) *record.Late {
		return &record.Late{At: at, Host: "client", Socket: "40000->80", Timer: "retransmit", By: by, Before: "next"}
	}
	for name, test := range map[string]struct {
		steps   []clockStep
		late    *record.Late
		heldUp  time.Duration
		overran bool // the socket may have come to its end
		pending int
	}{
		"punctual": {
			steps:  []clockStep{{do: "mark"}, {do: "set", time: 200 * ms}, {at: 150 * ms, do: "mark"}},
			heldUp: 150 * ms, pending: 1,
		},
		"not later than the timer": {
			steps:  []clockStep{{do: "mark"}, {do: "set", time: 200 * ms}, {at: 200 * ms, do: "mark"}},
			heldUp: 200 * ms, pending: 1,
		},
		"stopped in time": {
			steps:  []clockStep{{do: "mark"}, {do: "set", time: 200 * ms}, {at: 100 * ms, do: "mark"}, {at: 100 * ms, do: "clear"}, {at: 300 * ms, do: "mark"}},
			heldUp: 200 * ms,
		},
		"late": {
			steps: []clockStep{{do: "mark"}, {do: "set", time: 200 * ms}, {at: 300 * ms, do: "mark"}},
			late:  late(300*ms, 100*ms), heldUp: 300 * ms,
		},
		"the first one counts": {
			steps: []clockStep{{do: "mark"}, {do: "set", time: 200 * ms}, {at: 300 * ms, do: "mark"}, {at: 300 * ms, do: "set", time: 400 * ms}, {at: 900 * ms, do: "mark"}},
			late:  late(300*ms, 100*ms), heldUp: 600 * ms,
		},
		"late, and it may have ended the socket": {
			steps: []clockStep{{do: "mark"}, {do: "set", time: 200 * ms, kills: true}, {at: 201 * ms, do: "mark"}},
			late:  late(201*ms, ms), heldUp: 201 * ms, overran: true,
		},
		"once, and it ends the socket when it ends again": {
			steps: []clockStep{{do: "mark"}, {do: "set", time: 200 * ms, again: 200 * ms}, {at: 399 * ms, do: "mark"}},
			late:  late(399*ms, 199*ms), heldUp: 399 * ms,
		},
		"so late that it has ended again": {
			steps: []clockStep{{do: "mark"}, {do: "set", time: 200 * ms, again: 200 * ms}, {at: 400 * ms, do: "mark"}},
			late:  late(400*ms, 200*ms), heldUp: 400 * ms, overran: true,
		},
		"awaited": {
			steps: []clockStep{{do: "mark"}, {do: "set", time: 200 * ms}, {do: "plan", time: 200 * ms}, {at: 210 * ms, do: "mark"}, {at: 210 * ms, do: "over"}},
		},
		"awaited, and an eighth late": {
			steps: []clockStep{{do: "mark"}, {do: "set", time: 224 * ms}, {do: "plan", time: 200 * ms}, {at: 230 * ms, do: "mark"}},
		},
		"shorter than the one that is awaited": {
			steps: []clockStep{{do: "mark"}, {do: "set", time: 50 * ms, kills: true}, {do: "plan", time: 200 * ms}, {at: 200 * ms, do: "mark"}},
		},
		"longer than the one that is awaited": {
			steps: []clockStep{{do: "mark"}, {do: "set", time: 500 * ms}, {do: "plan", time: 200 * ms}, {at: 600 * ms, do: "mark"}},
			late:  late(600*ms, 100*ms), heldUp: 365 * ms, // since 200 ms, an eighth of it, and a jiffy
		},
		"the wait is over before": {
			steps: []clockStep{
				{do: "mark"}, {do: "plan", time: 200 * ms}, {at: 100 * ms, do: "mark"}, {at: 100 * ms, do: "over"},
				{at: 100 * ms, do: "set", time: 150 * ms}, {at: 160 * ms, do: "mark"},
			},
			late: late(160*ms, 10*ms), heldUp: 60 * ms,
		},
		"awaited, and the next of the same timer comes meanwhile": {
			steps:   []clockStep{{do: "mark"}, {do: "set", time: 100 * ms, again: 200 * ms}, {do: "plan", time: 200 * ms}, {at: 210 * ms, do: "mark"}},
			pending: 1,
		},
		"awaited, and the next of the same timer comes unawaited": {
			steps: []clockStep{
				{do: "mark"}, {do: "set", time: 100 * ms, again: 200 * ms}, {do: "plan", time: 100 * ms}, {at: 110 * ms, do: "mark"},
				{at: 110 * ms, do: "over"}, {at: 310 * ms, do: "mark"},
			},
			late: late(310*ms, 10*ms), heldUp: 200 * ms, overran: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			c := clock{start: start}
			e := &End{Host: &Host{Host: stack.New("client")}, Name: "40000->80"}
			a := &e.timer
			a.end, a.timer = e, "retransmit"
			for _, s := range test.steps {
				now := start.Add(s.at)
				switch s.do {
				case "mark":
					c.mark(now, "next")
				case "plan":
					c.plan(now, s.time)
				case "over":
					c.over(now)
				case "set":
					a.due, a.again, a.kills = start.Add(s.time), s.again, s.kills
					c.set(a)
				case "clear":
					c.clear(a)
				}
			}
			if diff := cmp.Diff(test.late, c.late); diff != "" {
				t.Errorf("late (-want +got):\n%s", diff)
			}
			if c.heldUp.For != test.heldUp {
				t.Errorf("held up for %v, want %v", c.heldUp.For, test.heldUp)
			}
			if e.overran != test.overran || len(c.pending) != test.pending || (a.index > 0) != (test.pending > 0) {
				t.Errorf("overran %t, %d pending, want %t, %d", e.overran, len(c.pending), test.overran, test.pending)
			}
		})
	}
}

// Before the journal begins nothing is late.
func TestClockNotStarted(t *testing.T) {
	var c clock
	e := &End{Host: &Host{Host: stack.New("client")}}
	e.timer.end, e.timer.due = e, time.Now()
	c.set(&e.timer)
	c.mark(time.Now().Add(time.Hour), "next")
	if c.late != nil || c.heldUp.For != 0 {
		t.Errorf("late %+v, held up %+v", c.late, c.heldUp)
	}
}

// The timers that are pending end in the order of their times, whichever way they
// were set, changed and cleared.
func TestClockOrder(t *testing.T) {
	start := time.Now()
	c := clock{start: start}
	host := &Host{Host: stack.New("client")}
	ends := make([]*End, 5)
	for i, due := range []time.Duration{50, 20, 40, 10, 30} {
		e := &End{Host: host, Name: due.String()}
		ends[i] = e
		e.timer = alarm{end: e, due: start.Add(due * ms)}
		c.set(&e.timer)
	}
	c.clear(&ends[3].timer)
	c.clear(&ends[3].timer) // which changes nothing
	ends[0].timer.due = start.Add(5 * ms)
	c.set(&ends[0].timer)
	var got []int
	for len(c.pending) > 0 {
		for i, e := range ends {
			if c.pending[0] == &e.timer {
				got = append(got, i)
				c.clear(&e.timer)
				break
			}
		}
	}
	if diff := cmp.Diff([]int{0, 1, 4, 2}, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// Only a socket that is found at its end, after a timer of its own that may have
// ended it, disturbs the record.
func TestDisturbed(t *testing.T) {
	for name, test := range map[string]struct {
		kills bool
		state string
		want  bool
	}{
		"its end":                    {true, record.Close, true},
		"an end that it can't be":    {false, record.Close, false},
		"it has come through it all": {true, record.Established, false},
	} {
		g := &Rig{clock: clock{start: time.Now()}, config: Config{}}
		h := &Host{Host: stack.New("client"), rig: g, ends: map[Pair]*End{}}
		if err := g.Begin(nil); err != nil {
			t.Fatal(err)
		}
		e := h.End(Pair{}, false)
		e.Known, e.Seen.State = true, record.Established
		e.timer.timer, e.timer.due, e.timer.kills = "retransmit", g.clock.start.Add(-ms), test.kills
		g.clock.set(&e.timer)
		now := time.Now()
		s := sight{looked: now, until: now}
		s.State = test.state
		if _, err := e.see(s); err != nil {
			t.Fatal(err)
		}
		if g.Late("next") == nil || g.Disturbed() != test.want {
			t.Errorf("%s: late %+v, disturbed %t, want %t", name, g.clock.late, g.Disturbed(), test.want)
		}
	}
}

// A timer that ends while a story waits on purpose is awaited; one that has ended
// before is not, nor one that ends while the story waits for what ought to come at
// once.
func TestPlan(t *testing.T) {
	for name, test := range map[string]struct {
		due, until time.Duration // of the timer, and of the wait, from now; 0 for what ought to come at once
		late       bool
	}{
		"it has ended before a wait":          {-100 * ms, 300 * ms, true},
		"it has ended, and nothing is waited": {-100 * ms, 0, true},
		"it ends meanwhile":                   {200 * ms, 300 * ms, false},
		"it ends, and nothing is waited":      {200 * ms, 0, true},
		"it goes on":                          {time.Hour, 0, false},
	} {
		now := time.Now()
		g := &Rig{clock: clock{start: now.Add(-time.Second)}}
		e := &End{Host: &Host{Host: stack.New("client"), rig: g}}
		e.timer = alarm{end: e, timer: "retransmit", due: now.Add(test.due)}
		g.clock.set(&e.timer)
		var until time.Time
		if test.until > 0 {
			until = now.Add(test.until)
		}
		g.Plan("SYN,ACK", until)
		g.clock.mark(now.Add(300*ms), "next")
		if (g.clock.late != nil) != test.late {
			t.Errorf("%s: late %+v", name, g.clock.late)
		}
	}
}

// That a story has waited is no hold-up.
func TestPlanned(t *testing.T) {
	now := time.Now()
	g := &Rig{clock: clock{start: now.Add(-time.Hour), last: now.Add(-time.Hour)}}
	g.Planned()
	g.Late("next")
	if g.HeldUp().For >= time.Hour {
		t.Errorf("held up %+v", g.HeldUp())
	}
}

// What an action has set may have run out before the first look at it. 200 ms after
// it that counts where something can be seen of it, and a second after it always.
func TestUnseen(t *testing.T) {
	live := sockdiag.Socket{State: record.Established, Timer: "retransmit"}
	again := sockdiag.Socket{State: record.Established, Timer: "retransmit", Retransmits: 1}
	gone := sockdiag.Socket{State: record.Close}
	for name, test := range map[string]struct {
		after    time.Duration
		found    sockdiag.Socket
		known    bool
		listener bool
		repeated bool // a segment is on the wire that was there before
		late     bool
	}{
		"it goes on":                          {after: 900 * ms, found: live, known: true},
		"it goes on, a second later":          {after: 1100 * ms, found: live, known: true, late: true},
		"it has sent again":                   {after: 300 * ms, found: again, known: true, late: true},
		"it has sent again, and was no later": {after: 100 * ms, found: again, known: true},
		"it has sent what counts nowhere":     {after: 300 * ms, found: live, known: true, repeated: true, late: true},
		"it is gone":                          {after: 300 * ms, found: gone, known: true, late: true},
		"it never was":                        {after: 300 * ms},
		"a listener is gone":                  {after: 300 * ms, found: gone, known: true, listener: true},
	} {
		now := time.Now()
		g := &Rig{clock: clock{start: now.Add(-time.Minute)}, acted: now.Add(-test.after), wire: wire.New(-1)}
		h := &Host{Host: stack.New("client"), rig: g, ends: map[Pair]*End{}}
		pair := Pair{netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("192.0.2.2:80")}
		if test.listener {
			pair.Remote = netip.AddrPort{}
		}
		e := h.End(pair, false)
		e.Known = test.known
		if test.repeated {
			raw, err := segment.Build(pair.Local.Addr(), pair.Remote.Addr(), segment.TCP{
				SrcPort: pair.Local.Port(), DstPort: pair.Remote.Port(), Flags: segment.SYN,
			})
			if err != nil {
				t.Fatal(err)
			}
			g.wire = wire.New(-1, wire.Port{Device: &sending{raw, raw}, Addrs: []netip.Addr{pair.Local.Addr()}})
			if err := g.wire.Drain(0, false); err != nil {
				t.Fatal(err)
			}
		}
		g.clock.unseen(e, sight{Socket: test.found, looked: now, until: now}, "next")
		if (g.clock.late != nil) != test.late || g.Disturbed() != test.late {
			t.Errorf("%s: late %+v, disturbed %t", name, g.clock.late, g.Disturbed())
		}
	}
}

// A sending is a device from which its packets are read.
type sending [][]byte

func (*sending) FD() int            { return -1 }
func (*sending) Write([]byte) error { return nil }

func (s *sending) Read(b []byte) (n int, err error) {
	if len(*s) > 0 {
		n = copy(b, (*s)[0])
		*s = (*s)[1:]
	}
	return n, nil
}
