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
	Title: "A connection is established before the server calls accept",
	Look:  "both ends are ESTABLISHED, and data is acknowledged, long before accept",
	Long: `The server listens and never calls accept. Clients connect all the same: the kernel
answers the SYN, completes the handshake and acknowledges data without the program.
The complete connection waits in the listener's accept queue. accept(2) only takes it
from there and gives it a file descriptor.`,
	Why: `The kernel does the handshake. When the third segment arrives, tcp_check_req
(net/ipv4/tcp_minisocks.c) creates the new socket, and inet_csk_reqsk_queue_add
(net/ipv4/inet_connection_sock.c) appends it to the listener's accept queue, all
while it receives that one packet. No program takes part, so a client does not wait
for a busy server to call accept.

From then on the socket is like any other and only lacks a file descriptor. It
receives data and acknowledges it, as far as its receive buffer allows. accept
(inet_csk_accept) takes the oldest connection from the queue. So a client that
connects, writes and gets its data acknowledged knows nothing about the server's
program. Only an answer from that program proves that it is alive.`,
	Try: []lab.Try{
		{Command: "noaccept --n 5", Says: "five clients connect and wait; accept takes the one that came first"},
		{Command: "backlog", Says: "how many connections can wait, and what happens to the next one"},
		{Command: "handshake", Says: "the same three segments, one by one, with accept tried before the third"},
		{Command: "noaccept --sysctl server:net.ipv4.tcp_syncookies=2", Says: "the same with SYN cookies: the third segment creates the connection, already in the queue"},
	},
	Knobs: []lab.Knob{
		lab.Number("n", 1, 1, math.MaxInt32, "connections to make while nobody accepts"),
	},
	Check:    func(a lab.Args) error { return lab.CheckConnections("n", a.Int("n"), 1, a.Int("n")+2, a.Int("n")) },
	Sockopts: []string{"SO_ERROR"},
	Claims: []lab.Claim{{
		ID:     "established-without-accept",
		Text:   "Both ends are ESTABLISHED although the server has not called accept.",
		Source: "listen(2); RFC 9293 §3.5",
		Control: lab.Control{
			Says: "the third segment is lost", Segment: "client:ACK",
		},
	}, {
		ID:     "waits-in-accept-queue",
		Text:   "The connection waits in the listener's accept queue, and has no file descriptor.",
		Source: "listen(2); net/ipv4/inet_connection_sock.c: inet_csk_reqsk_queue_add",
		Control: lab.Control{
			Says: "the third segment is lost", Segment: "client:ACK",
		},
	}, {
		ID:     "data-acked-before-accept",
		Text:   "The kernel acknowledges data that arrives before accept is called, and keeps it for the program.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_input.c: tcp_data_queue",
		Control: lab.Control{
			Says: "the data arrives with a byte missing before it", Segment: "client:data", Change: lab.SeqMore(1),
		},
	}, {
		ID:     "accept-takes-part-in-handshake",
		Text:   "accept completes the handshake: before it, the server is not ESTABLISHED.",
		Source: "widely taught, as the call that “completes” a connection",
		Myth:   true,
		Truth:  "accept takes a complete connection from a queue. It sends no segment and waits for none (net/ipv4/inet_connection_sock.c: inet_csk_accept).",
		Control: lab.Control{
			Says: "the third segment is lost", Segment: "client:ACK",
		},
	}, {
		ID:     "accept-takes-from-queue",
		Text:   "accept shortens the queue by one, and read returns the data that was sent before it.",
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
		early := server.State()

		for range n - 1 {
			s.Client.Establish(listener)
		}
		s.Expect("waits-in-accept-queue",
			lab.Is("queued", listener.Queue(), n),
			lab.Is("descriptor", server.Held(), false))

		s.Part("Data, and still nobody calls accept")
		client.Write("hello")
		s.Wire.Next("data").Deliver()
		ack := s.Wire.Next("server:ACK").Deliver()
		s.Expect("data-acked-before-accept",
			lab.Is("ack", ack.Ack, 1+5),
			lab.Is("to read", server.Received(), 5))

		s.Part("accept takes the connection from the queue")
		before := s.Wire.Sent()
		conn := listener.Accept()
		s.Expect("accept-takes-part-in-handshake",
			lab.Is("server before accept", early, record.SynRecv),
			lab.Seen("segments during accept", s.Wire.Sent()-before))
		data, _ := conn.TryRead()
		s.Expect("accept-takes-from-queue",
			lab.Is("queued", listener.Queue(), n-1),
			lab.Is("descriptor", server.Held(), true),
			lab.Is("data", data, "hello"))
	},
}
