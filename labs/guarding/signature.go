package guarding

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// Segments that are signed, and not.
var signature = lab.Lab{
	Name:  "signature",
	Title: "With TCP_MD5SIG an unsigned or wrongly signed segment is dropped silently",
	Look:  "the segment without a signature, which is dropped, and that nothing answers it",
	Long: `Two programs that share a key, mostly routers that speak BGP, can have their
kernels sign every segment (TCP_MD5SIG). Whoever does not know the key can then forge
nothing, not even a RST with the right number. The price: a peer whose key is missing or
wrong gets no answer at all. Its connect ends in a timeout, as if a firewall dropped its
SYNs. Only counters on the other host tell why.`,
	Why: `Before a segment reaches its socket, tcp_inbound_hash (net/ipv4/tcp.c) looks up
the key that the socket has for the sender's address. There are three ways to fail, each
with a counter (nstat -az): no signature though there is a key (TCPMD5NotFound), a
signature though there is none (TCPMD5Unexpected), and one that does not fit
(TCPMD5Failure). The segment is dropped in any case. An answer would have to be signed
itself, and would tell a stranger that a key is required here.

The signature takes 18 bytes of options in each segment (20 with padding). A SYN has no
room for timestamps beside it, so such a connection has none.

MD5 is weak, and both ends would have to change a key at the same moment. TCP-AO (RFC
5925), in Linux since 6.7, replaces it. TLS protects the content, but not the connection: a forged
RST still ends it.`,
	Try: []lab.Try{
		{Command: "blindrst", Says: "what a forged RST does without a signature"},
		{Command: "blinddata", Says: "what forged data does without a signature"},
		{Command: "sockopt TCP_MD5SIG", Says: "all about the option"},
	},
	Sockopts: []string{"TCP_MD5SIG", "TCP_MD5SIG_EXT"},
	Claims: []lab.Claim{{
		ID:     "unsigned-is-dropped-silently",
		Text:   "A SYN without a signature is dropped by a listener that has a key for its sender. It gets no answer, and TCPMD5NotFound counts it.",
		Source: "net/ipv4/tcp.c: tcp_inbound_hash",
		Control: lab.Control{
			Says: "the client has the key", Before: "unsigned:connect",
			Do: func(s *lab.Script) { s.Sock("unsigned").Sign(s.Server.Addr(0).Addr(), rightKey) },
		},
	}, {
		ID:     "the-peer-gets-a-reset",
		Text:   "A client without the key is refused by a RST.",
		Source: "widely taught: who is not allowed is refused",
		Myth:   true,
		Truth:  "It gets no answer (net/ipv4/tcp.c: tcp_inbound_hash).",
		Control: lab.Control{
			Says: "the listener is closed", Before: "unsigned:connect",
			Do: func(s *lab.Script) { s.Sock("listener").Close() },
		},
	}, {
		ID:     "wrong-key-is-dropped",
		Text:   "A SYN that is signed with another key gets no answer either, and TCPMD5Failure counts it.",
		Source: "net/ipv4/tcp.c: tcp_inbound_md5_hash",
		Control: lab.Control{
			Says: "the client has the right key", Before: "wrong:connect",
			Do: func(s *lab.Script) { s.Sock("wrong").Sign(s.Server.Addr(0).Addr(), rightKey) },
		},
	}, {
		ID:     "unexpected-is-dropped",
		Text:   "A signed SYN to a listener that has no key gets no answer, and TCPMD5Unexpected counts it.",
		Source: "net/ipv4/tcp.c: tcp_inbound_md5_hash",
		Control: lab.Control{
			Says: "the client's key is taken away", Before: "eager:connect",
			Do: func(s *lab.Script) { s.Sock("eager").Sign(s.Server.Addr(0).Addr(), "") },
		},
	}, {
		ID:     "the-right-key-connects",
		Text:   "With the same key on both sides the connection opens, and data arrives.",
		Source: "net/ipv4/tcp.c: tcp_inbound_md5_hash",
		Control: lab.Control{
			Says: "the client has another key", Before: "signed:connect",
			Do: func(s *lab.Script) { s.Sock("signed").Sign(s.Server.Addr(0).Addr(), wrongKey) },
		},
	}, {
		ID:     "a-forged-rst-is-dropped",
		Text:   "A RST with the exact number, but without a signature, does not end the connection.",
		Source: "net/ipv4/tcp.c: tcp_inbound_hash",
		Control: lab.Control{
			Says: "the server's socket gives up its key before", Segment: "client:RST",
			Do: func(s *lab.Script) { s.Sock("server").Sign(s.Client.Addr(0).Addr(), "") },
		},
	}, {
		ID:     "one-key-for-a-network",
		Text:   "TCP_MD5SIG_EXT sets one key for all addresses with a prefix: a client from there that has the key connects.",
		Source: "net/ipv4/tcp_ipv4.c: tcp_v4_parse_md5_keys; net/ipv6/tcp_ipv6.c: tcp_v6_parse_md5_keys",
		Control: lab.Control{
			Says: "the client has another key", Before: "neighbour:connect",
			Do: func(s *lab.Script) { s.Sock("neighbour").Sign(s.Server.Addr(0).Addr(), wrongKey) },
		},
	}},
	Script: func(s *lab.Script) {
		listener := s.Server.Named("listener").Bound(80)
		s.StopIf(!listener.Sign(s.Client.Addr(0).Addr(), rightKey), "this kernel has no CONFIG_TCP_MD5SIG")
		listener.Listen(1)
		s.Server.Named("plain listener").Listen(81, 1)
		port := 40000
		knock := func(name, key string, to int) (client *lab.Sock, answer string) {
			client = s.Client.Named(name).Bound(port)
			port++
			if key != "" {
				client.Sign(s.Server.Addr(0).Addr(), key)
			}
			client.Connect(s.Server.Addr(to))
			s.Wire.Of(client).Next("SYN").Deliver()
			return client, s.Wire.Of(client).Waiting(s.Server)
		}

		s.Part("A client without a key, at a listener that has one")
		client, answer := knock("unsigned", "", 80)
		s.Expect("the-peer-gets-a-reset", lab.Is("server sends", answer, "RST,ACK"))
		s.Expect("unsigned-is-dropped-silently",
			lab.Is("server sends", answer, "nothing"),
			lab.Is("client", client.State(), record.SynSent),
			lab.AtLeast("TCPMD5NotFound", s.Server.Counter("TCPMD5NotFound"), 1))

		s.Part("A client with another key")
		client, answer = knock("wrong", wrongKey, 80)
		s.Expect("wrong-key-is-dropped",
			lab.Is("server sends", answer, "nothing"),
			lab.Is("client", client.State(), record.SynSent),
			lab.AtLeast("TCPMD5Failure", s.Server.Counter("TCPMD5Failure"), 1))

		s.Part("A client with a key, at a listener that has none")
		client, answer = knock("eager", rightKey, 81)
		s.Expect("unexpected-is-dropped",
			lab.Is("server sends", answer, "nothing"),
			lab.Is("client", client.State(), record.SynSent),
			lab.AtLeast("TCPMD5Unexpected", s.Server.Counter("TCPMD5Unexpected"), 1))

		s.Part("Both have the same key")
		client, _ = knock("signed", rightKey, 80)
		wire := s.Wire.Of(client)
		wire.Deliver("server:SYN,ACK", "client:ACK")
		server, outcome := listener.TryAccept()
		if server == nil {
			s.Expect("the-right-key-connects", lab.Is("accept", outcome, lab.OK))
			return
		}
		client.TrySend("hello")
		got, _ := server.TryRead()
		s.Expect("the-right-key-connects",
			lab.Is("accept", outcome, lab.OK),
			lab.Is("server reads", got, "hello"))

		s.Part("A forged RST")
		client.Craft(lab.Craft{Flags: "RST", Seq: int64(1 + len(got))}).Deliver()
		s.Expect("a-forged-rst-is-dropped",
			lab.Is("server", server.State(), record.Established))

		s.Part("A listener with a key for a whole network")
		wide := s.Server.Named("wide listener").Bound(82)
		network, _ := s.Client.Addr(0).Addr().Prefix(24)
		lab.TrySet(wide, sockopt.Find(sockopt.MD5SigExt.Name)[0], sockopt.MD5KeyExt{Peers: network, Key: []byte(rightKey)})
		wide.Listen(1)
		client, answer = knock("neighbour", rightKey, 82)
		s.Wire.Of(client).Deliver("server:SYN,ACK", "client:ACK")
		s.Expect("one-key-for-a-network",
			lab.Is("server sends", answer, "SYN,ACK"),
			lab.Is("accept", lab.Outcome(wide.TryAccept()), lab.OK))
	},
}

const (
	rightKey = "correct horse"
	wrongKey = "battery staple"
)
