package ports

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

const reservedPorts = "net.ipv4.ip_local_reserved_ports"

// Which port connect chooses.
var portsLab = lab.Lab{
	Name:  "ports",
	Title: "connect may share a local port with other connections; bind takes a port whole",
	Look:  "which ports connect takes, and when it runs out of them",
	Long: `A client that does not bind gets its port from connect, out of
ip_local_port_range. Only the four together have to be unique: both addresses and both
ports. So one port serves two destinations, two servers or two ports of one, and a host can
have many more connections than ports. A program that calls bind with port 0 first gets a
port that no other socket can use, whatever it connects to. Here the range is only two
ports wide.`,
	Why: `connect knows both ends. __inet_hash_connect (net/ipv4/inet_hashtables.c) goes
through the range, from a start that depends on the addresses and a secret, and takes the
first port with which the four are unique (__inet_check_established). It does not compare
with a port that bind has taken, whatever address it was for and whether somebody listens
there: the port's bucket says so (fastreuse is not -1), and connect goes on to the next.
bind does not know yet where the socket will connect to, or whether it will listen; so
inet_csk_get_port must give it a port that nobody has.

For the same reason they begin in different halves: connect with the ports of the parity
of the range's lower end, bind with the others. Otherwise bind would find few ports that
no connection uses. Each takes from the other half when its own is used up. A range with
an odd count loses its last port: connect looks at pairs.

connect fails with EADDRNOTAVAIL when nothing is left; TIME_WAIT often holds the ports (lab
timewait). More room: a wider range, more addresses on either side, and
IP_BIND_ADDRESS_NO_PORT if the program binds its address: bind then leaves the port to
connect. A service whose port lies in the range should be in ip_local_reserved_ports, or
some client may have its port before it starts.`,
	Try: []lab.Try{
		{Command: "twreuse", Says: "connect takes over a port in TIME_WAIT"},
		{Command: "selfconnect --accident", Says: "connect chooses the very port that it connects to"},
		{Command: "sockopt IP_BIND_ADDRESS_NO_PORT", Says: "all about the option"},
	},
	Sockopts: []string{"IP_BIND_ADDRESS_NO_PORT", "SO_REUSEADDR"},
	Claims: []lab.Claim{{
		ID:     "no-port-until-connect",
		Text:   "A new socket has no port; connect gives it one.",
		Source: "ip(7), ip_local_port_range; net/ipv4/inet_hashtables.c: __inet_hash_connect",
		Control: lab.Control{
			Says: "the program binds it before", Before: "first:getsockname",
			Do: func(s *lab.Script) { s.Sock("first").Bind(s.Client.Addr(0)) },
		},
	}, {
		ID:     "odd-and-even",
		Text:   "connect takes a port of the same parity as the range's lower end, if one is left, and bind with port 0 one of the other.",
		Source: "net/ipv4/inet_hashtables.c: __inet_hash_connect; net/ipv4/inet_connection_sock.c: inet_csk_find_open_port",
		Control: lab.Control{
			Says: "another socket has that port", Before: "first:connect",
			Do: func(s *lab.Script) { s.Client.Named("other").Socket().Bind(s.Client.Addr(lowPort)) },
		},
	}, {
		ID:     "uniqueness-is-four-addresses",
		Text:   "Two connections from one port of the client are possible, if they go to different ports of the server.",
		Source: "net/ipv4/inet_hashtables.c: __inet_check_established",
		Control: lab.Control{
			Says: "the first one had been bound to the port", Before: "first:connect",
			Do: func(s *lab.Script) { s.Sock("first").Bind(s.Client.Addr(lowPort)) },
		},
	}, {
		ID:     "64k-connections-per-host",
		Text:   "A host can have no more outgoing connections than it has ports: each needs one of its own.",
		Source: "widely taught: 65,535 ports, so 65,535 connections",
		Myth:   true,
		Truth:  "Only both addresses and both ports together have to differ; one port serves for many servers (net/ipv4/inet_hashtables.c: __inet_check_established).",
		Control: lab.Control{
			Says: "the first one had been bound to the port", Before: "first:connect",
			Do: func(s *lab.Script) { s.Sock("first").Bind(s.Client.Addr(lowPort)) },
		},
	}, {
		ID:     "exhausted-is-eaddrnotavail",
		Text:   "If the range has no port left for the destination, connect fails with EADDRNOTAVAIL.",
		Source: "connect(2), EADDRNOTAVAIL; net/ipv4/inet_hashtables.c: __inet_hash_connect",
		Control: lab.Control{
			Says: "the bound socket is closed before", Before: "third:connect",
			Do: func(s *lab.Script) { s.Sock("taker").Close() },
		},
	}, {
		ID:     "bind-zero-takes-it-whole",
		Text:   "No connect, to whatever destination, gets a port that bind has chosen for port 0, until that socket is closed.",
		Source: "net/ipv4/inet_connection_sock.c: inet_csk_get_port; net/ipv4/inet_hashtables.c: __inet_hash_connect",
		Control: lab.Control{
			Says: "it has IP_BIND_ADDRESS_NO_PORT", Before: "taker:bind",
			Do: func(s *lab.Script) { lab.Set(s.Sock("taker"), sockopt.IPBindAddressNoPort, true) },
		},
	}, {
		ID:     "unless-told-to-take-none",
		Text:   "With IP_BIND_ADDRESS_NO_PORT bind takes only the address; connect then chooses the port, and may take one that other connections have.",
		Source: "net/ipv4/af_inet.c: __inet_bind",
		Control: lab.Control{
			Says: "the option is turned off again", Before: "modest:bind",
			Do: func(s *lab.Script) { lab.Set(s.Sock("modest"), sockopt.IPBindAddressNoPort, false) },
		},
	}, {
		ID:     "reserved-are-left-out",
		Text:   "connect leaves out the ports in ip_local_reserved_ports.",
		Source: "Documentation/networking/ip-sysctl.rst: ip_local_reserved_ports; net/ipv4/inet_hashtables.c: __inet_hash_connect",
		Control: lab.Control{
			Says: "another port is reserved", Before: "careful:connect",
			Do: func(s *lab.Script) { s.Client.SetSysctl(reservedPorts, "1") },
		},
	}, {
		ID:     "the-last-of-an-odd-count-stays-free",
		Text:   "If the range has an odd count of ports, three or more, connect never takes the last one.",
		Source: "net/ipv4/inet_hashtables.c: __inet_hash_connect",
		Control: lab.Control{
			Says: "the range is one wider", Before: "odd third:connect",
			Do: func(s *lab.Script) { s.Client.SetSysctl(portRange, "40100 40103") },
		},
	}, {
		ID:     "bound-ports-are-left-out",
		Text:   "connect chooses no port that another socket has bound, though that one does not listen, has bound another address, and has SO_REUSEADDR.",
		Source: "net/ipv4/inet_hashtables.c: __inet_hash_connect",
		Control: lab.Control{
			Says: "the bound socket is closed before", Before: "hopeful:connect",
			Do: func(s *lab.Script) { s.Sock("bound").Close() },
		},
	}},
	Script: tellPorts,
}

