package lab_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// lateClaims are judged before a story is held up, or after it.
var lateClaims = []lab.Claim{
	{ID: "true-before", Text: "It is.", Source: "here"},
	{ID: "false-before", Text: "It is not.", Source: "here"},
	{ID: "true-after", Text: "It is.", Source: "here"},
	{ID: "false-after", Text: "It is not.", Source: "here"},
}

// judge judges a claim of lateClaims, which says by its name what comes of it.
func judge(s *lab.Script, ids ...string) {
	for _, id := range ids {
		s.Expect(id, lab.Is("it", strings.HasPrefix(id, "true"), true))
	}
}

// A story that comes to its next word after a timer that it did not await proves
// from there on only what the catalogue says anyhow, and nothing once it breaks. What
// was judged before stands, a surprise too.
func TestLate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before, after []string
		want          record.Outcome
		verdicts      []record.Verdict
	}{
		"nothing is refuted":   {[]string{"true-before"}, []string{"true-after"}, record.Expected, []record.Verdict{record.Confirmed, record.Confirmed}},
		"refuted while late":   {[]string{"true-before"}, []string{"true-after", "false-after"}, record.Broken, []record.Verdict{record.Confirmed, record.VerdictBroken, record.VerdictBroken}},
		"refuted in time":      {[]string{"false-before"}, []string{"true-after"}, record.Surprise, []record.Verdict{record.Refuted, record.Confirmed}},
		"refuted in time, too": {[]string{"false-before"}, []string{"false-after"}, record.Broken, []record.Verdict{record.Refuted, record.VerdictBroken}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var claims []lab.Claim
			for _, c := range lateClaims {
				for _, id := range append(test.before, test.after...) {
					if c.ID == id {
						claims = append(claims, c)
					}
				}
			}
			r := tellOnce(t, lab.Options{}, func(s *lab.Script) {
				client := s.Client.Connect(s.Server.Listen(80, 1))
				s.Wire.Next("SYN").Drop()
				judge(s, test.before...)
				_, timer := client.Timer()
				time.Sleep(timer.Left + 100*time.Millisecond) // as a machine that is held up
				judge(s, test.after...)
			}, claims...)
			var got []record.Verdict
			for _, c := range r.Claims {
				got = append(got, c.Verdict)
				if c.Surprise != (c.Verdict == record.Refuted) || (c.Verdict == record.VerdictBroken) != (c.Reason != "") {
					t.Errorf("claim %s is %s, a surprise: %t (%s)", c.ID, c.Verdict, c.Surprise, c.Reason)
				}
			}
			if diff := cmp.Diff(test.verdicts, got); diff != "" || r.Outcome != test.want {
				t.Errorf("outcome %s, want %s; verdicts (-want +got):\n%s", r.Outcome, test.want, diff)
			}
			if (r.Outcome == record.Broken) != strings.Contains(r.Error, "held up") {
				t.Errorf("error %q", r.Error)
			}
			if r.Late == nil || r.Late.Host != "client" || r.Late.Timer != "retransmit" || !strings.HasPrefix(r.Late.Before, "the verdict on ") {
				t.Errorf("late %+v", r.Late)
			}
		})
	}
}

// A late run that then breaks keeps what was judged in time where it may have
// broken because it was late, and nothing where the instrument has failed.
func TestLateAndBroken(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		story func(s *lab.Script)
		want  record.Verdict
	}{
		"what does not come": {func(s *lab.Script) { s.Wire.Next("server:SYN,ACK") }, record.Confirmed},
		"an end that the kernel has made": {func(s *lab.Script) {
			s.Sock("client").Write("x") // EAGAIN: it is no end, but it is TCP's
		}, record.Confirmed},
		"a mistake of the story's": {func(s *lab.Script) { s.Wire.Next("SIN") }, record.VerdictBroken},
		"what TCP does not say":    {func(s *lab.Script) { s.Sock("client").Listen(1) }, record.VerdictBroken},
		"nor of an address":        {func(s *lab.Script) { s.Client.Socket().Bind(s.Server.Addr(80)) }, record.VerdictBroken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := tellOnce(t, lab.Options{Patience: 10 * time.Millisecond}, func(s *lab.Script) {
				client := s.Client.Connect(s.Server.Listen(80, 1))
				s.Wire.Next("SYN").Drop()
				judge(s, "true-before")
				_, timer := client.Timer()
				time.Sleep(timer.Left + 100*time.Millisecond)
				test.story(s)
			}, lateClaims[0])
			if r.Outcome != record.Broken || r.Late == nil || r.Claims[0].Verdict != test.want {
				t.Errorf("%s: %s; the claim is %s, want %s", r.Outcome, r.Error, r.Claims[0].Verdict, test.want)
			}
			if !strings.Contains(r.Error, "held up") || !strings.Contains(r.Error, "; then: ") {
				t.Errorf("error %q", r.Error)
			}
		})
	}
}

