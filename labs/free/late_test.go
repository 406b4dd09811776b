package free

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/internal/segment"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/record"
)

// A segment is as late as it was taken later than the most punctual one of its stream,
// wherever the sender's clock begins, and whether that one was before it or after it.
func TestSenderClock(t *testing.T) {
	t.Parallel()
	type taken struct{ sent, seen int } // ms
	for _, test := range []struct {
		name  string
		all   []taken
		late  time.Duration
		which int // 1, 2, …; 0 for none
	}{
		{"none", nil, 0, 0},
		{"punctual", []taken{{0, 3}, {10, 13}, {500, 503}}, 0, 0},
		{"the second", []taken{{0, 0}, {10, 60}, {70, 70}}, 49 * time.Millisecond, 2},
		{"the first", []taken{{0, 50}, {60, 60}, {70, 71}}, 49 * time.Millisecond, 1},
		{"a millisecond is none", []taken{{0, 0}, {10, 11}}, 0, 2},
	} {
		for _, origin := range []uint32{0, 1 << 31, ^uint32(0) - 30} { // it wraps
			var c senderClock
			for i, at := range test.all {
				p := &wire.Packet{Segment: segment.Segment{Len: 1, Clock: segment.Clock{Valid: true, MS: origin + uint32(at.sent)}}}
				c.compare(p, time.Duration(at.seen)*time.Millisecond, string(rune('0'+i+1)))
			}
			if got := c.late(); got != test.late {
				t.Errorf("%s, from %d: %v late, want %v", test.name, origin, got, test.late)
			}
			if test.late > 0 && !strings.Contains(c.latest, "the "+string(rune('0'+test.which))+"'s") {
				t.Errorf("%s, from %d: %q is the latest, want number %d", test.name, origin, c.latest, test.which)
			}
		}
	}
}

// The record of a run that was held up says so, and for how long. What has not come out
// then is no finding, for a timer of a kernel may have made it so.
func TestHeldUp(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		long    time.Duration
		expect  string
		outcome record.Outcome
	}{
		{150 * time.Millisecond, "client exits 0", record.Expected},
		{500 * time.Millisecond, "client exits 0", record.Expected},
		{500 * time.Millisecond, "server:data again not seen", record.Broken},
	} {
		t.Run(test.long.String()+" "+test.expect, func(t *testing.T) {
			t.Parallel()
			stopped := false
			r, err := Run(t.Context(), Options{
				Server: ownServer("give", "20", "10"), Client: own("send", "1", "1"),
				Timeout: time.Minute, Wait: time.Minute, Expect: expectations(t, test.expect),
				OnEvent: func(e record.Event) error {
					if s, ok := e.Body.(*record.Segment); ok && s.From == Server && s.Len > 0 && !stopped {
						stopped = true
						time.Sleep(test.long)
					}
					return nil
				},
			})
			labtest.SkipIfMissing(t, err)
			if err != nil {
				t.Fatal(err)
			}
			if r.HeldUp.For < test.long-2*time.Millisecond || !strings.HasPrefix(r.HeldUp.Before, "the carrying of the ") {
				t.Errorf("it was held up for %v, and the record says %+v", test.long, r.HeldUp)
			}
			if !slices.ContainsFunc(r.Events, func(e record.Event) bool {
				n, ok := e.Body.(*record.Note)
				return ok && strings.HasPrefix(n.Text, "the machine has held the wire up, for ")
			}) {
				t.Error("it is not noted")
			}
			if r.Outcome != test.outcome || r.Claims[0].Surprise {
				t.Errorf("outcome %s: %s; %+v", r.Outcome, r.Error, r.Claims[0])
			}
		})
	}
}
