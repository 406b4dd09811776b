package programs

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A client that resets its connection before it is accepted.
var acceptReset = lab.Lab{
	Name:  "acceptreset",
	Title: "accept returns a connection that its client has already reset",
	Look:  "accept succeeds, and the first read fails",
	Long: `A client connects, sends a request and resets the connection while it still waits in
the server's accept queue. A port scanner does that, and a client whose user has lost
patience. POSIX has an errno for accept to say so, ECONNABORTED, and on other systems
the kernel takes the connection out of the queue. On Linux the connection stays in the
queue, and accept returns it like any other. Only the new socket knows.`,
	Why: `When the RST arrives, tcp_reset (net/ipv4/tcp_input.c) sets the error ECONNRESET,
and tcp_done closes the socket. The queue does not change: nobody looks for the request
that holds the place there. inet_csk_accept takes the first request from the queue, and
looks at no state on the way. accept asks for the peer's address in a way that succeeds
even if the connection is gone (the 2 that do_accept passes to inet_getname); a program
that calls getpeername later gets ENOTCONN.

The socket is in no table any more, so ss and inet_diag do not show it. It still takes
a place in the queue, up to the backlog: clients that reset do not make room.

Data that arrived before the RST is still there. A server that reads a complete request
may well act on it, for a client that no longer wants it.`,
	Try: []lab.Try{
		{Command: "noaccept", Says: "what waits in the accept queue otherwise"},
		{Command: "backlog --n 2", Says: "a queue without room, where such connections would count"},
		{Command: "resetclose", Says: "resets, and what read and write say of them"},
		{Command: "acceptreset --ipv6", Says: "the same on IPv6"},
	},
	Sockopts: []string{"SO_LINGER"},
	Claims: []lab.Claim{{
		ID:     "it-keeps-its-place",
		Text:   "The reset connection is gone from the kernel's tables, but it stays in the accept queue, and the listener stays readable.",
		Source: "net/ipv4/tcp_input.c: tcp_reset; net/ipv4/inet_connection_sock.c: inet_csk_accept",
		Control: lab.Control{
			Says: "the RST is lost", Segment: "client:RST,ACK",
		},
	}, {
		ID:     "accept-says-econnaborted",
		Text:   "accept fails for a connection that was reset in the queue, with ECONNABORTED.",
		Source: "accept(2), ECONNABORTED",
		Myth:   true,
		Truth:  "On Linux accept succeeds; the first failure comes from the new socket (net/ipv4/inet_connection_sock.c: inet_csk_accept).",
		Control: lab.Control{
			Says: "another process has accepted it first", Before: "listener:accept",
			Do: func(s *lab.Script) { s.Sock("listener").TryAccept() },
		},
	}, {
		ID:     "accept-still-returns-it",
		Text:   "accept returns the connection, in the state CLOSE; getpeername on it fails with ENOTCONN.",
		Source: "net/ipv4/inet_connection_sock.c: inet_csk_accept; getpeername(2), ENOTCONN",
		Control: lab.Control{
			Says: "the RST is lost", Segment: "client:RST,ACK",
		},
	}, {
		ID:     "then-econnreset",
		Text:   "read on it returns the data that had arrived, then fails once with ECONNRESET, and then returns 0.",
		Source: "net/ipv4/tcp.c: tcp_recvmsg_locked; net/ipv4/tcp_input.c: tcp_reset",
		Control: lab.Control{
			Says: "the RST is lost", Segment: "client:RST,ACK",
		},
	}},
	Script: func(s *lab.Script) {
		s.Part("A client sends a request, and resets")
		listener := s.Server.Listen(80, 16)
		client := s.Client.Establish(listener)
		client.Send("request")
		peer := client.Peer()
		client.Abort()
		s.Wire.Deliver("client:RST,ACK")
		s.Expect("it-keeps-its-place",
			lab.Is("state", peer.State(), record.Close),
			lab.Is("queue", listener.Queue(), 1),
			lab.Is("listener", listener.Poll(), "IN"))

		s.Part("The server accepts")
		conn, outcome := listener.TryAccept()
		s.Expect("accept-says-econnaborted", lab.Is("accept fails", outcome != lab.OK, true))
		if conn == nil {
			return
		}
		_, name := conn.TryRemoteAddr()
		s.Expect("accept-still-returns-it",
			lab.Is("accept", outcome, lab.OK),
			lab.Is("state", conn.State(), record.Close),
			lab.Is("getpeername", name, "ENOTCONN"))
		s.Expect("then-econnreset",
			lab.Is("first read", conn.Reads(), "request"),
			lab.Is("second read", conn.Reads(), "ECONNRESET"),
			lab.Is("third read", conn.Reads(), lab.EOF))
	},
}
