package opening

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A server that is bound and does not listen.
var noListen = lab.Lab{
	Name:  "nolisten",
	Title: "A port that is bound refuses connections until somebody listens",
	Long: `bind gives a socket its port, and nothing more: a SYN for that port is answered
by a RST, as if there were no socket, and connect fails with ECONNREFUSED. But a
listener is not what makes a connection possible: where the bound socket itself
connects, to the very client that connects to it, the two become one connection
(the labs simopen and selfconnect take that apart).`,
	Why: `For a segment that arrives, __inet_lookup (include/net/inet_hashtables.h) asks two
tables: the connections, by both addresses and ports, and then the listeners, by the
local ones. bind puts a socket into neither of them; it becomes a listener in
inet_csk_listen_start. So tcp_v4_rcv finds no socket, and tcp_v4_send_reset
answers as RFC 9293 §3.5.2 says for a connection that does not exist: by a RST, with an
ACK that covers the SYN, without which the client would not believe it (§3.5.3). In
SYN_SENT such a RST means ECONNREFUSED (tcp_reset): a refusal at once, and no wait.

connect puts the socket into the first table. That is why the SYN of the very peer
that it connects to finds it, with no listener anywhere.`,
	Try: []lab.Try{
		{Command: "simopen", Says: "the connection without a listener, taken apart"},
		{Command: "selfconnect", Says: "one socket is enough for that"},
		{Command: "backlog --n 0", Says: "a listener that has no room does not refuse: its SYNs are dropped, and sent again"},
		{Command: "nolisten --ipv6", Says: "the same on IPv6"},
	},
	Sockopts: []string{"SO_ERROR"},
	Claims: []lab.Claim{{
		ID:     "bound-port-refuses",
		Text:   "A SYN for a port that is bound and not listened on is answered by RST,ACK that acknowledges it, and connect fails with ECONNREFUSED.",
		Source: "RFC 9293 §3.5.2, §3.10.7.1; connect(2)",
		Control: lab.Control{
			Says: "the RST is changed not to cover the SYN", Segment: "server:RST,ACK", Change: lab.AckLess(1),
		},
	}, {
		ID:     "connection-needs-listener",
		Text:   "There is no connection without a socket that listens.",
		Source: "widely taught, with the calls of a server",
		Myth:   true,
		Truth:  "Two sockets that connect to each other make a connection, and so does one that connects to itself (RFC 9293 §3.5, figure 7).",
		Control: lab.Control{
			Says: "the client closes before the server connects", Before: "server:connect",
			Do: func(s *lab.Script) { s.Sock("other").Close() },
		},
	}},
	Script: func(s *lab.Script) {
		s.Part("The server binds a port and does not listen")
		server := s.Server.Socket()
		server.Bind(s.Server.Addr(80))
		refused := s.Client.Socket()
		refused.Bind(s.Client.Addr(40000))
		refused.Connect(s.Server.Addr(80))
		syn := s.Wire.Next("SYN")
		syn.Deliver()
		answer := s.Wire.Next("RST,ACK")
		answer.Deliver()
		s.Expect("bound-port-refuses",
			lab.Is("server sends", answer.Flags, "RST,ACK"),
			lab.Is("ack", answer.Ack, syn.Seq+1),
			lab.Is("connect", refused.Connected(), "ECONNREFUSED"))

		s.Part("A connection all the same: the bound socket connects, too")
		client := s.Client.Named("other").Socket()
		client.Bind(s.Client.Addr(40001))
		client.Connect(s.Server.Addr(80))
		server.Connect(s.Client.Addr(40001))
		cross(s)
		s.Expect("connection-needs-listener",
			lab.Is("connections of the client", s.Client.Count(record.Established), 0),
			lab.Is("connections of the server", s.Server.Count(record.Established), 0),
			lab.Seen("client's listener", s.Client.ListenerAt(s.Client.Addr(40001)).State()),
			lab.Seen("server's listener", s.Server.ListenerAt(s.Server.Addr(80)).State()))
	},
}
