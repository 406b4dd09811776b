package closing

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// Both sides close at the same moment.
var simClose = lab.Lab{
	Name:  "simclose",
	Title: "Both sides may close at the same time, and then both end in TIME_WAIT",
	Look:  "the two FINs that cross, CLOSING at both ends, and two TIME_WAITs",
	Long: `Either side may close without waiting for the other. If both do, their FINs cross on
the wire: each side gets a FIN that does not acknowledge its own. Neither side is the
passive closer. Both go from FIN_WAIT1 to CLOSING, acknowledge the FIN that they got,
and are in TIME_WAIT as soon as their own FIN is acknowledged.`,
	Why: `tcp_fin (net/ipv4/tcp_input.c) looks only at the state. In FIN_WAIT1 the socket's own
FIN is not acknowledged yet, so tcp_fin sends an ACK and sets CLOSING. When the ACK
of its own FIN arrives, tcp_rcv_state_process turns that into TIME_WAIT. Both sides
run the same code, and each has sent an ACK that may be lost. So each needs TIME_WAIT
to send it again.

RFC 9293 contradicts itself here: the text of §3.6, case 3, has both sides delete the
connection at that point, and its figure 13 shows TIME-WAIT first. Linux does what
the figure shows.

This happens when both ends have the same idle timeout, or when both close after the
same last message. CLOSING lasts as long as one ACK travels. Sockets that stay in it
show that segments from the other side arrive here, but not the ACK of the FIN.`,
	Try: []lab.Try{
		{Command: "selfconnect", Says: "a socket that is connected to itself gets its own FIN: CLOSING again"},
		{Command: "simopen", Says: "two SYNs that cross form one connection"},
		{Command: "fourway", Says: "one side closes first, and the other never enters TIME_WAIT"},
	},
	TimeWaits: 1,
	Claims: []lab.Claim{{
		ID:     "both-pass-through-closing",
		Text:   "A FIN that arrives in FIN_WAIT1 and does not acknowledge that side's own FIN takes it to CLOSING. Here that happens to both.",
		Source: "RFC 9293 §3.3.2, figure 5; net/ipv4/tcp_input.c: tcp_fin",
		Control: lab.Control{
			Says: "the client's FIN is lost", Segment: "client:FIN,ACK",
		},
	}, {
		ID:     "both-end-in-time-wait",
		Text:   "When both FINs are acknowledged, both sides are in TIME_WAIT.",
		Source: "RFC 9293 §3.6, figure 13; net/ipv4/tcp_input.c: tcp_rcv_state_process, TCP_CLOSING",
		Control: lab.Control{
			Says: "the client's acknowledgement is lost", Segment: "client:ACK ack=2",
		},
	}, {
		ID:     "only-one-side-gets-time-wait",
		Text:   "In the end only one side of a connection is in TIME_WAIT.",
		Source: "widely taught of every close",
		Myth:   true,
		Truth:  "Every side that closes before it gets the other's FIN is an active closer. After a simultaneous close both are in TIME_WAIT (RFC 9293 §3.6, figure 13).",
		Control: lab.Control{
			Says: "the client's acknowledgement is lost", Segment: "client:ACK ack=2",
		},
	}},
	Script: func(s *lab.Script) {
		client, server := s.Connection()
		s.Part("Both close, and their FINs cross on the wire")
		client.Close()
		server.Close()
		first, second := s.Wire.Next("client:FIN,ACK"), s.Wire.Next("server:FIN,ACK")
		first.Hold()
		second.Deliver()
		first.Deliver()

		s.Part("Each acknowledges the other's FIN")
		s.Wire.Deliver("client:ACK", "server:ACK")
		s.Expect("both-pass-through-closing",
			lab.Is("client", client.Path(record.Established), "ESTABLISHED → FIN_WAIT1 → CLOSING → TIME_WAIT"),
			lab.Is("server", server.Path(record.Established), "ESTABLISHED → FIN_WAIT1 → CLOSING → TIME_WAIT"))
		s.Expect("both-end-in-time-wait",
			lab.Is("client", client.State(), record.TimeWait),
			lab.Is("server", server.State(), record.TimeWait))
		s.Expect("only-one-side-gets-time-wait",
			lab.Is("sides in TIME_WAIT", s.Client.Count(record.TimeWait)+s.Server.Count(record.TimeWait), 1))
	},
}
