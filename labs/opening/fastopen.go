package opening

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// Data in the SYN.
var fastOpen = lab.Lab{
	Name:  "fastopen",
	Title: "With Fast Open the server reads the client's data before the handshake is over",
	Look:  "the data in the SYN, and that the server reads it before the last ACK",
	Long: `TCP Fast Open puts the first data into the SYN, and so saves a round trip. A
client without a cookie for the server gets one first, in an ordinary handshake: its sendto
takes no data and fails with EINPROGRESS, as connect does. Its next SYN carries that cookie
and the data. If the cookie is right, the server's program can accept the connection, read
the data and answer before the third segment has arrived. If it is wrong, or the server
does not do Fast Open, the data is ignored, and sent again after the handshake.`,
	Why: `The cookie proves that the client has received a segment at its address before;
otherwise anybody could make the server work, and answer, for a forged address. The server
stores nothing for it: the cookie is a hash of both addresses with a key that only the
server has (net/ipv4/tcp_fastopen.c: tcp_fastopen_cookie_gen).

tcp_try_fastopen checks the cookie and makes the full socket at once
(tcp_fastopen_create_child), in the state SYN_RECV, with the data in its receive queue,
and puts it into the accept queue. accept only takes what is there. From then on the
program may write: the data follows the SYN,ACK without waiting for the ACK.

The client asks for it with sendto and MSG_FASTOPEN in place of connect and write, or
with TCP_FASTOPEN_CONNECT. Its kernel keeps the cookies by the server's address. The
server needs both the bit 0x2 of tcp_fastopen and TCP_FASTOPEN on its listener, whose
value bounds how many such connections may be incomplete.

A SYN may arrive twice, and its data with it: a program must tolerate that a first request
is repeated. And some firewalls drop SYNs with data or with an unknown option. That is why
Fast Open is rare, although it saves a round trip.`,
	Try: []lab.Try{
		{Command: "handshake", Says: "accept without Fast Open: it waits for the third segment"},
		{Command: "lostack", Says: "data that comes with the third segment completes the handshake as well"},
		{Command: "negotiate", Says: "the other options of a SYN"},
		{Command: "sockopt TCP_FASTOPEN", Says: "all about the option"},
	},
	Sockopts: []string{"TCP_FASTOPEN"},
	Backlog:  4,
	Claims: []lab.Claim{{
		ID:     "first-gets-a-cookie",
		Text:   "The first SYN asks for a cookie and carries no data, and the SYN,ACK brings the cookie.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_fastopen; net/ipv4/tcp_fastopen.c: tcp_try_fastopen",
		Control: lab.Control{
			Says: "the server's Fast Open is turned off", Before: "client:sendto",
			Do: func(s *lab.Script) { s.Server.SetSysctl(tcpFastOpen, "1") },
		},
	}, {
		ID:     "data-is-read-before-third-segment",
		Text:   "The next SYN carries the cookie and the data. The server accepts the connection and reads the data while it is in SYN_RECV and the client in SYN_SENT.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_fastopen; net/ipv4/tcp_fastopen.c: tcp_fastopen_create_child",
		Control: lab.Control{
			Says: "the server's key is another one by then", Before: "second:sendto",
			Do: func(s *lab.Script) { s.Server.SetSysctl(fastOpenKey, otherKey) },
		},
	}, {
		ID:     "accept-needs-the-third-segment",
		Text:   "accept returns a connection only after the third segment of its handshake.",
		Source: "widely taught, as the order of a handshake",
		Myth:   true,
		Truth:  "With Fast Open the SYN alone is enough (net/ipv4/tcp_fastopen.c: tcp_fastopen_create_child).",
		Control: lab.Control{
			Says: "the server's key is another one by then", Before: "second:sendto",
			Do: func(s *lab.Script) { s.Server.SetSysctl(fastOpenKey, otherKey) },
		},
	}, {
		ID:     "answer-comes-with-the-syn-ack",
		Text:   "The server answers in SYN_RECV, and the client reads the answer before the server has any ACK of its SYN.",
		Source: "net/ipv4/tcp_fastopen.c: tcp_fastopen_create_child",
		Control: lab.Control{
			Says: "the SYN,ACK is lost", Of: "second", Segment: "server:SYN,ACK",
		},
	}, {
		ID:     "wrong-cookie-falls-back",
		Text:   "With a wrong cookie the SYN,ACK does not acknowledge the data and brings a new cookie; the client sends the data again, and nothing is lost.",
		Source: "net/ipv4/tcp_fastopen.c: tcp_try_fastopen; net/ipv4/tcp_input.c: tcp_rcv_fastopen_synack",
		Control: lab.Control{
			Says: "the server gets its old key back", Before: "third:sendto",
			Do: func(s *lab.Script) { s.Server.SetSysctl(fastOpenKey, firstKey) },
		},
	}, {
		ID:     "server-must-switch-it-on",
		Text:   "With tcp_fastopen 1, the default, the server ignores cookie and data, and its SYN,ACK is an ordinary one.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_fastopen",
		Control: lab.Control{
			Says: "tcp_fastopen is 3 again", Before: "fourth:sendto",
			Do: func(s *lab.Script) { s.Server.SetSysctl(tcpFastOpen, "3") },
		},
	}},
	Script: func(s *lab.Script) {
		s.StopIf(s.Server.Sysctl(syncookies) == 2,
			"with tcp_syncookies 2 the server answers every SYN with a SYN cookie, and none with Fast Open")
		s.Part("The server allows Fast Open")
		s.Client.SetSysctl(tcpFastOpen, "1")
		s.Server.SetSysctl(tcpFastOpen, "3")
		s.Server.SetSysctl(fastOpenKey, firstKey)
		listener := s.Server.Listen(80, 16)
		lab.Set(listener, sockopt.FastOpen, 16)

		s.Part("A first client gets a cookie")
		client := s.Client.Bound(40000)
		first := openFast(s, client, s.Server.Addr(80))
		s.Wire.Of(client).Pass("client:ACK")
		s.Expect("first-gets-a-cookie",
			lab.Is("SYN asks for it", first.SYN.Offers("tfo"), true),
			lab.Is("SYN's data", first.SYN.Len, 0),
			lab.Is("SYN,ACK has it", first.SYNACK.Offers("tfo"), true))
		listener.Accept()

		s.Part("The second sends its data with the SYN")
		client, data := s.Client.Named("second").Bound(40001), ""
		client.ConnectSending(s.Server.Addr(80), "hello")
		wire := s.Wire.Of(client)
		wire.Next("SYN").Deliver()
		server, outcome := listener.TryAccept()
		state := client.Peer().State()
		accepted := outcome == lab.OK
		if accepted {
			data, _ = server.TryRead()
		}
		s.Expect("accept-needs-the-third-segment", lab.Is("accept", outcome, "EAGAIN"))
		s.Expect("data-is-read-before-third-segment",
			lab.Is("accept", outcome, lab.OK),
			lab.Is("data", data, "hello"),
			lab.Is("server", state, record.SynRecv),
			lab.Is("client", client.State(), record.SynSent))
		if accepted {
			server.Write("answer")
		}
		wire.Pass("SYN,ACK", "server:data")
		s.Expect("answer-comes-with-the-syn-ack",
			lab.Is("client reads", client.Reads(), "answer"),
			lab.Is("server", client.Peer().State(), record.SynRecv))
		wire.Pass("client:ACK")
		fallBack(s, listener)
	},
}

