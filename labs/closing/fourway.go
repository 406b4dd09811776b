package closing

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// The four segments of a normal close.
var fourWay = lab.Lab{
	Name:  "fourway",
	Title: "Four segments close a connection, a FIN and its ACK for each direction",
	Look:  "a FIN and its ACK in each direction, and data between them",
	Long: `Each direction of a connection closes by itself: its sender sends a FIN, and the
other side acknowledges it. The side that closes first (the active closer) goes
through FIN_WAIT1 and FIN_WAIT2 and ends in TIME_WAIT. The other side (the passive
closer) goes through CLOSE_WAIT and LAST_ACK, and then its socket is gone. Between
the two FINs the passive closer may still send; that is why there are four segments.
Here the active closer only shuts down its sending direction, so that it can read
what still comes.`,
	Why: `close and shutdown(SHUT_WR) do the same to the sending direction. The table new_state
in net/ipv4/tcp.c gives the next state, and tcp_send_fin queues the FIN behind all
data that is not sent yet. So a FIN is part of the stream: it takes a sequence
number, it is sent again until it is acknowledged, and it never overtakes data.

The kernel never sends the second FIN by itself. It acknowledges the first one and
goes to CLOSE_WAIT (net/ipv4/tcp_input.c: tcp_fin), but only the program knows
whether it has more to send (RFC 9293 §3.6, case 1).

TIME_WAIT stays with the side that closes first, so it matters which one does. A
server that closes idle connections collects TIME_WAIT sockets. If the client closes
first, each TIME_WAIT occupies one of its ports towards that server for a minute.`,
	Try: []lab.Try{
		{Command: "fourway --server-closes-first", Says: "the roles are swapped: now the server ends in TIME_WAIT"},
		{Command: "threeway", Says: "the server closes at once, and three segments are enough"},
		{Command: "halfclose --bytes 16384", Says: "much data in the direction that is still open"},
		{Command: "lostlastack", Says: "what TIME_WAIT is for"},
	},
	Knobs: []lab.Knob{
		lab.Switch("server-closes-first", "swap the roles: the server is the active closer"),
	},
	TimeWaits: 1,
	Claims: []lab.Claim{{
		ID:     "active-closer-states",
		Text:   "The side that closes first goes from ESTABLISHED to FIN_WAIT1, FIN_WAIT2 and TIME_WAIT.",
		Source: "RFC 9293 §3.6, figure 12; net/ipv4/tcp_input.c: tcp_rcv_state_process",
		Control: lab.Control{
			Says: "the second FIN is lost", Segment: "server:FIN,ACK",
		},
	}, {
		ID:     "passive-closer-states",
		Text:   "The other side goes from ESTABLISHED to CLOSE_WAIT and LAST_ACK, and then its socket is gone.",
		Source: "RFC 9293 §3.6, figure 12; net/ipv4/tcp_input.c: tcp_fin",
		Control: lab.Control{
			Says: "the last acknowledgement is lost", Segment: "client:ACK ack=10",
		},
	}, {
		ID:     "ack-and-fin-are-separate",
		Text:   "If the other side does not close at once, the ACK of the first FIN and the second FIN are two segments, and data sent between them arrives.",
		Source: "RFC 9293 §3.6, §3.6.1",
		Control: lab.Control{
			Says: "the data is lost", Segment: "server:data",
		},
	}, {
		ID:     "fin-takes-one-sequence-number",
		Text:   "A FIN takes one sequence number: its ACK is its own number plus one.",
		Source: "RFC 9293 §3.4",
		Control: lab.Control{
			Says: "the FIN arrives with a byte missing before it", Segment: "client:FIN,ACK", Change: lab.SeqMore(1),
		},
	}, {
		ID:     "time-wait-at-active-closer-only",
		Text:   "In the end only the active closer has a socket left, in TIME_WAIT.",
		Source: "RFC 9293 §3.6, figure 12",
		Control: lab.Control{
			Says: "the second FIN is lost", Segment: "server:FIN,ACK",
		},
	}},
	Script: func(s *lab.Script) {
		active, passive := s.Connection()
		first, second := "client", "server"
		if s.On("server-closes-first") {
			active, passive = passive, active
			first, second = second, first
		}
		s.Part("The active closer sends its FIN, and the other side's kernel acknowledges it")
		active.Shutdown()
		fin := s.Wire.Next("FIN,ACK").Deliver()
		ack := s.Wire.Next("ACK").Deliver()
		s.Expect("fin-takes-one-sequence-number", lab.Is("ack", ack.Ack, fin.Seq+1))

		s.Part("The passive side still sends, and it arrives")
		passive.TrySend("the rest")
		s.Expect("ack-and-fin-are-separate",
			lab.Is(second+" sends", ack.Flags, "ACK"),
			lab.Is(first+" reads", active.Reads(), "the rest"))

		s.Part("The passive side sends its FIN")
		passive.Close()
		s.Wire.Next("FIN,ACK").Deliver()
		s.Wire.Deliver("ACK")
		s.Expect("active-closer-states",
			lab.Is(first, active.Path(record.Established), "ESTABLISHED → FIN_WAIT1 → FIN_WAIT2 → TIME_WAIT"))
		s.Expect("passive-closer-states",
			lab.Is(second, passive.Path(record.Established), "ESTABLISHED → CLOSE_WAIT → LAST_ACK → CLOSE"))
		s.Expect("time-wait-at-active-closer-only",
			lab.Is(first, active.State(), record.TimeWait),
			lab.Is(second, passive.State(), record.Close))
	},
}
