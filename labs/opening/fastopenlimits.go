package opening

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// The options of Fast Open, on both sides.
var fastOpenLimits = lab.Lab{
	Name:  "fastopenlimits",
	Title: "A Fast Open listener limits its incomplete connections, and accepts cookies of its last key",
	Look:  "which SYN,ACK acknowledges the data of the SYN, and which only the SYN",
	Long: `With Fast Open a server works before it knows that its client is there. So the
kernel bounds how many of a listener's connections may be in that state: TCP_FASTOPEN. One
more SYN is treated as any other, and its data has to be sent again. A cookie proves that
the client's address is real; where that is known anyway, TCP_FASTOPEN_NO_COOKIE makes it
unnecessary. And when a server changes its key, all cookies that clients have would be
worthless at once; so it may have two keys, the new one and the last (TCP_FASTOPEN_KEY, or
tcp_fastopen_key for all listeners).`,
	Why: `tcp_fastopen_queue_check (net/ipv4/tcp_fastopen.c) compares the number of connections that
were opened so and are still in SYN_RECV with the listener's limit. Above it, the SYN takes
the ordinary way: a SYN,ACK for the SYN alone, and TCPFastOpenListenOverflow.

tcp_fastopen_cookie_gen_check tries the keys in turn. A cookie that was made with the second
one is good, and the SYN,ACK brings a cookie of the first, so that the client has a fresh
one for the next time: TCPFastOpenPassiveAltKey.

On the client TCP_FASTOPEN_CONNECT keeps connect and write apart, so that a program need
not be changed much: connect does all but send (tcp_fastopen_defer_connect), and the first
write sends the SYN with its data. So connect returns 0 although nothing was sent, and an
error shows in write or read.`,
	Try: []lab.Try{
		{Command: "fastopen", Says: "how a client gets its cookie"},
		{Command: "fastopenlimits --ipv6", Says: "the same on IPv6"},
		{Command: "sockopt TCP_FASTOPEN_CONNECT", Says: "all about the option"},
	},
	Sockopts: []string{"TCP_FASTOPEN", "TCP_FASTOPEN_NO_COOKIE", "TCP_FASTOPEN_CONNECT", "TCP_FASTOPEN_KEY"},
	Backlog:  4,
	Claims: []lab.Claim{{
		ID:     "no-cookie-is-needed-where-both-say-so",
		Text:   "With TCP_FASTOPEN_NO_COOKIE at both ends the very first SYN carries data and no cookie, and the server reads it before the handshake is over.",
		Source: "net/ipv4/tcp_fastopen.c: tcp_try_fastopen, tcp_fastopen_no_cookie",
		Control: lab.Control{
			Says: "the listener takes the option back", Before: "first:sendto",
			Do: func(s *lab.Script) { lab.Set(s.Sock("listener"), sockopt.FastOpenNoCookie, false) },
		},
	}, {
		ID:     "the-limit-makes-it-an-ordinary-syn",
		Text:   "When TCP_FASTOPEN connections are in SYN_RECV, the next SYN is answered as any other: its data is not acknowledged.",
		Source: "net/ipv4/tcp_fastopen.c: tcp_fastopen_queue_check",
		Control: lab.Control{
			Says: "the first one's handshake ends before", Before: "second:sendto",
			Do: func(s *lab.Script) { s.Wire.Of(s.Sock("first")).Pass("SYN,ACK", "client:ACK") },
		},
	}, {
		ID:     "connect-sends-nothing-yet",
		Text:   "With TCP_FASTOPEN_CONNECT connect returns 0 and sends nothing; the SYN goes with the data of the first write.",
		Source: "net/ipv4/tcp_fastopen.c: tcp_fastopen_defer_connect; net/ipv4/tcp.c: tcp_sendmsg_fastopen",
		Control: lab.Control{
			Says: "the program takes the option back", Before: "third:connect",
			Do: func(s *lab.Script) { lab.Set(s.Sock("third"), sockopt.FastOpenConnect, false) },
		},
	}, {
		ID:     "connect-returns-0-when-connected",
		Text:   "If connect returns 0, the server has answered.",
		Source: "connect(2), RETURN VALUE",
		Myth:   true,
		Truth:  "Not with TCP_FASTOPEN_CONNECT: nothing was sent yet (net/ipv4/tcp_fastopen.c: tcp_fastopen_defer_connect).",
		Control: lab.Control{
			Says: "the program writes before it asks", Before: "third:poll",
			Do: func(s *lab.Script) {
				third := s.Sock("third")
				third.Write("hello")
				s.Wire.Of(third).Pass("SYN", "SYN,ACK")
			},
		},
	}, {
		ID:     "the-last-key-is-honoured",
		Text:   "With two keys a cookie that was made with the second is good, and the SYN,ACK brings one that was made with the first.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_fastopen_key; net/ipv4/tcp_fastopen.c: tcp_fastopen_cookie_gen_check, tcp_try_fastopen",
		Control: lab.Control{
			Says: "the listener forgets the last key", Before: "fifth:sendto",
			Do: func(s *lab.Script) {
				lab.Set(s.Sock("keyed listener"), sockopt.FastOpenKey, sockopt.FastOpenKeys{{2}})
			},
		},
	}},
	Script: func(s *lab.Script) {
		s.StopIf(!s.Server.KeepsHalfOpen(), "with tcp_syncookies 2 the server answers every SYN with a SYN cookie, and none with Fast Open")
		s.Client.SetSysctl(tcpFastOpen, "1")
		s.Server.SetSysctl(tcpFastOpen, "3")
		listener := s.Server.Listen(80, 4)
		lab.Set(listener, sockopt.FastOpen, 1)
		lab.Set(listener, sockopt.FastOpenNoCookie, true)
		opener := func(name string, port int) *lab.Sock {
			client := s.Client.Named(name).Bound(port)
			lab.Set(client, sockopt.FastOpenNoCookie, true)
			return client
		}

		s.Part("A SYN with data, and without a cookie")
		client := opener("first", 40000)
		client.ConnectSending(s.Server.Addr(80), "hello")
		syn := s.Wire.Of(client).Next("SYN").Deliver()
		data, outcome := listener.TryAcceptAndRead()
		s.Expect("no-cookie-is-needed-where-both-say-so",
			lab.Is("SYN's data", syn.Len, 5),
			lab.Is("SYN has a cookie", syn.Offers("tfo"), false),
			lab.Is("accept", outcome, lab.OK),
			lab.Is("data", data, "hello"))

		s.Part("Another one, while the first is not complete")
		synack := openFast(s, opener("second", 40001), s.Server.Addr(80)).SYNACK
		s.Expect("the-limit-makes-it-an-ordinary-syn",
			lab.Is("SYN,ACK acknowledges", synack.Ack, 1),
			lab.Is("TCPFastOpenListenOverflow", s.Server.Counter("TCPFastOpenListenOverflow"), 1))

		s.Part("connect with TCP_FASTOPEN_CONNECT")
		client = opener("third", 40002)
		lab.Set(client, sockopt.FastOpenConnect, true)
		outcome = client.TryConnect(s.Server.Addr(80))
		sent := s.Wire.Of(client).Waiting(s.Client)
		s.Expect("connect-returns-0-when-connected",
			lab.Is("connect", outcome, lab.OK),
			lab.Is("client", stateAfter(client), record.Established))
		if sent == "nothing" {
			client.TryWrite("hello")
		}
		syn = s.Wire.Of(client).Next("SYN").Drop()
		s.Expect("connect-sends-nothing-yet",
			lab.Is("connect", outcome, lab.OK),
			lab.Is("client sends", sent, "nothing"),
			lab.Is("SYN's data", syn.Len, 5))
		keys(s)
	},
}

