package closing

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// The ends of a close that go past the textbook's arrows.
var abortClose = lab.Lab{
	Name:  "abortclose",
	Title: "In every state of a close, silence, a RST or unread data may end the connection",
	Look:  "the states that go to CLOSE without the segment that the textbook has there",
	Long: `The textbook draws a close as a way through states, each left by the right segment. In
each of them something else may come: the other side falls silent, it resets the
connection, or the program closes without having read what it was sent. Then the socket
goes to CLOSE at once. Here TCP_USER_TIMEOUT makes the silence short. By default
tcp_orphan_retries bounds it for closed sockets, and tcp_retries2 for others.`,
	Why: `A FIN is sent again like data, and given up like data: tcp_write_timeout
(net/ipv4/tcp_timer.c) checks whether the time is over, in whatever state the socket is,
and tcp_write_err ends it. No RST tells the other side. A closed socket has no program that
could learn of it. One in CLOSE_WAIT has, and its next write gets ETIMEDOUT.

A RST with the right number ends a connection in every state (tcp_reset in
net/ipv4/tcp_input.c). In CLOSING both sides have closed, so nobody is told.

tcp_close looks for unread data before anything else: if there is some, it sends a RST
instead of a FIN, so that the other side learns that its data was lost (RFC 2525 §2.17).
That holds in CLOSE_WAIT, where the last step of a close was due, and after shutdown in
FIN_WAIT2, where the program's own FIN is already acknowledged.`,
	Try: []lab.Try{
		{Command: "lostfin", Says: "silence in FIN_WAIT1, and how long it may last"},
		{Command: "resetclose", Says: "the RST of a close with unread data, in ESTABLISHED"},
		{Command: "reseterrors", Says: "what programs learn of a RST"},
	},
	Sockopts:  []string{"TCP_USER_TIMEOUT", "SO_LINGER"},
	TimeWaits: 4,
	Claims: []lab.Claim{{
		ID:      "last-ack-gives-up",
		Text:    "A socket in LAST_ACK whose FIN is never acknowledged is gone after some attempts, and sends no RST.",
		Source:  "net/ipv4/tcp_timer.c: tcp_write_timeout, tcp_write_err",
		Control: lingersBefore("server"),
	}, {
		ID:      "closing-gives-up",
		Text:    "A socket in CLOSING whose FIN is never acknowledged is gone after some attempts as well.",
		Source:  "net/ipv4/tcp_timer.c: tcp_write_timeout, tcp_write_err",
		Control: lingersBefore("crossing client"),
	}, {
		ID:     "close-wait-tells-the-program",
		Text:   "In CLOSE_WAIT, data that is never acknowledged ends the connection, and the program's next write fails with ETIMEDOUT.",
		Source: "tcp(7), TCP_USER_TIMEOUT; net/ipv4/tcp_timer.c: tcp_write_timeout",
		Control: lab.Control{
			Says: "the program has ended its sending direction", Before: "answering server:write",
			Do: func(s *lab.Script) { s.Sock("answering server").Shutdown() },
		},
	}, {
		ID:     "rst-ends-fin-wait1",
		Text:   "A RST in FIN_WAIT1 ends the socket: no FIN_WAIT2 and no TIME_WAIT follow.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_input.c: tcp_reset",
		Control: lab.Control{
			Says: "the RST is lost", Of: "reset client", Segment: "server:RST,ACK",
		},
	}, {
		ID:     "rst-ends-closing",
		Text:   "A RST in CLOSING ends the socket as well.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_input.c: tcp_reset",
		Control: lab.Control{
			Says: "its number is not the expected one", Of: "shot client", Segment: "server:RST", Change: lab.SeqMore(1000),
		},
	}, {
		ID:     "unread-data-resets-fin-wait2",
		Text:   "A close in FIN_WAIT2 with unread data sends a RST, although the socket's FIN is acknowledged already.",
		Source: "net/ipv4/tcp.c: __tcp_close; RFC 2525 §2.17",
		Control: lab.Control{
			Says: "the program reads first", Before: "shut client:close",
			Do: func(s *lab.Script) { s.Sock("shut client").Drain() },
		},
	}, {
		ID:     "a-fin-answers-a-fin",
		Text:   "When the other side has closed, close sends a FIN, and both have closed in order.",
		Source: "widely taught, with the states of a close",
		Myth:   true,
		Truth:  "With unread data it sends a RST in CLOSE_WAIT as well (net/ipv4/tcp.c: __tcp_close).",
		Control: lab.Control{
			Says: "the program reads first", Before: "deaf server:close",
			Do: func(s *lab.Script) { s.Sock("deaf server").Drain() },
		},
	}},
	Script: func(s *lab.Script) {
		silence(s)
		resets(s)
		unread(s)
	},
}

