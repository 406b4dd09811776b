package opening

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// A connection's whole life, in the calls of a client and a server.
var lifecycle = lab.Lab{
	Name:  "lifecycle",
	Title: "The life of a connection: listen, connect, accept, write, read, close",
	Long: `The system calls of a simple server and its client, in order, with what each of
them makes the kernel send. The server has two sockets: one listens, and never
carries data; accept returns another for each connection. Whoever reads after
the other has closed gets what was sent before, and then 0: the end of the stream.`,
	Why: `A listening socket has no peer, and so no data: tcp_recvmsg_locked (net/ipv4/tcp.c)
refuses one that is in LISTEN with ENOTCONN. What accept returns is another socket,
which the kernel made when the handshake ended.

A FIN takes a sequence number after the last byte that was written, so the reader
is bound to get all the bytes before it, and then 0. It means "I have no more data
to send" (RFC 9293 §3.6) and nothing about the other direction, so Linux waits for
the program there: close, in __tcp_close, moves the socket on by the table new_state
(from ESTABLISHED to FIN_WAIT1, from CLOSE_WAIT to LAST_ACK) and sends the FIN that
goes with it. A server that reads 0 and does not close stays in CLOSE_WAIT.`,
	Try: []lab.Try{
		{Command: "closewait", Says: "the server that never closes"},
		{Command: "resetclose", Says: "closes that send a RST in place of the FIN: ECONNRESET, and no end of the stream"},
		{Command: "fourway", Says: "the close alone, with both sides' states"},
		{Command: "lifecycle --ipv6", Says: "the same calls and segments on IPv6"},
	},
	Sockopts:  []string{"SO_ERROR"},
	TimeWaits: 1,
	Claims: []lab.Claim{{
		ID:     "listening-socket-carries-no-data",
		Text:   "accept returns a new socket, which the client's data is read from; the listening socket stays LISTEN, and read on it fails.",
		Source: "accept(2); net/ipv4/tcp.c: tcp_recvmsg_locked",
		Control: lab.Control{
			Says: "somebody else reads the data first", Before: "server:read",
			Do: func(s *lab.Script) { s.Sock("server").TryRead() },
		},
	}, {
		ID:     "read-returns-eof-after-peer-close",
		Text:   "After the client's close the server first reads the data that came before it, and then 0.",
		Source: "RFC 9293 §3.6, case 2; recv(2)",
		Control: lab.Control{
			Says: "somebody else reads the data first", Before: "server:read#2",
			Do: func(s *lab.Script) { s.Sock("server").TryRead() },
		},
	}, {
		ID:     "close-after-eof-sends-fin",
		Text:   "The server's close sends a FIN of its own, and nothing had sent it before.",
		Source: "RFC 9293 §3.6, case 2; close(2); net/ipv4/tcp.c: __tcp_close",
		Control: lab.Control{
			Says: "SO_LINGER is set to 0 before the close", Before: "server:close",
			Do: func(s *lab.Script) { lab.Set(s.Sock("server"), sockopt.Linger, sockopt.LingerValue{On: true}) },
		},
	}, {
		ID:     "both-ends-gone",
		Text:   "In the end nothing is left of the connection but the TIME_WAIT of the client, which closed first.",
		Source: "RFC 9293 §3.6, figure 12",
		Control: lab.Control{
			Says: "the server's FIN is lost", Segment: "server:FIN,ACK",
		},
	}},
	Script: func(s *lab.Script) {
		s.Part("The server: socket, bind, listen")
		listener := s.Server.Listen(80, 16)

		s.Part("The client: socket, bind, connect")
		client := s.Client.Connect(listener)
		s.Wire.Handshake(client)
		client.Outcome()

		s.Part("accept returns another socket, and the data is there")
		server := listener.Accept()
		client.Send("request")
		_, onListener := listener.TryRead()
		request, _ := server.TryRead()
		s.Expect("listening-socket-carries-no-data",
			lab.Is("read on the listener", onListener, "ENOTCONN"),
			lab.Is("listener", listener.State(), record.Listen),
			lab.Is("read on the new socket", request, "request"))
		server.Send("response")
		client.Read()

		s.Part("The client writes a last word and closes; the server reads to the end")
		client.Send("bye")
		client.Close()
		s.Wire.Pass("FIN,ACK", "server:ACK")
		data, _ := server.TryRead()
		end, outcome := server.TryRead()
		s.Expect("read-returns-eof-after-peer-close",
			lab.Is("first", data, "bye"),
			lab.Is("then", end, ""),
			lab.Is("outcome", outcome, lab.OK))

		s.Part("The server closes as well")
		before := s.Wire.Waiting(s.Server)
		server.Close()
		s.Expect("close-after-eof-sends-fin",
			lab.Is("server sends before close", before, "nothing"),
			lab.Is("server sends after close", s.Wire.Waiting(s.Server), "FIN,ACK"))
		s.Wire.Deliver("FIN,ACK", "ACK")
		s.Expect("both-ends-gone",
			lab.Is("client", client.State(), record.TimeWait),
			lab.Is("server", client.Peer().State(), record.Close))
	},
}