// A story that waits in vain for what ought to come at once is not late for the timers
// that run out while it waits: its mistake is told, and not blamed on the machine.
func TestInVain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		story func(s *lab.Script, client, listener *lab.Sock)
		want  string
	}{
		"a segment":    {func(s *lab.Script, _, _ *lab.Sock) { s.Wire.Next("SYN,ACK") }, "wire: no SYN,ACK came"},
		"a connection": {func(_ *lab.Script, _, listener *lab.Sock) { listener.Accept() }, "accept(3): EAGAIN"},
		"the outcome":  {func(_ *lab.Script, client, _ *lab.Sock) { client.Outcome() }, "connect(3): it does not complete"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := tell(t, lab.Options{Patience: 1200 * time.Millisecond}, func(s *lab.Script) { // the SYN's timer ends after 1 s
				listener := s.Server.Listen(80, 1)
				test.story(s, s.Client.Connect(listener), listener)
			})
			if r.Outcome != record.Broken || r.Late != nil || !strings.Contains(r.Error, test.want) || strings.Contains(r.Error, "held up") {
				t.Errorf("%s: %s; late %+v; want %q", r.Outcome, r.Error, r.Late, test.want)
			}
		})
	}
}

// What a timer has sent while a story was held up is not taken for what the next
// delivery has led to: no word that is not about timers sees it.
func TestLateRetransmission(t *testing.T) {
	t.Parallel()
	waiting := ""
	r := tellOnce(t, lab.Options{}, func(s *lab.Script) {
		client, server := established(s)
		client.Write("hello")
		data := s.Wire.Next("client:data")
		_, timer := client.Timer()
		data.Deliver()
		ack := s.Wire.Next("server:ACK")
		time.Sleep(timer.Left + 100*time.Millisecond)
		server.State() // not the sender's, which would tell of it
		ack.Deliver()
		waiting = s.Wire.Waiting(s.Client)
		s.Wire.Of(client).Retransmission("client:data").Drop()
	})
	if waiting != "nothing" || r.Late == nil {
		t.Errorf("%s waits; late %+v; %s", waiting, r.Late, r.Error)
	}
	// A punctual run would have waited in vain: what was acknowledged is not sent again.
	if !strings.Contains(r.Error, "held up") {
		t.Errorf("error %q", r.Error)
	}
	if got := segments(r, func(s *record.Segment) bool { return s.Cause != "" && s.Cause != record.ByTimer }); got != nil {
		t.Errorf("sent for another cause than the timer: %v", got)
	}
}

// A punctual run's surprise stays one, though timers run out: those that it waits
// for, and those of other sockets meanwhile.
func TestPunctual(t *testing.T) {
	t.Parallel()
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		listener := s.Server.Listen(80, 4)
		client, other := s.Client.Connect(listener), s.Client.Connect(listener)
		s.Wire.Of(client).Next("SYN").Drop()
		s.Wire.Of(other).Next("SYN").Drop()
		s.Wire.Of(client).Retransmission("client:SYN").Drop()
		s.Wire.Of(client).Retransmission("client:SYN").Drop()
		s.Wire.Of(other).Retransmission("client:SYN").Drop()
		judge(s, "false-before")
	}, lateClaims[1])
	if r.Outcome != record.Surprise || r.Claims[0].Verdict != record.Refuted || r.Late != nil {
		t.Errorf("outcome %s (%s), late %+v, claim %+v", r.Outcome, r.Error, r.Late, r.Claims[0])
	}
}

// Above 60 seconds one timer follows another, and the state stays.
func TestAwaitTimer(t *testing.T) {
	t.Parallel()
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, _ := established(s)
		lab.Set(client, sockopt.Linger2, 61)
		if n := lab.Get(client, sockopt.Linger2); n != 61 {
			t.Errorf("TCP_LINGER2 %d", n)
		}
		client.Close()
		s.Wire.Pass("client:FIN,ACK", "server:ACK")
		if timer, _ := client.Timer(); timer != "keepalive" {
			t.Errorf("timer %q", timer)
		}
		client.AwaitTimer("timewait")
		if state := client.State(); state != record.FinWait2 {
			t.Errorf("state %s", state)
		}
	})
	if r.Error != "" || r.Late != nil {
		t.Errorf("%s; late %+v", r.Error, r.Late)
	}
}

// While TCP_DEFER_ACCEPT defers, a timer runs out and is set anew, and nothing is
// sent.
func TestAwaitRestart(t *testing.T) {
	t.Parallel()
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		listener := s.Server.Listen(80, 4)
		lab.Set(listener, sockopt.DeferAccept, 2)
		client := s.Client.Connect(listener)
		s.Wire.Handshake(client)
		_, before := client.Peer().Timer()
		client.Peer().AwaitRestart()
		if _, now := client.Peer().Timer(); !now.WasSetTo(2*time.Second) || before.WasSetTo(2*time.Second) {
			t.Errorf("the timer had %v left, and then %v", before.Left, now.Left)
		}
		if sent, state := s.Wire.Waiting(s.Server), client.Peer().State(); sent != "nothing" || state != record.SynRecv {
			t.Errorf("the server sends %s, and is %s", sent, state)
		}
	})
	if r.Error != "" || r.Late != nil {
		t.Errorf("%s; late %+v", r.Error, r.Late)
	}
}