const (
	tcpFastOpen = "net.ipv4.tcp_fastopen"
	fastOpenKey = "net.ipv4.tcp_fastopen_key"
	firstKey    = "00000000-00000000-00000000-00000001"
	otherKey    = "00000000-00000000-00000000-00000002"
)

// fallBack shows two servers that do not take the data of the SYN: their SYN,ACK lets the
// client send it again.
func fallBack(s *lab.Script, listener *lab.Sock) {
	s.Part("The server has another key, so the cookie is wrong")
	s.Server.SetSysctl(fastOpenKey, otherKey)
	third := s.Client.Named("third").Bound(40002)
	h := openFast(s, third, s.Server.Addr(80))
	s.Wire.Of(third).Deliver("client:data")
	data, _ := listener.TryAcceptAndRead()
	s.Expect("wrong-cookie-falls-back",
		lab.Is("SYN's data", h.SYN.Len, 5),
		lab.Is("SYN,ACK acknowledges", h.SYNACK.Ack, 1),
		lab.Is("SYN,ACK has a cookie", h.SYNACK.Offers("tfo"), true),
		lab.Is("read", data, "hello"))

	s.Part("The server does not allow Fast Open")
	s.Server.SetSysctl(tcpFastOpen, "1")
	fourth := s.Client.Named("fourth").Bound(40003)
	h = openFast(s, fourth, s.Server.Addr(80))
	s.Expect("server-must-switch-it-on",
		lab.Is("SYN's data", h.SYN.Len, 5),
		lab.Is("SYN,ACK acknowledges", h.SYNACK.Ack, 1),
		lab.Is("SYN,ACK has a cookie", h.SYNACK.Offers("tfo"), false))
	s.Wire.Of(fourth).Deliver("client:data")
}
