package lab_test

import (
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// The figures were measured on Linux 6.18.
func TestFinWait2Life(t *testing.T) {
	const s, rto = time.Second, 204 * time.Millisecond
	for seconds, want := range map[int]lab.FinWait2Life{
		-1: {Mini: 714 * time.Millisecond}, 0: {Mini: 714 * time.Millisecond}, 1: {Mini: s}, 60: {Mini: 60 * s},
		61: {Whole: s, Mini: s}, 130: {Whole: 70 * s, Mini: 70 * s},
	} {
		if got := lab.FinWait2LifeOf(seconds, rto); got != want {
			t.Errorf("%d: %+v, want %+v", seconds, got, want)
		}
	}
}

// Above 60 seconds one timer follows another, and the state stays.
func TestAwaitTimer(t *testing.T) {
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, _ := established(s)
		lab.Set(client, sockopt.Linger2, 61)
		if n := lab.Get(client, sockopt.Linger2); n != 61 {
			t.Errorf("TCP_LINGER2 %d", n)
		}
		client.Close()
		s.Wire.Next("client:FIN,ACK").Deliver()
		s.Wire.Next("server:ACK").Deliver()
		if timer, _ := client.Timer(); timer != "keepalive" {
			t.Errorf("timer %q", timer)
		}
		client.AwaitTimer("timewait")
		if state := client.State(); state != record.FinWait2 {
			t.Errorf("state %s", state)
		}
	})
	if r.Error != "" {
		t.Error(r.Error)
	}
}
