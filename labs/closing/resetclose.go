package closing

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

// Ways of closing without the four segments.
var resetClose = lab.Lab{
	Name:  "resetclose",
	Title: "A connection may also end by a reset, and then at once",
	Long: `A close need not be orderly. The kernel sends RST instead of FIN where a program
closes with data unread, so that the sender learns that it was lost, and where a
program asks for it with SO_LINGER and a time of 0. And whoever writes to a side
that is closed gets a RST for an answer. A reset ends both sides at once: there
is nothing to acknowledge, and no TIME_WAIT.`,
	Why: `__tcp_close (net/ipv4/tcp.c) decides, in this order: unread data, then SO_LINGER
with 0, then the FIN. An ACK only says that the kernel has the data, not that a
program has read it. So a RST is the one way left to tell the sender that it was
in vain (RFC 2525 §2.17). On the other side tcp_reset picks the error, EPIPE in
CLOSE_WAIT and ECONNRESET elsewhere, and tcp_done ends the connection. What was
received before can still be read; what was to be sent is thrown away.

"Connection reset by peer" often means a server that refused a request before it
had read all of it, and closed. A client that is still writing then meets the
error before it reads the answer. The cure is to shut down, to read until the
client has closed, and to close then.

SO_LINGER with 0 is sometimes used to be rid of TIME_WAIT. It also throws away
data that is not acknowledged yet, and the protection against old segments.`,
	Try: []lab.Try{
		{Command: "closewait", Says: "a FIN that comes too late is answered by a RST"},
		{Command: "nolisten", Says: "the RST of a port where nobody listens: ECONNREFUSED"},
		{Command: "backlog --n 2 --abort-on-overflow", Says: "the RST of an accept queue that is full"},
		{Command: "sockopt SO_LINGER", Says: "all that the option does"},
	},
	Sockopts: []string{"SO_LINGER"},
	Claims: []lab.Claim{{
		ID:     "unread-data-sends-rst",
		Text:   "A close with data unread sends RST instead of FIN, and the other side's read fails with ECONNRESET.",
		Source: "RFC 9293 §3.6.1 (SHLD-3); RFC 2525 §2.17; net/ipv4/tcp.c: __tcp_close",
		Control: lab.Control{
			Says: "the server reads the data first", Before: "server:close",
			Do: func(s *lab.Script) { s.Sock("server").Read() },
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
		Text:   "Data that came before the RST can still be read; then read fails with ECONNRESET, once, and after that returns 0.",
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
		Text:   "After a reset no connection is left on either side, not even in TIME_WAIT.",
		Source: "RFC 9293 §3.5.3; net/ipv4/tcp_input.c: tcp_reset; net/ipv4/tcp.c: tcp_done (RFC 9293 §3.5.2 would have the sender of a RST enter TIME-WAIT)",
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
		sent := s.Wire.Waiting(s.Server)
		s.Wire.Deliver("server:RST,ACK")
		_, outcome := client.TryRead()
		s.Expect("unread-data-sends-rst",
			lab.Is("server sends", sent, "RST,ACK"),
			lab.Is("client's read", outcome, "ECONNRESET"))
		unread := client

		client, server = s.Connection("lingering")
		s.Part("The server closes with SO_LINGER and a time of 0")
		server.Send("last words")
		lab.Set(server, sockopt.Linger, sockopt.LingerValue{On: true})
		server.Close()
		s.Expect("linger-zero-sends-rst",
			lab.Is("server sends", s.Wire.Of(client).Waiting(s.Server), "RST,ACK"))
		s.Wire.Of(client).Deliver("server:RST,ACK")
		data, first := client.TryRead()
		_, second := client.TryRead()
		end, third := client.TryRead()
		s.Expect("queued-data-before-econnreset",
			lab.Is("client's first read", first, lab.OK),
			lab.Is("data", data, "last words"),
			lab.Is("second read", second, "ECONNRESET"),
			lab.Is("third read", third, lab.OK),
			lab.Is("bytes", len(end), 0))
		lingered := client

		client, server = s.Connection("late")
		s.Part("The client writes after the server has closed")
		server.Close()
		s.Wire.Of(client).Pass("server:FIN,ACK", "client:ACK")
		early := client.TryWrite("anybody")
		s.Wire.Of(client).Next("client:data").Deliver()
		s.Wire.Of(client).Deliver("server:RST")
		s.Expect("first-write-succeeds-second-epipe",
			lab.Is("client's first write", early, lab.OK),
			lab.Is("second write", client.TryWrite("there?"), "EPIPE"))

		s.Part("Nothing is left")
		s.Expect("no-time-wait-after-reset",
			lab.Is("after unread data", left(unread), "CLOSE, CLOSE"),
			lab.Is("after SO_LINGER", left(lingered), "CLOSE, CLOSE"),
			lab.Is("after a write", left(client), "CLOSE, CLOSE"))
		for _, c := range []*lab.Sock{unread, lingered, client} {
			c.Close()
		}
	},
}

// left tells the states of a connection's two ends.
func left(client *lab.Sock) string { return client.State() + ", " + client.Peer().State() }
