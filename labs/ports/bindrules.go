package ports

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

// Which two sockets may have one port.
var bindRules = lab.Lab{
	Name:  "bindrules",
	Title: "Two sockets share a port only if both have asked for it before they bind",
	Look:  "which of two sockets has set the option, and when",
	Long: `A port belongs to the first socket that binds it. Two options let others bind it too, and
each has to be set on both sockets. With SO_REUSEADDR they share the port as long as none
of them listens. It is meant for a server that starts again while connections of its
predecessor are in TIME_WAIT. With SO_REUSEPORT they may all listen, and the kernel
spreads the connections over them. Each part of this lab tries one pair of sockets on a
port of its own.`,
	Why: `inet_bind_conflict (net/ipv4/inet_connection_sock.c) compares the new socket with
each that has the port on an overlapping address: the same, or the wildcard. There is no
conflict if both have SO_REUSEADDR and the old one does not listen, or if both have
SO_REUSEPORT and the same user. (So another user's program cannot join a group of
listeners, and take connections from it.) bind and listen both make this check: a socket
that has bound a shared port may find at listen that another one listens already.

SO_REUSEADDR means less than on BSD and Windows. There a socket on one address may be bound
beside a listener on the wildcard. Linux refuses that, because otherwise a program could
take a part of another's connections.

A server should set SO_REUSEADDR before bind. It has no disadvantage, since it never
allows a second listener.

TCP and UDP have tables of ports of their own. That a service has the same number in both
is only a custom.`,
	Try: []lab.Try{
		{Command: "bindrules --ipv6", Says: "the same on IPv6"},
		{Command: "reuseport", Says: "two listeners on one port, and their queues"},
		{Command: "timewait", Says: "SO_REUSEADDR and a connection in TIME_WAIT"},
		{Command: "sockopt SO_REUSEADDR", Says: "all about the option"},
	},
	Alone:     true,
	Addresses: 2,
	Sockopts:  []string{"SO_REUSEADDR", "SO_REUSEPORT"},
	Claims: []lab.Claim{{
		ID:      "a-bound-port-is-taken",
		Text:    "A port that a socket has bound is taken, although nobody listens: bind fails with EADDRINUSE.",
		Source:  "bind(2), EADDRINUSE; net/ipv4/inet_connection_sock.c: inet_csk_get_port",
		Control: closedBefore("plain", "bind"),
	}, {
		ID:     "another-address-is-free",
		Text:   "The same port on another address of the host is free.",
		Source: "net/ipv4/inet_connection_sock.c: inet_csk_get_port",
		Control: lab.Control{
			Says: "a third socket has that address and port", Before: "elsewhere second:bind",
			Do: func(s *lab.Script) { s.Client.Socket().Bind(s.Client.AddrN(1, elsewherePort)) },
		},
	}, {
		ID:      "the-wildcard-takes-all-addresses",
		Text:    "A port that is bound on the wildcard address is taken on every address.",
		Source:  "net/ipv4/inet_connection_sock.c: inet_csk_get_port, inet_bhash2_addr_any_conflict",
		Control: closedBefore("wildcard", "bind"),
	}, {
		ID:      "reuseaddr-on-one-is-not-enough",
		Text:    "If only the second socket has SO_REUSEADDR, bind fails.",
		Source:  "net/ipv4/inet_connection_sock.c: inet_bind_conflict",
		Control: closedBefore("lopsided", "bind"),
	}, {
		ID:     "reuseaddr-on-both-shares-the-port",
		Text:   "If both have SO_REUSEADDR, and none listens, both have the port.",
		Source: "socket(7), SO_REUSEADDR; net/ipv4/inet_connection_sock.c: inet_bind_conflict",
		Control: lab.Control{
			Says: "the first one listens already", Before: "sharing second:bind",
			Do: func(s *lab.Script) { s.Sock("sharing first").Listen(1) },
		},
	}, {
		ID:      "then-only-one-may-listen",
		Text:    "Then one of them may listen, and the other's listen fails with EADDRINUSE.",
		Source:  "listen(2), EADDRINUSE; net/ipv4/inet_connection_sock.c: inet_csk_listen_start",
		Control: closedBefore("sharing", "listen"),
	}, {
		ID:      "reuseaddr-allows-two-listeners",
		Text:    "With SO_REUSEADDR a second server can bind the port of one that listens.",
		Source:  "widely taught: the option lets one reuse a port that is in use",
		Myth:    true,
		Truth:   "SO_REUSEADDR does not share the port of a socket that listens (socket(7), SO_REUSEADDR).",
		Control: closedBefore("serving", "bind"),
	}, {
		ID:      "reuseaddr-divides-the-wildcard",
		Text:    "With SO_REUSEADDR a socket can bind one address of a port on which another listens on the wildcard.",
		Source:  "widely taught: it is so on BSD and Windows",
		Myth:    true,
		Truth:   "Linux refuses it while that one listens (socket(7), SO_REUSEADDR; net/ipv4/inet_connection_sock.c: inet_bind_conflict).",
		Control: closedBefore("everywhere", "bind"),
	}, {
		ID:     "reuseport-allows-two-listeners",
		Text:   "If both have SO_REUSEPORT and belong to the same user, both may listen on the same address and port.",
		Source: "socket(7), SO_REUSEPORT; net/ipv4/inet_connection_sock.c: inet_bind_conflict",
		Control: lab.Control{
			Says: "the second one turns the option off again", Before: "group second:bind",
			Do: func(s *lab.Script) { lab.Set(s.Sock("group second"), sockopt.ReusePort, false) },
		},
	}, {
		ID:      "the-options-do-not-mix",
		Text:    "If the first has SO_REUSEADDR and the second SO_REUSEPORT, bind fails.",
		Source:  "net/ipv4/inet_connection_sock.c: inet_bind_conflict",
		Control: closedBefore("mixed", "bind"),
	}, {
		ID:     "udp-and-tcp-share-no-ports",
		Text:   "A UDP socket can bind the same address and port as a TCP socket: these are different ports.",
		Source: "net/ipv4/inet_connection_sock.c: inet_csk_get_port; net/ipv4/udp.c: udp_lib_get_port",
		Control: lab.Control{
			Says: "another UDP socket has the port", Before: "datagram second:bind",
			Do: func(s *lab.Script) { s.Client.UDPSocket().Bind(s.Client.Addr(datagramPort)) },
		},
	}},
	Script: tellBindRules,
}

