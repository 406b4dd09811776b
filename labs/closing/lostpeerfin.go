package closing

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// The third segment of a close is lost, and another comes too late.
var lostPeerFIN = lab.Lab{
	Name:  "lostpeerfin",
	Title: "FIN_WAIT2 waits for the other side's FIN, but not for ever",
	Long: `The client closes first, and the server's FIN is lost. The server is in LAST_ACK
and sends the FIN again; the client has nothing to send, and waits for it in
FIN_WAIT2. But Linux lets a closed connection wait for tcp_fin_timeout alone. A
FIN that comes later finds no socket, and is answered by a RST.`,
	Why: `In FIN_WAIT2 the client has nothing to send again, so nothing tells it that a FIN
was lost; the server's retransmission timer does all the work. If the client's
time-wait socket is still there when the FIN comes, tcp_timewait_state_process
(net/ipv4/tcp_minisocks.c) makes its FIN_WAIT2 a TIME_WAIT of full length. If not,
tcp_v4_rcv finds no socket for the FIN, and has a RST sent (RFC 9293 §3.5.2).

That FIN_WAIT2 ends at all is against the RFC, on purpose. The comment in
__tcp_close (net/ipv4/tcp.c) calls it a useful violation: otherwise the other end
could keep a socket open for ever that has no program left on this end.

In a capture that is a FIN with a RST for an answer, where the second program
closed more than tcp_fin_timeout (60 seconds by default) after the first. No data
is lost by it, and no program is told.`,
	Try: []lab.Try{
		{Command: "finwait2 --fin-timeout 3", Says: "the limit of FIN_WAIT2, at three seconds"},
		{Command: "closewait", Says: "the server closes only when the client has forgotten the connection"},
		{Command: "lostlastack", Says: "the next segment is lost, the ACK of this FIN"},
	},
	TimeWaits: 2,
	Claims: []lab.Claim{{
		ID:     "last-ack-retransmits-fin",
		Text:   "The server is in LAST_ACK, and sends its FIN again when its retransmission timeout is over.",
		Source: "RFC 9293 §3.10.8; RFC 6298 §5; net/ipv4/tcp_timer.c: tcp_retransmit_timer",
		Control: lab.Control{
			Says: "the repeated FIN is another one", Segment: "server:FIN,ACK again", Change: lab.SeqMore(1),
		},
	}, {
		ID:     "fin-wait2-waits-for-it",
		Text:   "Meanwhile the client is in FIN_WAIT2, and sends nothing.",
		Source: "RFC 9293 §3.6, figure 12",
		Control: lab.Control{
			Says: "the ACK of the client's FIN is lost", Segment: "server:ACK",
		},
	}, {
		ID:     "then-time-wait",
		Text:   "When the FIN arrives the client goes into TIME_WAIT and acknowledges it, and the server's connection is gone.",
		Source: "RFC 9293 §3.6, figure 12; net/ipv4/tcp_minisocks.c: tcp_timewait_state_process",
		Control: lab.Control{
			Says: "the repeated FIN is lost too", Segment: "server:FIN,ACK again",
		},
	}, {
		ID:     "late-fin-gets-reset",
		Text:   "A FIN that comes when FIN_WAIT2 is over is answered by a RST, and that ends the server's connection too.",
		Source: "RFC 9293 §3.10.7.1; Documentation/networking/ip-sysctl.rst: tcp_fin_timeout",
		Control: lab.Control{
			Says: "the RST is lost", Segment: "client:RST",
		},
	}},
	Script: func(s *lab.Script) {
		client, server := s.Connection()
		wire, rto := s.Wire.Of(client), server.RTO()
		s.Part("Both sides close, and the server's FIN is lost")
		client.Close()
		wire.Pass("client:FIN,ACK", "server:ACK")
		server.Close()
		fin := wire.Next("server:FIN,ACK")
		fin.Drop()

		s.Part("The server sends its FIN again")
		again := wire.Retransmission("server:FIN,ACK")
		s.Expect("last-ack-retransmits-fin",
			lab.Is("server", server.State(), record.LastAck),
			lab.Is("seq", again.Seq, fin.Seq),
			lab.SentAgain("after", again, fin, rto))
		s.Expect("fin-wait2-waits-for-it",
			lab.Is("client", client.State(), record.FinWait2),
			lab.Is("client sends", wire.Waiting(s.Client), "nothing"))
		again.Deliver()
		wire.Deliver("client:ACK")
		s.Expect("then-time-wait",
			lab.Is("client", client.State(), record.TimeWait),
			lab.Is("server", server.State(), record.Close))

		client, server = s.Connection("second")
		wire = s.Wire.Of(client)
		s.Part("On this one the server closes too late")
		s.Client.SetSysctl(finTimeout, "1")
		client.Close()
		wire.Pass("client:FIN,ACK", "server:ACK")
		client.Await(record.Close)
		server.Close()
		wire.Next("server:FIN,ACK").Deliver()
		answer := wire.Waiting(s.Client)
		wire.Deliver("client:RST")
		s.Expect("late-fin-gets-reset",
			lab.Is("client sends", answer, "RST"),
			lab.Is("server", server.State(), record.Close))
	},
}
