package closing

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// The third segment of a close is lost, and another comes too late.
var lostPeerFIN = lab.Lab{
	Name:  "lostpeerfin",
	Title: "FIN_WAIT2 waits for the other side's FIN, but not forever",
	Look:  "how long FIN_WAIT2 lasts, and what answers the FIN that comes after it",
	Long: `The client closes first, and the server's FIN is lost. The server is in LAST_ACK and
sends the FIN again. The client has nothing to send and waits in FIN_WAIT2. But Linux
limits that wait: a closed connection waits no longer than tcp_fin_timeout. A FIN
that arrives later finds no socket, and a RST answers it.`,
	Why: `In FIN_WAIT2 the client has nothing to send again, so it cannot notice that a FIN was
lost. The server's retransmission timer does all the work. If the client's time-wait
socket still exists when the FIN arrives, tcp_timewait_state_process
(net/ipv4/tcp_minisocks.c) turns its FIN_WAIT2 into a TIME_WAIT of full length. (The
timer of such a socket is called "timewait" in either state.) If
not, tcp_v4_rcv finds no socket for the FIN and sends a RST (RFC 9293 §3.5.2).

A FIN_WAIT2 that ends by itself violates the RFC, on purpose. The comment in
__tcp_close (net/ipv4/tcp.c) calls it a useful violation: otherwise the other end
could hold a socket forever that has no program left on this end.

In a capture this is a FIN answered by a RST, where the second program closed more
than tcp_fin_timeout (60 seconds by default) after the first. No data is lost, and no
program learns of it.`,
	Try: []lab.Try{
		{Command: "finwait2 --fin-timeout 3", Says: "the limit of FIN_WAIT2, at three seconds"},
		{Command: "closewait", Says: "the server closes only after the client has forgotten the connection"},
		{Command: "lostlastack", Says: "the next segment is lost, the ACK of this FIN"},
	},
	TimeWaits: 2,
	Claims: []lab.Claim{{
		ID:     "last-ack-retransmits-fin",
		Text:   "The server is in LAST_ACK and sends its FIN again when its retransmission timeout is over.",
		Source: "RFC 9293 §3.10.8; RFC 6298 §5; net/ipv4/tcp_timer.c: tcp_retransmit_timer",
		Control: lab.Control{
			Says: "the client's FIN arrives with a byte missing before it", Segment: "client:FIN,ACK", Change: lab.SeqMore(1),
		},
	}, {
		ID:     "fin-wait2-waits-for-it",
		Text:   "Meanwhile the client is in FIN_WAIT2 and sends nothing.",
		Source: "RFC 9293 §3.6, figure 12",
		Control: lab.Control{
			Says: "the ACK of the client's FIN is lost", Segment: "server:ACK",
		},
	}, {
		ID:     "then-time-wait",
		Text:   "When the FIN arrives, the client acknowledges it and enters TIME_WAIT, and the server's socket is gone.",
		Source: "RFC 9293 §3.6, figure 12; net/ipv4/tcp_minisocks.c: tcp_timewait_state_process",
		Control: lab.Control{
			Says: "the repeated FIN is lost as well", Segment: "server:FIN,ACK again",
		},
	}, {
		ID:     "late-fin-gets-reset",
		Text:   "A RST answers a FIN that arrives after the end of FIN_WAIT2, and ends the server's connection too.",
		Source: "RFC 9293 §3.10.7.1; Documentation/networking/ip-sysctl.rst: tcp_fin_timeout",
		Control: lab.Control{
			Says: "the RST is lost", Segment: "client:RST",
		},
	}},
	Script: func(s *lab.Script) {
		client, server := s.Connection()
		wire, rto := s.Wire.Of(client), server.RTO()
		s.Part("Both sides close, and the server's FIN is lost")
		client.Finish()
		server.Close()
		fin := wire.Next("server:FIN,ACK").Drop()

		s.Part("The server sends its FIN again")
		again := wire.Retransmission("server:FIN,ACK")
		s.Expect("fin-wait2-waits-for-it",
			lab.Is("client", client.State(), record.FinWait2),
			lab.Is("client sends", wire.Waiting(s.Client), "nothing"))
		again.Deliver()
		s.Expect("last-ack-retransmits-fin",
			lab.Is("server", server.State(), record.LastAck),
			lab.Is("seq", again.Seq, fin.Seq),
			lab.SentAgain("after", again, fin, rto))
		wire.Deliver("client:ACK")
		s.Expect("then-time-wait",
			lab.Is("client", client.State(), record.TimeWait),
			lab.Is("server", server.State(), record.Close))

		client, server = s.Connection("second")
		wire = s.Wire.Of(client)
		s.Part("On this one the server closes too late")
		s.Client.SetSysctl(finTimeout, "1")
		client.Finish()
		client.Await(record.Close)
		server.Close()
		wire.Pass("server:FIN,ACK")
		answer := wire.DeliverAll(s.Client)
		s.Expect("late-fin-gets-reset",
			lab.Is("client sends", answer, "RST"),
			lab.Is("server", server.State(), record.Close))
	},
}
