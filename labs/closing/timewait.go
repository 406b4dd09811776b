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

	timeWaitLength = 60 // seconds: TCP_TIMEWAIT_LEN, include/net/tcp.h
)

// What TIME_WAIT does, how long it lasts and what ends it early.
var timeWait = lab.Lab{
	Name:  "timewait",
	Title: "TIME_WAIT lasts 60 seconds, and little ends it earlier",
	Long: `Whoever closes first keeps the connection in TIME_WAIT for a minute, so that it can
acknowledge the other side's FIN again, and so that old segments find no new
connection with the same addresses. Here that is the server, whose program then
starts again: it can't bind its port, unless the old socket and the new one both
have SO_REUSEADDR. A client may open the same connection anew at any time, and a
reset with the right sequence number ends TIME_WAIT at once.`,
	Why: `The length is a constant: tcp_time_wait takes TCP_TIMEWAIT_LEN, whatever it is
given. (RFC 9293 §3.6.1 asks for two MSL, of two minutes each.) Whether bind
succeeds is for inet_bind_conflict to say: a port is shared if both sockets have
SO_REUSEADDR and the other does not listen. The time-wait socket has the flag from
its connection, and that one from the old listener.

A SYN with a higher sequence number, or a newer timestamp, is no old one:
tcp_timewait_state_process lets it pass to the listener. A RST may be the answer
to an old duplicate and should not end the state; by default it does.

On the side that connects, TIME_WAIT keeps the port. The 28,232 of
ip_local_port_range make some 470 connections a second to one address and port of
a server; beyond that connect fails with EADDRNOTAVAIL. Keep connections open, or
set tcp_tw_reuse=1: with timestamps connect then takes over such a port after a
second (tcp_twsk_unique; the default, 2, is for loopback only). A lower
tcp_max_tw_buckets only takes the protection away.`,
	Try: []lab.Try{
		{Command: "timewait --wait", Says: "the end is awaited and measured: this takes a minute"},
		{Command: "timewait --sysctl net.ipv4.tcp_timestamps=0", Says: "a new SYN is let pass by its sequence number alone"},
		{Command: "lostlastack", Says: "the FIN that TIME_WAIT is there to answer"},
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
		Text:   "While a connection of a port is in TIME_WAIT, bind to that port fails with EADDRINUSE, though nobody listens.",
		Source: "bind(2), EADDRINUSE; net/ipv4/inet_connection_sock.c: inet_csk_get_port",
		Control: lab.Control{
			Says: "the server has no room for TIME_WAIT", Before: "server:close", Do: noTimeWait,
		},
	}, {
		ID:     "reuseaddr-on-both-allows-bind",
		Text:   "bind succeeds where the old listener and the new socket both have SO_REUSEADDR; on the new one alone it does not help.",
		Source: "socket(7), NOTES on SO_REUSEADDR; net/ipv4/inet_connection_sock.c: inet_csk_bind_conflict",
		Control: lab.Control{
			Says: "the option is turned off again on the new socket", Before: "reusing:bind",
			Do: func(s *lab.Script) { lab.Set(s.Sock("reusing"), sockopt.ReuseAddr, false) },
		},
	}, {
		ID:     "new-syn-reopens",
		Text:   "A new SYN from the same client port is accepted: the server goes from TIME_WAIT to SYN_RECV and ESTABLISHED.",
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
		Source: "RFC 1337 §1; net/ipv4/tcp_minisocks.c: tcp_timewait_state_process",
		Control: lab.Control{
			Says: "the RST is lost", Segment: "client:RST",
		},
	}, {
		ID:     "rfc1337-off-prevents-assassination",
		Text:   "With tcp_rfc1337=0 Linux prevents that a RST ends TIME_WAIT.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_rfc1337",
		Myth:   true,
		Truth:  "It is tcp_rfc1337=1 that prevents it; 0, the default, lets the RST end TIME_WAIT (tcp(7), tcp_rfc1337).",
		Control: lab.Control{
			Says: "the RST is lost", Segment: "client:RST",
		},
	}},
	Script: func(s *lab.Script) {
		s.Server.SetDefault(finTimeout, "5") // any but 60
		s.Part("The server closes first")
		listener := s.Server.Listen(80, 1)
		client := s.Client.Connect(listener)
		s.Wire.Handshake(client)
		old, _ := closeFirst(s, listener.Accept(), client)
		_, left := old.Timer()
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

		s.Part("The same on another port, with SO_REUSEADDR from the beginning")
		listener = listenReusing(s)
		client = connectAgain(s, "second")
		s.Wire.Handshake(client)
		closeFirst(s, listener.Accept(), client)
		listener.Close()
		again = s.Server.Named("reusing").Socket()
		lab.Set(again, sockopt.ReuseAddr, true)
		s.Expect("reuseaddr-on-both-allows-bind",
			lab.Is("server", client.Peer().State(), record.TimeWait),
			lab.Is("bind, on the new one alone", newAlone, "EADDRINUSE"),
			lab.Is("bind, on both", again.TryBind(s.Server.Addr(reusedPort)), lab.OK))

		s.Part("A new SYN from the same client port")
		again.Listen(1)
		client = connectAgain(s, "third")
		s.Wire.Next("SYN").Deliver()
		s.Wire.Deliver("SYN,ACK", "ACK")
		s.Expect("new-syn-reopens",
			lab.Is("server", client.Peer().Path(record.TimeWait), "TIME_WAIT → SYN_RECV → ESTABLISHED"))

		s.Part("A RST with the right sequence number, with tcp_rfc1337 and without")
		server, last := closeFirst(s, again.Accept(), client)
		before, reset := server.State(), last.Reset()
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
			_, rest := old.Timer()
			waited := old.Await(record.Close)
			s.Expect("lasts-60-seconds",
				lab.Left("left at the start", left, timeWaitLength*time.Second),
				lab.Lasted("then waited", waited, rest))
		}
	},
}

// The second part's addresses, so that the same connection can be made again.
const (
	reusedPort = 81
	samePort   = 40001
)

func connectAgain(s *lab.Script, name string) *lab.Sock {
	client := s.Client.Named(name).Socket()
	client.Bind(s.Client.Addr(samePort))
	client.Connect(s.Server.Addr(reusedPort))
	return client
}

func listenReusing(s *lab.Script) *lab.Sock {
	listener := s.Server.Named("second listener").Socket()
	lab.Set(listener, sockopt.ReuseAddr, true)
	listener.Bind(s.Server.Addr(reusedPort))
	listener.Listen(1)
	return listener
}

// closeFirst lets the server close before the client, by four segments, of which
// it returns the third: the client's FIN.
func closeFirst(s *lab.Script, server, client *lab.Sock) (*lab.Sock, *lab.Segment) {
	server.Close()
	s.Wire.Pass("server:FIN,ACK", "client:ACK")
	client.Close()
	fin := s.Wire.Next("client:FIN,ACK")
	fin.Deliver()
	s.Wire.Deliver("server:ACK")
	return server, fin
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
