package guarding

import (
	"github.com/tcplab/tcplab/labs/lab"
)

const finTimeout = "net.ipv4.tcp_fin_timeout"

// Segments that do not fit, two of each kind.
var rateLimit = lab.Lab{
	Name:  "ratelimit",
	Title: "Linux answers only one unacceptable segment of a connection in half a second",
	Look:  "the first of each kind gets an ACK, and the second nothing",
	Long: `A segment that is not acceptable is answered by an ACK, so that a sender that is
out of step learns where the other side is. If both ends find each other's ACKs
unacceptable, they answer each other for ever. A router that rewrites sequence numbers in
one direction only is enough for that. So Linux answers one such segment of a connection in
tcp_invalid_ratelimit, 500 ms, and ignores the rest. Here every kind comes twice.`,
	Why: `tcp_oow_rate_limited (net/ipv4/tcp_input.c) decides before each of these answers.
It compares the time of the last one with the sysctl. Each connection has its own time, and
so do handshakes that are not complete (tcp_check_req in net/ipv4/tcp_minisocks.c) and
connections in FIN_WAIT2 and TIME_WAIT (tcp_timewait_check_oow_rate_limit).

Data is exempt: a loop of ACKs has none, and a sender whose data is not acceptable should
learn that at once. A challenge ACK has the same limit (tcp_send_challenge_ack).

What was not answered is counted, by its reason: TCPACKSkippedSynRecv, TCPACKSkippedSeq,
TCPACKSkippedPAWS, TCPACKSkippedFinWait2, TCPACKSkippedTimeWait and
TCPACKSkippedChallenge (nstat -az). If these grow on a host, something on the way changes
segments, or sends them twice.`,
	Try: []lab.Try{
		{Command: "ratelimit --sysctl net.ipv4.tcp_invalid_ratelimit=0", Says: "without the limit the claims do not apply: each is answered"},
		{Command: "blindrst", Says: "the same limit hides a second challenge ACK"},
		{Command: "paws", Says: "segments with an older timestamp"},
	},
	Reads:     []string{"server:" + lab.InvalidRateLimit},
	TimeWaits: 2,
	Backlog:   4,
	Claims: []lab.Claim{{
		ID:     "a-third-syn-is-not-answered",
		Text:   "A SYN that comes once more in SYN_RECV is answered by another SYN,ACK, but not a third one just after it.",
		Source: "net/ipv4/tcp_minisocks.c: tcp_check_req; net/ipv4/tcp_input.c: tcp_oow_rate_limited",
		Control: lab.Control{
			Says: "the limit is turned off", Of: "half", Segment: "client:SYN#3", Do: noRateLimit,
		},
	}, {
		ID:     "an-ack-outside-is-answered-once",
		Text:   "An ACK outside of the window is answered, and the next one is not.",
		Source: "net/ipv4/tcp_input.c: tcp_validate_incoming, tcp_oow_rate_limited",
		Control: lab.Control{
			Says: "the limit is turned off", Of: "outside client", Segment: "client:ACK#3", Do: noRateLimit,
		},
	}, {
		ID:     "an-old-timestamp-is-answered-once",
		Text:   "The same holds for an ACK whose timestamp is older.",
		Source: "net/ipv4/tcp_input.c: tcp_validate_incoming, tcp_oow_rate_limited",
		Control: lab.Control{
			Says: "the limit is turned off", Of: "old client", Segment: "client:ACK#4", Do: noRateLimit,
		},
	}, {
		ID:     "data-is-always-answered",
		Text:   "Data outside of the window is answered each time.",
		Source: "net/ipv4/tcp_input.c: tcp_oow_rate_limited",
		Control: lab.Control{
			Says: "the second is lost", Of: "data client", Segment: "client:data#2",
		},
	}, {
		ID:     "fin-wait2-has-a-limit-too",
		Text:   "A closed connection in FIN_WAIT2 answers one ACK outside of the window, and not the next.",
		Source: "net/ipv4/tcp_minisocks.c: tcp_timewait_state_process, tcp_timewait_check_oow_rate_limit",
		Control: lab.Control{
			Says: "the limit is turned off", Of: "closed client", Segment: "client:ACK#4", Do: noRateLimit,
		},
	}, {
		ID:     "time-wait-has-a-limit-too",
		Text:   "In TIME_WAIT it is the same.",
		Source: "net/ipv4/tcp_minisocks.c: tcp_timewait_state_process, tcp_timewait_check_oow_rate_limit",
		Control: lab.Control{
			Says: "the limit is turned off", Of: "late client", Segment: "client:ACK#4", Do: noRateLimit,
		},
	}, {
		ID:     "each-is-answered",
		Text:   "Each segment that is not acceptable is answered by an ACK.",
		Source: "RFC 9293 §3.10.7.4",
		Myth:   true,
		Truth:  "On Linux one in tcp_invalid_ratelimit is, unless it has data (net/ipv4/tcp_input.c: tcp_oow_rate_limited).",
		Control: lab.Control{
			Says: "the limit is turned off", Of: "outside client", Segment: "client:ACK#3", Do: noRateLimit,
		},
	}},
	Script: func(s *lab.Script) {
		s.StopIf(!s.Server.LimitAnswers(), noLimit)
		// answers delivers segments, and names what the server answers to each.
		answers := func(make func() *lab.Segment) []string {
			return []string{make().Provoke().Names, make().Provoke().Names}
		}
		outside := func(client *lab.Sock) []string {
			return answers(func() *lab.Segment {
				return client.Craft(lab.Craft{Flags: "ACK", Seq: 1 + farOutside, Ack: 1, Win: 500})
			})
		}
		once := func(counter string, got []string, first string) []lab.Check {
			return []lab.Check{lab.Is("first", got[0], first), lab.Is("second", got[1], "nothing"), lab.Is(counter, s.Server.Counter(counter), 1)}
		}
		listener := s.Server.Named("other listener").Listen(81, 4)
		if s.Server.KeepsHalfOpen() {
			s.Part("The same SYN again, in SYN_RECV")
			half := s.Client.Named("half").Connect(listener)
			syn := s.Wire.Of(half).Next("SYN").Deliver()
			s.Wire.Of(half).Next("SYN,ACK").Drop()
			got := answers(func() *lab.Segment { return syn.Forge() })
			s.Expect("a-third-syn-is-not-answered", once("TCPACKSkippedSynRecv", got, "SYN,ACK")...)
			half.Close()
		} else {
			s.Inapplicable(lab.NothingHalfOpen, "a-third-syn-is-not-answered")
		}

		client, _ := s.Connection("outside")
		s.Part("ACKs outside of the window")
		got := outside(client)
		s.Expect("each-is-answered", lab.Is("second", got[1], "ACK"))
		s.Expect("an-ack-outside-is-answered-once", once("TCPACKSkippedSeq", got, "ACK")...)

		client, _ = s.Connection("data")
		s.Part("Data outside of the window")
		got = answers(func() *lab.Segment {
			return client.Craft(lab.Craft{Flags: "ACK", Seq: 1 + farOutside, Ack: 1, Win: 500, Data: forged})
		})
		s.Expect("data-is-always-answered", lab.Is("first", got[0], "ACK"), lab.Is("second", got[1], "ACK"))

		if s.Both(timestamps) {
			client, server := s.Connection("old")
			s.Part("ACKs with an old timestamp")
			server.Segment(welcome).Deliver()
			ack := s.Wire.Of(client).Next("client:ACK").Deliver()
			got = answers(func() *lab.Segment { return ack.Forge(lab.TimeMore(-longAgo)) })
			s.Expect("an-old-timestamp-is-answered-once", once("TCPACKSkippedPAWS", got, "ACK")...)
		} else {
			s.Inapplicable("the connection has no timestamps", "an-old-timestamp-is-answered-once")
		}

		client, server := s.Connection("closed")
		s.Part("FIN_WAIT2")
		server.Finish()
		got = outside(client)
		s.Unless(s.Server.Sysctl(finTimeout) > 60, "a full socket waits for what tcp_fin_timeout is above 60 seconds").
			Expect("fin-wait2-has-a-limit-too", once("TCPACKSkippedFinWait2", got, "ACK")...)

		client, server = s.Connection("late")
		s.Part("TIME_WAIT")
		server.Finish()
		client.Finish()
		got = outside(client)
		s.Expect("time-wait-has-a-limit-too", once("TCPACKSkippedTimeWait", got, "ACK")...)
	},
}
