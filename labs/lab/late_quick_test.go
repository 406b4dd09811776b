package lab_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// heldUpOnce returns options of a run that is held up before the next operation of a kind
// once now is set, for less than the least retransmission timeout.
func heldUpOnce(slow operation) (o lab.Options, now *bool) {
	now = new(bool)
	return slowed(func(op operation) {
		if *now && op == slow {
			*now = false
			time.Sleep(100 * time.Millisecond)
		}
	}), now
}

// wantHeldUp wants a run that is late and broken, and says so.
func wantHeldUp(t *testing.T, r *record.Run) {
	t.Helper()
	if r.Late == nil || r.Outcome != record.Broken || !strings.Contains(r.Error, "held up") {
		t.Errorf("outcome %s: %s; late %+v", r.Outcome, r.Error, r.Late)
	}
}

// RACK's timer runs out long before a retransmission timeout, and tcp_early_retrans
// has one of its own that is as quick. Where the first look at what the story has done
// comes only after such a timer, what it has sent is nobody's answer: the run is late.
func TestQuickTimers(t *testing.T) {
	t.Parallel()
	claim := lab.Claim{ID: "nothing-again", Text: "Nothing is sent again.", Source: "here"}
	for name, slow := range map[string]operation{
		"before the answers are read": tries,
		"before the look":             looks,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, now := heldUpOnce(slow)
			r := tellOnce(t, o, func(s *lab.Script) {
				client, _ := established(s)
				wire := s.Wire.Of(client)
				client.Write(strings.Repeat("x", 3*int(client.Info().SndMSS)))
				wire.Next("client:data").Hold()
				wire.Next("client:data").Deliver()
				ack := wire.Next("server:ACK sack")
				*now = true
				ack.Deliver() // RACK's timer is set to little more than a round trip
				s.Expect("nothing-again", lab.Is("sent again", wire.Take("client:data again") != nil, false))
			}, claim)
			wantHeldUp(t, r)
		})
	}
}

// A tail loss probe takes new data where there is some: then it looks like what the window
// has let go at once.
func TestQuickProbe(t *testing.T) {
	t.Parallel()
	claim := lab.Claim{ID: "ten-at-once", Text: "Ten segments are sent at once.", Source: "here"}
	for name, slow := range map[string]operation{
		"before the data is read": tries,
		"before the look":         looks,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, now := heldUpOnce(slow)
			r := tellOnce(t, o, func(s *lab.Script) {
				s.Client.SetSysctl("net.ipv4.tcp_early_retrans", "3")
				client, _ := established(s)
				data := strings.Repeat("x", 12*int(client.Info().SndMSS))
				*now = true
				client.Write(data)
				s.Expect("ten-at-once", lab.Is("segments", len(s.Wire.TakeAll("client:data")), 10))
			}, claim)
			wantHeldUp(t, r)
		})
	}
}

// RACK takes a segment that left a quarter of a round trip before one that has arrived for
// lost. If the machine, and not the story, has let that time pass, and the story takes what
// that led to, the run is late. Where it would have come anyway, there is no excuse.
func TestQuickWindow(t *testing.T) {
	t.Parallel()
	claim := lab.Claim{ID: "no-recovery", Text: "The client does not recover.", Source: "here"}
	machine := func(*lab.Sock) { time.Sleep(20 * time.Millisecond) }
	taken := func(s *lab.Script, client *lab.Sock, _ lab.Flight) bool {
		return s.Wire.Of(client).Take("client:data again") != nil
	}
	three := func(s *lab.Script, client *lab.Sock, others lab.Flight) bool { // have arrived before it is taken
		others.Exchange()
		return taken(s, client, nil)
	}
	set := func(key, value string) []lab.Sysctl { return []lab.Sysctl{{Key: key, Value: value}} }
	for name, test := range map[string]struct {
		sysctls []lab.Sysctl
		between func(*lab.Sock)
		found   func(*lab.Script, *lab.Sock, lab.Flight) bool
		late    bool
	}{
		"taken":                    {nil, machine, taken, true},
		"named":                    {nil, machine, func(s *lab.Script, _ *lab.Sock, _ lab.Flight) bool { return s.Wire.Waiting(s.Client) != "nothing" }, true},
		"taken for new data":       {nil, machine, func(s *lab.Script, _ *lab.Sock, _ lab.Flight) bool { return s.Wire.Next("client:data").Again }, true},
		"seen in the window":       {nil, machine, func(_ *lab.Script, client *lab.Sock, _ lab.Flight) bool { return client.Cwnd() < 10 }, true},
		"the story lets time pass": {nil, func(c *lab.Sock) { c.Idle(20 * time.Millisecond) }, taken, false},
		"one segment means a loss": {set("net.ipv4.tcp_reordering", "1"), func(*lab.Sock) {}, taken, false},
		"three mean a loss":        {nil, machine, three, false},
		"no number means a loss":   {set("net.ipv4.tcp_recovery", "5"), machine, three, true},
		"another connection": {nil, machine, func(s *lab.Script, client *lab.Sock, _ lab.Flight) bool {
			client.Abort()
			again := s.Client.Named("again").Reconnect(client)
			s.Wire.Drop("client:RST,ACK")
			s.Wire.TryHandshake(again)
			return again.Cwnd() > 0
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := lab.Options{Sysctls: test.sysctls}
			story := func(s *lab.Script) {
				client, _ := established(s)
				lab.Set(client, sockopt.NoDelay, true)
				client.Segment("lost").Drop()
				test.between(client)
				first, others := client.Segment("first"), lab.Flight{client.Segment("second"), client.Segment("third")}
				first.Exchange()
				s.Expect("no-recovery", lab.Is("recovers", test.found(s, client, others), false))
			}
			if test.late {
				wantHeldUp(t, tellOnce(t, o, story, claim))
			} else if r := tell(t, o, story, claim); r.Outcome != record.Surprise {
				t.Errorf("outcome %s: %s; late %+v", r.Outcome, r.Error, r.Late)
			}
		})
	}
}
