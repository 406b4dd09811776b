package closing

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// A close that comes sooner than the textbook's.
var earlyClose = lab.Lab{
	Name:  "earlyclose",
	Title: "Depending on the state, close sends nothing, a FIN, the rest of the data first, or a RST",
	Look:  "what each close sends: nothing, a FIN, data and a FIN, or a RST",
	Long: `Textbooks close a connection that is established and idle. A program may close
sooner. While connect is still under way, close sends nothing at all, and the server
notices only when its SYN,ACK is answered with a RST. In SYN_RECV close sends a FIN. Data
that the kernel has not sent yet goes first, with the FIN. And data of the other side that
is under way when the program closes finds a socket that no program can read: a RST ends
the connection, and the other side's FIN never comes.`,
	Why: `tcp_close_state (net/ipv4/tcp.c) looks up in the table new_state what the state becomes
and whether a FIN is to be sent. From SYN_SENT it is CLOSE, without one: nobody has
answered yet, so there is nobody to tell. From SYN_RECV and ESTABLISHED it is
FIN_WAIT1, with a FIN, as in RFC 9293 §3.6. A half-open connection of a listener is
another matter: it is a request and not a socket that a program could close.

tcp_send_fin (net/ipv4/tcp_output.c) puts the flag on the last segment that still waits
to be sent, and pushes out everything: TCP_CORK and Nagle's algorithm hold back no
longer. close returns at once, and the kernel goes on sending by itself.

After close there is no reader. tcp_rcv_state_process (net/ipv4/tcp_input.c) answers new
data in FIN_WAIT1 and FIN_WAIT2 with a RST if the receiving direction is shut down, and
close shuts down both. A program that wants to read what is under way calls shutdown,
reads to the end, and closes then.`,
	Try: []lab.Try{
		{Command: "resetclose", Says: "a close with data that arrived and was not read"},
		{Command: "halfclose", Says: "shutdown, which lets the other side go on sending"},
		{Command: "simopen", Says: "how a program's own socket gets into SYN_RECV"},
		{Command: "linger", Says: "a close that waits for what it sends"},
	},
	Sockopts:  []string{"TCP_CORK"},
	TimeWaits: 2,
	Claims: []lab.Claim{{
		ID:     "syn-sent-closes-silently",
		Text:   "close while connect is under way sends nothing, and the socket is gone.",
		Source: "net/ipv4/tcp.c: tcp_close_state; RFC 9293 §3.10.4",
		Control: lab.Control{
			Says: "the SYN,ACK arrives first", Before: "hasty:close",
			Do: func(s *lab.Script) { s.Wire.Of(s.Sock("hasty")).Pass("SYN,ACK") },
		},
	}, {
		ID:     "late-syn-ack-gets-reset",
		Text:   "The SYN,ACK that comes after it is answered by a RST, and the server's half-open connection is gone too.",
		Source: "RFC 9293 §3.5.2, §3.5.3; net/ipv4/tcp_ipv4.c: tcp_v4_rcv; net/ipv6/tcp_ipv6.c: tcp_v6_rcv",
		Control: lab.Control{
			Says: "the SYN,ACK is lost", Of: "hasty", Segment: "server:SYN,ACK",
		},
	}, {
		ID:     "syn-recv-sends-fin",
		Text:   "close in SYN_RECV sends a FIN at once, though the socket's SYN is not acknowledged yet, and the state is FIN_WAIT1.",
		Source: "RFC 9293 §3.10.4; net/ipv4/tcp.c: tcp_close_state",
		Control: lab.Control{
			Says: "the other side's SYN is lost", Of: "crossed", Segment: "server:SYN",
		},
	}, {
		ID:     "unsent-data-goes-first",
		Text:   "close sends what the kernel still holds back, and the FIN with it; the other side reads the data and then the end of the stream.",
		Source: "RFC 9293 §3.10.4; net/ipv4/tcp_output.c: tcp_send_fin",
		Control: lab.Control{
			Says: "SO_LINGER is set with a time of 0", Before: "corked client:close",
			Do: func(s *lab.Script) {
				lab.Set(s.Sock("corked client"), sockopt.Linger, sockopt.LingerValue{On: true})
			},
		},
	}, {
		ID:     "data-in-fin-wait1-gets-reset",
		Text:   "Data that arrives in FIN_WAIT1 after close is answered by a RST, and the socket is gone.",
		Source: "net/ipv4/tcp_input.c: tcp_rcv_state_process",
		Control: lab.Control{
			Says: "the data is lost", Of: "closing client", Segment: "server:data",
		},
	}, {
		ID:     "close-lets-the-other-side-finish",
		Text:   "After a close that sent a FIN the other side can go on sending until it closes as well.",
		Source: "widely taught, with the four segments of a close",
		Myth:   true,
		Truth:  "That holds after shutdown. After close new data is answered by a RST (net/ipv4/tcp_input.c: tcp_rcv_state_process).",
		Control: lab.Control{
			Says: "the data is lost", Of: "closing client", Segment: "server:data",
		},
	}},
	Script: func(s *lab.Script) {
		inSYNSent(s)
		inSYNRecv(s)

		client, server := s.Connection("corked")
		wire := s.Wire.Of(client)
		s.Part("The client closes with data that is held back")
		lab.Set(client, sockopt.Cork, true)
		client.Write("hello")
		before := wire.Waiting(s.Client)
		client.Close()
		sent := wire.Waiting(s.Client)
		wire.Deliver("client:" + sent)
		s.Expect("unsent-data-goes-first",
			lab.Is("sent before close", before, "nothing"),
			lab.Is("sent by close", sent, "FIN,PSH,ACK"),
			lab.Is("server reads", server.Reads(), "hello"),
			lab.Is("then", server.Reads(), lab.EOF))
		server.TryFinish() // so that no timer of it runs on

		client, server = s.Connection("closing")
		wire = s.Wire.Of(client)
		s.Part("The client closes while the server's data is under way")
		server.Write("answer")
		client.Close()
		fin := wire.Next("client:FIN,ACK").Hold()
		state := client.State()
		wire.Pass("server:data")
		sent = wire.Waiting(s.Client)
		fin.Deliver()
		wire.Deliver("client:RST")
		s.Expect("data-in-fin-wait1-gets-reset",
			lab.Is("client before", state, record.FinWait1),
			lab.Is("client sends", sent, "RST"),
			lab.Is("client", client.State(), record.Close))
		s.Expect("close-lets-the-other-side-finish", lab.Is("client resets the connection", sent == "RST", false))
	},
}

