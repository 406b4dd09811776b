package closing

import (
	"strings"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A connection that is ended from outside, by ss -K.
var destroy = lab.Lab{
	Name:  "destroy",
	Title: "ss -K resets another program's connection, and removes a TIME_WAIT silently",
	Look:  "the RST of the socket that is destroyed, and the TIME_WAIT that goes without one",
	Long: `"ss -K" ends a socket that belongs to another program. It asks the kernel
through inet_diag (SOCK_DESTROY), by the addresses, and needs no descriptor. What happens
depends on the state. An established connection is reset: the other side gets a RST, and
the program's own next call fails with ECONNABORTED. A TIME_WAIT and a half-open connection
are removed silently. A listener stops listening, and what waits in its queue is reset.`,
	Why: `tcp_abort (net/ipv4/tcp.c) does it. It takes a request or a time-wait socket out
of its table, which sends nothing. (Linux 5.10 leaves a time-wait socket alone, and says
EOPNOTSUPP.) A listener goes to CLOSE and drops its queue as close does
(inet_csk_listen_stop). In all other states it sends a RST if RFC 9293 would for an ABORT
(tcp_need_reset: ESTABLISHED, CLOSE_WAIT, FIN_WAIT1, FIN_WAIT2, SYN_RECV), and ends the
connection with ECONNABORTED. The descriptor stays the program's: it still has to close it.

sock_diag_destroy (net/core/sock_diag.c) asks for CAP_NET_ADMIN in the user namespace that
owns the network namespace, and for nothing else: not for root, and not for the socket to
be one's own. So a container's root can end the connections of its container alone.

It was made for Android: when the phone leaves a network, connections that can never work
again are ended at once, and their programs need not wait for a timeout.`,
	Try: []lab.Try{
		{Command: "resetclose", Says: "the resets that a program's own close sends"},
		{Command: "timewait", Says: "other ways to end a TIME_WAIT"},
		{Command: "reseterrors", Says: "the error on the other side"},
		{Command: "relisten", Says: "a listener that is closed with connections in its queue"},
	},
	TimeWaits: 1,
	Reads:     []string{"server:net.ipv4.tcp_syncookies"},
	Claims: []lab.Claim{{
		ID:     "needs-net-admin-only-here",
		Text:   "Without CAP_NET_ADMIN the kernel refuses with EPERM, and the connection stays; with it, in the user namespace of these hosts, it is ended.",
		Source: "net/core/sock_diag.c: sock_diag_destroy; net/ipv4/tcp_diag.c: tcp_diag_destroy",
		Control: lab.Control{
			Says: "somebody else ends the connection first", Before: "server:destroy",
			Do: func(s *lab.Script) {
				s.Sock("client").Peer().Craft(lab.Craft{Flags: "RST", Seq: 1}).Deliver()
				s.Sock("client").Craft(lab.Craft{Flags: "RST", Seq: 1}).Deliver()
			},
		},
	}, {
		ID:     "established-sends-a-reset",
		Text:   "An established connection is reset: the other side's read fails with ECONNRESET.",
		Source: "net/ipv4/tcp.c: tcp_abort",
		Control: lab.Control{
			Says: "the RST is lost", Segment: "server:RST,ACK",
		},
	}, {
		ID:     "program-gets-econnaborted",
		Text:   "The program's own next call fails with ECONNABORTED, and then read returns 0.",
		Source: "net/ipv4/tcp.c: tcp_abort; net/ipv4/tcp_diag.c: tcp_diag_destroy",
		Control: lab.Control{
			Says: "a RST of the client comes first", Before: "server:destroy#2",
			Do: func(s *lab.Script) { s.Sock("client").Craft(lab.Craft{Flags: "RST", Seq: 1}).Deliver() },
		},
	}, {
		ID:     "ends-as-close-does",
		Text:   "ss -K ends a connection as the program's close would, with a FIN.",
		Source: "widely taught, as the way to close another program's socket",
		Myth:   true,
		Truth:  "It aborts it, with a RST (net/ipv4/tcp.c: tcp_abort). What is not delivered yet is lost.",
		Control: lab.Control{
			Says: "the program closes first", Before: "server:destroy#2",
			Do: func(s *lab.Script) { s.Sock("server").Close() },
		},
	}, {
		ID:     "time-wait-goes-silently",
		Text:   "A TIME_WAIT ends at once, and nothing is sent.",
		Source: "net/ipv4/tcp.c: tcp_abort",
		Control: lab.Control{
			Says: "the server's FIN is lost", Of: "waiting client", Segment: "server:FIN,ACK",
		},
	}, {
		ID:     "syn-recv-goes-silently",
		Text:   "A half-open connection ends as well, and nothing is sent.",
		Source: "net/ipv4/tcp.c: tcp_abort",
		Control: lab.Control{
			Says: "the third segment arrives first", Of: "half-open", Segment: "server:SYN,ACK",
			Do: func(s *lab.Script) {
				s.Sock("half-open").Craft(lab.Craft{Flags: "ACK", Seq: 1, Ack: 1, Win: 1000}).Deliver()
			},
		},
	}, {
		ID:     "listener-drops-its-queue",
		Text:   "A listener stops listening: accept fails with EINVAL, and the connection in its queue is reset.",
		Source: "net/ipv4/tcp.c: tcp_abort; accept(2), EINVAL",
		Control: lab.Control{
			Says: "the server listens again", Before: "listener:accept#3",
			Do: func(s *lab.Script) { s.Sock("listener").Listen(1) },
		},
	}},
	Script: tellDestroy,
}

func tellDestroy(s *lab.Script) {
	client, server := s.Connection()
	s.Part("An established connection, without CAP_NET_ADMIN and with it")
	var refused string
	s.WithoutNetAdmin(func() { refused = server.Destroy() })
	kept := server.State()
	ended := server.Destroy()
	s.StopIf(ended == "ENOTSUP", "this kernel was built without CONFIG_INET_DIAG_DESTROY")
	s.Expect("needs-net-admin-only-here",
		lab.Is("without it", refused, "EPERM"),
		lab.Is("server", kept, record.Established),
		lab.Is("with it", ended, lab.OK),
		lab.Is("then", server.State(), record.Close))
	sent := s.Wire.DeliverAll(s.Server)
	s.Expect("established-sends-a-reset",
		lab.Is("server sends", sent, "RST,ACK"),
		lab.Is("client's read", client.Reads(), "ECONNRESET"))
	s.Expect("ends-as-close-does", lab.Seen("server sends", sent), lab.Is("a FIN comes first", strings.HasPrefix(sent, "FIN,ACK"), true))
	s.Expect("program-gets-econnaborted",
		lab.Is("first read", server.Reads(), "ECONNABORTED"),
		lab.Is("second read", server.Reads(), lab.EOF))

	client, server = s.Connection("waiting")
	s.Part("A connection in TIME_WAIT")
	client.Close()
	wire := s.Wire.Of(client)
	wire.Pass("client:FIN,ACK")
	server.TryFinish()
	before := client.State()
	s.Unless(client.Destroy() == "ENOTSUP", "this kernel destroys no TIME_WAIT, as Linux 5.10 does not").
		Expect("time-wait-goes-silently",
			lab.Is("before", before, record.TimeWait),
			lab.Is("client", client.State(), record.Close),
			lab.Is("client sends", wire.Waiting(s.Client), "nothing"))
	listening(s)
}

// listening destroys a half-open connection and its listener.
func listening(s *lab.Script) {
	s.Part("A half-open connection")
	listener := s.Sock("listener")
	half := s.Client.Named("half-open").Connect(listener)
	wire := s.Wire.Of(half)
	wire.Pass("SYN", "SYN,ACK")
	before := half.Peer().State()
	half.Peer().Destroy()
	s.Unless(!s.Server.KeepsHalfOpen(), lab.NothingHalfOpen).Expect("syn-recv-goes-silently",
		lab.Is("before", before, record.SynRecv),
		lab.Is("server", half.Peer().State(), record.Close),
		lab.Is("server sends", wire.Waiting(s.Server), "nothing"))

	s.Part("A listener, with a connection in its queue")
	queued := s.Client.Named("queued").Establish(listener)
	listener.Destroy()
	sent := s.Wire.Of(queued).DeliverAll(s.Server)
	s.Expect("listener-drops-its-queue",
		lab.Is("listener", listener.State(), record.Close),
		lab.Is("accept", lab.Outcome(listener.TryAccept()), "EINVAL"),
		lab.Is("server sends", sent, "RST,ACK"))
}
