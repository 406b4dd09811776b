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
	atOnce  bool // another one is written with the first
	waits   bool // the story does, and not the machine
	quick   bool // no time passes
	found   func(windowScene) bool
	late    bool
}

// A windowScene is where a windowStory has got to.
type windowScene struct {
	*lab.Script
	client, server *lab.Sock
	others         lab.Flight // that are on their way
}

func (w windowStory) tell(s *lab.Script) {
	client, server := established(s)
	lab.Set(client, sockopt.NoDelay, true)
	if w.atOnce {
		client.Segments(2).Drop()
	}
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
	s.Expect("no-recovery", lab.Is("recovers", w.found(windowScene{s, client, server, others}), false))
}

// RACK takes a segment that left a quarter of a round trip before one that has arrived for
// lost. If the machine, and not the story, has let that time pass, and the story takes what
// that led to, the run is late. Where it would have come anyway, there is no excuse.
func TestQuickWindow(t *testing.T) {
	t.Parallel()
	claim := lab.Claim{ID: "no-recovery", Text: "The client does not recover.", Source: "here"}
	set := func(key, value string) []lab.Sysctl { return []lab.Sysctl{{Key: key, Value: value}} }

	taken := func(s windowScene) bool { return s.Wire.Of(s.client).Take("client:data again") != nil }
	named := func(s windowScene) bool { return s.Wire.Waiting(s.Client) != "nothing" }
	takenForNew := func(s windowScene) bool { return s.Wire.Next("client:data").Again }
	inTheWindow := func(s windowScene) bool { return s.client.Cwnd() < 10 }
	afterThree := func(found func(windowScene) bool) func(windowScene) bool {
		return func(s windowScene) bool {
			s.others.Exchange()
			return found(s)
		}
	}
	answered := func(s windowScene) bool { // passes the first copy by
		s.others[0].Deliver()
		return s.Wire.Next("server:ACK").Exchange().Names != "nothing"
	}
	gone := func(s windowScene) bool {
		s.server.Abort()
		s.Wire.Next("server:RST,ACK").Deliver()
		return named(s)
	}
	beforeNew := func(s windowScene) bool {
		s.client.Write("new")
		return takenForNew(s)
	}
	afterTimeout := func(s windowScene) bool {
		for range 2 { // if the window was not over, the first is its timer's
			s.Wire.Of(s.client).Retransmission("client:data").Drop()
		}
		return s.client.Cwnd() == 1
	}
	another := func(s windowScene) bool {
		s.client.Abort()
		again := s.Client.Named("again").Reconnect(s.client)
		s.Wire.Drop("client:RST,ACK")
		s.Wire.TryHandshake(again)
		return again.Cwnd() > 0
	}

	for name, test := range map[string]windowStory{
		"taken":                           {found: taken, late: true},
		"named":                           {found: named, late: true},
		"taken for new data":              {found: takenForNew, late: true},
		"in the congestion window":        {found: inTheWindow, late: true},
		"in TCP_INFO":                     {found: func(s windowScene) bool { return s.client.Info().TotalRetrans > 0 }, late: true},
		"in a counter":                    {found: func(s windowScene) bool { return s.Client.Counter("TCPFastRetrans") > 0 }, late: true},
		"of a longer write":               {atOnce: true, found: taken, late: true},
		"another copy":                    {lost: 2, found: answered, late: true},
		"the connection is gone":          {found: gone, late: true},
		"the story lets time pass":        {waits: true, found: taken},
		"one segment means a loss":        {sysctls: set("net.ipv4.tcp_reordering", "1"), quick: true, found: taken},
		"three mean a loss":               {found: afterThree(taken)},
		"no number means a loss":          {sysctls: set("net.ipv4.tcp_recovery", "5"), found: afterThree(taken), late: true},
		"three, and new data":             {found: afterThree(beforeNew), late: true},
		"the congestion window follows":   {quick: true, found: afterThree(inTheWindow)},
		"the congestion window was ahead": {found: afterThree(inTheWindow), late: true},
		"a timeout":                       {quick: true, found: afterTimeout},
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

// Data that is always on its way, and a loss long after the first of it, are no excuse: none
// of the time between is the machine's.
func TestQuickWindowPipelined(t *testing.T) {
	t.Parallel()
	claim := lab.Claim{ID: "nothing-again", Text: "Nothing is sent again.", Source: "here"}
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, server := established(s)
		lab.Set(client, sockopt.NoDelay, true)
		last := client.Segment("first")
		for range 40 {
			next := client.Segment("next")
			last.Deliver()
			last = next
			server.Read()
			s.Wire.DeliverAll(s.Server)
		}
		client.Idle(20 * time.Millisecond)
		var flight lab.Flight
		for range 4 { // one by one, so that the window is over
			flight = append(flight, client.Segment("flight"))
		}
		last.Deliver()
		s.Wire.DeliverAll(s.Server)
		flight[0].Drop()
		flight[1:].Exchange()
		s.Expect("nothing-again", lab.Is("recovers", client.Cwnd() < 10, false))
	}, claim)
	if r.Outcome != record.Surprise {
		t.Errorf("outcome %s: %s; late %+v", r.Outcome, r.Error, r.Late)
	}
}
