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
	Look:  "two descriptors on the server: the listener 3, and the connection 4",
	Long: `A simple server and its client make their system calls in order, and each call shows
what it makes the kernel send. The server has two sockets. One listens and never
carries data; accept returns another one for each connection. After the other side
has closed, read returns what was sent before, and then 0: the end of the stream.`,
	Why: `A listening socket has no peer, so it has no data: tcp_recvmsg_locked
(net/ipv4/tcp.c) fails with ENOTCONN for a socket in LISTEN. accept returns a
different socket, which the kernel created when the handshake ended.

A FIN takes the sequence number after the last byte, so the reader gets every byte
before it, and then 0. It means "I have no more data to send" (RFC 9293 §3.6) and
says nothing about the other direction. There Linux waits for the program: close
(__tcp_close) moves the socket on by the table new_state (from ESTABLISHED to
FIN_WAIT1, from CLOSE_WAIT to LAST_ACK) and sends a FIN. A server that reads 0 and
does not close stays in CLOSE_WAIT.`,
	Try: []lab.Try{
		{Command: "closewait", Says: "a server that never closes"},
		{Command: "resetclose", Says: "a close that sends a RST instead of a FIN: ECONNRESET, and no end of the stream"},
		{Command: "fourway", Says: "the close alone, with the states of both sides"},
		{Command: "lifecycle --ipv6", Says: "the same calls and segments on IPv6"},
	},
	Sockopts:  []string{"SO_ERROR"},
	TimeWaits: 1,
	Claims: []lab.Claim{{
		ID:     "listening-socket-carries-no-data",
		Text:   "accept returns a new socket, and the client's data is read from that one. The listening socket stays in LISTEN, and read on it fails.",
		Source: "accept(2); net/ipv4/tcp.c: tcp_recvmsg_locked",
		Control: lab.Control{
			Says: "somebody else reads the data first", Before: "server:read",
			Do: func(s *lab.Script) { s.Sock("server").TryRead() },
		},
	}, {
		ID:     "read-returns-eof-after-peer-close",
		Text:   "After the client's close, the server first reads the data sent before it, and then 0.",
		Source: "recv(2), RETURN VALUE; RFC 9293 §3.4, §3.10.7.4",
		Control: lab.Control{
			Says: "somebody else reads the data first", Before: "server:read#2",
			Do: func(s *lab.Script) { s.Sock("server").TryRead() },
		},
	}, {
		ID:     "close-after-eof-sends-fin",
		Text:   "The server's close sends its FIN; the kernel has not sent one before.",
		Source: "RFC 9293 §3.6, case 2; net/ipv4/tcp.c: __tcp_close",
		Control: lab.Control{
			Says: "SO_LINGER is set to 0 seconds before the close", Before: "server:close",
			Do: func(s *lab.Script) { lab.Set(s.Sock("server"), sockopt.Linger, sockopt.LingerValue{On: true}) },
		},
	}, {
		ID:     "both-ends-gone",
		Text:   "In the end only one socket is left of the connection: the TIME_WAIT of the client, which closed first.",
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
		s.Expect("listening-socket-carries-no-data",
			lab.Is("read on the listener", listener.Reads(), "ENOTCONN"),
			lab.Is("listener", listener.State(), record.Listen),
			lab.Is("read on the new socket", server.Reads(), "request"))
		server.Send("response")
		client.Read()

		s.Part("The client writes a last word and closes; the server reads to the end")
		client.Send("bye")
		client.Finish()
		s.Expect("read-returns-eof-after-peer-close",
			lab.Is("first", server.Reads(), "bye"),
			lab.Is("then", server.Reads(), lab.EOF))

		s.Part("The server closes as well")
		before := s.Wire.Waiting(s.Server)
		server.Close()
		after := s.Wire.DeliverAll(s.Server)
		s.Expect("close-after-eof-sends-fin",
			lab.Is("server sends before close", before, "nothing"),
			lab.Is("server sends after close", after, "FIN,ACK"))
		s.Wire.Deliver("ACK")
		s.Expect("both-ends-gone",
			lab.Is("client", client.State(), record.TimeWait),
			lab.Is("server", client.Peer().State(), record.Close))
	},
}
