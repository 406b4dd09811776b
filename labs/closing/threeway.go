package closing

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A close in which the second and the third segment are one.
var threeWay = lab.Lab{
	Name:  "threeway",
	Title: "Three segments close a connection if the other side closes at once",
	Look:  "the FIN that carries the ACK of the other FIN",
	Long: `The kernel does not acknowledge every segment at once. It may delay the ACK for some
milliseconds, so that a segment of its own can carry it. A program that closes as
soon as it gets the other side's FIN provides that segment: its own FIN. So one
segment is both the ACK of the first FIN and the second FIN, and the active closer
goes from FIN_WAIT1 to TIME_WAIT in one step.`,
	Why: `tcp_fin (net/ipv4/tcp_input.c) notes that an ACK is due and puts the socket into
interactive ("pingpong") mode. In that mode tcp_send_delayed_ack waits for a segment
that can carry the ACK, but never longer than TCP_DELACK_MAX, 200 ms. Here the
server's own FIN comes first. Every segment after the first SYN has an acknowledgement
number, so a FIN acknowledges the other FIN at no cost.

The client does go through FIN_WAIT2, but within one call: tcp_rcv_state_process
handles the ACK first and then, as part of the data, the FIN. Nothing can look in
between.

So the number of segments in a capture does not tell whether a close was orderly, or
who began it. It tells how soon the second program closed: with three segments,
before its kernel's delayed ACK.`,
	Try: []lab.Try{
		{Command: "fourway", Says: "the server has more to send: its ACK and its FIN are two segments"},
		{Command: "simclose", Says: "both sides close at the same time: four segments, and no FIN_WAIT2 either"},
		{Command: "closewait", Says: "the server does not close, and its kernel sends a plain ACK"},
	},
	TimeWaits: 1,
	Claims: []lab.Claim{{
		ID:     "three-segments-close",
		Text:   "If the passive closer closes before its kernel sends the delayed ACK, its FIN also acknowledges the first FIN, and three segments close the connection.",
		Source: "RFC 9293 §3.3.2, figure 5, note 2; net/ipv4/tcp_output.c: tcp_send_delayed_ack",
		Control: lab.Control{
			Says: "the FIN is acknowledged before the server closes", Before: "server:close",
			Do: func(s *lab.Script) { s.Wire.Next("server:ACK").Deliver() },
		},
	}, {
		ID:     "fin-wait1-to-time-wait",
		Text:   "A FIN that also acknowledges the first FIN takes the active closer from FIN_WAIT1 to TIME_WAIT; FIN_WAIT2 is never visible.",
		Source: "RFC 9293 §3.3.2, figure 5, note 2; net/ipv4/tcp_input.c: tcp_rcv_state_process, tcp_fin",
		Control: lab.Control{
			Says: "the FIN is acknowledged before the server closes", Before: "server:close",
			Do: func(s *lab.Script) { s.Wire.Next("server:ACK").Deliver() },
		},
	}, {
		ID:     "close-always-takes-four",
		Text:   "A close takes four segments: two FINs, and a separate ACK for each.",
		Source: "widely taught; RFC 9293 §3.6, figure 12",
		Myth:   true,
		Truth:  "It takes two FINs and an acknowledgement for each. The second FIN may carry the first acknowledgement (RFC 9293 §3.3.2, figure 5, note 2).",
		Control: lab.Control{
			Says: "the FIN is acknowledged before the server closes", Before: "server:close",
			Do: func(s *lab.Script) { s.Wire.Next("server:ACK").Deliver() },
		},
	}},
	Script: func(s *lab.Script) {
		client, server := s.Connection()
		s.Part("A question and its answer")
		client.Send("question")
		server.Read()
		server.Send("answer")
		client.Read()

		s.Part("The client closes, and the server at once as well")
		before := s.Wire.Sent()
		client.Close()
		s.Wire.Next("client:FIN,ACK").Deliver()
		server.Close()
		if s.Wire.Take("server:ACK") != nil {
			const late = "this machine held the server's program up for longer than its kernel delays an ACK (40 ms)"
			s.TooSlow(late, "three-segments-close", "fin-wait1-to-time-wait", "close-always-takes-four")
			return
		}
		answer := s.Wire.Next("server:FIN,ACK").Deliver()
		s.Wire.Next("client:ACK").Deliver()
		segments := s.Wire.Sent() - before
		s.Expect("three-segments-close",
			lab.Is("segments", segments, 3),
			lab.Is("ack of the server's FIN", answer.Ack, 1+8+1),
			lab.Is("client", client.State(), record.TimeWait),
			lab.Is("server", server.State(), record.Close))
		s.Expect("fin-wait1-to-time-wait",
			lab.Is("client", client.Path(record.Established), "ESTABLISHED → FIN_WAIT1 → TIME_WAIT"))
		s.Expect("close-always-takes-four", lab.Is("segments", segments, 4))
	},
}
