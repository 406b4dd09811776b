package opening

import (
	"fmt"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A listener that is changed while clients wait on it.
var relisten = lab.Lab{
	Name:  "relisten",
	Title: "A listener keeps the limit that listen gave it, until listen is called again",
	Look:  "the limit of the queue before and after the second listen",
	Long: `A server is overloaded, and its administrator raises net.core.somaxconn. Nothing
happens: the kernel read it when the program called listen, and keeps the limit that it
computed then. listen(2) may be called again on a listening socket, and then the new limit
counts at once. A lower limit drops no connection that waits. But when the listener is
closed, the kernel resets the connections in its accept queue, although their clients have
been connected for long. shutdown(2) does the same, but keeps the descriptor, and listen
can bring the listener back.`,
	Why: `__sys_listen_socket (net/socket.c) takes the smaller of listen's argument and
somaxconn, and __inet_listen_sk (net/ipv4/af_inet.c) stores it in sk_max_ack_backlog: for a
socket that listens already that is all it does. The kernel compares the limit only when a
connection is to enter the queue, so those that wait stay.

close calls inet_csk_listen_stop (net/ipv4/inet_connection_sock.c). It takes each
connection from the accept queue and disconnects it, which sends a RST. "Following specs,
it would be better either to send FIN", says a comment there. So a server that restarts
resets the clients that it has not accepted yet, however short the pause is. Half-open
connections are not in that queue. Each stays until its timer finds that the listener is
gone; an ACK that arrives before that is answered with a RST.

shutdown(SHUT_RD) disconnects a listener (inet_shutdown), and wakes up everybody who waits
in poll or accept. So it ends an accept in another thread; close does not.
shutdown(SHUT_WR) does nothing to a listener.`,
	Try: []lab.Try{
		{Command: "reuseport", Says: "a new server that listens beside the old one, and what is lost all the same"},
		{Command: "backlog", Says: "what a full queue does to the clients"},
		{Command: "noaccept", Says: "a connection that waits in the queue"},
		{Command: "nolisten", Says: "what the next client meets once the listener is gone"},
	},
	Sockopts: []string{"SO_ERROR"},
	Reads:    []string{"server:" + syncookies},
	Claims: []lab.Claim{{
		ID:     "somaxconn-is-read-at-listen",
		Text:   "A listener's limit stays as it is when net.core.somaxconn is raised.",
		Source: "listen(2), NOTES; net/socket.c: __sys_listen_socket",
		Control: lab.Control{
			Says: "the server calls listen again at once", Before: "client 1:connect",
			Do: func(s *lab.Script) { s.Sock("listener").Listen(plenty) },
		},
	}, {
		ID:     "raising-somaxconn-helps",
		Text:   "Raising net.core.somaxconn makes room in the full queue of a server that is running.",
		Source: "widely taught, as the cure for ListenOverflows",
		Myth:   true,
		Truth:  "The server has to call listen again, and most have to be restarted for that (net/socket.c: __sys_listen_socket).",
		Control: lab.Control{
			Says: "the server calls listen again at once", Before: "client 1:connect",
			Do: func(s *lab.Script) { s.Sock("listener").Listen(plenty) },
		},
	}, {
		ID:     "listen-again-changes-the-limit",
		Text:   "listen on a listening socket sets a new limit, and the client that got no answer is let in when it sends its SYN again.",
		Source: "net/ipv4/af_inet.c: __inet_listen_sk",
		Control: lab.Control{
			Says: "somaxconn is lowered again", Before: "listener:listen#2",
			Do: func(s *lab.Script) { s.Server.SetSysctl(somaxconn, few) },
		},
	}, {
		ID:     "queued-survive-a-lower-limit",
		Text:   "A lower limit drops no connection that is already in the queue.",
		Source: "net/ipv4/af_inet.c: __inet_listen_sk; include/net/sock.h: sk_acceptq_is_full",
		Control: lab.Control{
			Says: "the clients' connections are shut down with their listener", Before: "listener:listen#3",
			Do: func(s *lab.Script) { s.Sock("listener").ShutdownRead() },
		},
	}, {
		ID:     "close-resets-the-queued",
		Text:   "When a listener is closed, the connections in its accept queue are reset (unless tcp_migrate_req gives them to another listener), and the clients' reads fail with ECONNRESET.",
		Source: "net/ipv4/inet_connection_sock.c: inet_csk_listen_stop",
		Control: lab.Control{
			Says: "the server accepts the connection first", Before: "listener:close",
			Do: func(s *lab.Script) { s.Sock("listener").Accept() },
		},
	}, {
		ID:     "half-open-ones-hear-nothing-yet",
		Text:   "A half-open connection stays, and its client is not told; its ACK is then answered with a RST.",
		Source: "net/ipv4/inet_connection_sock.c: inet_csk_listen_stop; net/ipv4/tcp_ipv4.c: tcp_v4_rcv; net/ipv6/tcp_ipv6.c: tcp_v6_rcv",
		Control: lab.Control{
			Says: "the ACK arrives before the close", Before: "listener:close",
			Do: func(s *lab.Script) {
				s.Sock("listener").Listen(plenty)
				s.Wire.Of(s.Sock("half-open")).Pass("client:ACK")
			},
		},
	}, {
		ID:     "shutdown-unblocks-accept",
		Text:   "shutdown(SHUT_RD) ends a listener: poll reports a hang-up, and accept fails with EINVAL.",
		Source: "net/ipv4/af_inet.c: inet_shutdown; accept(2), EINVAL",
		Control: lab.Control{
			Says: "the server calls listen again first", Before: "second listener:poll#2",
			Do: func(s *lab.Script) { s.Sock("second listener").Listen(1) },
		},
	}, {
		ID:     "listen-brings-it-back",
		Text:   "The socket is still bound, and listen makes it a listener again: a client can connect.",
		Source: "net/ipv4/af_inet.c: __inet_listen_sk, inet_shutdown",
		Control: lab.Control{
			Says: "the listener is shut down once more", Before: "again:connect",
			Do: func(s *lab.Script) { s.Sock("second listener").ShutdownRead() },
		},
	}},
	Script: func(s *lab.Script) {
		s.Part("A server asks for a queue of 100, but somaxconn is 2")
		s.Server.SetSysctl(somaxconn, few)
		listener := s.Server.Listen(80, plenty)
		limit := listener.Limit()

		s.Part("somaxconn is raised to 100, and four clients connect")
		s.Server.SetSysctl(somaxconn, fmt.Sprint(plenty))
		clients := make([]*lab.Sock, limit+2)
		for i := range clients {
			clients[i] = s.Client.Named(fmt.Sprintf("client %d", i+1)).TryEstablish(s.Server.Addr(80))
		}
		last := clients[len(clients)-1]
		s.Expect("somaxconn-is-read-at-listen", lab.Is("limit", listener.Limit(), limit))
		s.Expect("raising-somaxconn-helps", lab.Is("the fourth client's connect", last.Connected(), lab.OK))

		s.Part("The server calls listen again")
		listener.Listen(plenty)
		s.Wire.Of(last).Retransmission("client:SYN").Deliver()
		s.Wire.Of(last).Deliver("SYN,ACK", "ACK")
		s.Expect("listen-again-changes-the-limit",
			lab.Is("limit", listener.Limit(), plenty),
			lab.Is("connect", last.Connected(), lab.OK))

		s.Part("A fifth client begins its handshake, and the server sets the limit to 0")
		half := s.Client.Named("half-open").Connect(listener)
		s.Wire.Of(half).Pass("SYN", "SYN,ACK")
		listener.Listen(0)
		s.Expect("queued-survive-a-lower-limit",
			lab.Is("limit", listener.Limit(), 0),
			lab.Is("queued", listener.Queue(), len(clients)))
		closeListener(s, listener, clients, half)
		shutDownListener(s)
	},
}

const (
	few    = "2"
	plenty = 100
)

// closeListener closes a listener with clients in its queue, and one whose handshake
// is not complete.
func closeListener(s *lab.Script, listener *lab.Sock, clients []*lab.Sock, half *lab.Sock) {
	s.Part("The server closes the listener")
	listener.Close()
	var sent [2]string
	for i, c := range []*lab.Sock{clients[0], half} {
		sent[i] = s.Wire.Of(c).Waiting(s.Server)
	}
	before := half.Peer().State()
	for _, c := range clients {
		s.Wire.Of(c).Deliver("server:RST,ACK")
	}
	_, outcome := clients[0].TryRead()
	s.Expect("close-resets-the-queued",
		lab.Is("server sends", sent[0], "RST,ACK"),
		lab.Is("client's read", outcome, "ECONNRESET"))

	answer := s.Wire.Of(half).IfAny("client:ACK").Exchange()
	s.Unless(!s.Server.KeepsHalfOpen(), lab.NothingHalfOpen).Expect("half-open-ones-hear-nothing-yet",
		lab.Is("server sends", sent[1], "nothing"),
		lab.Is("server", before, record.SynRecv),
		lab.Is("server answers the ACK", answer.Names, "RST"))
}

// shutDownListener ends a listener by shutdown, and begins it again.
func shutDownListener(s *lab.Script) {
	s.Part("Another listener is shut down")
	listener := s.Server.Named("second listener").Listen(81, 1)
	before := listener.Poll()
	listener.ShutdownRead()
	after := listener.Poll()
	s.Expect("shutdown-unblocks-accept",
		lab.Is("poll before", before, lab.NotReady),
		lab.OneOf("poll after", after, "OUT|HUP", "HUP"), // the latter with a small tcp_notsent_lowat
		lab.Is("accept", lab.Outcome(listener.TryAccept()), "EINVAL"),
		lab.Is("listener", listener.State(), record.Close))

	s.Part("listen, once more")
	listener.Listen(1)
	again := s.Client.Named("again").TryEstablish(s.Server.Addr(81))
	s.Expect("listen-brings-it-back",
		lab.Is("listener", listener.State(), record.Listen),
		lab.Is("connect", again.Connected(), lab.OK))
}