// Each pair of sockets has a port of its own.
const (
	plainPort = 80 + iota
	elsewherePort
	wildcardPort
	lopsidedPort
	sharingPort
	servingPort
	everywherePort
	groupPort
	mixedPort
	datagramPort
)

const inUse = "EADDRINUSE"

func tellBindRules(s *lab.Script) {
	host := s.Client
	pair := func(name string) (first, second *lab.Sock) {
		return host.Named(name + " first").Socket(), host.Named(name + " second").Socket()
	}

	s.Part("Two sockets without any option")
	first, second := pair("plain")
	first.Bind(host.Addr(plainPort))
	s.Expect("a-bound-port-is-taken",
		lab.Is("second bind", second.TryBind(host.Addr(plainPort)), inUse))
	first, second = pair("elsewhere")
	first.Bind(host.Addr(elsewherePort))
	s.Expect("another-address-is-free",
		lab.Is("bind on the second address", second.TryBind(host.AddrN(1, elsewherePort)), lab.OK))
	first, second = pair("wildcard")
	first.Bind(host.Any(wildcardPort))
	s.Expect("the-wildcard-takes-all-addresses",
		lab.Is("bind on one address", second.TryBind(host.Addr(wildcardPort)), inUse))

	s.Part("SO_REUSEADDR, and nobody listens")
	first, second = pair("lopsided")
	first.Bind(host.Addr(lopsidedPort))
	lab.Set(second, sockopt.ReuseAddr, true)
	s.Expect("reuseaddr-on-one-is-not-enough",
		lab.Is("second bind", second.TryBind(host.Addr(lopsidedPort)), inUse))
	first, second = pair("sharing")
	both(sockopt.ReuseAddr, first, second)
	first.Bind(host.Addr(sharingPort))
	s.Expect("reuseaddr-on-both-shares-the-port",
		lab.Is("second bind", second.TryBind(host.Addr(sharingPort)), lab.OK))
	s.Expect("then-only-one-may-listen",
		lab.Is("first listen", first.TryListen(1), lab.OK),
		lab.Is("second listen", second.TryListen(1), inUse))

	s.Part("SO_REUSEADDR, and the first one listens")
	first, second = pair("serving")
	both(sockopt.ReuseAddr, first, second)
	first.Bind(host.Addr(servingPort))
	first.Listen(1)
	s.Expect("reuseaddr-allows-two-listeners",
		lab.Is("second bind", second.TryBind(host.Addr(servingPort)), lab.OK))
	first, second = pair("everywhere")
	both(sockopt.ReuseAddr, first, second)
	first.Bind(host.Any(everywherePort))
	first.Listen(1)
	s.Expect("reuseaddr-divides-the-wildcard",
		lab.Is("bind on one address", second.TryBind(host.Addr(everywherePort)), lab.OK))

	s.Part("SO_REUSEPORT")
	first, second = pair("group")
	both(sockopt.ReusePort, first, second)
	first.Bind(host.Addr(groupPort))
	first.Listen(1)
	bind := second.TryBind(host.Addr(groupPort))
	listen := "not tried"
	if bind == lab.OK {
		listen = second.TryListen(1)
	}
	s.Expect("reuseport-allows-two-listeners",
		lab.Is("second bind", bind, lab.OK),
		lab.Is("second listen", listen, lab.OK))
	first, second = pair("mixed")
	lab.Set(first, sockopt.ReuseAddr, true)
	lab.Set(second, sockopt.ReusePort, true)
	first.Bind(host.Addr(mixedPort))
	s.Expect("the-options-do-not-mix",
		lab.Is("second bind", second.TryBind(host.Addr(mixedPort)), inUse))

	s.Part("A UDP socket")
	first, second = host.Named("datagram first").Socket(), host.Named("datagram second").UDPSocket()
	first.Bind(host.Addr(datagramPort))
	first.Listen(1)
	s.Expect("udp-and-tcp-share-no-ports",
		lab.Is("bind of the UDP socket", second.TryBind(host.Addr(datagramPort)), lab.OK))
}

// closedBefore is a control: the first socket of a pair is gone before the second
// one's call.
func closedBefore(pair, call string) lab.Control {
	return lab.Control{
		Says: "the first one is closed before", Before: pair + " second:" + call,
		Do: func(s *lab.Script) { s.Sock(pair + " first").Close() },
	}
}
