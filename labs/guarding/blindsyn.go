package guarding

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A SYN on a connection that is open.
var blindSYN = lab.Lab{
	Name:  "blindsyn",
	Title: "A SYN on an open connection does no harm, whatever its number",
	Look:  "the challenge ACK to each SYN, and that the connection goes on",
	Long: `By RFC 793 a SYN in the window of an open connection was an error, and both
sides had to reset it. So an attacker who guessed a number in the window could end a
connection by a SYN. Today every SYN is answered by a challenge ACK and dropped, whatever
its number. If the client has really started again, it will answer that ACK by a RST. If it
has not, it gets an ACK that tells it nothing new, and the connection goes on.`,
	Why: `tcp_validate_incoming (net/ipv4/tcp_input.c) handles a SYN outside of the window
and one inside alike (syn_challenge), and a SYN,ACK as well. RFC 9293 §3.10.7.4 demands the
answer irrespective of the sequence number, so that it does not tell an attacker whether
the guess was right. Two counters count it (nstat -az): TCPSYNChallenge and
TCPChallengeACK.

The answer has the numbers of the open connection. It goes to the address in the SYN, and
so to the real client, and not to whoever has forged it.

Only one such answer goes out in half a second (tcp_invalid_ratelimit). The lab turns that
limit off, so that each SYN gets its answer.`,
	Try: []lab.Try{
		{Command: "halfopen", Says: "a client that really has started again"},
		{Command: "blindrst", Says: "a RST has to be exact; and the limit on answers"},
		{Command: "twsyn", Says: "a SYN in TIME_WAIT"},
	},
	Reads: []string{"server:" + challengeACKs},
	Claims: []lab.Claim{{
		ID:     "syn-in-window-gets-challenge-ack",
		Text:   "A SYN in the window is answered by an ACK with the number that is expected, and the connection stays ESTABLISHED.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_input.c: tcp_validate_incoming",
		Control: lab.Control{
			Says: "the limit is on, and used up", Segment: "client:SYN#2", Do: limitUsedUp,
		},
	}, {
		ID:     "syn-in-window-resets",
		Text:   "A SYN in the window of an open connection ends it.",
		Source: "widely taught: it was so in RFC 793",
		Myth:   true,
		Truth:  "It is answered by a challenge ACK and dropped (RFC 9293 §3.10.7.4).",
		Control: lab.Control{
			Says: "it has RST, too, and the exact number", Segment: "client:SYN#2",
			Change: func(t *lab.TCP) {
				lab.IntoReset(t)
				t.Seq -= inside
			},
		},
	}, {
		ID:     "outside-gets-the-same-answer",
		Text:   "A SYN far outside of the window gets the same answer.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_input.c: tcp_validate_incoming",
		Control: lab.Control{
			Says: "the limit is on, and used up", Segment: "client:SYN#3", Do: limitUsedUp,
		},
	}, {
		ID:     "syn-ack-gets-it-too",
		Text:   "A SYN,ACK gets the same answer.",
		Source: "net/ipv4/tcp_input.c: tcp_validate_incoming",
		Control: lab.Control{
			Says: "the limit is on, and used up", Segment: "client:SYN,ACK", Do: limitUsedUp,
		},
	}, {
		ID:     "the-real-client-ignores-it",
		Text:   "The real client answers none of these ACKs, and its data arrives as before.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_input.c: tcp_ack",
		Control: lab.Control{
			Says: "its data is lost", Segment: "client:data",
		},
	}},
	Script: func(s *lab.Script) {
		s.Server.SetSysctl(lab.InvalidRateLimit, "0") // so that each segment gets its answer
		s.StopIf(s.Server.Sysctl(challengeACKs) < enough, fewChallenges)
		client, server := s.Connection()
		replies := ""
		guess := func(flags string, seq int64) lab.Answer {
			answer := client.Craft(lab.Craft{Flags: flags, Seq: 1 + seq, Ack: 1, Win: 64240, Options: "mss 1460"}).Exchange()
			replies = s.Wire.Waiting(s.Client)
			return answer
		}

		s.Part("A forged SYN in the window")
		answer := guess("SYN", inside)
		s.Expect("syn-in-window-gets-challenge-ack",
			lab.Is("server sends", answer.Names, "ACK"),
			lab.Is("its ack", answer.First.Ack, 1),
			lab.Is("server", server.State(), record.Established))
		s.Expect("syn-in-window-resets", lab.Is("server", server.State(), record.Close))
		s.Part("One far outside of it, and a SYN,ACK")
		answer = guess("SYN", farOutside)
		s.Expect("outside-gets-the-same-answer",
			lab.Is("server sends", answer.Names, "ACK"),
			lab.Is("its ack", answer.First.Ack, 1))
		answer = guess("SYN,ACK", inside)
		s.Expect("syn-ack-gets-it-too",
			lab.Is("server sends", answer.Names, "ACK"),
			lab.Is("its ack", answer.First.Ack, 1))

		s.Part("The real client writes")
		client.TrySend("hello")
		s.Expect("the-real-client-ignores-it",
			lab.Is("client answers", replies, "nothing"),
			lab.Is("server reads", server.Reads(), "hello"))
	},
}

// limitUsedUp is a control: the server has answered a segment that was not
// acceptable, and may answer no other.
func limitUsedUp(s *lab.Script) {
	s.Server.SetSysctl(lab.InvalidRateLimit, "60000")
	s.Sock("client").Craft(lab.Craft{Flags: "RST", Seq: inside}).Deliver()
	s.Wire.Drop("server:ACK")
}
