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
		true:  {"nothing moves for 80 ms", "nothing moves for 152 ms"},
		false: {"nothing moves for a while"},
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
