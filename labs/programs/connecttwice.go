package programs

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// connect on a descriptor that has already connected, or tried to.
var connectTwice = lab.Lab{
	Name:  "connecttwice",
	Title: "A second connect tells how the first one went, and a refused socket can try again",
	Look:  "what the second connect returns: EALREADY, EISCONN, or the error of the first",
	Long: `A non-blocking connect returns before its outcome is known. A program usually
waits until the socket is writable and reads SO_ERROR. It may just as well call connect
again: while the handshake is under way that fails with EALREADY, and afterwards it returns
what the first one would have returned. If that was an error, the socket can be used again
like a new one. connect to an address of the family AF_UNSPEC makes it like a new one in
every other state.`,
	Why: `A socket has two states. Besides TCP's own there is the one of the system calls,
unconnected, connecting or connected, and __inet_stream_connect (net/ipv4/af_inet.c)
goes by both. A connect in the state “connecting” starts nothing. It looks at TCP's
state: SYN_SENT is EALREADY, and ESTABLISHED makes the socket “connected”, with 0, the
outcome of the first connect. From then on it is EISCONN.

If TCP's state is CLOSE, connect has failed. The call returns the pending error and makes
the socket “unconnected” (tcp_disconnect), ready for another attempt. If SO_ERROR has taken
the error away before, there is none to return, and the call fails with ECONNABORTED, once.
So a program that reads SO_ERROR and tries again sees one error more than it expects.
connect(2) advises portable programs to close the socket and to make a new one, because on
other systems its state is not defined.

AF_UNSPEC goes straight to tcp_disconnect. That sends a RST if the other side knows of a
connection, and nothing if only a SYN was sent.`,
	Try: []lab.Try{
		{Command: "readiness", Says: "what poll says of a socket that was refused"},
		{Command: "nolisten", Says: "the refusal itself"},
		{Command: "sockopt SO_ERROR", Says: "all about the option that takes the error away"},
		{Command: "connecttwice --ipv6", Says: "the same on IPv6"},
	},
	Sockopts: []string{"SO_ERROR"},
	Claims: []lab.Claim{{
		ID:     "ealready-while-connecting",
		Text:   "While connect is in progress, another connect fails with EALREADY.",
		Source: "connect(2), EALREADY; net/ipv4/af_inet.c: __inet_stream_connect",
		Control: lab.Control{
			Says: "the SYN,ACK comes first", Before: "client:connect#2",
			Do: func(s *lab.Script) { s.Wire.Deliver("SYN", "SYN,ACK") },
		},
	}, {
		ID:     "then-zero-then-eisconn",
		Text:   "The first connect after the handshake returns 0, as the outcome; the next one fails with EISCONN.",
		Source: "connect(2), EISCONN; net/ipv4/af_inet.c: __inet_stream_connect",
		Control: lab.Control{
			Says: "the SYN,ACK is lost", Of: "client", Segment: "server:SYN,ACK",
		},
	}, {
		ID:     "af-unspec-resets",
		Text:   "connect to AF_UNSPEC ends an established connection by a RST, and the socket is CLOSE.",
		Source: "connect(2); net/ipv4/tcp.c: tcp_disconnect",
		Control: lab.Control{
			Says: "the connection was reset before", Before: "client:connect#5",
			Do: func(s *lab.Script) {
				s.Sock("client").Peer().Craft(lab.Craft{Flags: "RST", Seq: 1}).Deliver()
			},
		},
	}, {
		ID:     "af-unspec-gives-up-silently",
		Text:   "In SYN_SENT it sends nothing; the SYN,ACK that still comes is answered by a RST.",
		Source: "net/ipv4/tcp.c: tcp_disconnect; RFC 9293 §3.5.2",
		Control: lab.Control{
			Says: "the SYN,ACK comes before", Before: "client:connect#7",
			Do: func(s *lab.Script) {
				s.Sock("client").Peer().Craft(lab.Craft{Flags: "SYN,ACK", Ack: 1}).Deliver()
			},
		},
	}, {
		ID:     "connect-tells-the-error",
		Text:   "After a refusal, the next connect fails with ECONNREFUSED.",
		Source: "net/ipv4/af_inet.c: __inet_stream_connect",
		Control: lab.Control{
			Says: "the RST is lost", Of: "refused", Segment: "server:RST,ACK",
		},
	}, {
		ID:     "so-error-takes-it",
		Text:   "If SO_ERROR was read, the next connect fails with ECONNABORTED instead.",
		Source: "net/ipv4/af_inet.c: __inet_stream_connect",
		Control: lab.Control{
			Says: "the second RST is lost", Of: "refused", Segment: "server:RST,ACK#2",
		},
	}, {
		ID:     "a-failed-socket-is-lost",
		Text:   "After connect has failed, the socket can't be used any more.",
		Source: "connect(2), NOTES: “close the socket and create a new one”",
		Myth:   true,
		Truth:  "On Linux it can connect again, from the port that it is bound to (net/ipv4/af_inet.c: __inet_stream_connect).",
		Control: lab.Control{
			Says: "the SYN,ACK is lost", Of: "refused", Segment: "server:SYN,ACK",
		},
	}},
	Script: func(s *lab.Script) {
		s.Part("connect, and again")
		to := s.Server.Addr(80)
		listener := s.Server.Listen(80, 16)
		client := s.Client.Connect(listener)
		s.Expect("ealready-while-connecting", lab.Is("connect", client.TryConnect(to), "EALREADY"))
		s.Wire.Deliver("SYN", "SYN,ACK", "client:ACK")
		s.Expect("then-zero-then-eisconn",
			lab.Is("connect", client.TryConnect(to), lab.OK),
			lab.Is("again", client.TryConnect(to), "EISCONN"))
		listener.Accept()

		s.Part("AF_UNSPEC dissolves the connection")
		client.Disconnect()
		s.Expect("af-unspec-resets",
			lab.Is("client sends", s.Wire.DeliverAll(s.Client), "RST,ACK"),
			lab.Is("client", client.State(), record.Close))

		s.Part("The same in SYN_SENT")
		client.Connect(to)
		syn := s.Wire.Next("SYN").Hold()
		client.Disconnect()
		sent := s.Wire.Waiting(s.Client)
		syn.Exchange()
		s.Expect("af-unspec-gives-up-silently",
			lab.Is("client sends", sent, "nothing"),
			lab.Is("client", client.State(), record.Close),
			lab.Is("after the SYN,ACK", s.Wire.DeliverAll(s.Client), "RST"))
		client.Close()

		s.Part("A refused socket")
		refused := s.Client.Named("refused").TryEstablish(s.Server.Addr(81))
		s.Expect("connect-tells-the-error", lab.Is("connect", refused.TryConnect(to), "ECONNREFUSED"))
		refused.Connect(s.Server.Addr(81))
		s.Wire.TryHandshake(refused)
		refused.Connected()
		s.Expect("so-error-takes-it", lab.Is("connect", refused.TryConnect(to), "ECONNABORTED"))
		refused.Connect(to)
		s.Wire.TryHandshake(refused)
		s.Expect("a-failed-socket-is-lost", lab.Is("connected", refused.State() == record.Established, false))
	},
}
