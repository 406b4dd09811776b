package closing

import (
	"math"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

// Ways of closing without the four segments.
var resetClose = lab.Lab{
	Name:  "resetclose",
	Title: "A reset ends a connection at once, without TIME_WAIT",
	Look:  "close that sends a RST and no FIN, and that no TIME_WAIT is left",
	Long: `Not every close is orderly. The kernel sends RST instead of FIN when a program closes
with unread data, so that the sender learns that its data was lost, and when a
program asks for it with SO_LINGER and a time of 0. It also answers data with a RST
when its program has closed. A reset ends both sides at once: there is nothing to
acknowledge, and no TIME_WAIT.`,
	Why: `__tcp_close (net/ipv4/tcp.c) decides in this order: unread data, then SO_LINGER with
0, then the FIN. Only data in the receive queue counts, which is in order; data that
waits behind a hole does not. An ACK says that the kernel has the data, not that a
program has read it. So a RST is the only way left to tell the sender that it was in
vain (RFC 2525 §2.17). On the other side tcp_reset picks the error (ECONNREFUSED in
SYN_SENT, EPIPE in CLOSE_WAIT, otherwise ECONNRESET), and tcp_done ends the
connection. A program can still read what arrived before; what it had yet to send is
lost.

"Connection reset by peer" often comes from a server that refuses a request before it
has read all of it, and closes. A client that is still writing then gets the error
before it reads the answer. The cure: call shutdown, read until the client has
closed, and then call close.

Some programs use SO_LINGER with 0 to avoid TIME_WAIT. That also throws away
unacknowledged data, and the protection against old segments. (RFC 9293 §3.5.2 would
have the sender of a RST enter TIME-WAIT. Linux does not.)`,
	Try: []lab.Try{
		{Command: "closewait", Says: "a RST answers a FIN that comes too late"},
		{Command: "nolisten", Says: "the RST of a port that nobody listens on: ECONNREFUSED"},
		{Command: "backlog --n 2 --abort-on-overflow", Says: "the RST of a full accept queue"},
		{Command: "sockopt SO_LINGER", Says: "all about the option"},
	},
	Sockopts: []string{"SO_LINGER"},
	Claims: []lab.Claim{{
		ID:     "unread-data-sends-rst",
		Text:   "A close with unread data (in order) sends RST instead of FIN, and the other side's read fails with ECONNRESET.",
		Source: "RFC 9293 §3.6.1 (SHLD-3); RFC 2525 §2.17; net/ipv4/tcp.c: __tcp_close",
		Control: lab.Control{
			Says: "the server reads the data first", Before: "server:close",
			Do: func(s *lab.Script) { s.Sock("server").Read() },
		},
	}, {
		ID:     "data-behind-a-hole-sends-fin",
		Text:   "A close with unread data behind a hole sends an ordinary FIN: a program could not have read that data yet.",
		Source: "net/ipv4/tcp.c: __tcp_close; net/ipv4/tcp_input.c: tcp_data_queue_ofo",
		Control: lab.Control{
			Says: "the data arrives in order", Of: "patchy client", Segment: "client:data#2", Change: lab.SeqMore(math.MaxUint32),
		},
	}, {
		ID:     "linger-zero-sends-rst",
		Text:   "With SO_LINGER on and a time of 0, close sends RST instead of FIN.",
		Source: "net/ipv4/tcp.c: __tcp_close, tcp_disconnect",
		Control: lab.Control{
			Says: "SO_LINGER is turned off again", Before: "lingering server:close",
			Do: func(s *lab.Script) { lab.Set(s.Sock("lingering server"), sockopt.Linger, sockopt.LingerValue{}) },
		},
	}, {
		ID:     "queued-data-before-econnreset",
		Text:   "If the other side has sent no FIN, read still returns the data that arrived before the RST, then fails once with ECONNRESET, and then returns 0.",
		Source: "net/ipv4/tcp.c: tcp_recvmsg_locked; net/ipv4/tcp_input.c: tcp_reset",
		Control: lab.Control{
			Says: "the RST is lost", Of: "lingering client", Segment: "server:RST,ACK",
		},
	}, {
		ID:     "first-write-succeeds-second-epipe",
		Text:   "After the other side has closed, the first write succeeds; a RST answers it, and the next write fails with EPIPE.",
		Source: "RFC 9293 §3.6.1 (SHLD-3); net/ipv4/tcp_minisocks.c: tcp_timewait_state_process; net/ipv4/tcp_input.c: tcp_reset",
		Control: lab.Control{
			Says: "the RST is lost", Segment: "server:RST",
		},
	}, {
		ID:     "no-time-wait-after-reset",
		Text:   "After a reset both ends are in CLOSE, and neither side keeps a TIME_WAIT.",
		Source: "RFC 9293 §3.5.3; net/ipv4/tcp_input.c: tcp_reset; net/ipv4/tcp.c: tcp_done",
		Control: lab.Control{
			Says: "the server reads the data first", Before: "server:close",
			Do: func(s *lab.Script) { s.Sock("server").Read() },
		},
	}},
	Script: func(s *lab.Script) {
		client, server := s.Connection()
		s.Part("The server closes with data unread")
		client.Send("unread")
		server.Close()
		sent := s.Wire.DeliverAll(s.Server)
		s.Expect("unread-data-sends-rst",
			lab.Is("server sends", sent, "RST,ACK"),
			lab.Is("client's read", client.Reads(), "ECONNRESET"))
		unread := client

		client, server = s.Connection("lingering")
		s.Part("The server closes with SO_LINGER and a time of 0")
		server.Send("last words")
		server.Abort()
		sent = s.Wire.Of(client).DeliverAll(s.Server)
		s.Expect("linger-zero-sends-rst", lab.Is("server sends", sent, "RST,ACK"))
		s.Expect("queued-data-before-econnreset",
			lab.Is("client's first read", client.Reads(), "last words"),
			lab.Is("second read", client.Reads(), "ECONNRESET"),
			lab.Is("third read", client.Reads(), lab.EOF))
		lingered := client

		client, server = s.Connection("late")
		s.Part("The client writes after the server has closed")
		server.Finish()
		early := client.TryWrite("anybody")
		s.Wire.Of(client).Deliver("client:data", "server:RST")
		s.Expect("first-write-succeeds-second-epipe",
			lab.Is("client's first write", early, lab.OK),
			lab.Is("second write", client.TryWrite("there?"), "EPIPE"))

		s.Part("No connection and no TIME_WAIT is left")
		s.Expect("no-time-wait-after-reset",
			lab.Is("after unread data", left(unread), "CLOSE, CLOSE"),
			lab.Is("after SO_LINGER", left(lingered), "CLOSE, CLOSE"),
			lab.Is("after a write", left(client), "CLOSE, CLOSE"))
		unread.Close()
		lingered.Close()
		client.Close()
		behindAHole(s) // last, for its timers run on
	},
}

// behindAHole closes a connection that has data which arrived without the byte
// before it.
func behindAHole(s *lab.Script) {
	client, server := s.Connection("patchy")
	wire := s.Wire.Of(client)
	s.Part("The server closes with data that has a hole before it")
	data := client.Segment("unread").Drop()
	data.Forge(lab.SeqMore(1)).Deliver()
	wire.Deliver("server:ACK")
	server.Close()
	sent := wire.DeliverAll(s.Server)
	s.Expect("data-behind-a-hole-sends-fin", lab.Is("server sends", sent, "FIN,ACK"))
}

// left tells the states of a connection's two ends.
func left(client *lab.Sock) string { return client.State() + ", " + client.Peer().State() }
