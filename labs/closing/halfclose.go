package closing

import (
	"strings"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// lump is what the server writes at a time. It fits into one segment: how the
// kernel cuts more than that depends on the round-trip time (tcp_tso_autosize).
const lump = 1400

// One direction is closed, the other is used.
var halfClose = lab.Lab{
	Name:  "halfclose",
	Title: "One direction of a connection can be closed while the other is in use",
	Look:  "FIN_WAIT2 on the left while data still comes from the right",
	Long: `A TCP connection is two streams, one in each direction, and each closes by itself.
With shutdown(SHUT_WR) a program says that it will send no more; it still reads
everything that comes. The other side reads the end of the stream and may go on
sending for as long as it likes. No timer ends FIN_WAIT2 while a program holds the
socket.`,
	Why: `shutdown(SHUT_WR) sets a flag in the socket (net/ipv4/af_inet.c: inet_shutdown),
and tcp_shutdown sends the FIN. From then on tcp_sendmsg_locked fails every write with
EPIPE, and send(2) adds a SIGPIPE that kills a program not prepared for it. When the FIN is
acknowledged, tcp_rcv_state_process checks whether a program still holds the socket. If so,
it wakes the program and sets no timer.

Shutting down is the way to say "that was all" and still get the answer. After close nobody
could read the answer, and its first byte would be answered with a RST.

The price: a half-closed connection has no time limit. If the other side neither
sends nor closes, only the program's own timeout ends it. If the other side is gone,
SO_KEEPALIVE does; that timer runs in FIN_WAIT2 as well (net/ipv4/tcp_timer.c:
tcp_keepalive_timer).`,
	Try: []lab.Try{
		{Command: "halfclose --bytes 16384", Says: "twelve segments arrive after the FIN, and the client reads all of them"},
		{Command: "finwait2", Says: "the same state after close: there it has a limit, and data is answered with a RST"},
		{Command: "resetclose", Says: "a program that closes with data unread sends RST"},
	},
	Knobs: []lab.Knob{
		lab.Number("bytes", 3000, 1, 16384, "how much the server sends after the client's FIN, unread until the end"),
	},
	Claims: []lab.Claim{{
		ID:     "reader-sees-eof",
		Text:   "When the FIN has arrived and all data before it is read, read returns 0: the end of the stream.",
		Source: "recv(2), RETURN VALUE; RFC 9293 §3.6, case 2",
		Control: lab.Control{
			Says: "data arrives before the FIN and is not read yet", Before: "client:shutdown",
			Do: func(s *lab.Script) {
				s.Sock("client").Send("unread")
			},
		},
	}, {
		ID:     "fin-wait2-has-no-timer",
		Text:   "In FIN_WAIT2 no kernel timer runs while a program holds the socket, unless keepalive is on.",
		Source: "net/ipv4/tcp_input.c: tcp_rcv_state_process, TCP_FIN_WAIT1",
		Control: lab.Control{
			Says: "the client closes its descriptor as well", Before: "server:read",
			Do: func(s *lab.Script) { s.Sock("client").Close() },
		},
	}, {
		ID:     "writer-gets-epipe",
		Text:   "write fails with EPIPE for a program that has shut down its sending direction.",
		Source: "shutdown(2); send(2), EPIPE; RFC 9293 §3.6, case 1",
		Control: lab.Control{
			Says: "the server resets the connection", Before: "client:write",
			Do: func(s *lab.Script) {
				lab.Set(s.Sock("server"), sockopt.Linger, sockopt.LingerValue{On: true})
				s.Sock("server").Close()
				s.Wire.Next("RST,ACK").Deliver()
			},
		},
	}, {
		ID:     "other-direction-still-works",
		Text:   "Whatever the other side sends after the FIN still arrives and is acknowledged; the reader stays in FIN_WAIT2.",
		Source: "RFC 9293 §3.6, §3.6.1",
		Control: lab.Control{
			Says: "the data arrives as a reset", Segment: "server:data", Args: lab.Args{"bytes": "5"}, Change: lab.IntoReset,
		},
	}},
	Script: func(s *lab.Script) {
		client, server := s.Connection()
		s.Part("The client shuts down its sending direction")
		client.Shutdown()
		s.Wire.Pass("FIN,ACK")
		s.Expect("reader-sees-eof", lab.Is("server's read", server.Reads(), lab.EOF))
		s.Wire.Pass("server:ACK")
		s.Expect("fin-wait2-has-no-timer",
			lab.Is("client", client.State(), record.FinWait2),
			lab.Is("client runs a timer", client.RunsTimer(), false))
		s.Expect("writer-gets-epipe", lab.Is("client's write", client.TryWrite("more"), "EPIPE"))

		s.Part("The server goes on sending")
		for left := s.Int("bytes"); left > 0; left -= lump {
			server.TrySend(strings.Repeat("x", min(lump, left)))
		}
		s.StopIf(!s.Wire.Carry(server), "the client's receive buffer (net.ipv4.tcp_rmem) has no room for that much")
		got := len(client.Drain())
		s.Expect("other-direction-still-works",
			lab.Is("client reads bytes", got, s.Int("bytes")),
			lab.Is("server's bytes not acknowledged", server.Unacknowledged(), 0),
			lab.Is("client", client.State(), record.FinWait2))

		s.Part("The server closes as well")
		server.TryFinish()
		client.Close()
	},
}
