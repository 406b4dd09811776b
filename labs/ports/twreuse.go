package ports

import (
	"strconv"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

const (
	portRange  = "net.ipv4.ip_local_port_range"
	twReuse    = "net.ipv4.tcp_tw_reuse"
	reuseDelay = "net.ipv4.tcp_tw_reuse_delay"
	timestamps = "net.ipv4.tcp_timestamps"
	maxBuckets = "net.ipv4.tcp_max_tw_buckets"

	onePort = "40000 40000" // so that connect has no other choice

	notAvailable = "EADDRNOTAVAIL"
	timeWait     = 60 * time.Second // TCP_TIMEWAIT_LEN, include/net/tcp.h
)

// What tcp_tw_reuse does, and for whom.
var twReuseLab = lab.Lab{
	Name:  "twreuse",
	Title: "tcp_tw_reuse is for connect alone, and by default for loopback alone",
	Look:  "the port in TIME_WAIT that connect takes again, and bind does not",
	Long: `The side that closes first keeps its address and port in TIME_WAIT for a minute.
So a client that opens and closes many connections to one server may run out of ports:
connect fails with EADDRNOTAVAIL. With tcp_tw_reuse=1 connect may take over a port in
TIME_WAIT, after a second, if the connection had timestamps. The default, 2, allows that on
loopback only. Here the client has a single port, so that it shows after one connection.`,
	Why: `When connect looks for a port, __inet_check_established (net/ipv4/inet_hashtables.c) meets
the time-wait socket of the same four addresses and ports. tcp_twsk_unique
(net/ipv4/tcp_ipv4.c) decides. The time-wait socket must have the time of the last
timestamp: with it the server's kernel, too, can tell old segments from new ones (PAWS).
A delay has to pass, a second, or tcp_tw_reuse_delay since Linux 6.14, so that the new
timestamps are greater. The new connection goes on with sequence numbers above the old
ones.

A program that binds its port itself, with SO_REUSEADDR on both sockets, needs neither
the sysctl nor the delay; only the timestamps.

Only connect calls this function. It does not matter to a server: a SYN is let in by the
rules of the lab timewait, and bind follows SO_REUSEADDR. tcp_tw_recycle, which did change
things for servers, and broke clients behind a NAT, is gone since Linux 4.12.`,
	Try: []lab.Try{
		{Command: "timewait", Says: "SO_REUSEADDR, and a SYN that is let in"},
		{Command: "bindrules", Says: "the rules of bind"},
	},
	Sockopts:  []string{"SO_ERROR", "SO_LINGER"},
	TimeWaits: 4,
	Claims: []lab.Claim{{
		ID:     "connect-takes-over-after-the-delay",
		Text:   "With tcp_tw_reuse=1 connect takes over a port in TIME_WAIT, but not before tcp_tw_reuse_delay has passed.",
		Source: "net/ipv4/tcp_ipv4.c: tcp_twsk_unique",
		Control: lab.Control{
			Says: "the sysctl is turned off again", Before: "taking:connect",
			Do: func(s *lab.Script) { s.Client.SetSysctl(twReuse, "0") },
		},
	}, {
		ID:     "default-is-loopback-only",
		Text:   "With tcp_tw_reuse=2, the default, connect takes over such a port on loopback, and no other.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_tw_reuse; net/ipv4/tcp_ipv4.c: tcp_twsk_unique",
		Control: lab.Control{
			Says: "the sysctl is turned off", Before: "local again:connect",
			Do: func(s *lab.Script) { s.Client.SetSysctl(twReuse, "0") },
		},
	}, {
		ID:     "tw-reuse-is-on-for-all",
		Text:   "Since tcp_tw_reuse is on by default, connect does not run out of ports because of TIME_WAIT.",
		Source: "widely taught: the value is not 0",
		Myth:   true,
		Truth:  "The default is 2: on for loopback only (Documentation/networking/ip-sysctl.rst: tcp_tw_reuse).",
		Control: lab.Control{
			Says: "the sysctl is set to 1", Before: "remote again:connect",
			Do: func(s *lab.Script) { s.Client.SetSysctl(twReuse, "1") },
		},
	}, {
		ID:     "needs-timestamps",
		Text:   "Without timestamps connect takes over no port in TIME_WAIT.",
		Source: "net/ipv4/tcp_ipv4.c: tcp_twsk_unique",
		Control: lab.Control{
			Says: "the connection has timestamps", Before: "untimed:connect",
			Do: func(s *lab.Script) { s.Client.SetSysctl(timestamps, "1") },
		},
	}, {
		ID:     "does-nothing-for-servers",
		Text:   "A server whose port has a connection in TIME_WAIT cannot bind it again, tcp_tw_reuse or not.",
		Source: "net/ipv4/inet_connection_sock.c: inet_csk_get_port, inet_bind_conflict",
		Control: lab.Control{
			Says: "the server keeps no TIME_WAIT", Before: "served:close",
			Do: func(s *lab.Script) { s.Server.SetSysctl(maxBuckets, "0") },
		},
	}},
	Script: tellTWReuse,
}

func tellTWReuse(s *lab.Script) {
	s.Client.SetSysctl(portRange, onePort)
	timed := s.Both(timestamps)
	s.Part("A client with one port closes first, one time to another host")
	listener := s.Server.Listen(80, 1)
	closedFirst(s, "old", listener, 80)
	s.Part("And one time on loopback, which the wire does not see")
	s.Client.LoopbackUp()
	here := s.Client.Named("local listener").Socket()
	here.Bind(s.Client.Loopback(80))
	here.Listen(1)
	local := s.Client.Named("local").Socket()
	local.Connect(s.Client.Loopback(80))
	local.Outcome()
	peer := here.Accept()
	// The peer puts the ACK of the FIN off. With a time to linger close waits for it.
	lab.Set(local, sockopt.Linger, sockopt.LingerValue{On: true, Seconds: 10})
	local.Close()
	peer.Read()
	peer.Close()
	peer.Await(record.Close)
	local.State()

	s.Part("With tcp_tw_reuse=1, before the delay has passed")
	early := "not tried"
	if s.Client.Has(reuseDelay) {
		s.Client.SetDefault(reuseDelay, "100")
		delay := s.Client.Sysctl(reuseDelay)
		s.Client.SetSysctl(reuseDelay, "60000") // so that a slow machine is not too late
		s.Client.SetSysctl(twReuse, "1")
		_, early = connect(s, "hasty", s.Server.Addr(80))
		s.Client.SetSysctl(reuseDelay, strconv.Itoa(delay))
	}
	s.Part("With tcp_tw_reuse=2, after the delay")
	s.Client.SetSysctl(twReuse, "2")
	local.TimerBelow(timeWait - delayOf(s)) // it has begun last
	_, remote := connect(s, "remote again", s.Server.Addr(80))
	_, loopback := connect(s, "local again", s.Client.Loopback(80))
	s.Expect("tw-reuse-is-on-for-all", lab.Is("connect to another host", remote, lab.OK))
	if timed {
		s.Expect("default-is-loopback-only",
			lab.Is("connect to another host", remote, notAvailable),
			lab.Is("connect on loopback", loopback, lab.OK))
	}

	s.Part("With tcp_tw_reuse=1, after the delay")
	s.Client.SetSysctl(twReuse, "1")
	client, late := connect(s, "taking", s.Server.Addr(80))
	switch {
	case !timed:
		s.Inapplicable("the connections have no timestamps", "default-is-loopback-only", "connect-takes-over-after-the-delay")
	case early == "not tried":
		s.Inapplicable("this kernel has no tcp_tw_reuse_delay", "connect-takes-over-after-the-delay")
	default:
		s.Expect("connect-takes-over-after-the-delay",
			lab.Is("connect before", early, notAvailable),
			lab.Is("connect after", late, lab.OK),
			lab.Seen("TWRecycled, with that on loopback", s.Client.Counter("TWRecycled")))
	}
	if late == lab.OK {
		s.Wire.Handshake(client)
		listener.Accept()
	}

	withoutTimestamps(s)
	served(s)
}

// withoutTimestamps tries to take over the port of a connection that had none.
func withoutTimestamps(s *lab.Script) {
	s.Part("Another server, and no timestamps")
	s.Client.SetSysctl(timestamps, "0")
	listener := s.Server.Named("second listener").Listen(81, 1)
	closedFirst(s, "untimed", listener, 81).TimerBelow(timeWait - delayOf(s))
	_, outcome := connect(s, "untimed again", s.Server.Addr(81))
	s.Expect("needs-timestamps", lab.Is("connect", outcome, notAvailable))
}

// served lets a server close first, and bind again.
func served(s *lab.Script) {
	s.Part("A server closes first, and starts again, with tcp_tw_reuse=1")
	s.Server.SetSysctl(twReuse, "1")
	listener := s.Server.Named("third listener").Listen(82, 1)
	client := s.Client.Named("served client").Socket()
	client.Connect(s.Server.Addr(82))
	s.Wire.Handshake(client)
	server := listener.Named("served").Accept()
	server.Finish()
	client.TryFinish()
	listener.Close()
	again := s.Server.Socket()
	s.Expect("does-nothing-for-servers",
		lab.Is("bind", again.TryBind(s.Server.Addr(82)), "EADDRINUSE"))
}

// delayOf is how long connect does not take over a port: before Linux 6.14 until the
// clock's next second but one, at most.
func delayOf(s *lab.Script) time.Duration {
	if s.Client.Has(reuseDelay) {
		return time.Duration(s.Client.Sysctl(reuseDelay))*time.Millisecond + 10*time.Millisecond
	}
	return 2 * time.Second
}

// closedFirst makes a connection to a listener, which the client closes first.
func closedFirst(s *lab.Script, name string, listener *lab.Sock, port int) *lab.Sock {
	client := s.Client.Named(name).Socket()
	client.Connect(s.Server.Addr(port))
	s.Wire.Handshake(client)
	server := listener.Accept()
	client.Finish()
	server.Finish()
	return client
}
