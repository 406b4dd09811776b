package guarding

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// Resets with other numbers than the one that is expected.
var blindRST = lab.Lab{
	Name:  "blindrst",
	Title: "A RST ends a connection only if its sequence number is exact",
	Look:  "which of the forged RSTs is exact, and what answers the others",
	Long: `Whoever knows a connection's addresses and ports can send a RST in the name of
one end. What the attacker does not know is the sequence number. The receive window is 64
KB or more: if the RST had only to lie in the window, some 65,000 guesses would be enough.
Therefore Linux requires the exact number. A RST that is in the window, but not exact, is
answered by a challenge ACK, which names the number that is expected. Whoever really has
reset the connection sees it, and resets again with that number. A blind attacker does not
see it.`,
	Why: `tcp_validate_incoming (net/ipv4/tcp_input.c) looks at a RST before anything else
is done with it. Outside of the window it is dropped without an answer, in the window it is
compared with RCV.NXT. With SACK the end of the last block counts too: a peer that has lost
segments may have reset after them. After a FIN its own number counts as well
(tcp_reset_check).

The answer (tcp_send_challenge_ack) is limited, because otherwise one could make two hosts
send each other ACKs for ever: one in tcp_invalid_ratelimit, half a second, for each
connection. The limit for the whole host, tcp_challenge_ack_limit, is off today. When it
was a fixed number for all connections, an attacker could count how many answers were left,
and so learn whether a guess had hit the window of another connection.

A timestamp that is too old does not matter here (PAWS exempts a RST).`,
	Try: []lab.Try{
		{Command: "resetclose", Says: "resets that the other side's kernel sends itself"},
		{Command: "timewait", Says: "in TIME_WAIT too the exact number is needed"},
		{Command: "blindrst --sysctl net.ipv4.tcp_invalid_ratelimit=0", Says: "without the limit every RST in the window gets an answer"},
	},
	Sockopts: []string{"SO_LINGER"},
	Reads:    []string{"server:" + lab.InvalidRateLimit, "server:" + challengeACKs},
	Claims: []lab.Claim{{
		ID:     "outside-is-ignored",
		Text:   "A RST whose sequence number is outside of the receive window changes nothing, and gets no answer.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_input.c: tcp_validate_incoming",
		Control: lab.Control{
			Says: "its number is the one that is expected", Segment: "client:RST", Change: lab.SeqMore(1<<32 - farOutside),
		},
	}, {
		ID:     "in-window-gets-challenge-ack",
		Text:   "A RST in the window that is not exact is answered with an ACK that has the number that is expected, and the connection stays open.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_input.c: tcp_validate_incoming, tcp_send_challenge_ack",
		Control: lab.Control{
			Says: "another one comes just before, and uses up the limit", Segment: "client:RST#2",
			Do: func(s *lab.Script) {
				s.Sock("client").Craft(lab.Craft{Flags: "RST", Seq: inside}).Deliver()
				s.Wire.Next("server:ACK").Drop()
			},
		},
	}, {
		ID:     "any-rst-in-window-kills",
		Text:   "A RST ends the connection if its sequence number is anywhere in the receive window.",
		Source: "widely taught: it was so in RFC 793",
		Myth:   true,
		Truth:  "Only the exact number ends it (RFC 9293 §3.10.7.4; net/ipv4/tcp_input.c: tcp_validate_incoming).",
		Control: lab.Control{
			Says: "its number is the one that is expected", Segment: "client:RST#2", Change: lab.SeqMore(1<<32 - inside),
		},
	}, {
		ID:     "rate-limit-hides-the-second",
		Text:   "A second such RST within tcp_invalid_ratelimit gets no answer.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_invalid_ratelimit; net/ipv4/tcp_input.c: tcp_send_challenge_ack",
		Control: lab.Control{
			Says: "the limit is turned off", Segment: "client:RST#3", Do: noRateLimit,
		},
	}, {
		ID:     "exact-number-resets",
		Text:   "A RST with the sequence number that is expected next ends the connection: read fails with ECONNRESET.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_input.c: tcp_reset",
		Control: lab.Control{
			Says: "a byte of the client's comes first", Segment: "client:RST#4",
			Do: func(s *lab.Script) { s.Sock("client").Send("!") },
		},
	}, {
		ID:     "real-reset-takes-another-round",
		Text:   "If data before a real RST was lost, the challenge ACK is answered with a second RST, which has the exact number and ends the connection.",
		Source: "RFC 9293 §3.10.7.4; RFC 9293 §3.5.2",
		Control: lab.Control{
			Says: "the challenge ACK is lost", Of: "late client", Segment: "server:ACK",
		},
	}},
	Script: func(s *lab.Script) {
		unlimited := !s.Server.LimitAnswers()
		client, server := s.Connection()
		guess := func(seq int64) lab.Answer { return client.Craft(lab.Craft{Flags: "RST", Seq: 1 + seq}).Exchange() }

		s.Part("An attacker guesses: far outside of the window")
		s.Expect("outside-is-ignored",
			lab.Is("server sends", guess(farOutside).Names, "nothing"),
			lab.Is("server", server.State(), record.Established))

		s.Part("In the window")
		answer := guess(inside)
		s.Expect("in-window-gets-challenge-ack",
			lab.Is("server sends", answer.Names, "ACK"),
			lab.Is("its ack", answer.First.Ack, 1),
			lab.Is("server", server.State(), record.Established))
		s.Expect("any-rst-in-window-kills", lab.Is("server", server.State(), record.Close))

		s.Part("And once more")
		s.Unless(unlimited, noLimit).Expect("rate-limit-hides-the-second",
			lab.Is("server sends", guess(inside).Names, "nothing"),
			lab.Is("server", server.State(), record.Established))

		s.Part("The exact number")
		guess(0)
		s.Expect("exact-number-resets",
			lab.Is("server", server.State(), record.Close),
			lab.Is("read", server.Reads(), "ECONNRESET"))

		client, server = s.Connection("late")
		wire := s.Wire.Of(client)
		s.Part("Its client really resets it, after data that is lost")
		client.Segment("hello").Drop()
		client.Abort()
		reset := wire.Next("client:RST,ACK")
		challenge := reset.Exchange()
		again := wire.IfAny("client:RST").Deliver()
		s.Unless(s.Server.Sysctl(challengeACKs) < enough, fewChallenges).Expect("real-reset-takes-another-round",
			lab.Seen("first RST's seq", reset.Seq),
			lab.Is("server sends", challenge.Names, "ACK"),
			lab.Is("second RST's seq", again.Seq, 1),
			lab.Is("server", server.State(), record.Close))
	},
}

// What is added to the number that the server expects.
const (
	inside     = 1000
	farOutside = 1 << 30
)
