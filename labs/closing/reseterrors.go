package closing

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// What the calls of a program say after a RST has arrived.
var resetErrors = lab.Lab{
	Name:  "reseterrors",
	Title: "The error of a reset depends on the state in which it arrives, and is reported once",
	Look:  "the errno after the same RST: ECONNREFUSED, ECONNRESET or EPIPE",
	Long: `"Connection reset by peer" is what most programs print when a RST has come. But
the kernel chooses the error by the state of the socket: ECONNREFUSED while it connects,
EPIPE once the other side's FIN is there, and ECONNRESET in all other states. And it
reports the error once, to whichever call comes first. A server that reads to the end of
the stream and then meets a RST sees no ECONNRESET at all, and its next read says again
that the stream has ended.`,
	Why: `tcp_reset (net/ipv4/tcp_input.c) picks the errno by the state and puts it into sk_err.
read, write, connect, and getsockopt with SO_ERROR all take it from there and clear it
(sock_error), so the next one of them finds a socket that is merely closed: read
returns 0, and write fails with EPIPE.

tcp_recvmsg_locked (net/ipv4/tcp.c) looks at the receive queue first: data that arrived
before the RST is read before the error is reported. Then it looks whether a FIN has come
(SOCK_DONE), and returns 0 if so, before it looks at the error. That is why a reset in
CLOSE_WAIT can be seen by writing alone, or by asking for SO_ERROR. What the program had
written and the other side had not received is lost, and nothing says how much it was.`,
	Try: []lab.Try{
		{Command: "resetclose", Says: "why the other side has sent a RST"},
		{Command: "closewait", Says: "the state in which EPIPE takes the place of ECONNRESET"},
		{Command: "nolisten", Says: "a RST while connecting: ECONNREFUSED"},
		{Command: "readiness", Says: "what poll says of such sockets"},
		{Command: "sockopt SO_ERROR", Says: "all about the option"},
	},
	Sockopts: []string{"SO_ERROR"},
	Claims: []lab.Claim{{
		ID:     "econnreset-in-established",
		Text:   "If the RST arrives in ESTABLISHED, the next call fails with ECONNRESET. After that read returns 0, and write fails with EPIPE.",
		Source: "net/ipv4/tcp_input.c: tcp_reset; net/ipv4/tcp.c: tcp_recvmsg_locked",
		Control: lab.Control{
			Says: "the RST is lost", Of: "client", Segment: "server:RST",
		},
	}, {
		ID:     "first-call-takes-the-error",
		Text:   "Whichever call comes first takes the error: after a write has failed with ECONNRESET, read returns 0.",
		Source: "net/ipv4/tcp_input.c: tcp_reset; include/net/sock.h: sock_error",
		Control: lab.Control{
			Says: "the program reads first", Before: "writing client:write",
			Do: func(s *lab.Script) { s.Sock("writing client").TryRead() },
		},
	}, {
		ID:     "data-before-it-is-read-first",
		Text:   "Data that arrived before the RST can still be read, and the error comes after it.",
		Source: "net/ipv4/tcp.c: tcp_recvmsg_locked",
		Control: lab.Control{
			Says: "the data is lost", Of: "reading client", Segment: "server:data",
		},
	}, {
		ID:     "epipe-in-close-wait",
		Text:   "If the RST arrives in CLOSE_WAIT, write fails with EPIPE.",
		Source: "net/ipv4/tcp_input.c: tcp_reset",
		Control: lab.Control{
			Says: "the server's FIN is lost", Of: "half-closed client", Segment: "server:FIN,ACK",
		},
	}, {
		ID:     "after-a-fin-read-says-nothing",
		Text:   "In CLOSE_WAIT a reset does not show in read: it returns 0 before the RST and after it.",
		Source: "net/ipv4/tcp.c: tcp_recvmsg_locked",
		Control: lab.Control{
			Says: "the server's FIN is lost", Of: "half-closed client", Segment: "server:FIN,ACK",
		},
	}, {
		ID:     "a-reset-always-shows",
		Text:   "A program that reads until an error or the end of the stream sees every reset as ECONNRESET.",
		Source: "widely taught, as the difference between an orderly close and a reset",
		Myth:   true,
		Truth:  "If the FIN comes before the RST, read returns 0 and no call ever says ECONNRESET (net/ipv4/tcp.c: tcp_recvmsg_locked).",
		Control: lab.Control{
			Says: "the RST comes before the FIN", Of: "half-closed client", Segment: "server:FIN,ACK",
			Do: func(s *lab.Script) { reset(s, s.Sock("half-closed client"), 1) },
		},
	}, {
		ID:     "so-error-tells-and-clears",
		Text:   "getsockopt with SO_ERROR returns the error and clears it: the next one returns 0.",
		Source: "socket(7), SO_ERROR",
		Control: lab.Control{
			Says: "the RST is lost", Of: "asking client", Segment: "server:RST",
		},
	}, {
		ID:     "econnreset-in-fin-wait",
		Text:   "After shutdown, in FIN_WAIT2, it is ECONNRESET again: the state decides, not whether the program has sent its FIN.",
		Source: "net/ipv4/tcp_input.c: tcp_reset",
		Control: lab.Control{
			Says: "the RST is lost", Of: "shut client", Segment: "server:RST",
		},
	}},
	Script: func(s *lab.Script) {
		client, _ := s.Connection()
		s.Part("A RST in ESTABLISHED")
		reset(s, client, 1)
		s.Expect("econnreset-in-established",
			lab.Is("first read", client.Reads(), "ECONNRESET"),
			lab.Is("second read", client.Reads(), lab.EOF),
			lab.Is("write", client.TryWrite("!"), "EPIPE"))

		client, _ = s.Connection("writing")
		s.Part("The program writes first")
		reset(s, client, 1)
		s.Expect("first-call-takes-the-error",
			lab.Is("write", client.TryWrite("!"), "ECONNRESET"),
			lab.Is("read", client.Reads(), lab.EOF))

		client, server := s.Connection("reading")
		s.Part("Data, and then a RST")
		server.Segment("data").Deliver()
		reset(s, client, 5)
		s.Expect("data-before-it-is-read-first",
			lab.Is("first read", client.Reads(), "data"),
			lab.Is("second read", client.Reads(), "ECONNRESET"))

		client, _ = s.Connection("asking")
		client.Connected()
		s.Part("The program asks for SO_ERROR")
		reset(s, client, 1)
		s.Expect("so-error-tells-and-clears",
			lab.Is("SO_ERROR", client.Connected(), "ECONNRESET"),
			lab.Is("SO_ERROR again", client.Connected(), lab.OK))
		resetAfterFIN(s)
	},
}