// briefly is the TCP_USER_TIMEOUT of this lab, in milliseconds.
const briefly = 300

// lingersBefore is a control: the socket's close resets the connection.
func lingersBefore(sock string) lab.Control {
	return lab.Control{
		Says: "SO_LINGER is set with a time of 0", Before: sock + ":close",
		Do: func(s *lab.Script) {
			lab.Set(s.Sock(sock), sockopt.Linger, sockopt.LingerValue{On: true})
		},
	}
}

// lose loses a segment, and all that its sender sends again, until that gives up.
func lose(wire *lab.Wire, name string) {
	if first := wire.Take(name); first != nil {
		first.Unanswered()
	}
}

// silence is a peer that does not acknowledge, in LAST_ACK, CLOSING and CLOSE_WAIT.
func silence(s *lab.Script) {
	client, server := s.Connection()
	wire := s.Wire.Of(client)
	s.Part("The server closes last, and its FIN is never acknowledged")
	lab.Set(server, sockopt.UserTimeout, briefly)
	client.Finish()
	server.Close()
	lose(wire, "server:FIN,ACK")
	s.Expect("last-ack-gives-up",
		lab.Is("server", server.Path(record.CloseWait), "CLOSE_WAIT → LAST_ACK → CLOSE"),
		lab.Is("server sends", wire.Waiting(s.Server), "nothing"),
		lab.Is("client", client.State(), record.FinWait2))

	client, server = s.Connection("crossing")
	wire = s.Wire.Of(client)
	s.Part("Both close at once, and the client's FIN is never acknowledged")
	lab.Set(client, sockopt.UserTimeout, briefly)
	client.Close()
	server.TryFinish() // so that it has no timer
	lose(wire, "client:FIN,ACK")
	s.Expect("closing-gives-up", lab.Is("client", client.Path(record.FinWait1), "FIN_WAIT1 → CLOSING → CLOSE"))

	client, server = s.Connection("answering")
	wire = s.Wire.Of(client)
	s.Part("The client shuts down, and the server's answer is never acknowledged")
	lab.Set(server, sockopt.UserTimeout, briefly)
	client.HalfClose()
	server.TryWrite("answer")
	lose(wire, "server:data")
	s.Expect("close-wait-tells-the-program",
		lab.Is("server", server.State(), record.Close),
		lab.Is("write", server.TryWrite("more"), "ETIMEDOUT"))
}

// resets are of a peer that resets, in FIN_WAIT1 and CLOSING.
func resets(s *lab.Script) {
	client, server := s.Connection("reset")
	wire := s.Wire.Of(client)
	s.Part("The server resets while the client's FIN is under way")
	client.Close()
	fin := wire.Next("client:FIN,ACK").Hold()
	server.Abort()
	wire.Next("server:RST,ACK").Deliver()
	s.Expect("rst-ends-fin-wait1", lab.Is("client", client.Path(record.FinWait1), "FIN_WAIT1 → CLOSE"))
	fin.Drop()

	client, server = s.Connection("shot")
	wire = s.Wire.Of(client)
	s.Part("Both close at once, and then a RST comes to the client")
	client.Close()
	server.Close()
	wire.Pass("server:FIN,ACK")
	server.Craft(lab.Craft{Flags: "RST", Seq: 2}).Deliver()
	s.Expect("rst-ends-closing", lab.Is("client", client.Path(record.FinWait1), "FIN_WAIT1 → CLOSING → CLOSE"))
	wire.Pass("client:FIN,ACK", "client:ACK")
}

// unread are closes with unread data, in FIN_WAIT2 and CLOSE_WAIT.
func unread(s *lab.Script) {
	client, server := s.Connection("shut")
	wire := s.Wire.Of(client)
	s.Part("The client has shut down, and closes with unread data")
	client.HalfClose()
	server.Send("answer")
	client.Close()
	s.Expect("unread-data-resets-fin-wait2", lab.Is("client sends", wire.DeliverAll(s.Client), "RST,ACK"))

	client, server = s.Connection("deaf")
	wire = s.Wire.Of(client)
	s.Part("The server closes after the client, with unread data")
	client.Send("question")
	client.Finish()
	server.Close()
	s.Expect("a-fin-answers-a-fin", lab.Is("server sends", wire.DeliverAll(s.Server), "FIN,ACK"))
}
