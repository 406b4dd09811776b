package ports

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

const (
	migrateReq = "net.ipv4.tcp_migrate_req"
	syncookies = "net.ipv4.tcp_syncookies"

	// manyClients are so many that a hash does not give all of them to one of two
	// listeners: that would happen once in 2^63 runs.
	manyClients = 64
)

// Several listeners on one address, and a server that is replaced by its successor.
var reusePort = lab.Lab{
	Name:  "reuseport",
	Title: "Listeners that share a port have a queue each, and one that is closed takes its queue with it",
	Look:  "what the clients in the old server's queue get when it closes its listener",
	Long: `With SO_REUSEPORT several sockets listen on the same address and port, in one
program or in several. The kernel gives each new connection to one of them, by a hash of
the addresses and ports, and it waits in that listener's queue alone. Many servers are
replaced that way without a pause: the new one begins to listen, then the old one closes
its listener. But a connection that waits in the old one's queue is reset, and so is one
whose SYN has gone to it and whose third segment has not, although the new server listens
on the same address. Two things help: the sysctl tcp_migrate_req, or a listener that both
programs have inherited, which has one queue.`,
	Why: `A listener is found by the address of a SYN. If it has SO_REUSEPORT, reuseport_select_sock
(net/core/sock_reuseport.c) then takes one of the group: the one that a BPF program of the
group's names, if there is one, and else one by a hash. (In the later parts of this lab a
program goes by the client's port, so that the story knows which listener gets a connection.)
From the SYN on the connection belongs to that listener: the request, and the connection
that comes of it, hold a pointer to it.

close takes the listener out of the group and empties its queue: inet_csk_listen_stop
(net/ipv4/inet_connection_sock.c) resets what waits there, unless reuseport_migrate_sock
finds another listener of the group. It looks for one only with tcp_migrate_req (Linux
5.14), or if a BPF program of another type says so. (Late releases of 5.10 have the sysctl,
but nothing that reads it.) For a half-open connection the kernel looks for one when the
third segment arrives (tcp_v4_rcv). If it finds none, it drops the connection; the segment
goes to the new listener, which has no such connection, and is answered with a RST.

So to accept all that waits before close is not enough: the half-open ones cannot be
accepted yet. A descriptor that is inherited, or sent over a Unix socket, is the same
listener. It ends when the last descriptor is closed.

Sharing has one more price: a listener whose program has stopped accepting still gets its
part of the connections, and they wait.`,
	Try: []lab.Try{
		{Command: "bindrules", Says: "who may bind and listen, with which option"},
		{Command: "relisten", Says: "a listener that is closed without a successor"},
		{Command: "sharedfd", Says: "what two descriptors of one socket mean"},
		{Command: "sockopt SO_REUSEPORT", Says: "all about the option"},
	},
	Sockopts: []string{"SO_REUSEPORT"},
	Reads:    []string{"server:" + migrateReq},
	Backlog:  manyClients,
	Claims: []lab.Claim{{
		ID:     "connections-are-spread",
		Text:   "The kernel spreads the connections over all sockets that listen on the address.",
		Source: "socket(7), SO_REUSEPORT; net/core/sock_reuseport.c: reuseport_select_sock",
		Control: lab.Control{
			Says: "the new server shuts its listener down", Before: "first of many:connect",
			Do: func(s *lab.Script) { s.Sock("new listener").ShutdownRead() },
		},
	}, {
		ID:     "each-has-its-own-queue",
		Text:   "A connection waits in one listener's queue, and accept on another one does not find it.",
		Source: "net/core/sock_reuseport.c: reuseport_select_sock; net/ipv4/inet_connection_sock.c: inet_csk_accept",
		Control: lab.Control{
			Says: "another client comes, whose port is odd", Before: "reload new listener:accept#2",
			Do: func(s *lab.Script) { s.Client.Establish(s.Sock("reload old listener")) },
		},
	}, {
		ID:     "closing-one-resets-its-queue",
		Text:   "When one of the listeners is closed, the connections in its queue are reset, and those in another's are not.",
		Source: "net/ipv4/inet_connection_sock.c: inet_csk_listen_stop; Documentation/networking/ip-sysctl.rst: tcp_migrate_req",
		Control: lab.Control{
			Says: "the old server accepts the connection first", Before: "reload old listener:close",
			Do: func(s *lab.Script) { s.Sock("reload old listener").Accept() },
		},
	}, {
		ID:     "half-open-ones-are-lost-too",
		Text:   "The third segment of a handshake that began with the closed listener is answered by a RST, although another one listens.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_migrate_req; net/ipv4/tcp_ipv4.c: tcp_v4_rcv; net/ipv6/tcp_ipv6.c: tcp_v6_rcv",
		Control: lab.Control{
			Says: "the third segment arrives before", Before: "reload old listener:close",
			Do: func(s *lab.Script) {
				s.Wire.Of(s.Sock("reload half-open")).Pass("client:ACK")
				s.Sock("reload old listener").Accept()
				s.Sock("reload old listener").Accept()
			},
		},
	}, {
		ID:     "reload-loses-nothing",
		Text:   "If the new server listens with SO_REUSEPORT before the old one closes its listener, no connection is lost.",
		Source: "widely taught, as a reload without a pause",
		Myth:   true,
		Truth:  "Those that the old one has not accepted are lost (Documentation/networking/ip-sysctl.rst: tcp_migrate_req).",
		Control: lab.Control{
			Says: "the old server accepts the connection first", Before: "reload old listener:close",
			Do: func(s *lab.Script) { s.Sock("reload old listener").Accept() },
		},
	}, {
		ID:     "migrate-req-keeps-them",
		Text:   "With tcp_migrate_req another listener takes them over, the half-open ones too.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_migrate_req; net/core/sock_reuseport.c: reuseport_migrate_sock",
		Control: lab.Control{
			Says: "the sysctl is turned off again", Before: "migrating old listener:close",
			Do: func(s *lab.Script) { s.Server.SetSysctl(migrateReq, "0") },
		},
	}, {
		ID:     "a-full-queue-takes-nobody-over",
		Text:   "The third segment of a handshake that was taken over is dropped while the new listener's queue is full.",
		Source: "net/ipv4/tcp_minisocks.c: tcp_check_req",
		Control: lab.Control{
			Says: "the queue has room", Before: "migrating new listener:listen#2",
			Do: func(s *lab.Script) { s.Sock("migrating new listener").Accept() },
		},
	}, {
		ID:     "an-inherited-listener-keeps-them",
		Text:   "If the new server has inherited the old one's listener, the old one's close loses none: both descriptors have one queue.",
		Source: "close(2); dup(2)",
		Control: lab.Control{
			Says: "the old server shuts it down before", Before: "inherited old listener:close",
			Do: func(s *lab.Script) { s.Sock("inherited old listener").ShutdownRead() },
		},
	}},
	Script: func(s *lab.Script) {
		has := s.Server.Has(migrateReq)
		if has {
			s.Server.SetSysctl(migrateReq, "0")
		}
		s.Part("Two listeners on one address, and many clients")
		old, fresh := share(s, "", 80)
		s.Client.Named("first of many").Establish(old)
		for range manyClients - 1 {
			s.Client.Establish(old)
		}
		s.Expect("connections-are-spread",
			lab.Is("some wait at the old one", old.Queue() > 0, true),
			lab.Is("some wait at the new one", fresh.Queue() > 0, true),
			lab.Is("in both queues", old.Queue()+fresh.Queue(), manyClients))

		reload(s)
		switch {
		case !has:
			s.Inapplicable("this kernel has no tcp_migrate_req", "migrate-req-keeps-them", "a-full-queue-takes-nobody-over")
		case !s.Server.HasCounter("TCPMigrateReqSuccess"): // as in late releases of 5.10
			s.Inapplicable("this kernel has the sysctl tcp_migrate_req, and nothing that reads it", "migrate-req-keeps-them", "a-full-queue-takes-nobody-over")
		default:
			migrate(s)
		}
		inherit(s)
	},
}

