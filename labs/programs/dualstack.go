package programs

import (
	"net/netip"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

// One listener for IPv6 and IPv4.
var dualStack = lab.Lab{
	Name:  "dualstack",
	Title: "An IPv6 listener on the wildcard address takes IPv4 connections, too",
	Look:  "the IPv4 address that the IPv6 socket shows for its client",
	Long: `A server that is to be reached by IPv6 and IPv4 needs one socket: an IPv6 one that
listens on the wildcard address, [::]. A client that comes by IPv4 then has an address
such as ::ffff:192.0.2.1, an IPv4 address in the form of an IPv6 one. On the wire there
is plain IPv4. If the server sets IPV6_V6ONLY before bind, the socket is for IPv6 alone,
and another one can have the same port for IPv4. Each host of this lab has an address of
either family.`,
	Why: `There is one table of listeners. For an IPv4 segment, compute_score
(net/ipv4/inet_hashtables.c) takes every listener with the port whose address fits, and
an IPv6 one on [::] fits if it is not ipv6_only; an IPv4 one scores higher. The IPv6
listener makes a connection that works with IPv4 (tcp_v6_syn_recv_sock,
net/ipv6/tcp_ipv6.c) and shows its addresses mapped.

So [::] without IPV6_V6ONLY conflicts with 0.0.0.0, and bind refuses the second
(ipv6_rcv_saddr_equal, net/ipv4/inet_connection_sock.c). That is why a server that opens
both without the option starts or fails, depending on which comes first, and on
net.ipv6.bindv6only, which is the option's default. A program should set it, either way. It
has to do so before bind: afterwards the kernel answers EINVAL.

A listener on one IPv6 address takes no IPv4 connections: only the wildcard stands for
both. And whoever compares or logs client addresses has to expect the mapped form: a rule
for 192.0.2.1 does not match ::ffff:192.0.2.1.`,
	Try: []lab.Try{
		{Command: "dualstack --ipv6", Says: "the same, seen from hosts whose first address is an IPv6 one"},
		{Command: "bindrules", Says: "which sockets of one family can have the same port"},
		{Command: "nolisten", Says: "the refusal, step by step"},
		{Command: "sockopt IPV6_V6ONLY", Says: "all about the option"},
	},
	Sockopts:     []string{"IPV6_V6ONLY", "SO_ERROR"},
	BothFamilies: true,
	Claims: []lab.Claim{{
		ID:     "any6-takes-v4-too",
		Text:   "A listener on [::] without IPV6_V6ONLY accepts an IPv4 client, whose address it sees as ::ffff:a.b.c.d.",
		Source: "ipv6(7); net/ipv4/inet_hashtables.c: compute_score",
		Control: lab.Control{
			Says: "IPV6_V6ONLY is set before bind", Before: "listener:bind",
			Do: func(s *lab.Script) { lab.Set(s.Sock("listener"), sockopt.IPv6V6Only, true) },
		},
	}, {
		ID:     "two-listeners-are-needed",
		Text:   "A server needs a listener for IPv4 and another one for IPv6.",
		Source: "widely taught, with getaddrinfo and a socket for each address",
		Myth:   true,
		Truth:  "One on [::] takes both, unless IPV6_V6ONLY is set (ipv6(7)).",
		Control: lab.Control{
			Says: "IPV6_V6ONLY is set before bind", Before: "listener:bind",
			Do: func(s *lab.Script) { lab.Set(s.Sock("listener"), sockopt.IPv6V6Only, true) },
		},
	}, {
		ID:     "any6-takes-the-port-for-both",
		Text:   "The port is then taken for IPv4, too: bind on 0.0.0.0 or on an IPv4 address fails with EADDRINUSE.",
		Source: "bind(2), EADDRINUSE; net/ipv4/inet_connection_sock.c: ipv6_rcv_saddr_equal",
		Control: lab.Control{
			Says: "IPV6_V6ONLY is set before bind", Before: "listener:bind",
			Do: func(s *lab.Script) { lab.Set(s.Sock("listener"), sockopt.IPv6V6Only, true) },
		},
	}, {
		ID:     "v6only-leaves-it-free",
		Text:   "With IPV6_V6ONLY an IPv4 listener can have the same port, and IPv4 clients go to it, with plain addresses.",
		Source: "net/ipv4/inet_connection_sock.c: ipv6_rcv_saddr_equal; net/ipv4/inet_hashtables.c: compute_score",
		Control: lab.Control{
			Says: "IPV6_V6ONLY is off", Before: "IPv6 listener:bind",
			Do: func(s *lab.Script) { lab.Set(s.Sock("IPv6 listener"), sockopt.IPv6V6Only, false) },
		},
	}, {
		ID:     "one-v6-address-takes-no-v4",
		Text:   "A listener on one IPv6 address takes no IPv4 connections, though IPV6_V6ONLY is off.",
		Source: "net/ipv4/inet_hashtables.c: compute_score",
		Control: lab.Control{
			Says: "an IPv4 socket listens on the port", Before: "refused:connect",
			Do: func(s *lab.Script) {
				other := s.Server.Named("other").SocketFor(netip.IPv4Unspecified())
				other.Bind(lab.Any4(82))
				other.Listen(1)
			},
		},
	}},
	Script: func(s *lab.Script) {
		v4, v6 := lab.PerFamily(s, 0, 1), lab.PerFamily(s, 1, 0)
		s.Part("A listener on [::]")
		listener := listen6(s, "listener", lab.Any6(80), false)
		outcome := s.Client.Named("IPv4 client").TryEstablish(s.Server.AddrN(v4, 80)).Connected()
		s.Expect("any6-takes-v4-too",
			lab.Is("connect", outcome, lab.OK),
			lab.Is("client's address", accepted(listener), "[::ffff:192.0.2.1]:40000"))
		s.Expect("two-listeners-are-needed", lab.Is("IPv4 client refused", outcome != lab.OK, true))
		s.Client.Named("IPv6 client").TryEstablish(s.Server.AddrN(v6, 80)).Connected()
		accepted(listener)

		s.Part("IPv4 sockets for the same port")
		four := s.Server.SocketFor(netip.IPv4Unspecified())
		wildcard := four.TryBind(lab.Any4(80))
		one := s.Server.SocketFor(netip.IPv4Unspecified())
		s.Expect("any6-takes-the-port-for-both",
			lab.Is("bind on 0.0.0.0", wildcard, "EADDRINUSE"),
			lab.Is("on the address", one.TryBind(s.Server.AddrN(v4, 80)), "EADDRINUSE"))
		four.Close()
		one.Close()

		s.Part("A listener with IPV6_V6ONLY, and one for IPv4")
		listen6(s, "IPv6 listener", lab.Any6(81), true)
		four = s.Server.Named("IPv4 listener").SocketFor(netip.IPv4Unspecified())
		free, from := four.TryBind(lab.Any4(81)), ""
		if free == lab.OK {
			four.Listen(16)
			s.Client.Named("plain client").TryEstablish(s.Server.AddrN(v4, 81))
			from = accepted(four)
		}
		s.Expect("v6only-leaves-it-free",
			lab.Is("bind", free, lab.OK),
			lab.Is("client's address", from, "192.0.2.1:40002"))

		s.Part("A listener on one IPv6 address")
		listen6(s, "narrow listener", s.Server.AddrN(v6, 82), false)
		refused := s.Client.Named("refused").TryEstablish(s.Server.AddrN(v4, 82))
		s.Expect("one-v6-address-takes-no-v4",
			lab.Is("connect", refused.Connected(), "ECONNREFUSED"))
	},
}

// listen6 makes an IPv6 socket that listens.
func listen6(s *lab.Script, name string, a netip.AddrPort, v6only bool) *lab.Sock {
	listener := s.Server.Named(name).SocketFor(netip.IPv6Unspecified())
	lab.Set(listener, sockopt.IPv6V6Only, v6only)
	listener.Bind(a)
	listener.Listen(16)
	return listener
}

// accepted accepts a connection, if there is one, and returns its client's address.
func accepted(listener *lab.Sock) string {
	conn, _ := listener.TryAccept()
	if conn == nil {
		return ""
	}
	return conn.RemoteAddr()
}
