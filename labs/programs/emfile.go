package programs

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A server that has no descriptor left.
var emfile = lab.Lab{
	Name:  "emfile",
	Title: "A server without a free descriptor can't accept, and its client never learns of it",
	Look:  "accept fails with EMFILE, and the client is ESTABLISHED all the same",
	Long: `Each accepted connection needs a descriptor, and a process may have only so many
(ulimit -n). The lab's server may have five: its three standard files, the listener and
one connection. Then a second client connects. accept fails with EMFILE, but the kernel
has already made the connection, and it stays in the accept queue. So the listener stays
readable, and a server that is out of descriptors spins: poll or epoll wakes it, accept
fails, and so on again and again, for all the processor time that it can get.`,
	Why: `accept takes a free descriptor before it looks at the queue (__sys_accept4_file,
net/socket.c). If there is none, it returns EMFILE and has touched nothing; even with an
empty queue it fails with EMFILE, not EAGAIN. The handshake is done by the kernel without
any descriptor, so the client is ESTABLISHED, and what it writes is acknowledged, up to the
receive buffer. It gets no answer, and no error. Other clients follow, until the queue is
full (the lab backlog).

Some servers keep one descriptor in reserve, open on /dev/null. On EMFILE they close it,
accept, close the connection at once, and open it again: the client then sees the end of
the stream instead of silence. Others stop polling the listener until they have closed
something. (EMFILE is the process's limit. ENFILE is the whole system's.)`,
	Try: []lab.Try{
		{Command: "noaccept", Says: "a server that does not call accept: the client sees the same"},
		{Command: "backlog --n 2", Says: "what happens when the queue is full as well"},
		{Command: "readiness", Says: "what poll says of a listener, and why"},
		{Command: "emfile --ipv6", Says: "the same on IPv6"},
	},
	Claims: []lab.Claim{{
		ID:     "emfile-comes-before-eagain",
		Text:   "Without a free descriptor accept fails with EMFILE even if no connection waits.",
		Source: "net/socket.c: __sys_accept4_file",
		Control: lab.Control{
			Says: "the limit is raised first", Before: "listener:accept#2",
			Do: func(s *lab.Script) { s.Server.LimitDescriptors(1024) },
		},
	}, {
		ID:     "accept-says-emfile-again-and-again",
		Text:   "While a connection waits and no descriptor is free, poll says that the listener is readable, and accept fails with EMFILE, each time.",
		Source: "accept(2), EMFILE; net/socket.c: __sys_accept4_file",
		Control: lab.Control{
			Says: "the server closes the first connection", Before: "listener:accept#3",
			Do: func(s *lab.Script) { s.Sock("first server").Close() },
		},
	}, {
		ID:     "connection-stays-queued",
		Text:   "The connection stays ESTABLISHED in the accept queue.",
		Source: "net/socket.c: __sys_accept4_file",
		Control: lab.Control{
			Says: "the third segment is lost", Of: "second", Segment: "client:ACK",
		},
	}, {
		ID:     "client-notices-nothing",
		Text:   "The client is connected, and what it writes is acknowledged.",
		Source: "RFC 9293 §3.5; net/ipv4/tcp_minisocks.c: tcp_check_req",
		Control: lab.Control{
			Says: "the server closes the listener", Before: "second:write", Do: closeListener,
		},
	}, {
		ID:     "the-kernel-refuses-the-client",
		Text:   "The kernel refuses clients that the server has no descriptor for.",
		Source: "widely taught, because accept is thought to make the connection",
		Myth:   true,
		Truth:  "It has made the connection before accept is called, and knows nothing of descriptors (net/socket.c: __sys_accept4_file).",
		Control: lab.Control{
			Says: "the server closes the listener", Before: "second:write", Do: closeListener,
		},
	}, {
		ID:     "a-free-descriptor-is-enough",
		Text:   "When the server has closed a descriptor, accept returns the connection, with its data.",
		Source: "net/socket.c: __sys_accept4_file",
		Control: lab.Control{
			Says: "something else takes the free descriptor", Before: "listener:accept#5",
			Do: func(s *lab.Script) { s.Sock("listener").Dup() },
		},
	}},
	Script: func(s *lab.Script) {
		s.StopIf(!lab.LimitsDescriptors, "tcplab can't limit descriptors on this architecture")
		s.Part("A server that may have five descriptors, and one client")
		s.Server.LimitDescriptors(5)
		listener := s.Server.Listen(80, 16)
		_, server := s.ConnectionTo(listener, "first")
		s.Expect("emfile-comes-before-eagain",
			lab.Is("queue", listener.Queue(), 0),
			lab.Is("accept", lab.Outcome(listener.TryAccept()), "EMFILE"))

		s.Part("A second client")
		second := s.Client.Named("second").TryEstablish(s.Server.Addr(80))
		s.Expect("accept-says-emfile-again-and-again",
			lab.Is("poll", listener.Poll(), "IN"),
			lab.Is("accept", lab.Outcome(listener.TryAccept()), "EMFILE"),
			lab.Is("poll again", listener.Poll(), "IN"),
			lab.Is("accept again", lab.Outcome(listener.TryAccept()), "EMFILE"))
		s.Expect("connection-stays-queued",
			lab.Is("queue", listener.Queue(), 1),
			lab.Is("state", second.Peer().State(), record.Established),
			lab.Is("held by a program", second.Peer().Held(), false))
		wrote := second.TrySend("request")
		state := second.State()
		s.Expect("client-notices-nothing",
			lab.Is("client", state, record.Established),
			lab.Is("write", wrote, lab.OK),
			lab.Is("bytes not acknowledged", second.Unacknowledged(), 0))
		s.Expect("the-kernel-refuses-the-client", lab.Is("client", state, record.Close))

		s.Part("The server closes the first connection")
		server.Close()
		data, outcome := listener.TryAcceptAndRead()
		s.Expect("a-free-descriptor-is-enough",
			lab.Is("accept", outcome, lab.OK),
			lab.Is("data", data, "request"))
	},
}

// closeListener closes the listener, and with it what waits in its queue.
func closeListener(s *lab.Script) {
	s.Sock("listener").Close()
	s.Wire.Of(s.Sock("second")).Deliver("server:RST,ACK")
}