// share makes two listeners on one port, the old one and the new one.
func share(s *lab.Script, name string, port int) (old, fresh *lab.Sock) {
	old = s.Server.Named(name + "old listener").Socket()
	fresh = s.Server.Named(name + "new listener").Socket()
	both(sockopt.ReusePort, old, fresh)
	for _, l := range []*lab.Sock{old, fresh} {
		l.Bind(s.Server.Addr(port))
		l.Listen(manyClients)
	}
	return old, fresh
}

// threeClients connect to a pair of listeners: one waits at the old one, one at the new
// one, and the handshake of the third, with the old one, is not complete.
func threeClients(s *lab.Script, name string, old *lab.Sock) (queued, half *lab.Sock) {
	queued = s.Client.Named(name + "queued").Establish(old)
	s.Client.Named(name + "other").Establish(old)
	half = s.Client.Named(name + "half-open").Connect(old)
	s.Wire.Of(half).Pass("SYN", "SYN,ACK")
	return queued, half
}

// reload replaces a server by its successor, which listens beside it.
func reload(s *lab.Script) {
	s.Part("A new server listens beside the old one; clients with even ports go to the old one")
	old, fresh := share(s, "reload ", 81)
	old.SteerByPort(2)
	queued, half := threeClients(s, "reload ", old)
	fresh.Accept()
	s.Expect("each-has-its-own-queue",
		lab.Is("the new one's second accept", lab.Outcome(fresh.TryAccept()), "EAGAIN"),
		lab.Is("waiting at the old one", old.Queue(), 1))

	s.Part("The old server closes its listener")
	old.Close()
	s.Wire.Of(queued).Deliver("server:RST,ACK")
	_, read := queued.TryRead()
	_, other := s.Sock("reload other").TryRead()
	s.Expect("closing-one-resets-its-queue",
		lab.Is("read of its client", read, "ECONNRESET"),
		lab.Is("read of the other's", other, "EAGAIN"))
	s.Expect("reload-loses-nothing", lab.Is("read of its client", read, "EAGAIN"))
	answer := s.Wire.Of(half).IfAny("client:ACK").Exchange()
	s.Unless(!s.Server.KeepsHalfOpen(), lab.NothingHalfOpen).Expect("half-open-ones-are-lost-too",
		lab.Is("the listener of the address", fresh.State(), record.Listen),
		lab.Is("the server answers the ACK", answer.Names, "RST"))
	s.Client.Named("reload next").Establish(fresh)
}

