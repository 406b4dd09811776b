package opening

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

const reflectTOS = "net.ipv4.tcp_reflect_tos"

// What IP's header has to do with a connection.
var ipHeader = lab.Lab{
	Name:  "ipheader",
	Title: "The IP header counts, too: how far a packet has come, and its class of service",
	Look:  "the SYN that gets no answer for its hop limit; the classes are in the verdicts",
	Long: `Two fields of IP's header matter to a connection. Each router subtracts one from
the hop limit (TTL), so a packet that arrives with 255, the maximum, has passed no router:
nobody far away can forge that. A server may require it, as routers do that speak BGP with
their neighbours. The other is the class of service (DSCP). Each side chooses it for what
it sends, whatever the other side has chosen, unless the server is set to repeat the
client's.`,
	Why: `tcp_v4_rcv (net/ipv4/tcp_ipv4.c) compares the TTL with IP_MINTTL of the socket
that the packet is for, a listener perhaps, before anything else is done with it: a lower
one is dropped silently, and TCPMinTTLDrop counts it. IPv6 has IPV6_MINHOPCOUNT. Linux
sends with 64 by default, so the neighbour has to set IP_TTL to 255. This is the
generalized TTL security mechanism, and it costs nothing: no key, no signature.

IP_TOS (IPV6_TCLASS) sets the class of what a socket sends; the upper 6 bits are the DSCP,
and TCP keeps the other two for ECN. A SYN,ACK is sent by the listener's settings, since no
socket of the connection exists yet. With tcp_reflect_tos tcp_v4_send_synack takes the SYN's
instead, and tcp_v4_syn_recv_sock gives it to the new socket.`,
	Try: []lab.Try{
		{Command: "blindrst", Says: "what else keeps a stranger's segments out"},
		{Command: "signature", Says: "the stronger means of routers: each segment is signed"},
		{Command: "ipheader --ipv6", Says: "hop count and traffic class instead of TTL and TOS"},
		{Command: "sockopt IP_MINTTL", Says: "all about the option"},
	},
	Sockopts: []string{"IP_MINTTL", "IP_TTL", "IP_TOS", "IPV6_MINHOPCOUNT", "IPV6_UNICAST_HOPS", "IPV6_TCLASS"},
	Claims: []lab.Claim{{
		ID:     "a-used-hop-limit-is-dropped",
		Text:   "A listener with IP_MINTTL 255 does not answer a SYN that comes with a TTL of 64.",
		Source: "net/ipv4/tcp_ipv4.c: tcp_v4_rcv; net/ipv6/tcp_ipv6.c: tcp_v6_rcv",
		Control: lab.Control{
			Says: "the listener demands 64", Before: "far:connect",
			Do: func(s *lab.Script) { lab.SetIP(s.Sock("listener"), sockopt.IPMinTTL, sockopt.IPv6MinHopCount, 64) },
		},
	}, {
		ID:     "the-full-one-passes",
		Text:   "A client that sends with 255 connects.",
		Source: "ip(7), IP_TTL; net/ipv4/tcp_ipv4.c: tcp_v4_rcv; net/ipv6/tcp_ipv6.c: tcp_v6_rcv",
		Control: lab.Control{
			Says: "the client sends with 254", Before: "neighbour:connect",
			Do: func(s *lab.Script) { lab.SetIP(s.Sock("neighbour"), sockopt.IPTTL, sockopt.IPv6UnicastHops, 254) },
		},
	}, {
		ID:     "the-server-has-its-own-class",
		Text:   "The client's class is not the server's: to a SYN with DSCP 10 the answer is a SYN,ACK with 0.",
		Source: "ip(7), IP_TOS; net/ipv4/tcp_ipv4.c: tcp_v4_send_synack; net/ipv6/tcp_ipv6.c: tcp_v6_send_synack",
		Control: lab.Control{
			Says: "tcp_reflect_tos is on", Before: "classy:connect",
			Do: func(s *lab.Script) { s.Server.SetSysctl(reflectTOS, "1") },
		},
	}, {
		ID:     "both-directions-have-one-class",
		Text:   "A connection's segments have the class that the client has asked for, in both directions.",
		Source: "widely taught, of classes of service",
		Myth:   true,
		Truth:  "Each side sends by its own settings, unless tcp_reflect_tos is on at the server (net/ipv4/tcp_ipv4.c: tcp_v4_send_synack).",
		Control: lab.Control{
			Says: "tcp_reflect_tos is on", Before: "classy:connect",
			Do: func(s *lab.Script) { s.Server.SetSysctl(reflectTOS, "1") },
		},
	}, {
		ID:     "reflect-tos-repeats-it",
		Text:   "With tcp_reflect_tos the SYN,ACK, and what the server sends afterwards, has the class of the client's SYN.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_reflect_tos; net/ipv4/tcp_ipv4.c: tcp_v4_send_synack, tcp_v4_syn_recv_sock",
		Control: lab.Control{
			Says: "the sysctl is turned off again", Before: "mirrored:connect",
			Do: func(s *lab.Script) { s.Server.SetSysctl(reflectTOS, "0") },
		},
	}},
	Script: func(s *lab.Script) {
		listener := s.Server.Listen(80, 16)
		s.Part("A listener for neighbours alone")
		lab.SetIP(listener, sockopt.IPMinTTL, sockopt.IPv6MinHopCount, 255)
		far := s.Client.Named("far").Connect(listener)
		s.Expect("a-used-hop-limit-is-dropped",
			lab.Is("server sends", s.Wire.Of(far).Next("SYN").Exchange().Names, "nothing"),
			lab.Is("client", far.State(), record.SynSent))
		far.Close()

		neighbour := s.Client.Named("neighbour").Bound(40010)
		lab.SetIP(neighbour, sockopt.IPTTL, sockopt.IPv6UnicastHops, 255)
		neighbour.Connect(s.Server.Addr(80))
		s.Wire.TryHandshake(neighbour)
		s.Expect("the-full-one-passes", lab.Is("client", neighbour.State(), record.Established))

		s.Part("A client with a class of its own")
		listener = s.Server.Named("other listener").Listen(81, 16)
		reflects := s.Server.SysctlOr(reflectTOS, 0) != 0
		syn, synack, _ := classes(s, listener, "classy", 40011)
		own := s.Unless(reflects, "tcp_reflect_tos is on")
		own.Expect("the-server-has-its-own-class",
			lab.Is("SYN's DSCP", syn, class), lab.Is("SYN,ACK's", synack, 0))
		own.Expect("both-directions-have-one-class", lab.Is("SYN,ACK's DSCP", synack, class))

		s.Part("A server that repeats it")
		s.StopIf(!s.Server.Has(reflectTOS), "this kernel has no tcp_reflect_tos")
		s.Server.SetSysctl(reflectTOS, "1")
		_, synack, data := classes(s, listener, "mirrored", 40012)
		s.Unless(!s.Server.KeepsHalfOpen(), "with a SYN cookie nothing is kept of the SYN").
			Expect("reflect-tos-repeats-it", lab.Is("SYN,ACK's DSCP", synack, class), lab.Is("data's", data, class))
	},
}

// class is AF11, for bulk data.
const class = 10

// classes opens a connection from a socket with the class, and returns that of its SYN,
// of the SYN,ACK and of the server's data.
func classes(s *lab.Script, listener *lab.Sock, name string, port int) (syn, synack, data int) {
	client := s.Client.Named(name).Bound(port)
	lab.SetIP(client, sockopt.IPTOS, sockopt.IPv6TClass, class<<2)
	client.Connect(s.Server.Addr(81))
	h := s.Wire.Handshake(client)
	return h.SYN.DSCP(), h.SYNACK.DSCP(), listener.Accept().Segment("hello").Deliver().DSCP()
}
