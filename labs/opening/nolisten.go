package opening

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A server that is bound and does not listen.
var noListen = lab.Lab{
	Name:  "nolisten",
	Title: "A bound port refuses connections as long as its socket neither listens nor connects",
	Look:  "the RST that answers a SYN to a port that is bound but does not listen",
	Long: `bind gives a socket its port and nothing more. The kernel answers a SYN for that port
with a RST, as if there were no socket, and connect fails with ECONNREFUSED. But a
connection does not need a listener: when the bound socket itself connects to the
client that connects to it, the two become one connection. (The labs simopen and
selfconnect show that step by step.)`,
	Why: `For each segment that arrives, __inet_lookup (include/net/inet_hashtables.h) searches
two tables: the connections, by both addresses and ports, and then the listeners, by
the local ones. bind puts a socket into neither of them; inet_csk_listen_start makes
it a listener. So tcp_v4_rcv finds no socket, and tcp_v4_send_reset answers as RFC
9293 §3.5.2 says for a connection that does not exist: with a RST whose ACK covers
the SYN. Without that ACK the client would ignore it (§3.5.3). In SYN_SENT such a RST
means ECONNREFUSED (tcp_reset), at once.

connect puts the socket into the first table. So a SYN from the peer that it connects
to finds it without any listener.`,
	Try: []lab.Try{
		{Command: "simopen", Says: "a connection without a listener, step by step"},
		{Command: "selfconnect", Says: "the same with a single socket"},
		{Command: "backlog --n 0", Says: "a listener without room does not refuse: it drops the SYN, and the client sends it again"},
		{Command: "nolisten --ipv6", Says: "the same on IPv6"},
	},
	Sockopts: []string{"SO_ERROR"},
	Claims: []lab.Claim{{
		ID:     "bound-port-refuses",
		Text:   "A SYN for a port that is bound but not listening is answered by RST,ACK, which acknowledges the SYN, and connect fails with ECONNREFUSED.",
		Source: "RFC 9293 §3.5.2, §3.10.7.1; connect(2), ECONNREFUSED",
		Control: lab.Control{
			Says: "the RST does not cover the SYN", Segment: "server:RST,ACK", Change: lab.AckLess(1),
		},
	}, {
		ID:     "connection-needs-listener",
		Text:   "A connection needs a listening socket.",
		Source: "widely taught, with the calls of a server",
		Myth:   true,
		Truth:  "Two sockets that connect to each other form a connection (RFC 9293 §3.5, figure 7), and so does one that connects to itself (net/ipv4/tcp_input.c: tcp_rcv_synsent_state_process).",
		Control: lab.Control{
			Says: "the client closes before the server connects", Before: "server:connect",
			Do: func(s *lab.Script) { s.Sock("other").Close() },
		},
	}},
	Script: func(s *lab.Script) {
		s.Part("The server binds a port and does not listen")
		server := s.Server.Bound(80)
		refused := s.Client.ConnectTo(s.Server.Addr(80))
		syn := s.Wire.Next("SYN").Deliver()
		answer := s.Wire.Next("RST,ACK").Deliver()
		s.Expect("bound-port-refuses",
			lab.Is("server sends", answer.Flags, "RST,ACK"),
			lab.Is("ack", answer.Ack, syn.Seq+1),
			lab.Is("connect", refused.Connected(), "ECONNREFUSED"))

		s.Part("A connection all the same: the bound socket connects, too")
		s.Client.Named("other").ConnectTo(s.Server.Addr(80))
		server.Connect(s.Client.Addr(40001))
		cross(s)
		s.Expect("connection-needs-listener",
			lab.Is("connections of the client", s.Client.Count(record.Established), 0),
			lab.Is("connections of the server", s.Server.Count(record.Established), 0),
			lab.Seen("client's listener", s.Client.ListenerAt(s.Client.Addr(40001)).State()),
			lab.Seen("server's listener", s.Server.ListenerAt(s.Server.Addr(80)).State()))
	},
}
