package closing

import (
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

const (
	finTimeout = "net.ipv4.tcp_fin_timeout"
	rfc1337    = "net.ipv4.tcp_rfc1337"
	timestamps = "net.ipv4.tcp_timestamps"

	timeWaitLength = 60 // seconds: TCP_TIMEWAIT_LEN, include/net/tcp.h
)

// What TIME_WAIT does, how long it lasts and what ends it early.
var timeWait = lab.Lab{
	Name:  "timewait",
	Title: "TIME_WAIT lasts 60 seconds, and few things end it earlier",
	Look:  "how long TIME_WAIT lasts, what bind says to it, and what ends it",
	Long: `The side that closes first keeps the connection in TIME_WAIT for a minute. So it can
acknowledge the other side's FIN again, and old segments find no new connection with
the same addresses. Here that side is the server, and its program is restarted: it
cannot bind its port (EADDRINUSE, "address already in use"), unless the old connection
and the new socket both have SO_REUSEADDR. A client may open the same connection again
at any time, if its SYN is a newer one. And a reset with the right sequence number ends
TIME_WAIT at once.`,
	Why: `The length is a constant: tcp_time_wait takes TCP_TIMEWAIT_LEN, whatever timeout it
is given. (RFC 9293 §3.6.1 asks for two MSL, of two minutes each.) inet_bind_conflict
decides whether bind succeeds: two sockets share a port if both have SO_REUSEADDR and
the other one does not listen, or if both have SO_REUSEPORT and the same user (in
TIME_WAIT any user). The time-wait socket has the flags of its connection. A
connection inherits them from its listener when it is created; what is set on the
listener later does not count.

A new SYN has to be newer than the old connection. With timestamps its timestamp
counts first: an older one is refused (PAWS), whatever its sequence number. Otherwise
a higher sequence number or a newer timestamp is enough: tcp_timewait_state_process
lets the SYN pass to the listener. A RST may be the answer to an old duplicate, and
should not end the state; by default it does.

On the connecting side TIME_WAIT occupies a port. The 28,232 ports of
ip_local_port_range allow about 470 connections a second to one address and port of a
server. Beyond that connect fails with EADDRNOTAVAIL. Keep connections open, or set
tcp_tw_reuse=1: with timestamps, connect then takes over such a port after one second
(tcp_twsk_unique; since Linux 6.14 tcp_tw_reuse_delay sets the time). The default, 2,
is for loopback only. A lower tcp_max_tw_buckets only takes the protection away.`,
	Try: []lab.Try{
		{Command: "timewait --wait", Says: "wait for the end and measure it: this takes a minute"},
		{Command: "timewait --sysctl net.ipv4.tcp_timestamps=0", Says: "without timestamps only the sequence number of the new SYN counts"},
		{Command: "lostlastack", Says: "the FIN that TIME_WAIT exists to answer"},
		{Command: "simclose", Says: "a close that leaves both sides in TIME_WAIT"},
	},
	Knobs: []lab.Knob{
		lab.Switch("wait", "wait until TIME_WAIT is over, a minute, and measure it"),
	},
	Sockopts:  []string{"SO_REUSEADDR"},
	TimeWaits: 2,
	Claims: []lab.Claim{{
		ID:     "lasts-60-seconds",
		Text:   "TIME_WAIT lasts 60 seconds.",
		Source: "include/net/tcp.h: TCP_TIMEWAIT_LEN; net/ipv4/tcp_minisocks.c: tcp_time_wait",
		Control: lab.Control{
			Says: "the client's FIN is lost: the server stays in FIN_WAIT2", Segment: "client:FIN,ACK",
		},
	}, {
		ID:     "not-tunable-by-fin-timeout",
		Text:   "tcp_fin_timeout does not change how long TIME_WAIT lasts.",
		Source: "net/ipv4/tcp_minisocks.c: tcp_time_wait, tcp_timewait_state_process",
		Control: lab.Control{
			Says: "the client's FIN is lost: the server stays in FIN_WAIT2", Segment: "client:FIN,ACK",
		},
	}, {
		ID:     "blocks-bind-without-reuseaddr",
		Text:   "While a connection on a port is in TIME_WAIT, bind to that port fails with EADDRINUSE, although nobody listens.",
		Source: "bind(2), EADDRINUSE; net/ipv4/inet_connection_sock.c: inet_csk_get_port",
		Control: lab.Control{
			Says: "the server keeps no TIME_WAIT", Before: "server:close", Do: noTimeWait,
		},
	}, {
		ID:     "reuseaddr-on-both-allows-bind",
		Text:   "bind succeeds if the connection in TIME_WAIT and the new socket both have SO_REUSEADDR. On the new socket alone it does not help.",
		Source: "socket(7), NOTES; net/ipv4/inet_connection_sock.c: inet_bind_conflict",
		Control: lab.Control{
			Says: "the option is turned off again on the new socket", Before: "reusing:bind",
			Do: func(s *lab.Script) { lab.Set(s.Sock("reusing"), sockopt.ReuseAddr, false) },
		},
	}, {
		ID:     "older-timestamp-does-not-reopen",
		Text:   "A SYN with an older timestamp is refused, whatever its sequence number: TIME_WAIT answers it with an ACK.",
		Source: "net/ipv4/tcp_minisocks.c: tcp_timewait_state_process",
		Control: lab.Control{
			Says: "its timestamp is newer", Segment: "client:SYN#2", Of: "second", Change: lab.TimeMore(2000),
		},
	}, {
		ID:     "new-syn-reopens",
		Text:   "A newer SYN from the same client port is accepted: the server goes from TIME_WAIT to SYN_RECV and ESTABLISHED.",
		Source: "RFC 9293 §3.6.1 (MAY-2); net/ipv4/tcp_minisocks.c: tcp_timewait_state_process",
		Control: lab.Control{
			Says: "nobody listens any more", Before: "third:connect",
			Do: func(s *lab.Script) { s.Sock("reusing").Close() },
		},
	}, {
		ID:     "rfc1337-protects-it",
		Text:   "With tcp_rfc1337=1 a RST does not end TIME_WAIT.",
		Source: "RFC 1337 §3, fix F1; tcp(7), tcp_rfc1337; net/ipv4/tcp_minisocks.c: tcp_timewait_state_process",
		Control: lab.Control{
			Says: "the client's FIN is lost: the server stays in FIN_WAIT2", Of: "third", Segment: "client:FIN,ACK",
		},
	}, {
		ID:     "exact-rst-kills-it",
		Text:   "With tcp_rfc1337=0 a RST with the sequence number that is expected next ends TIME_WAIT at once.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_minisocks.c: tcp_timewait_state_process",
		Control: lab.Control{
			Says: "the RST is lost", Segment: "client:RST",
		},
	}, {
		ID:     "rfc1337-off-prevents-assassination",
		Text:   "With tcp_rfc1337=0 Linux does not let a RST end TIME_WAIT.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_rfc1337",
		Myth:   true,
		Truth:  "Only tcp_rfc1337=1 prevents it. With 0, the default, the RST ends TIME_WAIT (tcp(7), tcp_rfc1337).",
		Control: lab.Control{
			Says: "the RST is lost", Segment: "client:RST",
		},
	}},
	Script: func(s *lab.Script) {
		s.Server.SetDefault(finTimeout, "5") // any but 60
		s.Part("The server closes first")
		listener := s.Server.Listen(80, 1)
		client, old := s.ConnectionTo(listener)
		closeBoth(s, old, client)
		left := old.TimeLeft()
		judgeLength(s, old, left)

		s.Part("Its program ends, and starts again")
		listener.Close()
		again := s.Server.Named("restarted").Socket()
		plain := again.TryBind(s.Server.Addr(80))
		s.Expect("blocks-bind-without-reuseaddr",
			lab.Is("server", old.State(), record.TimeWait),
			lab.Is("bind", plain, "EADDRINUSE"))
		lab.Set(again, sockopt.ReuseAddr, true)
		newAlone := again.TryBind(s.Server.Addr(80))

		s.Part("The same on another port, and the connection has SO_REUSEADDR")
		listener = s.Server.Named("second listener").Listen(reusedPort, 1)
		client = s.Client.Named("second").Connect(listener)
		syn := s.Wire.Next("SYN").Deliver()
		s.Wire.Pass("SYN,ACK", "ACK")
		server := listener.Accept()
		lab.Set(server, sockopt.ReuseAddr, true)
		closeBoth(s, server, client)
		listener.Close()
		again = s.Server.Named("reusing").Socket()
		lab.Set(again, sockopt.ReuseAddr, true)
		s.Expect("reuseaddr-on-both-allows-bind",
			lab.Is("server", client.Peer().State(), record.TimeWait),
			lab.Is("bind, on the new one alone", newAlone, "EADDRINUSE"),
			lab.Is("bind, on both", again.TryBind(s.Server.Addr(reusedPort)), lab.OK))

		again.Listen(1)
		s.Part("A SYN with an older timestamp (the answer is lost, for the client would reset it)")
		older(s, client, syn)

		s.Part("A new SYN from the same client port")
		client = s.Client.Named("third").Reconnect(client)
		s.Wire.Next("SYN").Deliver()
		s.Wire.Deliver("SYN,ACK", "ACK")
		s.Expect("new-syn-reopens",
			lab.Is("server", client.Peer().Path(record.TimeWait), "TIME_WAIT → SYN_RECV → ESTABLISHED"))

		s.Part("A RST with the right sequence number, with tcp_rfc1337 and without")
		server = again.Accept()
		reset := closeBoth(s, server, client).Reset()
		before := server.State()
		s.Server.SetSysctl(rfc1337, "1")
		reset.Deliver()
		s.Expect("rfc1337-protects-it",
			lab.Is("server before", before, record.TimeWait),
			lab.Is("server after", server.State(), record.TimeWait))
		s.Server.SetSysctl(rfc1337, "0")
		reset.Deliver()
		s.Expect("exact-rst-kills-it",
			lab.Is("server before", before, record.TimeWait),
			lab.Is("server after", server.State(), record.Close))
		s.Expect("rfc1337-off-prevents-assassination",
			lab.Is("server after", server.State(), record.TimeWait))

		if s.On("wait") {
			s.Part("A minute later the first connection is gone")
			rest := old.TimeLeft()
			waited := old.Await(record.Close)
			s.Expect("lasts-60-seconds",
				lab.Left("left at the start", left, timeWaitLength*time.Second),
				lab.Lasted("then waited", waited, rest))
		}
	},
}

// reusedPort is the second listener's.
const reusedPort = 81

// older lets a SYN arrive that is like an earlier one of the client's, with a
// sequence number that is beyond the connection's.
func older(s *lab.Script, client *lab.Sock, syn *lab.Segment) {
	if !s.Both(timestamps) {
		s.Inapplicable("the connection has no timestamps", "older-timestamp-does-not-reopen")
		return
	}
	syn.Forge(func(t *lab.TCP) {
		t.Seq += 1 << 20
		lab.TimeMore(-1000)(t)
	}).Deliver()
	answer := s.Wire.Of(client).DropAll(s.Server) // the client would answer it by a reset
	s.Expect("older-timestamp-does-not-reopen",
		lab.Is("server sends", answer, "ACK"),
		lab.Is("server", client.Peer().State(), record.TimeWait))
}

// closeBoth closes a connection by four segments, from the server on, and returns the
// third: the client's FIN.
func closeBoth(s *lab.Script, server, client *lab.Sock) *lab.Segment {
	server.Finish()
	client.Close()
	fin := s.Wire.Next("client:FIN,ACK").Deliver()
	s.Wire.Deliver("server:ACK")
	return fin
}

// judgeLength judges how long TIME_WAIT lasts, by what its timer has left at the
// start. The first claim waits for the end of it where that was asked for.
func judgeLength(s *lab.Script, server *lab.Sock, left lab.TimeLeft) {
	if !s.On("wait") {
		s.Expect("lasts-60-seconds",
			lab.Is("server", server.State(), record.TimeWait),
			lab.Left("left at the start", left, timeWaitLength*time.Second))
	}
	if s.Server.Sysctl(finTimeout) == timeWaitLength {
		s.Inapplicable("tcp_fin_timeout is as long as TIME_WAIT", "not-tunable-by-fin-timeout")
		return
	}
	s.Expect("not-tunable-by-fin-timeout",
		lab.Seen("tcp_fin_timeout", s.Server.Sysctl(finTimeout)),
		lab.Left("left at the start", left, timeWaitLength*time.Second))
}

// noTimeWait is a control: the kernel keeps no connection in TIME_WAIT.
func noTimeWait(s *lab.Script) { s.Server.SetSysctl("net.ipv4.tcp_max_tw_buckets", "0") }
