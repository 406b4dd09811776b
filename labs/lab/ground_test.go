package lab_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

func someClaims(ids ...string) (claims []lab.Claim) {
	for _, id := range ids {
		claims = append(claims, lab.Claim{ID: id, Text: "A claim.", Source: "a source"})
	}
	return claims
}

// verdicts are the claims' verdicts, and why they are inapplicable.
func verdicts(r *record.Run) map[string]string {
	all := map[string]string{}
	for _, c := range r.Claims {
		all[c.ID] = string(c.Verdict)
		if c.Reason != "" {
			all[c.ID] = c.Reason
		}
	}
	return all
}

// A story that has no ground to go on ends there, and is not broken.
func TestStopIf(t *testing.T) {
	t.Parallel()
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		s.StopIf(false, "all is well")
		s.Expect("first", lab.Is("n", 1, 1))
		s.StopIf(true, "it lacks ground")
		t.Error("the story goes on")
	}, someClaims("first", "second", "third")...)
	want := map[string]string{"first": "confirmed", "second": "it lacks ground", "third": "it lacks ground"}
	if diff := cmp.Diff(want, verdicts(r)); diff != "" || r.Outcome != record.Expected {
		t.Errorf("%s %s (-want +got):\n%s", r.Outcome, r.Error, diff)
	}
}

// Of the conditions that are lacking the first is told.
func TestUnless(t *testing.T) {
	t.Parallel()
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		n := lab.Is("n", 1, 1)
		s.Unless(false, "a").Unless(false, "b").Expect("met", n)
		lacks := s.Unless(true, "a").Unless(true, "b")
		lacks.Expect("first", n)
		s.Unless(false, "a").Unless(true, "b").Expect("second", n)
		lacks.Expect("first again", n)
		s.UnlessSlow(false, "a").Expect("quick", n)
		s.Unless(true, "a").UnlessSlow(true, "b").Expect("no ground", n)
		s.UnlessSlow(true, "a").Unless(true, "b").Expect("slow", n)
	}, someClaims("met", "first", "second", "first again", "quick", "no ground", "slow")...)
	want := map[string]string{"met": "confirmed", "first": "a", "second": "b", "first again": "a", "quick": "confirmed", "no ground": "a", "slow": "a"}
	if diff := cmp.Diff(want, verdicts(r)); diff != "" || r.Outcome != record.Expected {
		t.Errorf("%s %s (-want +got):\n%s", r.Outcome, r.Error, diff)
	}
	for _, c := range r.Claims {
		if c.Slow != (c.ID == "slow") {
			t.Errorf("%s: slow is %v", c.ID, c.Slow)
		}
	}
}

// What both hosts have, and one.
func TestSettings(t *testing.T) {
	t.Parallel()
	const sack, syncookies = "net.ipv4.tcp_sack", "net.ipv4.tcp_syncookies"
	var got []bool
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		s.Client.SetSysctl(sack, "1")
		s.Server.SetSysctl(sack, "1")
		got = []bool{s.Both(sack)}
		s.Server.SetSysctl(sack, "0")
		got = append(got, s.Both(sack))
		for _, cookies := range []string{"0", "1", "2"} {
			s.Server.SetSysctl(syncookies, cookies)
			got = append(got, s.Server.KeepsHalfOpen())
		}
	})
	if diff := cmp.Diff([]bool{true, false, true, true, false}, got); diff != "" || r.Error != "" {
		t.Errorf("%s (-want +got):\n%s", r.Error, diff)
	}
}

// Closing, reading to the end, and what timers have left.
func TestClosingWords(t *testing.T) {
	t.Parallel()
	var reads []string
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, server := established(s)
		reads = []string{server.Reads()}
		client.Send("hello")
		if client.RunsTimer() || client.TimeLeft().Left != 0 {
			t.Error("an idle connection has a timer")
		}
		client.Finish()
		reads = append(reads, server.Reads(), server.Reads())
		server.Finish()
		if !client.RunsTimer() || client.TimeLeft().Left == 0 {
			t.Error("TIME_WAIT has no timer")
		}
		reads = append(reads, client.State(), server.State())
	})
	want := []string{"EAGAIN", "hello", lab.EOF, record.TimeWait, record.Close}
	if diff := cmp.Diff(want, reads); diff != "" || r.Error != "" {
		t.Errorf("%s (-want +got):\n%s", r.Error, diff)
	}
}

