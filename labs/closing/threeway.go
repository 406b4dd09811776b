package closing

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A close in which the second and the third segment are one.
var threeWay = lab.Lab{
	Name:  "threeway",
	Title: "A close takes three segments where the other side closes at once",
	Long: `The kernel does not acknowledge every segment at once: it waits some milliseconds
for something of its own to send, which can carry the acknowledgement. A program
that closes as soon as the other side's FIN is there has just such a thing to
send: its own FIN. So one segment is both the ACK of the first FIN and the second
FIN, and the active closer goes from FIN_WAIT1 to TIME_WAIT in one step.`,
	Why: `tcp_fin (net/ipv4/tcp_input.c) marks that an ACK is due and puts the socket into
"pingpong" mode, that of a dialogue. In it tcp_send_delayed_ack waits for a
segment that can carry the ACK along, but never longer than TCP_DELACK_MAX, 200
ms. Here the server's own FIN is the first that comes.

The client does go through FIN_WAIT2, but within one call: tcp_rcv_state_process
takes the ACK first, and only then, as a part of the data, the FIN. Nobody can
look in between.

So the number of segments in a capture does not tell whether a close was orderly,
or who began it. It tells how soon the second program closed: three segments, and
it was faster than the delayed ACK.`,
	Try: []lab.Try{
		{Command: "fourway", Says: "the server has more to send: its ACK and its FIN are two segments"},
		{Command: "simclose", Says: "both close at the same moment: four segments, and no FIN_WAIT2 either"},
		{Command: "closewait", Says: "the server does not close, and its kernel sends the ACK alone"},
	},
	TimeWaits: 1,
	Claims: []lab.Claim{{
		ID:     "three-segments-close",
		Text:   "The passive side's FIN is also the ACK of the first FIN, so that three segments close the connection.",
		Source: "RFC 9293 §3.3.2, figure 5, note 2; net/ipv4/tcp_output.c: tcp_send_delayed_ack",
		Control: lab.Control{
			Says: "the FIN is acknowledged before the server closes", Before: "server:close",
			Do: func(s *lab.Script) { s.Wire.Next("server:ACK").Deliver() },
		},
	}, {
		ID:     "fin-wait1-to-time-wait",
		Text:   "By this one segment the active closer goes from FIN_WAIT1 to TIME_WAIT; FIN_WAIT2 is not to be seen.",
		Source: "RFC 9293 §3.3.2, figure 5, note 2; net/ipv4/tcp_input.c: tcp_rcv_state_process, tcp_fin",
		Control: lab.Control{
			Says: "the FIN is acknowledged before the server closes", Before: "server:close",
			Do: func(s *lab.Script) { s.Wire.Next("server:ACK").Deliver() },
		},
	}, {
		ID:     "close-always-takes-four",
		Text:   "A close takes four segments: two FINs, and an ACK of its own for each.",
		Source: "widely taught; RFC 9293 §3.6, figure 12 shows four",
		Myth:   true,
		Truth:  "Two FINs and an acknowledgement for each: the second FIN may carry the first acknowledgement (RFC 9293 §3.3.2, figure 5, note 2).",
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
			const late = "this machine held the server's program up for longer than its kernel puts an ACK off (40 ms)"
			s.Inapplicable(late, "three-segments-close", "fin-wait1-to-time-wait", "close-always-takes-four")
			return
		}
		answer := s.Wire.Next("server:FIN,ACK")
		answer.Deliver()
		s.Wire.Next("client:ACK").Deliver()
		segments := s.Wire.Sent() - before
		s.Expect("three-segments-close",
			lab.Is("segments", segments, 3),
			lab.Is("ack of the server's FIN", answer.Ack, 1+8+1),
			lab.Is("client", client.State(), record.TimeWait),
			lab.Is("server", server.State(), record.Close))
		s.Expect("fin-wait1-to-time-wait",
			lab.Is("client", client.Path(record.Established), "ESTABLISHED → FIN_WAIT1 → TIME_WAIT"))
		s.Expect("close-always-takes-four",
			lab.Is("segments", segments, 4))
	},
}
