package closing

import (
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// The fourth segment of a close is lost.
var lostLastACK = lab.Lab{
	Name:  "lostlastack",
	Title: "When the last ACK is lost, the FIN is sent again, and TIME_WAIT answers it",
	Look:  "TIME_WAIT answers the repeated FIN, and starts its time anew",
	Long: `The sender of a connection's last acknowledgement cannot know whether it arrives:
nothing acknowledges it. Here that is the client, which closed first. If its ACK is
lost, the server stays in LAST_ACK and sends its FIN again. This is the first reason
for TIME_WAIT: the client must still have a socket that knows the connection and
answers that FIN.`,
	Why: `The comment above tcp_timewait_state_process (net/ipv4/tcp_minisocks.c) calls this
the main purpose of TIME_WAIT: to close gracefully when the other end is in LAST_ACK
and sends its FIN again because our ACKs were lost. The connection's full socket is
gone by then. tcp_time_wait has kept what an answer needs: addresses, ports, sequence
numbers, the window and the timestamp. It acknowledges each repeated FIN, and the 60
seconds start again.

Without that socket (after a restart of the client, or beyond tcp_max_tw_buckets) the FIN
would be answered with a RST. That ends the server's socket as well, but as an error
(tcp_reset), although all data has arrived.

Sockets that stay in LAST_ACK mean that the other host is gone, or that its ACKs do
not arrive. They are orphans, and end as in the lab lostfin.`,
	Try: []lab.Try{
		{Command: "lostpeerfin", Says: "a RST answers a FIN that finds no socket"},
		{Command: "timewait", Says: "how long TIME_WAIT lasts, and what ends it"},
		{Command: "lostfin", Says: "no ACK ever arrives"},
	},
	TimeWaits: 1,
	Claims: []lab.Claim{{
		ID:     "passive-closer-stays-last-ack",
		Text:   "Until its FIN is acknowledged the server stays in LAST_ACK, although the client has received that FIN.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_input.c: tcp_rcv_state_process",
		Control: lab.Control{
			Says: "the client's FIN arrives with a byte missing before it", Segment: "client:FIN,ACK", Change: lab.SeqMore(1),
		},
	}, {
		ID:     "fin-retransmitted",
		Text:   "In LAST_ACK the server sends its FIN again when its retransmission timeout is over.",
		Source: "RFC 9293 §3.10.8; RFC 6298 §5; net/ipv4/tcp_timer.c: tcp_retransmit_timer",
		Control: lab.Control{
			Says: "the client's FIN arrives with a byte missing before it", Segment: "client:FIN,ACK", Change: lab.SeqMore(1),
		},
	}, {
		ID:     "time-wait-acks-again",
		Text:   "The client's socket in TIME_WAIT acknowledges the FIN again, and then the server's socket is gone.",
		Source: "RFC 9293 §3.10.7.4, TIME-WAIT STATE; net/ipv4/tcp_minisocks.c: tcp_timewait_state_process",
		Control: lab.Control{
			Says: "the repeated FIN is lost as well", Segment: "server:FIN,ACK again",
		},
	}, {
		ID:     "time-wait-restarts",
		Text:   "The repeated FIN restarts the 60 seconds of TIME_WAIT.",
		Source: "RFC 9293 §3.10.7.4, TIME-WAIT STATE; net/ipv4/tcp_minisocks.c: tcp_timewait_state_process",
		Control: lab.Control{
			Says: "the repeated FIN is lost as well", Segment: "server:FIN,ACK again",
		},
	}},
	Script: func(s *lab.Script) {
		client, server := s.Connection()
		wire, rto := s.Wire.Of(client), server.RTO()

		s.Part("Both sides close, and the last ACK is lost")
		client.Finish()
		server.Close()
		fin := wire.Next("server:FIN,ACK").Deliver()
		wire.Next("client:ACK").Drop()
		s.Expect("passive-closer-stays-last-ack",
			lab.Is("server", server.State(), record.LastAck),
			lab.Is("client", client.State(), record.TimeWait))

		s.Part("The server sends its FIN again, and TIME_WAIT answers it")
		again := wire.Retransmission("server:FIN,ACK")
		before := client.TimerBelow(timeWaitLength*time.Second - 150*time.Millisecond) // or one could not tell
		again.Deliver()
		after := client.TimeLeft()
		s.Expect("fin-retransmitted",
			lab.Is("server", server.State(), record.LastAck),
			lab.Is("seq", again.Seq, fin.Seq),
			lab.SentAgain("after", again, fin, rto))
		answer := wire.DeliverAll(s.Client)
		s.Expect("time-wait-restarts",
			lab.Is("client", client.State(), record.TimeWait),
			lab.Is("started anew", after.SetSince(before), true),
			lab.Seen("left before_ms", before.Left.Milliseconds()),
			lab.Seen("left after_ms", after.Left.Milliseconds()))
		s.Expect("time-wait-acks-again",
			lab.Is("client sends", answer, "ACK"),
			lab.Is("server", server.State(), record.Close))
	},
}