// inSYNSent closes a client whose SYN is not answered yet.
func inSYNSent(s *lab.Script) {
	s.Part("A client closes before its SYN is answered")
	listener := s.Server.Listen(81, 1)
	client := s.Client.Named("hasty").Connect(listener)
	wire := s.Wire.Of(client)
	wire.Next("SYN").Deliver()
	client.Close()
	s.Expect("syn-sent-closes-silently",
		lab.Is("client sends", wire.Waiting(s.Client), "nothing"),
		lab.Is("client", client.State(), record.Close))
	sent := wire.Next("SYN,ACK").Exchange()
	s.Unless(!s.Server.KeepsHalfOpen(), lab.NothingHalfOpen).Expect("late-syn-ack-gets-reset",
		lab.Is("client's host sends", sent.Names, "RST"),
		lab.Is("server", client.Peer().State(), record.Close))
}

// inSYNRecv closes one of two sockets that connect to each other.
func inSYNRecv(s *lab.Script) {
	s.Part("Two sockets connect to each other, and one closes in SYN_RECV")
	server, client := s.Server.Named("other").Socket(), s.Client.Named("crossed").Socket()
	server.Bind(s.Server.Addr(82))
	client.Bind(s.Client.Addr(40100))
	client.Connect(s.Server.Addr(82))
	server.Connect(s.Client.Addr(40100))
	wire := s.Wire.Of(client)
	wire.Next("client:SYN").Drop()
	wire.Next("server:SYN").Deliver()
	before := client.State()
	wire.Deliver("client:SYN,ACK")
	client.Close()
	s.Expect("syn-recv-sends-fin",
		lab.Is("client before", before, record.SynRecv),
		lab.Is("client", client.State(), record.FinWait1),
		lab.Is("client sends", wire.DeliverAll(s.Client), "FIN,ACK"))
	server.TryFinish() // so that no timer of it runs on
}
