package programs

import (
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

// What poll says of a socket in each state.
var readiness = lab.Lab{
	Name:  "readiness",
	Title: "Ready to read or write means that the call would not block, not that it succeeds",
	Look:  "poll says ready, and the call still fails",
	Long: `poll, select and epoll tell a program which sockets are ready. Ready means that a call
would return at once: with data, with the end of the stream, or with an error. The lab
asks poll for all its events in each state of a socket. It shows the answers as poll(2)
has them, without POLL: IN, OUT, ERR, HUP and RDHUP. epoll gives the same answers.`,
	Why: `All three calls use one function, tcp_poll (net/ipv4/tcp.c). It sets RDHUP, and
IN, if the receiving direction is shut down: a FIN has arrived, or the connection has
ended. HUP stands for both directions shut down, or for the state CLOSE. ERR means that an
error is pending, which read, write or SO_ERROR takes away. OUT means room in the send
buffer. But once the sending direction is shut down, tcp_poll sets OUT as well, because
write fails at once with EPIPE.

A program can't turn off HUP and ERR. If HUP meant that the peer has sent its FIN, a
program in CLOSE_WAIT that waits for OUT alone would never sleep; a comment in tcp_poll
says so. That is what RDHUP is for. And since a fresh socket is CLOSE, it hangs up: a
program that adds a socket to epoll before connect gets an event at once.

In SYN_SENT tcp_poll sets nothing. So OUT means that connect has ended, in one way or the
other, and SO_ERROR says in which. A listener is another matter (inet_csk_listen_poll): it
is readable while its accept queue is not empty.`,
	Try: []lab.Try{
		{Command: "acceptreset", Says: "a listener stays readable though its client is gone"},
		{Command: "connecttwice", Says: "other ways to learn how connect has ended"},
		{Command: "halfclose", Says: "what still works after one direction is shut down"},
		{Command: "sockopt SO_ERROR", Says: "all about the option that takes the error away"},
	},
	Sockopts: []string{"SO_ERROR", "SO_RCVLOWAT"},
	Claims: []lab.Claim{{
		ID:     "a-fresh-socket-hangs-up",
		Text:   "A socket that was never connected is writable and hung up: OUT and HUP.",
		Source: "net/ipv4/tcp.c: tcp_poll",
		Control: lab.Control{
			Says: "the socket connects first", Before: "fresh:poll",
			Do: func(s *lab.Script) { s.Sock("fresh").Connect(s.Server.Addr(81)) },
		},
	}, {
		ID:     "connecting-says-nothing",
		Text:   "While connect is in progress, poll says nothing; when the SYN,ACK arrives, it says OUT.",
		Source: "connect(2), EINPROGRESS; net/ipv4/tcp.c: tcp_poll",
		Control: lab.Control{
			Says: "the SYN,ACK comes before the first poll", Before: "client:poll",
			Do: func(s *lab.Script) { s.Wire.Of(s.Sock("client")).Deliver("SYN", "SYN,ACK") },
		},
	}, {
		ID:     "listener-is-readable-when-accept-returns",
		Text:   "A listener is readable from the third segment of a handshake until accept has taken the connection, and never writable.",
		Source: "accept(2); include/net/inet_connection_sock.h: inet_csk_listen_poll",
		Control: lab.Control{
			Says: "the third segment is lost", Of: "client", Segment: "client:ACK",
		},
	}, {
		ID:     "readable-means-data",
		Text:   "A connection that is readable has data to read.",
		Source: "poll(2), POLLIN",
		Myth:   true,
		Truth:  "After the peer's FIN it is readable as well, and read returns 0; after a RST, and read fails (net/ipv4/tcp.c: tcp_poll).",
		Control: lab.Control{
			Says: "data comes before the FIN", Before: "client:shutdown",
			Do: func(s *lab.Script) { s.Sock("client").Send("!") },
		},
	}, {
		ID:     "rdhup-is-not-hup",
		Text:   "When the peer's FIN has arrived, poll says IN, OUT and RDHUP, and not HUP.",
		Source: "poll(2), POLLRDHUP; net/ipv4/tcp.c: tcp_poll",
		Control: lab.Control{
			Says: "the server shuts its direction down first", Before: "server:poll#2",
			Do: func(s *lab.Script) { s.Sock("server").Shutdown() },
		},
	}, {
		ID:     "hup-means-the-peer-has-closed",
		Text:   "HUP says that the peer has closed its end.",
		Source: "poll(2), POLLHUP: “the peer closed its end of the channel”",
		Myth:   true,
		Truth:  "RDHUP says that. HUP comes when both directions are shut down, and before connect (net/ipv4/tcp.c: tcp_poll).",
		Control: lab.Control{
			Says: "the server shuts its direction down first", Before: "server:poll#2",
			Do: func(s *lab.Script) { s.Sock("server").Shutdown() },
		},
	}, {
		ID:     "shut-down-stays-writable",
		Text:   "A socket whose sending direction is shut down is still writable: write fails at once, with EPIPE.",
		Source: "net/ipv4/tcp.c: tcp_poll, tcp_sendmsg_locked",
		Control: lab.Control{
			Says: "a RST comes before the poll", Before: "client:poll#3",
			Do: func(s *lab.Script) {
				s.Sock("client").Peer().Craft(lab.Craft{Flags: "RST", Seq: 1}).Deliver()
			},
		},
	}, {
		ID:     "hup-needs-both-directions",
		Text:   "When both directions are shut down, poll says HUP on both sides.",
		Source: "net/ipv4/tcp.c: tcp_poll",
		Control: lab.Control{
			Says: "the server's FIN is lost", Of: "client", Segment: "server:FIN,ACK",
		},
	}, {
		ID:     "writable-means-connected",
		Text:   "When a connecting socket becomes writable, it is connected.",
		Source: "widely taught, with non-blocking connect",
		Myth:   true,
		Truth:  "A refused one becomes writable as well; SO_ERROR tells the two apart (connect(2), EINPROGRESS).",
		Control: lab.Control{
			Says: "the port has a listener", Before: "refused:connect",
			Do: func(s *lab.Script) { s.Server.Named("late").Listen(81, 1) },
		},
	}, {
		ID:     "error-comes-with-in-and-out",
		Text:   "A refused socket says ERR together with IN, OUT, HUP and RDHUP; SO_ERROR takes the ERR away, and the rest stays.",
		Source: "connect(2), EINPROGRESS; net/ipv4/tcp.c: tcp_poll",
		Control: lab.Control{
			Says: "the RST is lost", Of: "refused", Segment: "server:RST,ACK",
		},
	}, {
		ID:     "reset-says-everything",
		Text:   "A RST that ends a connection gives the same events; read takes the ERR away, and the rest stays.",
		Source: "net/ipv4/tcp.c: tcp_poll; net/ipv4/tcp_input.c: tcp_reset",
		Control: lab.Control{
			Says: "the server reads the data before it closes", Before: "reset server:close",
			Do: func(s *lab.Script) { s.Sock("reset server").Read() },
		},
	}, {
		ID:     "readable-from-the-low-mark-on",
		Text:   "A program can ask to be told later: with SO_RCVLOWAT the socket is not readable before so many bytes have come.",
		Source: "socket(7), SO_RCVLOWAT; net/ipv4/tcp.c: tcp_poll, tcp_stream_is_readable",
		Control: lab.Control{
			Says: "the program sets the mark to 1", Before: "patient server:poll",
			Do: func(s *lab.Script) { lab.Set(s.Sock("patient server"), sockopt.RcvLowat, 1) },
		},
	}},
	Script: func(s *lab.Script) {
		s.Part("A socket that was never connected")
		fresh := s.Client.Named("fresh").Socket()
		s.Expect("a-fresh-socket-hangs-up", lab.Is("poll", fresh.Poll(), "OUT|HUP"))
		fresh.Close()

		s.Part("A listener, and connect in progress")
		listener := s.Server.Listen(80, 16)
		client := s.Client.Named("client").Connect(listener)
		wire := s.Wire.Of(client)
		connecting := client.Poll()
		wire.Deliver("SYN", "SYN,ACK")
		s.Expect("connecting-says-nothing",
			lab.Is("in progress", connecting, lab.NotReady),
			lab.Is("after the SYN,ACK", client.Poll(), "OUT"))
		early := listener.Poll()
		wire.Deliver("ACK")
		queued := listener.Poll()
		server, _ := listener.Named("server").TryAccept()
		s.Expect("listener-is-readable-when-accept-returns",
			lab.Is("before the third segment", early, lab.NotReady),
			lab.Is("after it", queued, "IN"),
			lab.Is("after accept", listener.Poll(), lab.NotReady))

		s.Part("The client shuts its direction down")
		idle := server.Poll()
		client.Shutdown()
		own := client.Poll()
		s.Expect("shut-down-stays-writable",
			lab.Is("poll", own, "OUT"),
			lab.Is("write", client.TryWrite("?"), "EPIPE"))
		wire.Pass("client:FIN,ACK", "server:ACK")
		half := server.Poll()
		s.Expect("rdhup-is-not-hup",
			lab.Is("before the FIN", idle, "OUT"),
			lab.Is("after it", half, "IN|OUT|RDHUP"))
		s.Expect("hup-means-the-peer-has-closed", lab.Is("HUP", says(half, "HUP"), true))
		data, _ := server.TryRead()
		s.Expect("readable-means-data",
			lab.Is("IN", says(half, "IN"), true),
			lab.AtLeast("bytes read", len(data), 1))

		s.Part("The server, too")
		server.Shutdown()
		wire.Deliver("server:FIN,ACK")
		s.Expect("hup-needs-both-directions",
			lab.Is("server", server.Poll(), "IN|OUT|HUP|RDHUP"),
			lab.Is("client", client.Poll(), "IN|OUT|HUP|RDHUP"))

		s.Part("connect is refused")
		refused := s.Client.Named("refused").Bound(40010)
		refused.Connect(s.Server.Addr(81))
		s.Wire.TryHandshake(refused)
		failed := refused.Poll()
		outcome := refused.Connected()
		s.Expect("writable-means-connected",
			lab.Is("OUT", says(failed, "OUT"), true),
			lab.Is("SO_ERROR", outcome, lab.OK))
		s.Expect("error-comes-with-in-and-out",
			lab.Is("poll", failed, "IN|OUT|ERR|HUP|RDHUP"),
			lab.Is("SO_ERROR", outcome, "ECONNREFUSED"),
			lab.Is("after SO_ERROR", refused.Poll(), "IN|OUT|HUP|RDHUP"))

		s.Part("The server closes with data unread")
		client, server = s.ConnectionTo(listener, "reset")
		client.Send("unread")
		server.Close()
		s.Wire.Of(client).Deliver("server:RST,ACK")
		reset := client.Poll()
		s.Expect("reset-says-everything",
			lab.Is("poll", reset, "IN|OUT|ERR|HUP|RDHUP"),
			lab.Is("read", client.Reads(), "ECONNRESET"),
			lab.Is("after read", client.Poll(), "IN|OUT|HUP|RDHUP"))

		s.Part("A program that waits for ten bytes")
		client, server = s.ConnectionTo(listener, "patient")
		lab.Set(server, sockopt.RcvLowat, 10)
		client.Send("hello")
		five := server.Poll()
		client.Send("world")
		s.Expect("readable-from-the-low-mark-on",
			lab.Is("after five", five, "OUT"),
			lab.Is("after ten", server.Poll(), "IN|OUT"))
	},
}

// says reports whether an event is among those that poll has said.
func says(events, event string) bool {
	return slices.Contains(strings.Split(events, "|"), event)
}
