package opening

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A SYN that cannot be delivered, and an ICMP message that says so.
var unreachable = lab.Lab{
	Name:  "unreachable",
	Title: "An ICMP error about the SYN ends connect at once, with an errno of its own",
	Look:  "the errno that each ICMP code becomes, and that it comes at once",
	Long: `A router that cannot deliver a packet, or a firewall that refuses it, may tell the
sender so with an ICMP message. The message quotes the packet's headers, so the
client's kernel finds the socket that has sent it. If that socket is still connecting,
connect fails at once, and its errno says what the message said. If the connection is
established, the same message ends nothing: the kernel only remembers it.`,
	Why: `tcp_v4_err (net/ipv4/tcp_ipv4.c) handles the message. It looks up the connection
by the addresses and ports in the quoted headers. Then it compares the quoted sequence
number with what is sent and not yet acknowledged: a message about any other number is
ignored, because everybody can send ICMP messages and few can guess the number. The table
icmp_err_convert (net/ipv4/icmp.c), or icmpv6_err_convert, turns type and code into an
errno.

In SYN_SENT the error is final: tcp_done_with_error closes the socket. RFC 9293 §3.9.2.2
forbids that for an unreachable host, which may be back in a moment, but notes that it is
widespread while a connection opens. On an established connection Linux does as the RFC
says: it keeps the error in sk_err_soft and goes on sending. The program gets the error if
it asks for SO_ERROR, or if the connection ends in a timeout; with IP_RECVERR it gets it at
once.`,
	Try: []lab.Try{
		{Command: "lostsyn", Says: "silence instead of a message: the SYN is sent again, until a timeout"},
		{Command: "nolisten", Says: "the other host refuses: a RST, and ECONNREFUSED as for port unreachable"},
		{Command: "unreachable --ipv6", Says: "ICMPv6: a firewall's message gives EACCES"},
	},
	Sockopts: []string{"SO_ERROR"},
	Claims: []lab.Claim{{
		ID:     "icmp-ends-connect-at-once",
		Text:   "When an ICMP message says that the host of the SYN is unreachable, the client's socket is CLOSE at once, and connect fails with EHOSTUNREACH.",
		Source: "net/ipv4/tcp_ipv4.c: tcp_v4_err; net/ipv6/tcp_ipv6.c: tcp_v6_err",
		Control: lab.Control{
			Says: "the message is lost with the SYN", Segment: "client:SYN",
		},
	}, {
		ID:     "errno-follows-the-code",
		Text:   "The message's type and code decide the errno of connect: ENETUNREACH for a network, ECONNREFUSED for a port, ENOPROTOOPT for a protocol (IPv6: EPROTO), and EHOSTUNREACH for a firewall's refusal (IPv6: EACCES).",
		Source: "net/ipv4/icmp.c: icmp_err_convert; net/ipv6/icmp.c: icmpv6_err_convert",
		Control: lab.Control{
			Says: "a RST comes before the first message", Of: "network", Segment: "client:SYN",
			Do: func(s *lab.Script) { s.Sock("network").Peer().Craft(lab.Craft{Flags: "RST,ACK", Ack: 1}).Deliver() },
		},
	}, {
		ID:     "other-numbers-are-ignored",
		Text:   "A message that quotes a sequence number which the socket has not sent is ignored.",
		Source: "net/ipv4/tcp_ipv4.c: tcp_v4_err",
		Control: lab.Control{
			Says: "the message quotes the right number", Of: "forged", Segment: "client:SYN#2", Change: lab.SeqMore(1<<32 - 1<<20),
		},
	}, {
		ID:     "a-timeout-is-the-only-end",
		Text:   "If a SYN gets neither a SYN,ACK nor a RST, connect can end only in a timeout.",
		Source: "widely taught, because many firewalls drop ICMP",
		Myth:   true,
		Truth:  "An ICMP message about the SYN ends it at once, with another errno than ETIMEDOUT.",
		Control: lab.Control{
			Says: "the message is lost with the SYN", Segment: "client:SYN",
		},
	}, {
		ID:     "established-outlives-icmp",
		Text:   "The same message about a segment of an established connection does not end it: the socket stays ESTABLISHED, and the segment, sent again, arrives.",
		Source: "RFC 9293 §3.9.2.2 (MUST-56); net/ipv4/tcp_ipv4.c: tcp_v4_err",
		Control: lab.Control{
			Says: "a RST comes with the message", Of: "client", Segment: "client:data",
			Do: func(s *lab.Script) { s.Sock("client").Peer().Craft(lab.Craft{Flags: "RST", Seq: 1}).Deliver() },
		},
	}},
	Script: func(s *lab.Script) {
		listener := s.Server.Listen(80, 16)
		bounced := func(name string, m lab.ICMP) *lab.Sock {
			conn := s.Client.Named(name).Connect(listener)
			s.Wire.Of(conn).Next("SYN").Bounce(m)
			return conn
		}
		s.Part("The host cannot be reached")
		silent := bounced("silent", lab.HostUnreachable)
		host := silent.Connected()
		s.Expect("icmp-ends-connect-at-once",
			lab.Is("client", silent.State(), record.Close),
			lab.Is("connect", host, "EHOSTUNREACH"))
		s.Expect("a-timeout-is-the-only-end", lab.Is("connect", host, "EINPROGRESS"))

		s.Part("Other messages, other errors")
		refusal, unknown := lab.PerFamily(s, "EHOSTUNREACH", "EACCES"), lab.PerFamily(s, "ENOPROTOOPT", "EPROTO")
		s.Expect("errno-follows-the-code",
			lab.Is("network unreachable", bounced("network", lab.NetUnreachable).Connected(), "ENETUNREACH"),
			lab.Is("port unreachable", bounced("port", lab.PortUnreachable).Connected(), "ECONNREFUSED"),
			lab.Is("protocol unreachable", bounced("protocol", lab.ProtocolUnreachable).Connected(), unknown),
			lab.Is("administratively prohibited", bounced("filter", lab.AdminProhibited).Connected(), refusal))

		s.Part("A message about a SYN that was never sent")
		forged := s.Client.Named("forged").Connect(listener)
		s.Wire.Of(forged).Next("SYN").Hold().Forge(lab.SeqMore(1 << 20)).Bounce(lab.HostUnreachable)
		s.Expect("other-numbers-are-ignored",
			lab.Is("client", forged.State(), record.SynSent),
			lab.Is("connect", forged.Connected(), "EINPROGRESS"))
		forged.Close()

		s.Part("The same message about data")
		client, server := s.ConnectionTo(listener)
		data := client.Segment("hello")
		data.Bounce(lab.HostUnreachable)
		state := client.State()
		data.TryRetransmission().Deliver()
		s.Expect("established-outlives-icmp",
			lab.Is("client", state, record.Established),
			lab.Is("server reads", server.Reads(), "hello"))
	},
}
