package rto_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/internal/rto"
)

const ms = time.Millisecond

func list(times []time.Duration) string {
	words := make([]string, len(times))
	for i, t := range times {
		words[i] = fmt.Sprint(t.Milliseconds())
	}
	return strings.Join(words, " ")
}

// The figures were measured on Linux 6.18, or follow from its source.
func TestSchedules(t *testing.T) {
	for name, test := range map[string]struct {
		got   rto.Schedule
		sends string
		end   time.Duration
	}{
		"syn: the defaults":                {rto.SYN(6, 4, rto.DefaultMax), "0 1000 2000 3000 4000 5000 7000 11000 19000 35000 67000", 131 * time.Second},
		"syn: before there were linear":    {rto.SYN(6, 0, rto.DefaultMax), "0 1000 3000 7000 15000 31000 63000", 127 * time.Second},
		"syn: the time rules":              {rto.SYN(1, 4, rto.DefaultMax), "0 1000 2000", 3 * time.Second},
		"syn: one retry":                   {rto.SYN(1, 0, rto.DefaultMax), "0 1000", 3 * time.Second},
		"syn: two retries":                 {rto.SYN(2, 0, rto.DefaultMax), "0 1000 3000", 7 * time.Second},
		"syn: a low maximum is linear":     {rto.SYN(6, 4, time.Second), "0 1000 2000 3000 4000 5000 6000", 7 * time.Second},
		"syn,ack: the default":             {rto.SYNACK(5), "0 1000 3000 7000 15000 31000", 63 * time.Second},
		"syn,ack: none":                    {rto.SYNACK(0), "0", time.Second},
		"orphan: one":                      {rto.Orphan(1, 204*ms, rto.DefaultMax), "0 204 612", 1428 * ms},
		"orphan: two":                      {rto.Orphan(2, 204*ms, rto.DefaultMax), "0 204 612 1428", 3060 * ms},
		"orphan: none is eight":            {rto.Orphan(0, 204*ms, rto.DefaultMax), "0 204 612 1428 3060 6324 12852 25908 52020", 104244 * ms},
		"orphan: not alive at the maximum": {rto.Orphan(0, 204*ms, time.Second), "0 204 612 1428", 2428 * ms},
		"data: three":                      {rto.Data(3, 204*ms, rto.DefaultMax), "0 204 612 1428 3060", 6324 * ms},
		// What a socket that is not closed does for so long whatever the maximum is,
		// and an orphan does not.
		"data: none": {rto.Data(0, 204*ms, time.Second), "0 204", 612 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			got := test.got
			if sends := list(got.Sends); sends != test.sends || got.End != test.end {
				t.Errorf("sends %s, end %v; want %s, %v", sends, got.End, test.sends, test.end)
			}
			if armed := strings.HasPrefix(name, "syn,ack"); got.ArmedFirst != armed {
				t.Errorf("its timer is armed first: %t", got.ArmedFirst)
			}
			for i := 1; i < len(got.Sends); i++ {
				if pause := got.Pause(i); pause != got.Sends[i]-got.Sends[i-1] {
					t.Errorf("pause %d is %v", i, pause)
				}
			}
			if last := len(got.Sends); got.Pause(last) != got.End-got.Sends[last-1] {
				t.Errorf("the last pause is %v", got.Pause(last))
			}
		})
	}
}

// Timers that are late can end sooner what has hardly any time left: then, and
// only then, there are fewer sends.
func TestAs(t *testing.T) {
	data, syn := rto.Data(3, 204*ms, rto.DefaultMax), rto.SYN(3, 2, time.Second)
	if list(syn.Sends) != "0 1000 2000 3000" || syn.End != 4*time.Second {
		t.Fatalf("sends %s, end %v", list(syn.Sends), syn.End)
	}
	times := func(ts ...time.Duration) []time.Duration { return ts }
	for name, test := range map[string]struct {
		s     rto.Schedule
		sent  []time.Duration
		end   time.Duration
		fewer bool
	}{
		"as it should be": {data, times(0, 204*ms, 612*ms, 1428*ms, 3060*ms), 6324 * ms, false},
		"late":            {data, times(0, 300*ms, 900*ms, 2000*ms, 4000*ms), 9000 * ms, false},
		"so late as to be over at the fourth timeout": {data, times(0, 300*ms, 720*ms, 1550*ms), 3320 * ms, true},
		"over too soon": {data, times(0, 204*ms, 612*ms, 1428*ms), 3060 * ms, false},
		"far too soon":  {data, times(0, 204*ms), 612 * ms, false},
		"too many":      {data, times(0, 204*ms, 612*ms, 1428*ms, 3060*ms, 6324*ms), 9000 * ms, false},
		// The time that ends a series of SYNs is counted from the first of them.
		"SYNs whose time is not over": {syn, times(0, 1300*ms, 2600*ms), 3900 * ms, false},
		"SYNs whose time is over":     {syn, times(0, 1300*ms, 2600*ms), 4100 * ms, true},
		// A count is no time: it is never over sooner.
		"SYN,ACKs": {rto.SYNACK(2), times(0, 5000*ms), 90 * time.Second, false},
	} {
		want := test.s
		if test.fewer {
			want.Sends, want.End = want.Sends[:len(test.sent)], want.Sends[len(test.sent)]
		}
		if got := test.s.As(test.sent, test.end); list(got.Sends) != list(want.Sends) || got.End != want.End {
			t.Errorf("%s: sends %s, end %v; want %s, %v", name, list(got.Sends), got.End, list(want.Sends), want.End)
		}
	}
}

// The figures were measured on Linux 6.18.
func TestFinWait2(t *testing.T) {
	const s, timeout = time.Second, 204 * ms
	for seconds, want := range map[time.Duration]rto.FinWait2{
		-1: {Mini: 714 * ms}, 0: {Mini: 714 * ms}, 1: {Mini: s}, 60: {Mini: 60 * s},
		61: {Whole: s, Mini: s}, 130: {Whole: 70 * s, Mini: 70 * s},
	} {
		got := rto.FinWait2Of(seconds*s, timeout)
		if got != want {
			t.Errorf("%d: %+v, want %+v", seconds, got, want)
		}
		first := want.Mini
		if want.Whole > 0 {
			first = want.Whole
		}
		if got.First() != first || got.Total() != want.Whole+want.Mini {
			t.Errorf("%d: %v first, %v in all", seconds, got.First(), got.Total())
		}
	}
}

// An acknowledgement that is late makes the timeout longer, by no more than that
// and an eighth.
func TestLatest(t *testing.T) {
	for late, want := range map[time.Duration]time.Duration{0: 204 * ms, 80 * ms: 294 * ms} {
		if got := rto.Latest(204*ms, late); got != want {
			t.Errorf("%v late: %v, want %v", late, got, want)
		}
	}
}
