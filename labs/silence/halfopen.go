package silence

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A client that has restarted meets its old connection.
var halfOpen = lab.Lab{
	Name:  "halfopen",
	Title: "A restarted client's SYN meets the old connection, which one RST clears away",
	Look:  "the challenge ACK to the new SYN, and the RST that clears the way",
	Long: `A client loses power, and its connection with it. (The lab removes its socket
with TCP_REPAIR: then close sends nothing.) The server is not told: its side stays
ESTABLISHED. The client starts again, and by chance connects from the same port. Its SYN
arrives at the old connection. That connection does not end for it: anybody can send a SYN.
It answers with an ACK of the old numbers. The client, which knows no such connection,
refuses that with a RST, and this ends the old connection. The SYN is then sent again, and
opens a new connection.`,
	Why: `On a connection that is open, tcp_validate_incoming (net/ipv4/tcp_input.c)
answers every SYN with a challenge ACK, whatever its number, and drops it. So a forged SYN
does no harm: the real client ignores the ACK, which tells it nothing new. A client in
SYN_SENT gets an acknowledgement of something that it has never sent. It answers with a RST
that has just the number in the ACK (tcp_rcv_synsent_state_process), and so the server's
kernel accepts it: the number is exact.

RFC 9293 §3.5.1 tells this story, with the same segments. Linux adds one thing: if the
client has not yet sent its SYN again, it does so as soon as a timer can run, instead of
after a second.

The answers to SYNs are limited to one in half a second (tcp_invalid_ratelimit). If that
ACK, or the RST, is lost, connect takes a second longer. A firewall that drops an ACK which
it does not expect makes connect hang, until the old connection ends in another way.

The server's program reads ECONNRESET. If it only waits, without a read or a poll, it does
not notice this, as it did not notice the loss of power.`,
	Try: []lab.Try{
		{Command: "blindrst", Says: "why the RST has to have the exact number"},
		{Command: "timewait", Says: "a SYN that meets TIME_WAIT"},
		{Command: "keepalive", Says: "the server finds out by itself"},
	},
	Sockopts: []string{"TCP_REPAIR", "SO_ERROR"},
	Reads:    []string{"server:" + lab.InvalidRateLimit},
	Claims: []lab.Claim{{
		ID:     "syn-gets-a-challenge-ack",
		Text:   "The old connection answers the SYN with an ACK of the old numbers, and stays ESTABLISHED.",
		Source: "RFC 9293 §3.10.7.4; RFC 9293 §3.5.1; net/ipv4/tcp_input.c: tcp_validate_incoming",
		Control: lab.Control{
			Says: "the server's socket has vanished too", Before: "restarted:connect",
			Do: func(s *lab.Script) { vanish(s.Sock("server")) },
		},
	}, {
		ID:     "new-syn-replaces-the-old",
		Text:   "A SYN from the same address and port ends the old connection, and begins a new one.",
		Source: "widely taught: the server sees that the client has restarted",
		Myth:   true,
		Truth:  "The SYN is only answered with an ACK. The client's RST ends the old connection (RFC 9293 §3.5.1).",
		Control: lab.Control{
			Says: "the server's socket has vanished too", Before: "restarted:connect",
			Do: func(s *lab.Script) { vanish(s.Sock("server")) },
		},
	}, {
		ID:     "second-challenge-is-rate-limited",
		Text:   "The same SYN once more, within tcp_invalid_ratelimit, gets no answer.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_invalid_ratelimit; net/ipv4/tcp_input.c: tcp_send_challenge_ack",
		Control: lab.Control{
			Says: "the limit is turned off", Before: "restarted:connect",
			Do: func(s *lab.Script) { s.Server.SetSysctl(lab.InvalidRateLimit, "0") },
		},
	}, {
		ID:     "client-answers-with-a-reset",
		Text:   "The client in SYN_SENT answers that ACK with a RST, whose sequence number is the ACK's, and goes on connecting.",
		Source: "RFC 9293 §3.5.2; net/ipv4/tcp_input.c: tcp_rcv_synsent_state_process",
		Control: lab.Control{
			Says: "the client's program gives up before", Of: "restarted", Segment: "server:ACK",
			Do: func(s *lab.Script) { s.Sock("restarted").Close() },
		},
	}, {
		ID:     "reset-ends-the-old-connection",
		Text:   "The RST ends the old connection, and the server's read fails with ECONNRESET.",
		Source: "RFC 9293 §3.5.1; net/ipv4/tcp_input.c: tcp_reset",
		Control: lab.Control{
			Says: "the RST is lost", Segment: "client:RST",
		},
	}, {
		ID:     "next-syn-connects",
		Text:   "The SYN that the client sends again opens the new connection.",
		Source: "RFC 9293 §3.5.1",
		Control: lab.Control{
			Says: "the RST is lost", Segment: "client:RST",
		},
	}},
	Script: func(s *lab.Script) {
		unlimited := !s.Server.LimitAnswers()
		client, server := s.Connection()
		client.Send(greeting)
		server.Read()
		s.Part("The client's host loses power")
		vanish(client)

		s.Part("It starts again, and connects from the same port")
		again := s.Client.Named("restarted").Reconnect(client)
		wire := s.Wire.Of(again)
		syn := wire.Next("client:SYN").Deliver()
		answer := wire.Waiting(s.Server)
		challenge := wire.IfAny("server:ACK").Hold()
		s.Expect("syn-gets-a-challenge-ack",
			lab.Is("server sends", answer, "ACK"),
			lab.Is("server", server.State(), record.Established))
		s.Expect("new-syn-replaces-the-old", lab.Is("server sends", answer, "SYN,ACK"))

		syn.Deliver()
		s.Unless(unlimited, "tcp_invalid_ratelimit is so short that the limit may be over").
			Expect("second-challenge-is-rate-limited",
				lab.Is("server sends", wire.Waiting(s.Server), "nothing"))

		s.Part("The client refuses the ACK, and sends its SYN again")
		challenge.Deliver()
		s.Expect("client-answers-with-a-reset",
			lab.Is("client sends", wire.DeliverAll(s.Client), "RST"),
			lab.Is("client", again.State(), record.SynSent))
		s.Expect("reset-ends-the-old-connection",
			lab.Is("server", server.State(), record.Close),
			lab.Is("read", server.Reads(), "ECONNRESET"))
		wire.Retransmission("client:SYN").Deliver()
		wire.Deliver("server:SYN,ACK", "client:ACK")
		s.Expect("next-syn-connects",
			lab.Is("connect", again.Connected(), lab.OK),
			lab.Is("server", server.State(), record.Established))
	},
}