// resetAfterFIN shows connections that are closed by one side when the RST comes.
func resetAfterFIN(s *lab.Script) {
	client, server := s.Connection("half-closed")
	s.Part("A RST in CLOSE_WAIT")
	server.Shutdown()
	s.Wire.Of(client).Pass("server:FIN,ACK")
	before := client.State()
	if before == record.CloseWait {
		s.Wire.Of(client).Pass("client:ACK") // which Linux 7.3 puts off for a moment
	}
	early := client.Reads()
	reset(s, client, 2)
	late, write := client.Reads(), client.TryWrite("!")
	s.Expect("after-a-fin-read-says-nothing",
		lab.Is("client before", before, record.CloseWait),
		lab.Is("read before the RST", early, lab.EOF),
		lab.Is("read after it", late, lab.EOF),
		lab.Is("client", client.State(), record.Close))
	s.Expect("epipe-in-close-wait", lab.Is("write", write, "EPIPE"))
	s.Expect("a-reset-always-shows", lab.Is("a read fails with ECONNRESET", early == "ECONNRESET" || late == "ECONNRESET", true))

	client, _ = s.Connection("shut")
	s.Part("A RST in FIN_WAIT2")
	client.HalfClose()
	before = client.State()
	reset(s, client, 1)
	s.Expect("econnreset-in-fin-wait",
		lab.Is("client before", before, record.FinWait2),
		lab.Is("read", client.Reads(), "ECONNRESET"))
}

// reset lets a client receive a RST from the server, whose next sequence number is seq.
func reset(s *lab.Script, client *lab.Sock, seq int64) {
	client.Peer().Craft(lab.Craft{Flags: "RST", Seq: seq}).Deliver()
}
