package lab_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// heldUpOnce returns options of a run that is held up for a time before the next operation
// of a kind, once that time is set.
func heldUpOnce(slow operation) (o lab.Options, hold *time.Duration) {
	hold = new(time.Duration)
	return slowed(func(op operation) {
		if op == slow {
			time.Sleep(*hold)
			*hold = 0
		}
	}), hold
}

// pastQuickTimers is when a socket's quick timers have run out: the later one, that of loss
// probes, takes two round trips and two jiffies, and may be an eighth late. On a machine that
// does not hold up the handshake, it is less than the least retransmission timeout.
func pastQuickTimers(s *lab.Sock) time.Duration {
	return 75*time.Millisecond + 9*time.Duration(s.Info().RTT)*time.Microsecond/4
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
			o, hold := heldUpOnce(slow)
			r := tellOnce(t, o, func(s *lab.Script) {
				client, _ := established(s)
				wire := s.Wire.Of(client)
				client.Write(strings.Repeat("x", 3*int(client.Info().SndMSS)))
				wire.Next("client:data").Hold()
				wire.Next("client:data").Deliver()
				ack := wire.Next("server:ACK sack")
				*hold = pastQuickTimers(client)
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
			o, hold := heldUpOnce(slow)
			r := tellOnce(t, o, func(s *lab.Script) {
				s.Client.SetSysctl("net.ipv4.tcp_early_retrans", "3")
				client, _ := established(s)
				data := strings.Repeat("x", 12*int(client.Info().SndMSS))
				*hold = pastQuickTimers(client)
				client.Write(data)
				s.Expect("ten-at-once", lab.Is("segments", len(s.Wire.TakeAll("client:data")), 10))
			}, claim)
			wantHeldUp(t, r)
		})
	}
}
