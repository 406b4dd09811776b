package opening

import (
	"fmt"
	"math"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A listener's accept queue, filled until it overflows.
var backlog = lab.Lab{
	Name:  "backlog",
	Title: "The accept queue holds one connection more than the backlog, and then SYNs are dropped",
	Look:  "queue 129 of 128, and the next SYN that the server drops (ListenOverflows)",
	Long: `A listener keeps complete connections until the program calls accept. The argument of
listen(2) and net.core.somaxconn decide how many. The lab connects one client after
another until the queue is full. Then it shows what happens to the next SYN, to a
connection that was half-open when the queue filled up, and to both once accept makes
room. The same limit also applies to half-open connections, which the lab shows last.`,
	Why: `__sys_listen_socket (net/socket.c) limits the backlog to net.core.somaxconn; a
negative one becomes somaxconn. sk_acceptq_is_full (include/net/sock.h) calls the
queue full when it is longer than that, not when it is as long: hence one more. Linux
checks twice: tcp_conn_request when a SYN arrives, so that no handshake begins in
vain, and tcp_v4_syn_recv_sock when the handshake's last ACK arrives, because the
queue may have filled up in between. The same number limits the half-open connections
(inet_csk_reqsk_queue_is_full).

Both times Linux answers a full queue with silence. After a RST the client would
believe that nobody listens, and give up. A segment that seems lost is sent again,
and a short burst is over by then: "if overflow occurred due to a burst, connection
will recover", says ip-sysctl.rst in its warning about tcp_abort_on_overflow. The
price is latency: the client sends again after a second at the earliest, so an
overflow shows as connects that take a second or more. The counter ListenOverflows
tells an overflow from a lossy network.`,
	Try: []lab.Try{
		{Command: "backlog --n 0", Says: "a backlog of 0 still admits one connection"},
		{Command: "backlog --n 128 --somaxconn 64", Says: "the smaller one counts: the limit is 64, and 65 connections wait"},
		{Command: "backlog --n 3 --abort-on-overflow", Says: "a RST answers the ACK that finds no room; the SYN still gets no answer"},
		{Command: "backlog --n 1 --drain", Says: "accept takes all connections that wait"},
		{Command: "synqueue", Says: "the other queue, of half-open connections"},
	},
	Knobs: []lab.Knob{
		lab.Number("n", 128, 0, math.MaxInt32, "the backlog: listen's argument"),
		{Name: "clients", Auto: "enough to overflow", Min: 1, Max: math.MaxInt32, Help: "how many clients connect to the listener"},
		lab.Turns("somaxconn", "server:net.core.somaxconn", "the server's net.core.somaxconn, which bounds the backlog"),
		lab.Switch("abort-on-overflow", "set the server's net.ipv4.tcp_abort_on_overflow from the start"),
		lab.Switch("drain", "accept all connections at the end"),
	},
	Check: checkBacklog,
	Claims: []lab.Claim{{
		ID:     "queue-limit-is-min-backlog-somaxconn",
		Text:   "The listener's limit is the smaller of listen's argument and net.core.somaxconn.",
		Source: "listen(2); net/socket.c: __sys_listen_socket",
		Control: lab.Control{
			Says: "somaxconn is lowered behind the story's back", Args: lab.Args{"n": "4"}, Before: "listener:listen",
			Do: func(s *lab.Script) { s.Server.SetSysctl(somaxconn, "2") },
		},
	}, {
		ID:     "queue-holds-exactly-min",
		Text:   "The queue holds as many connections as its limit says.",
		Source: "widely taught; listen(2): “the maximum length”",
		Myth:   true,
		Truth:  "It holds one more: a connection is refused when the queue is longer than the limit, not when it is as long (include/net/sock.h: sk_acceptq_is_full).",
		Control: lab.Control{
			Says: "a second listen lowers the limit by one", Args: lab.Args{"n": "4"}, Before: "client 5:connect",
			Do: func(s *lab.Script) { s.Sock("listener").Listen(3) },
		},
	}, {
		ID:     "backlog-is-syn-queue",
		Text:   "The backlog limits only half-open connections; any number of complete ones may wait.",
		Source: "documents from before Linux 2.2; listen(2), NOTES",
		Myth:   true,
		Truth:  "Since Linux 2.2 it limits the complete connections that wait for accept. It limits the half-open ones as well, separately (include/net/inet_connection_sock.h: inet_csk_reqsk_queue_is_full).",
		Control: lab.Control{
			Says: "a second listen raises the limit", Args: lab.Args{"n": "2"}, Before: "client 4:connect",
			Do: func(s *lab.Script) { s.Sock("listener").Listen(8) },
		},
	}, {
		ID:     "syn-dropped-when-full",
		Text:   "A SYN that finds the queue full gets no answer. Its client stays in SYN_SENT and sends it again, and ListenOverflows and ListenDrops count it.",
		Source: "net/ipv4/tcp_input.c: tcp_conn_request",
		Control: lab.Control{
			Says: "one of the SYNs is lost on the way", Args: lab.Args{"n": "1"}, Of: "client 3", Segment: "client:SYN",
		},
	}, {
		ID:     "accept-frees-a-place",
		Text:   "After one accept, the SYN that the waiting client sends again is answered.",
		Source: "accept(2); net/ipv4/tcp_input.c: tcp_conn_request",
		Control: lab.Control{
			Says: "the limit is lowered before accept", Args: lab.Args{"n": "2"}, Before: "listener:accept",
			Do: func(s *lab.Script) { s.Sock("listener").Listen(0) },
		},
	}, {
		ID:     "ack-dropped-when-full",
		Text:   "If the queue fills up during a handshake, the ACK that completes it is dropped: the client is ESTABLISHED, the server stays in SYN_RECV and repeats its SYN,ACK.",
		Source: "net/ipv4/tcp_ipv4.c: tcp_v4_syn_recv_sock; net/ipv4/tcp_minisocks.c: tcp_check_req",
		Control: lab.Control{
			Says: "there is room for both", Args: lab.Args{"n": "1"}, Before: "late:connect",
			Do: func(s *lab.Script) { s.Sock("small listener").Listen(4) },
		},
	}, {
		ID:     "abort-on-overflow-resets",
		Text:   "With tcp_abort_on_overflow a RST answers such an ACK, and the client gets ECONNRESET. A SYN that finds the queue full is still dropped silently.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_abort_on_overflow; net/ipv4/tcp_minisocks.c: tcp_check_req",
		Control: lab.Control{
			Says: "the RST is lost", Args: lab.Args{"n": "1"}, Of: "late", Segment: "server:RST",
		},
	}},
	Script: tellBacklog,
}

const (
	somaxconn       = "net.core.somaxconn"
	abortOnOverflow = "net.ipv4.tcp_abort_on_overflow"
	syncookies      = "net.ipv4.tcp_syncookies"
	surplus         = 3 // clients that find the queue full
)

func checkBacklog(a lab.Args) error {
	n, flag := a.Int("n")+1+surplus, "n"
	if c := a.Int("clients"); c >= 0 {
		n, flag = c, "clients"
	}
	each := 1
	if a.On("drain") {
		each = 2 // the client's, and what accept returns
	}
	// Besides: three listeners, the clients of the second, and one of the third.
	return lab.CheckConnections(flag, a.Int(flag), each, each*n+10, n+7)
}

func tellBacklog(s *lab.Script) {
	if s.On("abort-on-overflow") {
		s.Server.SetSysctl(abortOnOverflow, "1")
	}
	limit := min(s.Int("n"), s.Server.Sysctl(somaxconn))
	clients := limit + 1 + surplus
	if s.Given("clients") {
		clients = s.Int("clients")
	}

	s.Part("Clients connect, and nobody calls accept")
	listener := s.Server.Listen(80, s.Int("n"))
	s.Expect("queue-limit-is-min-backlog-somaxconn", lab.Is("limit", listener.Limit(), limit))
	fit := min(clients, limit+1)
	waiting := connect(s, listener, 1, fit)
	if clients > fit {
		s.Part("The queue is full: the kernel drops the next SYN silently")
		waiting = append(waiting, connect(s, listener, fit+1, clients)...)
	}
	queued := listener.Queue()
	filled := clients > limit+1
	if !filled {
		const why = "the clients were too few to fill the queue"
		s.Inapplicable(why, "queue-holds-exactly-min", "syn-dropped-when-full", "accept-frees-a-place", "backlog-is-syn-queue")
	} else {
		s.Expect("queue-holds-exactly-min", lab.Is("queued", queued, limit))
		overflow(s, listener, waiting, clients-fit)
	}
	s.Part("Two handshakes compete for one free place")
	race(s)

	s.Part("A backlog of 1, and clients that never finish their handshake")
	kept := halfOpen(s)
	if filled {
		s.Expect("backlog-is-syn-queue",
			lab.Is("complete kept on port 80", queued, clients),
			lab.Seen("half-open kept", kept))
	}

	if s.On("drain") {
		s.Part("accept takes all connections")
		for outcome := lab.OK; outcome == lab.OK; {
			_, outcome = listener.TryAccept()
		}
	}
}

// connect lets the clients from first to last connect, as far as the kernel lets
// them, and returns those whose SYN got no answer.
func connect(s *lab.Script, listener *lab.Sock, first, last int) (waiting []*lab.Sock) {
	for n := first; n <= last; n++ {
		client := s.Client.Named(fmt.Sprintf("client %d", n)).Connect(listener)
		s.Wire.TryHandshake(client)
		if client.State() == record.SynSent {
			waiting = append(waiting, client)
		}
	}
	return waiting
}

// overflow shows the clients that wait, which should be as many as the surplus,
// and lets one of them in.
func overflow(s *lab.Script, listener *lab.Sock, waiting []*lab.Sock, surplus int) {
	if len(waiting) == 0 {
		s.Expect("syn-dropped-when-full", lab.Is("clients without an answer", 0, surplus))
		s.Inapplicable("every client is connected", "accept-frees-a-place")
		return
	}
	last := waiting[len(waiting)-1]
	overflows, drops := s.Server.Counter("ListenOverflows"), s.Server.Counter("ListenDrops")
	s.Part("A client that gets no answer sends its SYN again (the others are closed)")
	for _, other := range waiting[:len(waiting)-1] {
		other.Close()
	}
	wire := s.Wire.Of(last)
	again := wire.Retransmission("client:SYN").Hold()
	s.Expect("syn-dropped-when-full",
		lab.Is("server sends", wire.Waiting(s.Server), "nothing"),
		lab.Is("client", last.State(), record.SynSent),
		lab.Is("sent again", again.Flags, "SYN"),
		lab.Is("ListenOverflows", overflows, len(waiting)),
		lab.Is("ListenDrops", drops, len(waiting)))

	s.Part("accept frees a place")
	listener.Accept()
	again.Deliver()
	wire.Deliver("SYN,ACK", "ACK")
	s.Expect("accept-frees-a-place",
		lab.Is("client", last.State(), record.Established),
		lab.Is("server", last.Peer().State(), record.Established))
}

// halfOpen offers a listener with a backlog of 1 more half-open connections than
// it takes, and returns how many it keeps.
func halfOpen(s *lab.Script) (kept int) {
	listener := s.Server.Named("third listener").Listen(82, 1)
	return fill(s, listener, listener.Limit()+2, "unfinished")
}

// race lets two handshakes compete for the last place of a small listener.
func race(s *lab.Script) {
	if s.Server.Sysctl(somaxconn) == 0 {
		const why = "with somaxconn 0 there is never more than one half-open connection"
		s.Inapplicable(why, "ack-dropped-when-full", "abort-on-overflow-resets")
		return
	}
	if keepsNothing(s, "ack-dropped-when-full", "abort-on-overflow-resets") {
		return
	}
	small := s.Server.Named("small listener").Listen(81, 2)
	for range small.Limit() {
		s.Client.Establish(small)
	}
	early, late := s.Client.Named("early").Connect(small), s.Client.Named("late").Connect(small)
	for _, c := range []*lab.Sock{early, late} {
		s.Wire.Of(c).Pass("SYN", "SYN,ACK")
	}
	if late.Peer().State() != record.SynRecv {
		const why = "this kernel keeps no more half-open connections than the limit says"
		s.Inapplicable(why, "ack-dropped-when-full", "abort-on-overflow-resets")
		return
	}
	s.Wire.Of(early).Next("ACK").Deliver()

	wire := s.Wire.Of(late)
	ack := wire.Next("ACK")
	aborts := s.Server.Sysctl(abortOnOverflow) != 0
	switch {
	case aborts:
		s.Inapplicable("tcp_abort_on_overflow is set", "ack-dropped-when-full")
	case s.Server.Sysctl("net.ipv4.tcp_synack_retries") == 0:
		s.Inapplicable("with tcp_synack_retries 0 the server never repeats its SYN,ACK", "ack-dropped-when-full")
	default:
		before := s.Server.Counter("ListenOverflows")
		ack.Deliver()
		overflows := s.Server.Counter("ListenOverflows") - before
		client, server := late.State(), late.Peer().State()
		repeated := "nothing"
		if server == record.SynRecv {
			again := wire.Retransmission("server:SYN,ACK").Deliver()
			repeated = again.Flags
		}
		s.Expect("ack-dropped-when-full",
			lab.Is("client", client, record.Established),
			lab.Is("server", server, record.SynRecv),
			lab.Is("sent again", repeated, "SYN,ACK"),
			lab.Is("ListenOverflows", overflows, 1))
		ack = wire.Next("ACK")
	}
	if !aborts {
		s.Part("The client's next ACK, now with tcp_abort_on_overflow")
		s.Server.SetSysctl(abortOnOverflow, "1")
	}
	ack.Deliver()
	wire.Deliver("RST")
	_, outcome := late.TryRead()
	silent := s.Client.Connect(small)
	s.Wire.Of(silent).Next("SYN").Deliver()
	s.Expect("abort-on-overflow-resets",
		lab.Is("client read", outcome, "ECONNRESET"),
		lab.Is("server sends for a SYN", s.Wire.Of(silent).Waiting(s.Server), "nothing"))
}