// The range that the client has.
const (
	lowPort  = 40000
	highPort = 40001
)

func tellPorts(s *lab.Script) {
	s.Client.SetSysctl(portRange, "40000 40001")
	low, high := s.Client.Addr(lowPort).String(), s.Client.Addr(highPort).String()
	s.Part("Two connections, to two ports of the server")
	web, second := s.Server.Listen(80, 1), s.Server.Named("second listener").Listen(81, 1)
	client := s.Client.Named("first").Socket()
	before := client.LocalAddr()
	client.Connect(s.Server.Addr(80))
	from := client.LocalAddr()
	s.Expect("no-port-until-connect",
		lab.Is("before", before, s.Client.Any(0).String()),
		lab.Seen("after connect", from))
	s.Wire.Handshake(client)
	web.Accept()
	other, _ := connect(s, "second", s.Server.Addr(81))
	s.Wire.Handshake(other)
	second.Accept()
	also := other.LocalAddr()
	s.Expect("uniqueness-is-four-addresses",
		lab.Is("from, to port 80", from, low),
		lab.Is("from, to port 81", also, low))
	s.Expect("64k-connections-per-host", lab.Is("each has a port of its own", also != from, true))

	s.Part("bind with port 0, and a third connection")
	taker := s.Client.Named("taker").Socket()
	taker.TryBind(s.Client.Addr(0))
	s.Expect("odd-and-even",
		lab.Is("connect's choice", from, low),
		lab.Is("bind's choice", taker.LocalAddr(), high))
	third, outcome := connect(s, "third", s.Server.Addr(80))
	s.Expect("exhausted-is-eaddrnotavail", lab.Is("connect to port 80", outcome, notAvailable))
	third.Close()
	taker.Close()
	_, freed := connect(s, "third again", s.Server.Addr(80))
	s.Expect("bind-zero-takes-it-whole",
		lab.Is("connect while it is bound", outcome, notAvailable),
		lab.Is("connect after its close", freed, lab.OK))

	s.Part("bind that takes no port")
	modest := s.Client.Named("modest").Socket()
	lab.Set(modest, sockopt.IPBindAddressNoPort, true)
	modest.TryBind(s.Client.Addr(0))
	bound := modest.LocalAddr()
	modest.TryConnect(s.Server.Addr(82))
	s.Expect("unless-told-to-take-none",
		lab.Is("after bind", bound, s.Client.Addr(0).String()),
		lab.Is("after connect", modest.LocalAddr(), low))

	s.Part("A reserved port")
	s.Client.SetSysctl(reservedPorts, "40000")
	careful, _ := connect(s, "careful", s.Server.Addr(83))
	s.Expect("reserved-are-left-out", lab.Is("from", careful.LocalAddr(), high))

	s.Part("A range of three ports, and three connections to one server")
	s.Client.SetSysctl(portRange, "40100 40102")
	connect(s, "odd first", s.Server.Addr(84))
	connect(s, "odd second", s.Server.Addr(84))
	_, outcome = connect(s, "odd third", s.Server.Addr(84))
	s.Expect("the-last-of-an-odd-count-stays-free", lab.Is("third connect", outcome, notAvailable))

	s.Part("One port, which another socket has bound, and does not listen on")
	s.Client.SetSysctl(portRange, "40200 40200")
	s.Client.LoopbackUp() // so that the host has another address
	holder := s.Client.Named("bound").Socket()
	lab.Set(holder, sockopt.ReuseAddr, true)
	holder.Bind(s.Client.Loopback(40200))
	_, outcome = connect(s, "hopeful", s.Server.Addr(85))
	s.Expect("bound-ports-are-left-out", lab.Is("connect", outcome, notAvailable))
}
