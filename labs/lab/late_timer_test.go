package lab_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// Whichever timer runs out unawaited, the run is late, and says which one and whose
// it was; and what it finds then surprises nobody.
func TestLateTimer(t *testing.T) {
	t.Parallel()
	const second = time.Second + 100*time.Millisecond
	for name, test := range map[string]struct {
		begin       func(*lab.Script)
		held        time.Duration
		host, timer string
	}{
		"a SYN's": {func(s *lab.Script) {
			s.Client.Connect(s.Server.Listen(80, 1))
			s.Wire.Next("SYN").Drop()
		}, second, "client", "retransmit"},
		"a request's": {func(s *lab.Script) {
			s.Client.Connect(s.Server.Listen(80, 1))
			s.Wire.Pass("SYN")
			s.Wire.Next("SYN,ACK").Deliver()
			s.Wire.Next("client:ACK").Drop()
		}, second, "server", "retransmit"},
		"a keepalive's": {func(s *lab.Script) { keptAlive(s) }, second, "client", "keepalive"},
		"a delayed ACK's": {func(s *lab.Script) {
			client, server := established(s)
			server.Send("first") // so that the client's ACK is one of a conversation
			lab.Set(server, sockopt.QuickAck, false)
			client.Write("hello")
			s.Wire.Next("client:data").Deliver()
		}, 300 * time.Millisecond, "server", "delack"},
		"FIN_WAIT2's": {func(s *lab.Script) {
			client, _ := established(s)
			lab.Set(client, sockopt.Linger2, 1)
			client.Close()
			s.Wire.Pass("client:FIN,ACK", "server:ACK")
		}, second, "client", "timewait"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := tellOnce(t, lab.Options{}, func(s *lab.Script) {
				test.begin(s)
				judge(s, "true-before")
				time.Sleep(test.held) // as a machine that is held up
				judge(s, "false-after")
			}, lateClaims[0], lateClaims[3])
			switch {
			case r.Late == nil:
				t.Errorf("it is not late; %s %s", r.Outcome, r.Error)
			case r.Late.Host != test.host || r.Late.Timer != test.timer || r.Late.By <= 0:
				t.Errorf("late %+v, want the %s's %s timer", r.Late, test.host, test.timer)
			}
			if r.Outcome != record.Broken || !strings.Contains(r.Error, "held up") || r.Claims[0].Verdict != record.Confirmed {
				t.Errorf("outcome %s: %s; before it was late: %+v", r.Outcome, r.Error, r.Claims[0])
			}
		})
	}
}

// Where a FIN is the first that comes, the kernel puts its ACK off to the next jiffy
// only. A story that comes later than that, and acts as if there were no ACK yet, is
// late; one that waits for the ACK, or does nothing that it could be in time for, is not.
func TestLateACKOfFIN(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		then func(s *lab.Script, fin *lab.Segment, server *lab.Sock)
		late bool
	}{
		"close":          {func(s *lab.Script, fin *lab.Segment, server *lab.Sock) { server.Close() }, true},
		"a delivery":     {func(s *lab.Script, fin *lab.Segment, server *lab.Sock) { fin.Deliver() }, true},
		"the ACK is met": {func(s *lab.Script, fin *lab.Segment, server *lab.Sock) { s.Wire.Pass("server:ACK"); server.Close() }, false},
		"a look":         {func(s *lab.Script, fin *lab.Segment, server *lab.Sock) { server.State() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			telling := tellOnce
			if !test.late {
				telling = tell // the machine may hold it up for longer
			}
			r := telling(t, lab.Options{}, func(s *lab.Script) {
				client, server := established(s)
				client.Close()
				fin := s.Wire.Next("client:FIN,ACK").Deliver()
				time.Sleep(20 * time.Millisecond) // as a machine that is held up: 5 jiffies, or 2
				test.then(s, fin, server)
			})
			if got := r.Late != nil && r.Late.Host == "server" && r.Late.Timer == "delack"; got != test.late {
				t.Errorf("late %+v; %s", r.Late, r.Error)
			}
		})
	}
}

// The next jiffy may come before the answers to the FIN are read. Its ACK is none.
func TestLateNextJiffy(t *testing.T) {
	t.Parallel()
	o, hold := heldUpOnce(tries)
	r := tellOnce(t, o, func(s *lab.Script) {
		client, server := established(s)
		client.Close()
		fin := s.Wire.Next("client:FIN,ACK")
		*hold = 20 * time.Millisecond
		fin.Deliver()
		server.Close()
	})
	if r.Late == nil || r.Late.Host != "server" || r.Late.Timer != "delack" {
		t.Errorf("late %+v; %s", r.Late, r.Error)
	}
}

// A look at a timer that takes longer than a wait may is taken again: it can't tell when
// the timer had so much left.
func TestTimerSlowLook(t *testing.T) {
	t.Parallel()
	var slow bool
	o := slowed(func(op operation) {
		if slow && op == looks {
			slow = false
			time.Sleep(400 * time.Millisecond)
		}
	})
	o.Patience = 200 * time.Millisecond
	var before, after lab.TimeLeft
	r := tell(t, o, func(s *lab.Script) {
		client := s.Client.Connect(s.Server.Listen(80, 1))
		s.Wire.Next("SYN").Drop()
		before = client.TimeLeft()
		slow = true
		after = client.TimeLeft()
	})
	if d := before.Due().Sub(after.Due()).Abs(); r.Error != "" || d > 200*time.Millisecond {
		t.Errorf("%q; the timer's end has moved by %v", r.Error, d)
	}
}
