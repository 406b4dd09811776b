package opening

import (
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// A listener that wants data, not connections.
var deferAccept = lab.Lab{
	Name:  "deferaccept",
	Title: "With TCP_DEFER_ACCEPT the handshake is complete for the client alone until data comes",
	Look:  "the client is ESTABLISHED, and the server waits for data before it is",
	Long: `A web server has nothing to do for a client until the request is there. With
TCP_DEFER_ACCEPT its listener ignores the third segment of the handshake: the client is
connected, the server stays in SYN_RECV, and accept has nothing to return. The first
data creates the connection. If no data comes, the server waits for a time, then
repeats its SYN,ACK, and takes the client's ACK after all. That time is seldom the
number of seconds that the program asked for.`,
	Why: `tcp_check_req (net/ipv4/tcp_minisocks.c) drops the ACK if it carries no data, notes
that it came, and counts it (TCPDeferAcceptDrop). The listener keeps the small request
socket, so an idle client costs neither a full socket nor a wake-up of the program.

The kernel stores not a time but a number of SYN,ACK timeouts: secs_to_retrans
(net/ipv4/tcp.c) counts how many of 1, 2, 4, 8… seconds it takes to cover what the program
asked for. Hence 1, 3, 7, 15 seconds, and nothing between. getsockopt returns the time that
is really in force. syn_ack_recalc (net/ipv4/inet_connection_sock.c) sends nothing at these
timeouts once the ACK has come, except at the last one. That SYN,ACK makes the client's
kernel repeat its ACK, and now tcp_check_req takes it: the program gets a connection
without data. So a server needs a timeout for the first read all the same.

A client cannot tell. Only if that last SYN,ACK, or the answer, is lost again and
again does the request expire, and the client keeps a connection that the server does
not have: see the lab lostack.`,
	Try: []lab.Try{
		{Command: "deferaccept --seconds 4", Says: "7 seconds: the timer runs out after 1, 2 and 4"},
		{Command: "deferaccept --seconds 3", Says: "one of the few times that are kept to the second"},
		{Command: "noaccept", Says: "an ordinary listener: the connection waits in the accept queue, with or without data"},
		{Command: "lostack", Says: "the third segment is lost: the server does the same, and repeats its SYN,ACK sooner"},
		{Command: "sockopt TCP_DEFER_ACCEPT", Says: "all about the option"},
	},
	Knobs: []lab.Knob{
		lab.Number("seconds", 2, 1, 63, "the listener's TCP_DEFER_ACCEPT"),
	},
	Sockopts: []string{"TCP_DEFER_ACCEPT", "SO_ERROR"},
	Reads:    []string{"server:" + syncookies},
	Backlog:  2,
	Claims: []lab.Claim{{
		ID:     "bare-ack-is-dropped",
		Text:   "The server drops the third segment because it carries no data, and counts it in TCPDeferAcceptDrop.",
		Source: "net/ipv4/tcp_minisocks.c: tcp_check_req",
		Control: lab.Control{
			Says: "the option is turned off again", Before: "client:connect",
			Do: func(s *lab.Script) { lab.Set(s.Sock("listener"), sockopt.DeferAccept, 0) },
		},
	}, {
		ID:     "server-stays-syn-recv",
		Text:   "The client is ESTABLISHED, the server SYN_RECV, and accept has nothing to return.",
		Source: "tcp(7), TCP_DEFER_ACCEPT; net/ipv4/tcp_minisocks.c: tcp_check_req",
		Control: lab.Control{
			Says: "the option is turned off again", Before: "client:connect",
			Do: func(s *lab.Script) { lab.Set(s.Sock("listener"), sockopt.DeferAccept, 0) },
		},
	}, {
		ID:     "data-wakes-accept",
		Text:   "The first data creates the connection: accept returns it, and read the data.",
		Source: "tcp(7), TCP_DEFER_ACCEPT; net/ipv4/tcp_minisocks.c: tcp_check_req",
		Control: lab.Control{
			Says: "the data is lost", Of: "eager", Segment: "client:data",
		},
	}, {
		ID:     "seconds-are-seconds",
		Text:   "The listener waits no longer than the seconds that the program has asked for.",
		Source: "tcp(7), TCP_DEFER_ACCEPT",
		Myth:   true,
		Truth:  "The time is rounded up to a sum of SYN,ACK timeouts: 1, 3, 7, 15, 31 or 63 seconds, and so on. It reads back rounded (net/ipv4/tcp.c: secs_to_retrans, retrans_to_secs).",
		Control: lab.Control{
			Says: "the option is lowered to 1 second", Before: "client:connect",
			Do: func(s *lab.Script) { lab.Set(s.Sock("listener"), sockopt.DeferAccept, 1) },
		},
	}, {
		ID:     "accepted-anyway-after-the-time",
		Text:   "When the time is over the server repeats its SYN,ACK, and the client's next ACK creates the connection without any data.",
		Source: "net/ipv4/inet_connection_sock.c: syn_ack_recalc; net/ipv4/tcp_minisocks.c: tcp_check_req",
		Control: lab.Control{
			Says: "the repeated SYN,ACK is lost", Segment: "server:SYN,ACK again",
		},
	}},
	Script: func(s *lab.Script) {
		s.StopIf(!s.Server.KeepsHalfOpen(), lab.NothingHalfOpen)
		listener := s.Server.Listen(80, 16)
		lab.Set(listener, sockopt.DeferAccept, s.Int("seconds"))

		s.Part("A client connects, and sends nothing")
		client := s.Client.Establish(listener)
		server := client.Peer()
		waits := server.TimeLeft()
		s.Expect("bare-ack-is-dropped",
			lab.Is("TCPDeferAcceptDrop", s.Server.Counter("TCPDeferAcceptDrop"), 1),
			lab.Is("queued", listener.Queue(), 0))
		early := lab.Outcome(listener.TryAccept())
		s.Expect("server-stays-syn-recv",
			lab.Is("connect", client.Connected(), lab.OK),
			lab.Is("client", client.State(), record.Established),
			lab.Is("server", server.State(), record.SynRecv),
			lab.Is("accept", early, "EAGAIN"))

		s.Part("Another client sends its request")
		s.Client.Named("eager").Establish(listener).TrySend("request")
		data, outcome := listener.TryAcceptAndRead()
		s.Expect("data-wakes-accept",
			lab.Is("accept", outcome, lab.OK),
			lab.Is("data", data, "request"))

		s.Part("The first client goes on sending nothing")
		asked, seconds := s.Int("seconds"), lab.Get(listener, sockopt.DeferAccept)
		s.Unless(asked == seconds, "the time asked for is one that the kernel can keep").
			Expect("seconds-are-seconds", lab.Between("seconds that getsockopt returns", seconds, 1, asked))
		for over := 1; over < seconds; over = 2*over + 1 {
			server.AwaitRestart()
			waits = waits.And(server.TimeLeft())
		}
		before := s.Wire.Of(client).Waiting(s.Server)
		s.Wire.Of(client).Retransmission("server:SYN,ACK").Exchange()
		s.Expect("accepted-anyway-after-the-time",
			lab.Left("waits", waits, time.Duration(seconds)*time.Second),
			lab.Is("server sends before", before, "nothing"),
			lab.Is("server", server.State(), record.Established),
			lab.Is("accept", lab.Outcome(listener.TryAccept()), lab.OK),
			lab.Is("to read", server.Received(), 0))
	},
}