// A close that resets, a connection to a listener of the story's own, and handshakes as far
// as they go.
func TestConnectionWords(t *testing.T) {
	t.Parallel()
	var got []string
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		listener := s.Server.Listen(80, 0)
		client, server := s.ConnectionTo(listener, "first")
		if s.Sock("first client") != client || s.Sock("first server") != server {
			t.Error("they have other names")
		}
		client.Abort()
		got = []string{s.Wire.DeliverAll(s.Client), server.Reads()}
		for range 2 { // the queue has room for one
			client = s.Client.Connect(listener)
			s.Wire.TryHandshake(client)
			got = append(got, client.State())
		}
	})
	want := []string{"RST,ACK", "ECONNRESET", record.Established, record.SynSent}
	if diff := cmp.Diff(want, got); diff != "" || r.Error != "" {
		t.Errorf("%s (-want +got):\n%s", r.Error, diff)
	}
}

// All that waits from one host, of one connection, goes; what is not there is no matter.
func TestDeliverAll(t *testing.T) {
	t.Parallel()
	var got []string
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		listener := s.Server.Listen(80, 4)
		client, other := s.Client.Connect(listener), s.Client.Connect(listener)
		wire := s.Wire.Of(client)
		got = []string{wire.DeliverAll(s.Server), wire.DeliverAll(s.Client), wire.DropAll(s.Server), wire.Waiting(s.Server)}
		got = append(got, client.State(), other.State(), s.Wire.Waiting(s.Client))
		none := s.Wire.IfAny("client:FIN").Hold().Deliver().Drop()
		none.Bounce(lab.HostUnreachable)
		if none.Flags != "" || none.Len != 0 || none.Has("FIN") || none.Offers("TS") {
			t.Errorf("a segment that is missing: %+v", none)
		}
		s.Wire.IfAny("client:SYN").Hold()
		s.Wire.Drop("client:ACK", "client:SYN")
		got = append(got, s.Wire.Waiting(s.Client), lab.Outcome(listener.TryAccept()))
	})
	want := []string{"nothing", "SYN", "SYN,ACK", "nothing", record.SynSent, record.SynSent, "SYN", "nothing", "EAGAIN"}
	if diff := cmp.Diff(want, got); diff != "" || r.Error != "" {
		t.Errorf("%s (-want +got):\n%s", r.Error, diff)
	}
}

// Two that connect to each other, and a server that accepts and reads at once.
func TestConnectingWords(t *testing.T) {
	t.Parallel()
	var got []string
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		one, other := s.Client.Named("one").CrossConnect(40100, s.Server.Named("other"), 81)
		got = []string{s.Wire.Waiting(s.Client), s.Wire.Waiting(s.Server), one.LocalAddr(), other.LocalAddr(), other.State()}
		if s.Sock("one") != one || s.Sock("other") != other {
			t.Error("they have other names")
		}
		one.Close()
		other.Close()

		listener := s.Server.Listen(80, 4)
		data, outcome := listener.TryAcceptAndRead()
		got = append(got, data, outcome)
		client := s.Client.Connect(listener)
		s.Wire.Handshake(client)
		client.Send("request")
		data, outcome = listener.TryAcceptAndRead()
		got = append(got, data, outcome)
	})
	want := []string{"SYN", "SYN", "192.0.2.1:40100", "192.0.2.2:81", record.SynSent, "", "EAGAIN", "request", lab.OK}
	if diff := cmp.Diff(want, got); diff != "" || r.Error != "" {
		t.Errorf("%s (-want +got):\n%s", r.Error, diff)
	}
}
