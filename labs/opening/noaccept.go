package opening

import (
	"math"
	"strconv"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A server that never calls accept still completes the handshake.
var noAccept = lab.Lab{
	Name:  "noaccept",
	Title: "A connection is established before accept is called",
	Long: `The server listens and never calls accept. A client connects all the same: the
kernel answers the SYN, completes the handshake and acknowledges data, all
without the program. The finished connection waits in the listener's accept
queue; accept(2) only takes it from there and gives it a file descriptor.`,
	Why: `The handshake is the kernel's business. When the third segment arrives, tcp_check_req
(net/ipv4/tcp_minisocks.c) has the new socket made, and inet_csk_reqsk_queue_add
(net/ipv4/inet_connection_sock.c) puts it at the end of the listener's accept queue,
all in the course of receiving that one packet. No program is asked, so a client
does not wait for a busy server to come round to accept.

From then on the socket is like any other, and only lacks a file descriptor: it takes
data and acknowledges it, up to its receive buffer. accept (inet_csk_accept) takes
the first one from the queue. That is why a client which connects, writes and gets
its data acknowledged knows nothing about whether the server's program is alive; an
answer of the program's own is the only proof of that.`,
	Try: []lab.Try{
		{Command: "noaccept --n 5", Says: "five clients are connected and wait; accept takes the one that came first"},
		{Command: "backlog", Says: "how many can wait, and what becomes of the next"},
		{Command: "handshake", Says: "the same three segments, one by one, with accept tried before the third"},
		{Command: "noaccept --sysctl server:net.ipv4.tcp_syncookies=2", Says: "with cookies as well: the connection comes into being with the third segment, in the queue"},
	},
	Knobs: []lab.Knob{
		lab.Number("n", 1, 1, math.MaxInt32, "connections to make while nobody accepts"),
	},
	Check:    func(a lab.Args) error { return lab.CheckConnections("n", a.Int("n"), 1, a.Int("n")+2, a.Int("n")) },
	Sockopts: []string{"SO_ERROR"},
	Claims: []lab.Claim{{
		ID:     "established-without-accept",
		Text:   "Both ends are ESTABLISHED though the server has not called accept.",
		Source: "listen(2); RFC 9293 §3.5",
		Control: lab.Control{
			Says: "the third segment is lost", Segment: "client:ACK",
		},
	}, {
		ID:     "waits-in-accept-queue",
		Text:   "The connection waits in the listener's accept queue, and no file descriptor holds it.",
		Source: "listen(2); net/ipv4/inet_connection_sock.c: inet_csk_reqsk_queue_add",
		Control: lab.Control{
			Says: "the third segment is lost", Segment: "client:ACK",
		},
	}, {
		ID:     "data-acked-before-accept",
		Text:   "Data that the client sends is acknowledged and kept for the program.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_input.c: tcp_data_queue",
		Control: lab.Control{
			Says: "the acknowledgement is changed to cover no data", Segment: "server:ACK", Change: lab.AckLess(5),
		},
	}, {
		ID:     "accept-takes-part-in-handshake",
		Text:   "accept is the server's part in the handshake: it sends or waits for a segment.",
		Source: "widely taught, as the call that “completes” a connection",
		Myth:   true,
		Truth:  "accept takes a finished connection from a queue: not one segment is sent or awaited.",
		Control: lab.Control{
			Says: "a segment is sent while accept runs", Before: "listener:accept",
			Do: func(s *lab.Script) { s.Sock("client").Write("!") },
		},
	}, {
		ID:     "accept-takes-from-queue",
		Text:   "accept shortens the queue by one, and the data sent before it can be read.",
		Source: "accept(2)",
		Control: lab.Control{
			Says: "somebody else accepts the connection first", Args: lab.Args{"n": "2"}, Before: "listener:accept",
			Do: func(s *lab.Script) { s.Sock("listener").Accept() },
		},
	}},
	Script: func(s *lab.Script) {
		n := s.Int("n")
		if n > s.Server.Sysctl(somaxconn) {
			s.Server.SetSysctl(somaxconn, strconv.Itoa(n)) // the queue must take them all
		}
		s.Part("A handshake, and nobody calls accept")
		listener := s.Server.Listen(80, n)
		client := s.Client.Connect(listener)
		s.Wire.Pass("SYN", "SYN,ACK", "ACK")
		server := client.Peer()
		s.Expect("established-without-accept",
			lab.Is("connect", client.Connected(), lab.OK),
			lab.Is("client", client.State(), record.Established),
			lab.Is("server", server.State(), record.Established))

		for range n - 1 {
			s.Wire.Handshake(s.Client.Connect(listener))
		}
		s.Expect("waits-in-accept-queue",
			lab.Is("queued", listener.Queue(), n),
			lab.Is("descriptor", server.Held(), false))

		s.Part("Data, and still nobody calls accept")
		client.Write("hello")
		s.Wire.Next("data").Deliver()
		ack := s.Wire.Next("server:ACK")
		ack.Deliver()
		s.Expect("data-acked-before-accept",
			lab.Is("ack", ack.Ack, 1+5),
			lab.Is("to read", server.Received(), 5))

		s.Part("accept takes the connection from the queue")
		before := s.Wire.Sent()
		conn := listener.Accept()
		s.Expect("accept-takes-part-in-handshake",
			lab.AtLeast("segments during accept", s.Wire.Sent()-before, 1))
		data, _ := conn.TryRead()
		s.Expect("accept-takes-from-queue",
			lab.Is("queued", listener.Queue(), n-1),
			lab.Is("descriptor", server.Held(), true),
			lab.Is("data", data, "hello"))
	},
}
