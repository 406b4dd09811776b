package lab

import (
	"fmt"
	"strings"
	"testing"
	"time"
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
	// Timers that are late can end what has hardly any time left.
	for n, want := range map[int]string{1: "3", 3: "4 5", 4: "5 6", 8: "9"} {
		var allowed []string
		for sends := range 20 {
			if orphan(n, 204*ms, defaultMaxRTO).Allows(sends) {
				allowed = append(allowed, fmt.Sprint(sends))
			}
		}
		if got := strings.Join(allowed, " "); got != want {
			t.Errorf("%d retries allow %s sends, want %s", n, got, want)
		}
	}
	if s := orphan(4, 204*ms, defaultMaxRTO).allow(5); milliseconds(s.Sends) != "0 204 612 1428 3060" || s.End != 6324*ms {
		t.Errorf("sooner over: %+v", s)
	}
	for _, test := range []struct {
		got, nominal time.Duration
		want         bool
	}{
		{1000 * ms, 1000 * ms, true}, {1031 * ms, 1000 * ms, true}, {999 * ms, 1000 * ms, true},
		{990 * ms, 1000 * ms, false}, {1300 * ms, 1000 * ms, false}, {230 * ms, 204 * ms, true}, {61 * time.Second, 60 * time.Second, true},
	} {
		t.Run(fmt.Sprint(test.got, " for ", test.nominal), func(t *testing.T) {
			if got := inTime(test.got, test.nominal); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
