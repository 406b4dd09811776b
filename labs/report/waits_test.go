package report

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/record"
)

// What a wait is for is a segment, a state, or what else a timer of the kernel brings
// about. One that has run out is due.
func TestWaitText(t *testing.T) {
	for _, test := range []struct {
		wait record.Wait
		want string
	}{
		{record.Wait{Timer: "retransmit", For: "client:SYN again", LeftMS: 1000, WaitedMS: 1000},
			"waited 1000 ms for the client's retransmit timer (SYN again), which had 1000 ms left"},
		{record.Wait{Timer: "retransmit", For: "CLOSE", LeftMS: 0, WaitedMS: 1},
			"waited 1 ms for the client's retransmit timer (then CLOSE), which was due"},
		{record.Wait{Timer: "retransmit", For: "set anew", LeftMS: 5, WaitedMS: 7},
			"waited 7 ms for the client's retransmit timer (it is set again, and nothing is sent), which had 5 ms left; timers may be late"},
		{record.Wait{Timer: "keepalive", For: "timewait", LeftMS: 5, WaitedMS: 5},
			"waited 5 ms for the client's keepalive timer (then the timewait timer runs), which had 5 ms left"},
		{record.Wait{For: "close", LeftMS: 5, WaitedMS: 5},
			"waited 5 ms for the client's timer (then close returns), which had 5 ms left"},
	} {
		b := newRowBuilder(&record.Run{}, true)
		test.wait.Host = "client"
		if got := b.waitText(&test.wait); got != test.want {
			t.Errorf("%+v:\n%s\nnot\n%s", test.wait, got, test.want)
		}
	}
}

// Time that the story lets pass has a row. Of a part of a timer's time only a ladder with
// times tells: a story that comes late enough need not wait for it.
func TestPause(t *testing.T) {
	r := &record.Run{Events: []record.Event{
		{At: 90 * time.Millisecond, Body: &record.Wait{Host: "client", For: "idle", WaitedMS: 80}},
		{At: 400 * time.Millisecond, Body: &record.Wait{Host: "client", Timer: "timewait", For: "part", LeftMS: 60000, WaitedMS: 152}},
	}}
	for times, want := range map[bool][]string{
		true:  {"the story lets 80 ms pass", "the story lets 152 ms pass"},
		false: {"the story lets some time pass"},
	} {
		var got []string
		for _, row := range build(r, times, nil) {
			got = append(got, row.remark)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("with times %v (-want +got):\n%s", times, diff)
		}
	}
}

// A delayed ACK that has come while the story waited for that of another connection gets
// no row: nobody has waited for it.
func TestDelayedMeanwhile(t *testing.T) {
	const ms = time.Millisecond
	arrives := func(at time.Duration, port int) record.Event {
		return record.Event{At: at, Body: &record.Segment{ID: port, From: "client", To: "server", Flags: "FIN,ACK", Fate: record.Delivered}}
	}
	delayed := func(at, sent time.Duration, id int) record.Event {
		return record.Event{At: at, Body: &record.Segment{ID: id, From: "server", To: "client", Flags: "ACK", Fate: record.Delivered, Cause: record.ByDelay, SentAt: sent}}
	}
	for name, test := range map[string]struct {
		events []record.Event
		want   []string
	}{
		"one": {[]record.Event{arrives(1*ms, 1), delayed(41*ms, 41*ms, 2)},
			[]string{"waited 40 ms for the server's delayed-ACK timer"}},
		"two, and the second's is taken at once": {[]record.Event{arrives(1*ms, 1), arrives(2*ms, 3), delayed(43*ms, 41*ms, 2), delayed(44*ms, 42*ms, 4)},
			[]string{"waited 39 ms for the server's delayed-ACK timer"}},
		"two, and something arrives before the second's is taken": {[]record.Event{arrives(1*ms, 1), arrives(2*ms, 3), delayed(42*ms, 41*ms, 2), arrives(50*ms, 5), delayed(51*ms, 42*ms, 4)},
			[]string{"waited 39 ms for the server's delayed-ACK timer"}},
		"one after another": {[]record.Event{arrives(1*ms, 1), delayed(41*ms, 41*ms, 2), arrives(50*ms, 3), delayed(90*ms, 90*ms, 4)},
			[]string{"waited 40 ms for the server's delayed-ACK timer", "waited 40 ms for the server's delayed-ACK timer"}},
	} {
		var got []string
		for _, row := range build(&record.Run{Events: test.events}, true, nil) {
			if row.remark != "" {
				got = append(got, row.remark)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
