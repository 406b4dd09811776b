package closing

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// The second segment of a close is lost.
var lostFINACK = lab.Lab{
	Name:  "lostfinack",
	Title: "When the ACK of a FIN is lost, the FIN is sent again, not the ACK",
	Look:  "which side sends again: the one that has sent the FIN",
	Long: `An acknowledgement is not itself acknowledged, so the server, which sent it, cannot
notice its loss. Only the client can: it stays in FIN_WAIT1 and sends its FIN again
when its timer expires. The server already has that FIN. It acknowledges it once
more, and does nothing else.`,
	Why: `TCP sends again only what takes a sequence number. A FIN does, so it waits in the
retransmission queue like data. A plain ACK does not, and no timer runs for it.

The FIN that comes again ends where the server already expects the next byte. So
tcp_data_queue (net/ipv4/tcp_input.c) treats it as old data: it drops it and sends an
ACK at once. It does not call tcp_fin a second time, and the program sees nothing.
That ACK has the block sack=1-2 (D-SACK): sequence number 1, the FIN, has arrived
twice. So the client can tell that only the acknowledgement was lost.

The loss costs one retransmission timeout, by default at least 200 ms, and nobody
waits for it: close has returned long before. It shows only as sockets that stay in
FIN_WAIT1: then either every FIN is lost on the way there, or every ACK on the way
back, as behind a firewall that has forgotten the connection.`,
	Try: []lab.Try{
		{Command: "lostfin", Says: "no ACK ever arrives, and the client gives up"},
		{Command: "lostlastack", Says: "the other ACK of a close is lost"},
		{Command: "lostack", Says: "the ACK of a handshake is lost: it is not sent again by itself either"},
	},
	TimeWaits: 1,
	Claims: []lab.Claim{{
		ID:     "peer-already-close-wait",
		Text:   "The loss keeps the client in FIN_WAIT1, while the server is in CLOSE_WAIT.",
		Source: "RFC 9293 §3.6, figure 12; net/ipv4/tcp_input.c: tcp_fin",
		Control: lab.Control{
			Says: "the FIN arrives with a byte missing before it", Segment: "client:FIN,ACK", Change: lab.SeqMore(1),
		},
	}, {
		ID:     "fin-retransmitted-not-the-ack",
		Text:   "The client sends its FIN again when its retransmission timeout is over. The server sends nothing by itself.",
		Source: "RFC 9293 §3.10.8; RFC 6298 §5; net/ipv4/tcp_timer.c: tcp_retransmit_timer",
		Control: lab.Control{
			Says: "the server has sent data that gets no answer", Before: "client:close",
			Do: func(s *lab.Script) { s.Sock("server").Write("!") },
		},
	}, {
		ID:     "duplicate-fin-acked-again",
		Text:   "The server acknowledges the FIN again and stays in CLOSE_WAIT.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_input.c: tcp_data_queue",
		Control: lab.Control{
			Says: "the second FIN is lost", Segment: "client:FIN,ACK again",
		},
	}, {
		ID:     "then-fin-wait2",
		Text:   "This acknowledgement takes the client to FIN_WAIT2, as if nothing had been lost.",
		Source: "RFC 9293 §3.6, figure 12; net/ipv4/tcp_input.c: tcp_rcv_state_process",
		Control: lab.Control{
			Says: "the second acknowledgement is lost", Segment: "server:ACK#2",
		},
	}},
	Script: func(s *lab.Script) {
		client, server := s.Connection()
		wire, rto := s.Wire.Of(client), client.RTO()

		s.Part("The client closes, and the ACK of its FIN is lost")
		client.Close()
		fin := wire.Next("client:FIN,ACK").Deliver()
		wire.Next("server:ACK").Drop()
		s.Expect("peer-already-close-wait",
			lab.Is("client", client.State(), record.FinWait1),
			lab.Is("server", server.State(), record.CloseWait))

		s.Part("The client sends its FIN again, and the server acknowledges it again")
		again := wire.Retransmission("client:FIN,ACK")
		byItself := wire.Waiting(s.Server)
		again.Deliver()
		s.Expect("fin-retransmitted-not-the-ack",
			lab.Is("seq", again.Seq, fin.Seq),
			lab.SentAgain("after", again, fin, rto),
			lab.Is("server sends by itself", byItself, "nothing"))
		answer := wire.DeliverAll(s.Server)
		s.Expect("duplicate-fin-acked-again",
			lab.Is("server sends", answer, "ACK"),
			lab.Is("server", server.State(), record.CloseWait))
		s.Expect("then-fin-wait2", lab.Is("client", client.State(), record.FinWait2))
	},
}
