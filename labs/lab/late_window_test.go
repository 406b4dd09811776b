package lab_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// A windowStory loses its first segments and delivers another one after the machine, or the
// story, has let time pass. found is whether it finds that the client has recovered.
type windowStory struct {
	sysctls []lab.Sysctl
	lost    int  // segments, if not one
	waits   bool // the story does, and not the machine
	quick   bool // no time passes
	found   func(s *lab.Script, client *lab.Sock, others lab.Flight) bool
	late    bool
}

func (w windowStory) tell(s *lab.Script) {
	client, _ := established(s)
	lab.Set(client, sockopt.NoDelay, true)
	for range max(1, w.lost) {
		client.Segment(strings.Repeat("x", 1000)).Drop() // too long for two in one copy
	}
	switch {
	case w.quick:
	case w.waits:
		client.Idle(20 * time.Millisecond)
	default:
		time.Sleep(50 * time.Millisecond)
	}
	first, others := client.Segment("first"), lab.Flight{client.Segment("second"), client.Segment("third")}
	first.Exchange()
	s.Expect("no-recovery", lab.Is("recovers", w.found(s, client, others), false))
}

// RACK takes a segment that left a quarter of a round trip before one that has arrived for
// lost. If the machine, and not the story, has let that time pass, and the story takes what
// that led to, the run is late. Where it would have come anyway, there is no excuse.
func TestQuickWindow(t *testing.T) {
	t.Parallel()
	claim := lab.Claim{ID: "no-recovery", Text: "The client does not recover.", Source: "here"}
	set := func(key, value string) []lab.Sysctl { return []lab.Sysctl{{Key: key, Value: value}} }

	taken := func(s *lab.Script, client *lab.Sock, _ lab.Flight) bool {
		return s.Wire.Of(client).Take("client:data again") != nil
	}
	named := func(s *lab.Script, _ *lab.Sock, _ lab.Flight) bool {
		return s.Wire.Waiting(s.Client) != "nothing"
	}
	takenForNew := func(s *lab.Script, _ *lab.Sock, _ lab.Flight) bool {
		return s.Wire.Next("client:data").Again
	}
	inTheWindow := func(_ *lab.Script, client *lab.Sock, _ lab.Flight) bool { return client.Cwnd() < 10 }
	afterThree := func(found func(*lab.Script, *lab.Sock, lab.Flight) bool) func(*lab.Script, *lab.Sock, lab.Flight) bool {
		return func(s *lab.Script, client *lab.Sock, others lab.Flight) bool {
			others.Exchange()
			return found(s, client, nil)
		}
	}
	answered := func(s *lab.Script, _ *lab.Sock, others lab.Flight) bool { // passes the first copy by
		others[0].Deliver()
		return s.Wire.Next("server:ACK").Exchange().Names != "nothing"
	}
	afterTimeout := func(s *lab.Script, client *lab.Sock, _ lab.Flight) bool {
		s.Wire.Of(client).Retransmission("client:data").Drop()
		return client.Cwnd() == 1
	}
	another := func(s *lab.Script, client *lab.Sock, _ lab.Flight) bool {
		client.Abort()
		again := s.Client.Named("again").Reconnect(client)
		s.Wire.Drop("client:RST,ACK")
		s.Wire.TryHandshake(again)
		return again.Cwnd() > 0
	}

	for name, test := range map[string]windowStory{
		"taken":                           {found: taken, late: true},
		"named":                           {found: named, late: true},
		"taken for new data":              {found: takenForNew, late: true},
		"in the congestion window":        {found: inTheWindow, late: true},
		"another copy":                    {lost: 2, found: answered, late: true},
		"the story lets time pass":        {waits: true, found: taken},
		"one segment means a loss":        {sysctls: set("net.ipv4.tcp_reordering", "1"), quick: true, found: taken},
		"three mean a loss":               {found: afterThree(taken)},
		"no number means a loss":          {sysctls: set("net.ipv4.tcp_recovery", "5"), found: afterThree(taken), late: true},
		"the congestion window follows":   {quick: true, found: afterThree(inTheWindow)},
		"the congestion window was ahead": {found: afterThree(inTheWindow), late: true},
		"a timeout":                       {found: afterTimeout},
		"another connection":              {found: another},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := lab.Options{Sysctls: test.sysctls}
			if test.late {
				wantHeldUp(t, tellOnce(t, o, test.tell, claim))
			} else if r := tell(t, o, test.tell, claim); r.Outcome != record.Surprise {
				t.Errorf("outcome %s: %s; late %+v", r.Outcome, r.Error, r.Late)
			}
		})
	}
}
