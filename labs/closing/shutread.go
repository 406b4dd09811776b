package closing

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A shutdown that the other side never hears of.
var shutRead = lab.Lab{
	Name:  "shutread",
	Title: "shutdown(SHUT_RD) sends nothing and refuses nothing",
	Look:  "that nothing is sent, and that data is still acknowledged",
	Long: `shutdown(2) with SHUT_WR sends a FIN. With SHUT_RD it sends nothing: TCP has no
segment that says "I do not read any more". read returns 0 then, as if the other side had
closed. But the connection is as before. What the other side sends arrives, is
acknowledged, and can even be read. Only if the program shuts down both directions does the
kernel refuse new data, with a reset.`,
	Why: `inet_shutdown (net/ipv4/af_inet.c) sets RCV_SHUTDOWN, a flag of the socket that
poll and read look at. tcp_shutdown (net/ipv4/tcp.c) has something to send for
SEND_SHUTDOWN alone. In ESTABLISHED nobody looks at the flag when data arrives
(tcp_rcv_established), so it is queued as ever; tcp_recvmsg_locked returns what is queued
before it looks at the flag. If nobody reads, the receive buffer fills, the window closes,
and the other side waits: that is all that stops it.

After a FIN of its own the socket is in FIN_WAIT1 or FIN_WAIT2, and there
tcp_rcv_state_process (net/ipv4/tcp_input.c) does look: new data for a socket that is
shut down for reading is answered by a RST, as if the program had closed.

On a listening socket SHUT_RD means something else: it stops listening. See the lab
relisten.`,
	Try: []lab.Try{
		{Command: "halfclose", Says: "the other direction: SHUT_WR sends a FIN"},
		{Command: "relisten", Says: "SHUT_RD on a listener"},
		{Command: "zerowindow", Says: "what a reader that stops does to the sender"},
	},
	Claims: []lab.Claim{{
		ID:     "sends-nothing",
		Text:   "shutdown(SHUT_RD) sends no segment, and both sides stay ESTABLISHED.",
		Source: "net/ipv4/tcp.c: tcp_shutdown; net/ipv4/af_inet.c: inet_shutdown",
		Control: lab.Control{
			Says: "the program shuts down the other direction as well", Before: "client:shutdown",
			Do: func(s *lab.Script) { s.Sock("client").Shutdown() },
		},
	}, {
		ID:     "looks-like-a-fin",
		Text:   "To the program it looks as if the other side had closed: poll reports POLLRDHUP, and read returns 0.",
		Source: "net/ipv4/tcp.c: tcp_poll, tcp_recvmsg_locked",
		Control: lab.Control{
			Says: "data arrives first", Before: "client:read",
			Do: func(s *lab.Script) {
				s.Sock("server").Write("early")
				s.Wire.Pass("server:data")
			},
		},
	}, {
		ID:     "later-data-is-acked-and-read",
		Text:   "Data that arrives later is acknowledged; read returns it, and then 0 again.",
		Source: "net/ipv4/tcp_input.c: tcp_data_queue; net/ipv4/tcp.c: tcp_recvmsg_locked",
		Control: lab.Control{
			Says: "the data is lost", Segment: "server:data",
		},
	}, {
		ID:     "stops-the-sender",
		Text:   "After shutdown(SHUT_RD) the other side can send no more.",
		Source: "shutdown(2)",
		Myth:   true,
		Truth:  "shutdown(2) says that “further receptions will be disallowed”, but the other side is not told. Its writes succeed, and what they carry arrives (net/ipv4/tcp.c: tcp_shutdown).",
		Control: lab.Control{
			Says: "the client closes with data unread", Before: "server:write#2",
			Do: func(s *lab.Script) {
				s.Sock("server").Write("unread")
				s.Wire.Pass("server:data")
				s.Sock("client").Close()
				s.Wire.Deliver("client:RST,ACK")
			},
		},
	}, {
		ID:     "both-directions-reset",
		Text:   "If the program shuts down both directions, new data is answered by a RST, and the program's own socket is reset.",
		Source: "net/ipv4/tcp_input.c: tcp_rcv_state_process",
		Control: lab.Control{
			Says: "the data is lost", Of: "both client", Segment: "server:data",
		},
	}},
	Script: func(s *lab.Script) {
		client, server := s.Connection()
		s.Part("The client shuts down reading")
		client.ShutdownRead()
		s.Expect("sends-nothing",
			lab.Is("client sends", s.Wire.Waiting(s.Client), "nothing"),
			lab.Is("client", client.State(), record.Established),
			lab.Is("server", server.State(), record.Established))
		s.Expect("looks-like-a-fin",
			lab.Is("poll", client.Poll(), "IN|OUT|RDHUP"),
			lab.Is("read", client.Reads(), lab.EOF))

		s.Part("The server goes on sending")
		server.TrySend("data")
		s.Expect("later-data-is-acked-and-read",
			lab.Is("not acknowledged", server.Unacknowledged(), 0),
			lab.Is("read", client.Reads(), "data"),
			lab.Is("next read", client.Reads(), lab.EOF))
		again := server.TryWrite("more")
		s.Expect("stops-the-sender", lab.Is("the server's next write succeeds", again == lab.OK, false))

		client, server = s.Connection("both")
		s.Part("Another client shuts down both directions")
		client.ShutdownRead()
		client.HalfClose()
		before := client.State()
		sent := server.Segment("data").Exchange()
		s.Expect("both-directions-reset",
			lab.Is("client before", before, record.FinWait2),
			lab.Is("client sends", sent.Names, "RST"),
			lab.Is("client", client.State(), record.Close),
			lab.Is("server's next write", server.TryWrite("more"), "EPIPE"))
	},
}
