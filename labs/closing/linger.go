package closing

import (
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// A close that blocks.
var linger = lab.Lab{
	Name:  "linger",
	Title: "SO_LINGER with a time makes close wait for the ACK of the FIN, and for nothing else",
	Look:  "when close returns, and what it has waited for",
	Long: `close(2) returns at once, and the kernel sends what is left and the FIN in the
background. With SO_LINGER and a time, close waits until the FIN is acknowledged, or
until the time is up. It returns 0 in both cases, so a program cannot tell which it
was; and after the time the kernel goes on as if nothing had happened. Here all
sockets are non-blocking: close waits all the same.`,
	Why: `inet_release (net/ipv4/af_inet.c) passes the time on to __tcp_close (net/ipv4/tcp.c),
which sends the FIN and then sleeps in sk_stream_wait_close (net/core/stream.c) until
the state is no longer FIN_WAIT1, CLOSING or LAST_ACK: until the FIN is acknowledged.
It never looks at O_NONBLOCK, and its result goes nowhere: close has nothing to
report. Only afterwards does the socket become an orphan, with the timers of any
other. Nothing resets the connection; that is what a time of 0 is for.

The ACK says that the other side's kernel has everything. Whether its program has read
it, or ever will, close cannot know. A program that has to know waits for an answer:
shutdown, then read until the end of the stream, then close.

A server that calls close in its event loop stops for that time whenever a client is
gone. A signal ends the wait early. When a process exits, the kernel closes its sockets
without any wait (PF_EXITING in inet_release), and shutdown(2) never waits, though
socket(7) says so.`,
	Try: []lab.Try{
		{Command: "linger --seconds 3", Says: "the program stands still for three seconds"},
		{Command: "resetclose", Says: "SO_LINGER with a time of 0: a reset, and no wait"},
		{Command: "lostfin", Says: "how long the kernel goes on with the FIN by itself"},
		{Command: "sockopt SO_LINGER", Says: "all about the option"},
	},
	Knobs: []lab.Knob{
		lab.Number("seconds", 1, 1, 10, "the time of SO_LINGER"),
	},
	Sockopts: []string{"SO_LINGER"},
	Claims: []lab.Claim{{
		ID:     "close-waits-for-the-ack",
		Text:   "close waits while the FIN is not acknowledged, and returns at once if it has been acknowledged before.",
		Source: "socket(7), SO_LINGER; net/core/stream.c: sk_stream_wait_close",
		Control: lab.Control{
			Says: "SO_LINGER is turned off again", Before: "client:close",
			Do: func(s *lab.Script) { lab.Set(s.Sock("client"), sockopt.Linger, sockopt.LingerValue{}) },
		},
	}, {
		ID:     "returns-zero-when-time-is-up",
		Text:   "When the time is up close returns 0, though the FIN is not acknowledged.",
		Source: "socket(7), SO_LINGER; net/ipv4/tcp.c: __tcp_close",
		Control: lab.Control{
			Says: "SO_LINGER is turned off again", Before: "client:close",
			Do: func(s *lab.Script) { lab.Set(s.Sock("client"), sockopt.Linger, sockopt.LingerValue{}) },
		},
	}, {
		ID:     "non-blocking-returns-at-once",
		Text:   "On a non-blocking socket close returns at once.",
		Source: "widely taught, because no other call on such a socket waits",
		Myth:   true,
		Truth:  "close waits as on any other socket: sk_stream_wait_close (net/core/stream.c) does not look at O_NONBLOCK.",
		Control: lab.Control{
			Says: "SO_LINGER is turned off again", Before: "client:close",
			Do: func(s *lab.Script) { lab.Set(s.Sock("client"), sockopt.Linger, sockopt.LingerValue{}) },
		},
	}, {
		ID:     "sends-a-reset-then",
		Text:   "When the time is up, the kernel resets the connection.",
		Source: "widely taught, as the meaning of the option",
		Myth:   true,
		Truth:  "It sends no RST, and goes on closing in the background (net/ipv4/tcp.c: __tcp_close). Only a time of 0 means a RST.",
		Control: lab.Control{
			Says: "the time is set to 0", Before: "client:close",
			Do: func(s *lab.Script) {
				lab.Set(s.Sock("client"), sockopt.Linger, sockopt.LingerValue{On: true})
			},
		},
	}, {
		ID:     "ack-means-read",
		Text:   "When such a close returns before its time, the other side's program has read everything.",
		Source: "widely taught, as the way to be sure that data has arrived",
		Myth:   true,
		Truth:  "The other side's kernel has acknowledged everything. Its program may not have read a byte (net/core/stream.c: sk_stream_wait_close).",
		Control: lab.Control{
			Says: "the server reads to the end first", Before: "acknowledged client:close",
			Do: func(s *lab.Script) {
				server := s.Sock("acknowledged server")
				server.Read()
				server.Read()
			},
		},
	}, {
		ID:     "closes-on-in-the-background",
		Text:   "After that the connection closes like any other: when the FIN arrives and is acknowledged, the client goes to FIN_WAIT2, and with the server's FIN to TIME_WAIT.",
		Source: "socket(7), SO_LINGER; RFC 9293 §3.6, figure 12",
		Control: lab.Control{
			Says: "the ACK of the FIN is lost", Of: "client", Segment: "server:ACK",
		},
	}},
	TimeWaits: 2,
	Script: func(s *lab.Script) {
		client, server := s.Connection()
		other, slow := s.Connection("acknowledged")
		time := time.Duration(s.Int("seconds")) * time.Second
		s.StopIf(s.Client.DataSchedule(s.Client.Sysctl("net.ipv4.tcp_retries2"), client.RTO()).End <= time,
			"with this tcp_retries2 the connection ends before the time is up")
		for _, c := range []*lab.Sock{client, other} {
			lab.Set(c, sockopt.Linger, sockopt.LingerValue{On: true, Seconds: s.Int("seconds")})
		}

		s.Part("The client closes, and no ACK comes")
		blocked := lab.Took(client.Close)
		wire := s.Wire.Of(client)
		sends, fin := wire.Waiting(s.Client), wire.IfAny("client:FIN,ACK").Hold()
		s.Expect("sends-a-reset-then", lab.Is("client sends", sends, "RST,ACK"))
		s.Expect("non-blocking-returns-at-once", lab.Is("close waits", blocked > time/2, false))
		s.Expect("returns-zero-when-time-is-up",
			lab.Lasted("close", blocked, lab.TimeLeft{Left: time}),
			lab.Is("client", client.State(), record.FinWait1),
			lab.Is("not acknowledged", client.Unacknowledged(), 1))

		s.Part("Another client closes after its FIN was acknowledged")
		other.Send("hello")
		other.HalfClose()
		atOnce := lab.Took(other.Close)
		s.Expect("ack-means-read",
			lab.Is("close waits", atOnce > time/2, false),
			lab.Is("not read yet", slow.Received(), 0))
		s.Expect("close-waits-for-the-ack",
			lab.Is("FIN not acknowledged: close waits", blocked > time/2, true),
			lab.Is("FIN acknowledged: close waits", atOnce > time/2, false))

		s.Part("The first client's FIN arrives at last")
		fin.Deliver()
		wire.Pass("server:ACK")
		then := client.State()
		server.TryFinish()
		s.Expect("closes-on-in-the-background",
			lab.Is("client", then, record.FinWait2),
			lab.Is("then", client.State(), record.TimeWait),
			lab.Is("server", server.State(), record.Close))
	},
}