// stateAfter polls a socket first, as a program does, and then looks at it.
func stateAfter(client *lab.Sock) string {
	client.Poll()
	return client.State()
}

// keys lets a listener change its key, and know the last one.
func keys(s *lab.Script) {
	first, second := [16]byte{1}, [16]byte{2}
	listener := s.Server.Named("keyed listener").Listen(81, 4)
	lab.Set(listener, sockopt.FastOpen, 4)
	lab.Set(listener, sockopt.FastOpenKey, sockopt.FastOpenKeys{first})
	s.Part("A client gets a cookie, and then the listener has a new key besides the last")
	fourth := s.Client.Named("fourth").Bound(40003)
	openFast(s, fourth, s.Server.Addr(81))
	s.Wire.Of(fourth).Deliver("client:ACK")
	lab.Set(listener, sockopt.FastOpenKey, sockopt.FastOpenKeys{second, first})
	fifth := s.Client.Named("fifth").Bound(40004)
	h := openFast(s, fifth, s.Server.Addr(81))
	s.Wire.Of(fifth).Deliver("client:ACK")
	s.Expect("the-last-key-is-honoured",
		lab.Is("SYN's data", h.SYN.Len, 5),
		lab.Is("SYN,ACK acknowledges", h.SYNACK.Ack, 6),
		lab.Is("SYN,ACK has a cookie", h.SYNACK.Offers("tfo"), true),
		lab.Is("TCPFastOpenPassiveAltKey", s.Server.Counter("TCPFastOpenPassiveAltKey"), 1))
}