// migrate is reload with tcp_migrate_req.
func migrate(s *lab.Script) {
	s.Part("The same with tcp_migrate_req=1")
	s.Server.SetSysctl(migrateReq, "1")
	old, fresh := share(s, "migrating ", 82)
	old.SteerByPort(2)
	_, half := threeClients(s, "migrating ", old)
	old.Close()
	inherited := fresh.Queue()
	if s.Server.KeepsHalfOpen() && s.Server.Sysctl("net.ipv4.tcp_abort_on_overflow") == 0 {
		fresh.Listen(1)
		third := s.Wire.Of(half).Next("client:ACK").Deliver()
		s.Expect("a-full-queue-takes-nobody-over",
			lab.Is("waiting", fresh.Queue(), 2),
			lab.Is("TCPMigrateReqFailure", s.Server.Counter("TCPMigrateReqFailure"), 1))
		fresh.Listen(manyClients)
		third.Deliver()
	} else {
		s.Inapplicable("with tcp_abort_on_overflow or tcp_syncookies 2 the client is not kept waiting", "a-full-queue-takes-nobody-over")
		s.Wire.Of(half).Deliver("client:ACK")
	}
	s.Expect("migrate-req-keeps-them",
		lab.Is("waiting at the new one", inherited, 2),
		lab.Is("after the third segment", fresh.Queue(), 3))
}

// inherit lets the new server have the old one's listener.
func inherit(s *lab.Script) {
	s.Part("A new server that has inherited the old one's listener")
	old := s.Server.Named("inherited old listener").Listen(83, manyClients)
	fresh := old.Named("inherited new listener").Dup()
	_, half := threeClients(s, "inherited ", old)
	old.Close()
	waiting := fresh.Queue()
	s.Wire.Of(half).Deliver("client:ACK")
	s.Expect("an-inherited-listener-keeps-them",
		lab.Is("waiting", waiting, 2),
		lab.Is("after the third segment", fresh.Queue(), 3))
}
