package lab_test

import (
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/record"
)

// The last byte that is sent urgently is read out of band, and the pointer is to the
// byte after it.
func TestOOB(t *testing.T) {
	t.Parallel()
	pointer, urgent, rest, again := 0, "", "", ""
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, server := established(s)
		client.SendOOB("abc")
		data := s.Wire.Next("client:data")
		pointer = data.Urgent
		data.Deliver()
		urgent, _ = server.TryReadOOB()
		rest, _ = server.TryRead()
		_, again = server.TryReadOOB()
	})
	if r.Error != "" || pointer != 3 || urgent != "c" || rest != "ab" || again != "EINVAL" {
		t.Errorf("pointer %d, %q, %q, then %s; %s", pointer, urgent, rest, again, r.Error)
	}
}

// A mark is made where the sender allows one, and is echoed.
func TestMarkCE(t *testing.T) {
	t.Parallel()
	for ecn, allowed := range map[string]bool{"1": true, "0": false} {
		setting, err := lab.ParseSysctl("client:net.ipv4.tcp_ecn=" + ecn)
		if err != nil {
			t.Fatal(err)
		}
		echoed := false
		r := tell(t, lab.Options{Sysctls: []lab.Sysctl{setting}}, func(s *lab.Script) {
			client, _ := established(s)
			client.Write("hello")
			s.Wire.Next("client:data").MarkCE().Deliver()
			echoed = s.Wire.Next("server:ACK").Has("ECE")
		})
		if (r.Error == "") != allowed || echoed != allowed {
			t.Errorf("tcp_ecn %s: echoed %v; %s", ecn, echoed, r.Error)
		}
	}
}

// meant tells a story that waits on purpose for a time, and fails where that counts as
// a hold-up. The machine may hold a run up by as much, but hardly each of them.
func meant(t *testing.T, pause time.Duration, story func(*lab.Script)) *record.Run {
	t.Helper()
	var r *record.Run
	for range labtest.Attempts {
		if r = tell(t, lab.Options{}, story); r.Error != "" {
			t.Fatal(r.Error)
		}
		if r.HeldUp.For < pause/2 {
			return r
		}
	}
	t.Errorf("held up %+v", r.HeldUp)
	return r
}

// Time that passes on purpose is a wait of the record's, and no hold-up.
func TestIdle(t *testing.T) {
	t.Parallel()
	r := meant(t, 500*time.Millisecond, func(s *lab.Script) {
		client, _ := established(s)
		client.Idle(500 * time.Millisecond)
		client.Write("hello")
	})
	for _, e := range r.Events {
		if w, ok := e.Body.(*record.Wait); ok && (w.For != "idle" || w.Timer != "" || w.WaitedMS < 500) {
			t.Errorf("%+v", w)
		}
	}
}

// To wait until a timer has less left is meant as well.
func TestTimerBelow(t *testing.T) {
	t.Parallel()
	meant(t, 800*time.Millisecond, func(s *lab.Script) {
		s.Client.Connect(s.Server.Listen(80, 1)).TimerBelow(200 * time.Millisecond)
	})
}
