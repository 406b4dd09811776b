package transfer

import (
	"strconv"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

// A receiver that puts its acknowledgements off.
var delAck = lab.Lab{
	Name:  "delack",
	Title: "An acknowledgement may wait 40 ms for a second segment, or for an answer that carries it",
	Look:  "which data is acknowledged at once, and which ACK waits for 40 ms",
	Long: `An acknowledgement that waits a little may save a segment: the program may
answer in the meantime, or more data may come. So Linux delays it, but not always: for some
40 ms, and on a path with a longer round trip for up to 200 ms. At the beginning of a
connection each segment is acknowledged at once, and so is every second full segment. When
the program answers what it reads, as in a dialogue, the kernel expects it to go on so, and
waits. TCP_QUICKACK and its opposite switch by hand, until the kernel switches back.`,
	Why: `__tcp_ack_snd_check (net/ipv4/tcp_input.c) decides at each segment: at once if
more than one full segment is not acknowledged and the window need not shrink, or in
quickack mode; otherwise tcp_send_delayed_ack sets a timer. tcp_event_data_recv gives a new
connection up to 16 quick ACKs (TCP_MAX_QUICKACKS), so that the sender's congestion window
opens fast.

tcp_event_data_sent notes that the program has answered within the last delayed ACK's
time: the connection is interactive then (inet_csk_enter_pingpong_mode), and quick ACKs
are off. If the timer runs out all the same, that was wrong: tcp_delack_timer_handler
(net/ipv4/tcp_timer.c) leaves the mode again.

TCP_QUICKACK enters and leaves the same mode, so an answer undoes it. TCP_NODELAY is about
what a socket sends, and does nothing for ACKs.`,
	Try: []lab.Try{
		{Command: "nagle", Says: "a sender that waits for the ACK which is put off here"},
		{Command: "sockopt TCP_QUICKACK", Says: "what the option does, and how to set it in Go"},
		{Command: "delack --ipv6", Says: "the same on IPv6"},
	},
	Sockopts: []string{"TCP_QUICKACK", "TCP_NODELAY", "TCP_DELACK_MAX_US", "SO_LINGER"},
	Reads:    []string{"server:" + pingpong},
	Claims: []lab.Claim{{
		ID:     "first-segments-acked-at-once",
		Text:   "The first segments of a connection are acknowledged at once.",
		Source: "net/ipv4/tcp_input.c: tcp_event_data_recv, tcp_incr_quickack",
		Control: lab.Control{
			Says: "the program switches quick ACKs off", Before: "client:write",
			Do: func(s *lab.Script) { lab.Set(s.Sock("server"), sockopt.QuickAck, false) },
		},
	}, {
		ID:     "then-at-most-40-ms",
		Text:   "In a dialogue the acknowledgement of a small segment waits for a timer of 40 ms, and then comes by itself.",
		Source: "RFC 9293 §3.8.6.3 (SHLD-18); net/ipv4/tcp_output.c: tcp_send_delayed_ack",
		Control: lab.Control{
			Says: "the program switches quick ACKs on", Before: "polite client:write", Do: quickly("polite server"),
		},
	}, {
		ID:     "every-second-full-segment",
		Text:   "A second full segment is acknowledged at once, and the first with it, while the receive buffer has room.",
		Source: "RFC 9293 §3.8.6.3 (SHLD-19); net/ipv4/tcp_input.c: __tcp_ack_snd_check",
		Control: lab.Control{
			Says: "the first of the two is lost", Of: "polite client", Segment: "client:data#2",
		},
	}, {
		ID:     "quickack-is-not-sticky",
		Text:   "TCP_QUICKACK does not last: after the program has answered, the kernel delays ACKs again.",
		Source: "tcp(7), TCP_QUICKACK: “This flag is not permanent”; net/ipv4/tcp_output.c: tcp_event_data_sent",
		Control: lab.Control{
			Says: "the program sets it again after its answer", Before: "polite client:write#4", Do: quickly("polite server"),
		},
	}, {
		ID:     "nodelay-turns-it-off",
		Text:   "TCP_NODELAY makes a socket acknowledge at once.",
		Source: "widely taught, because it ends the 40 ms of a sender that waits",
		Myth:   true,
		Truth:  "It ends the wait of the sender (Nagle's algorithm), and changes nothing about ACKs: TCP_QUICKACK does.",
		Control: lab.Control{
			Says: "the program switches quick ACKs on as well", Before: "nodelay client:write", Do: quickly("nodelay server"),
		},
	}, {
		ID:     "answers-make-a-dialogue",
		Text:   "The kernel takes a connection for a dialogue after as many answers as tcp_pingpong_thresh says: one.",
		Source: "include/net/inet_connection_sock.h: inet_csk_in_pingpong_mode",
		Control: lab.Control{
			Says: "the sysctl is raised by one", Before: "talking client:write",
			Do: func(s *lab.Script) {
				s.Server.SetSysctl(pingpong, strconv.Itoa(s.Server.Sysctl(pingpong)+1))
			},
		},
	}, {
		ID:     "delack-max-shortens-the-wait",
		Text:   "TCP_DELACK_MAX_US bounds a socket's waiting: of two ACKs that wait, the one that began later comes first.",
		Source: "net/ipv4/tcp_output.c: tcp_send_delayed_ack, tcp_delack_max",
		Control: lab.Control{
			Says: "the option is set to 200 ms", Before: "brief client:write",
			Do: func(s *lab.Script) {
				lab.Set(s.Sock("brief server"), sockopt.DelackMax, 200000)
				s.Sock("usual client").Idle(longestTick / 2) // or both timers might end at the same tick
			},
		},
	}},
	Script: func(s *lab.Script) {
		// arrives lets what the client writes arrive, and reports whether it is
		// acknowledged at once.
		arrives := func(client *lab.Sock, data string) bool {
			client.Segment(data).Deliver()
			return s.Wire.Of(client).Waiting(s.Server) == "ACK"
		}
		client, _ := s.Connection()
		needRoom(s, client, 4)
		s.Part("The first segments")
		atOnce := 0
		for range firstSegments {
			if arrives(client, "hello") {
				atOnce++
			}
			s.Wire.Of(client).Pass("server:ACK")
		}
		s.Expect("first-segments-acked-at-once", lab.Is("ACKs at once", atOnce, firstSegments))
		client.Abort() // an idle time of it is of no matter any more

		// tcp_delack_max (net/ipv4/tcp_output.c) is a tick below the least timeout.
		s.StopIf(leastRTO(s.Server) < 40*time.Millisecond+longestTick, "with this tcp_rto_min_us an ACK waits for less than 40 ms")
		client, server := s.Connection("polite")
		s.Part("A dialogue")
		lab.Set(server, sockopt.QuickAck, false) // as an answer would
		wire := s.Wire.Of(client)
		quick := arrives(client, "hello")
		s.Expect("then-at-most-40-ms",
			lab.Is("at once", quick, false),
			lab.Is("timer_ms", int(server.Info().ATO/1000), 40))
		wire.Pass("server:ACK")

		s.Part("Full segments")
		lab.Set(server, sockopt.QuickAck, false)
		two := client.Segments(2)
		two[0].Deliver()
		one := wire.Waiting(s.Server)
		two[1].Deliver()
		ack := wire.Next("server:ACK").Deliver()
		s.Expect("every-second-full-segment",
			lab.Is("after one", one, "nothing"),
			lab.Is("bytes acknowledged", int(ack.Ack-two[0].Seq), two[0].Len+two[1].Len))

		s.Part("TCP_QUICKACK, until the program answers")
		lab.Set(server, sockopt.QuickAck, true)
		var before bool
		took := lab.Took(func() {
			before = arrives(client, "hello")
			wire.Deliver("server:ACK")
			server.Write("bye")
		})
		wire.Pass("server:data", "client:ACK")
		after := arrives(client, "hello")
		s.UnlessSlow(took > 30*time.Millisecond, noAnswer).Unless(answers(s) > 1, "with this tcp_pingpong_thresh it takes more answers").Expect("quickack-is-not-sticky",
			lab.Is("at once before the answer", before, true),
			lab.Is("at once after it", after, false))
		wire.Pass("server:ACK")
		client.Abort()

		client, server = s.Connection("nodelay")
		s.Part("TCP_NODELAY on both sides")
		lab.Set(client, sockopt.NoDelay, true)
		lab.Set(server, sockopt.NoDelay, true)
		lab.Set(server, sockopt.QuickAck, false)
		s.Expect("nodelay-turns-it-off", lab.Is("at once", arrives(client, "hello"), true))
		s.Wire.Of(client).Pass("server:ACK")
		client.Abort()

		dialogue(s, arrives)
		brief(s, arrives)
	},
}

const (
	pingpong = "net.ipv4.tcp_pingpong_thresh"
	noAnswer = "the answer was too late to be one"
)

// answers is after how many the server's kernel expects more.
func answers(s *lab.Script) int { return s.Server.SysctlOr(pingpong, 1) }

// dialogue lets a server answer until its kernel expects more answers.
func dialogue(s *lab.Script, arrives func(*lab.Sock, string) bool) {
	const id = "answers-make-a-dialogue"
	threshold := answers(s)
	if threshold > 3 {
		s.Inapplicable("tcp_pingpong_thresh is so high that the first quick ACKs are over before", id)
		return
	}
	client, server := s.Connection("talking")
	s.Part("The server answers, and goes on to answer")
	wire := s.Wire.Of(client)
	atOnce := 0
	took := lab.Took(func() {
		for range threshold {
			if arrives(client, "hello") {
				atOnce++
			}
			wire.Deliver("server:ACK")
			server.Send("bye")
		}
	})
	after := arrives(client, "hello")
	s.UnlessSlow(took > 30*time.Millisecond, noAnswer).
		Expect(id, lab.Is("at once before", atOnce, threshold), lab.Is("at once after them", after, false))
	wire.Pass("server:ACK")
	client.Abort()
}

// brief lets two servers put an ACK off, and one of them not for long.
func brief(s *lab.Script, arrives func(*lab.Sock, string) bool) {
	usual, server := s.Connection("usual")
	lab.Set(server, sockopt.QuickAck, false)
	client, server := s.Connection("brief")
	lab.Set(server, sockopt.QuickAck, false)
	// The least that it takes is two ticks.
	outcome := lab.TrySet(server, sockopt.Find(sockopt.DelackMax.Name)[0], 8000)
	s.StopIf(outcome != lab.OK, "this kernel has no TCP_DELACK_MAX_US, or its ticks are too long")
	s.Part("Two ACKs wait, the second not for long")
	took := lab.Took(func() {
		arrives(usual, "hello")
		arrives(client, "bye")
	})
	first := s.Wire.Next("server:ACK").Deliver() // of both connections
	s.UnlessSlow(took > 2*longestTick, "the second began too late").Expect("delack-max-shortens-the-wait",
		lab.Is("bytes that the first acknowledges", int(first.Ack)-1, len("bye")))
	s.Wire.Pass("server:ACK")
}

// firstSegments is how many segments the lab sends at first: fewer than
// TCP_MAX_QUICKACKS.
const firstSegments = 4

// longestTick is that of a kernel with CONFIG_HZ=100.
const longestTick = 10 * time.Millisecond

// quickly is a control: a program switches quick ACKs on.
func quickly(name string) func(*lab.Script) {
	return func(s *lab.Script) { lab.Set(s.Sock(name), sockopt.QuickAck, true) }
}
