package guarding

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A FIN that arrives before the data that precedes it.
var oldFIN = lab.Lab{
	Name:  "oldfin",
	Title: "A FIN that arrives out of order waits for what is missing",
	Look:  "the FIN that changes no state until the hole before it is filled",
	Long: `A FIN has a sequence number, as a byte has. If the data before it is lost or overtaken, the
FIN arrives beyond a hole. The receiver keeps it, as it keeps data out of order, but the
end of the stream is not reached yet: the connection stays ESTABLISHED, and the program
reads nothing. Its ACK names the number that is missing, and says by SACK that the FIN has
arrived. As soon as the hole is filled, data and FIN count at once.`,
	Why: `tcp_data_queue (net/ipv4/tcp_input.c) puts what begins after rcv_nxt into the queue for
segments out of order (tcp_data_queue_ofo), with its flags. Only when the hole is filled
does tcp_ofo_queue move it on, and it calls tcp_fin then. So a FIN can never cut off the
data before it: a program that has read 0 has read all that was sent.

A forged FIN, too, needs exactly the next number to do harm at once.

Data that waits out of order does not count as unread: close then sends a FIN, not a RST.`,
	Try: []lab.Try{
		{Command: "fourway", Says: "a FIN in order"},
		{Command: "oldfin --sysctl net.ipv4.tcp_sack=0", Says: "without SACK the ACK does not say what has arrived"},
	},
	Claims: []lab.Claim{{
		ID:     "fin-beyond-a-hole-waits",
		Text:   "A FIN that arrives before the data that precedes it is answered by an ACK of what came before the hole. The server stays ESTABLISHED, and its read fails with EAGAIN.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_input.c: tcp_data_queue_ofo",
		Control: lab.Control{
			Says: "nothing is missing before it", Segment: "client:FIN,ACK", Change: lab.SeqMore(1<<32 - 5),
		},
	}, {
		ID:     "fin-closes-on-arrival",
		Text:   "A FIN closes its direction when it arrives: the receiver is in CLOSE_WAIT.",
		Source: "widely taught: so the diagrams show it",
		Myth:   true,
		Truth:  "It counts when all before it has arrived (net/ipv4/tcp_input.c: tcp_ofo_queue).",
		Control: lab.Control{
			Says: "nothing is missing before it", Segment: "client:FIN,ACK", Change: lab.SeqMore(1<<32 - 5),
		},
	}, {
		ID:     "sack-covers-the-fin",
		Text:   "With SACK that ACK says that the FIN has arrived: its number is in a block.",
		Source: "net/ipv4/tcp_input.c: tcp_data_queue_ofo, tcp_sack_new_ofo_skb",
		Control: lab.Control{
			Says: "the client does not offer SACK", Before: "client:connect",
			Do: func(s *lab.Script) { s.Client.SetSysctl(sack, "0") },
		},
	}, {
		ID:     "filled-hole-brings-eof",
		Text:   "When the data arrives, the server acknowledges both at once and is in CLOSE_WAIT. Its program reads the data, and then the end of the stream.",
		Source: "net/ipv4/tcp_input.c: tcp_ofo_queue, tcp_fin",
		Control: lab.Control{
			Says: "the data is lost", Segment: "client:data",
		},
	}},
	Script: func(s *lab.Script) {
		offered := s.Both(sack)
		client, server := s.Connection()
		s.Part("The client writes and closes, and the FIN arrives first")
		data := client.Segment(words).Hold()
		client.Close()
		s.Wire.Pass("client:FIN,ACK")
		answer := s.Wire.Next("server:ACK").Deliver()
		s.Expect("fin-beyond-a-hole-waits",
			lab.Is("the server's ack", answer.Ack, 1),
			lab.Is("server", server.State(), record.Established),
			lab.Is("read", server.Reads(), "EAGAIN"))
		s.Expect("fin-closes-on-arrival", lab.Is("server", server.State(), record.CloseWait))
		s.Unless(!offered, "the connection has no SACK").Expect("sack-covers-the-fin",
			lab.Is("the ACK has a block", answer.SACK != "", true))

		s.Part("The data arrives")
		data.Exchange()
		s.Expect("filled-hole-brings-eof",
			lab.Is("not acknowledged", client.Unacknowledged(), 0),
			lab.Is("server", server.State(), record.CloseWait),
			lab.Is("reads", server.Reads(), words),
			lab.Is("then", server.Reads(), lab.EOF))
	},
}

const (
	sack  = "net.ipv4.tcp_sack"
	words = "hello" // 5 bytes
)
