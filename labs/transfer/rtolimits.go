package transfer

import (
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

const thinTimeouts = "net.ipv4.tcp_thin_linear_timeouts"

// Timeouts that a program has asked for.
var rtoLimits = lab.Lab{
	Name:  "rtolimits",
	Title: "A program can bound its socket's timeouts, and keep them from doubling",
	Look:  "how long each wait for the timer is: twice as long, as long, or one second",
	Long: `A retransmission timeout is 200 ms at least, doubles each time that nothing comes, and grows
to two minutes. These are good values for the Internet at large. Within a data centre 200 ms
are a thousand round trips, and a game that sends a few bytes now and then has lost its
player when the pauses have doubled three times. So a program may choose others for its
socket: the least, the largest, and whether a stream that is thin doubles them at all.`,
	Why: `tcp_rtt_estimator keeps the variance of the round trip at tcp_rto_min or above.
TCP_RTO_MIN_US sets it for one socket, tcp_rto_min_us for all. It has to be set before the
round trip is first measured, with the handshake, or the variance takes some round trips to
come down.

TCP_RTO_MAX_MS, one second at least, bounds the doubling in tcp_retransmit_timer
(net/ipv4/tcp_timer.c). With it the time that tcp_retries2 stands for becomes shorter, too.

A stream is thin if fewer than four segments are on their way (tcp_stream_is_thin in
include/net/tcp.h): too few for duplicate ACKs, so each loss waits for the timer. With
TCP_THIN_LINEAR_TIMEOUTS or tcp_thin_linear_timeouts the first six timeouts of such a stream
are as long as the first, and then they double. A few segments more do the network no harm.`,
	Try: []lab.Try{
		{Command: "lostdata --times 3", Says: "what happens without any of these"},
		{Command: "lostdata --forever --retries 3 --rto-max 1000", Says: "the same bound by the sysctl, until the kernel gives up"},
		{Command: "delack", Says: "an acknowledgement may wait for 40 ms: a shorter timeout comes before it"},
		{Command: "sockopt TCP_RTO_MIN_US", Says: "all about the option"},
	},
	Sockopts: []string{"TCP_RTO_MIN_US", "TCP_RTO_MAX_MS", "TCP_THIN_LINEAR_TIMEOUTS"},
	Claims: []lab.Claim{{
		ID:     "rto-min-is-the-sockets-own",
		Text:   "A socket with TCP_RTO_MIN_US has a shorter timeout than tcp_rto_min_us allows.",
		Source: "include/net/tcp.h: tcp_rto_min_us; net/ipv4/tcp_input.c: tcp_rtt_estimator",
		Control: lab.Control{
			Says: "the option is set when the handshake is over", Before: "hasty:connect",
			Do: func(s *lab.Script) { lab.Set(s.Sock("hasty"), sockopt.RTOMin, 200000) },
		},
	}, {
		ID:     "thin-does-not-double",
		Text:   "With TCP_THIN_LINEAR_TIMEOUTS the next timeouts of a single segment are as long as the first.",
		Source: "net/ipv4/tcp_timer.c: tcp_retransmit_timer; include/net/tcp.h: tcp_stream_is_thin",
		Control: lab.Control{
			Says: "the program takes the option back", Before: "thin client:write",
			Do: func(s *lab.Script) { lab.Set(s.Sock("thin client"), sockopt.ThinLinearTimeouts, false) },
		},
	}, {
		ID:     "each-timeout-doubles",
		Text:   "Each timeout is twice as long as the one before.",
		Source: "RFC 6298 §5",
		Myth:   true,
		Truth:  "Not where the stream is thin and the program or tcp_thin_linear_timeouts asks for it (net/ipv4/tcp_timer.c: tcp_retransmit_timer).",
		Control: lab.Control{
			Says: "the program takes the option back", Before: "thin client:write",
			Do: func(s *lab.Script) { lab.Set(s.Sock("thin client"), sockopt.ThinLinearTimeouts, false) },
		},
	}, {
		ID:     "four-segments-are-not-thin",
		Text:   "With four segments in flight the timeout still doubles.",
		Source: "include/net/tcp.h: tcp_stream_is_thin",
		Control: lab.Control{
			Says: "the first two have arrived", Of: "thick client", Segment: "client:data#4",
			Do: func(s *lab.Script) {
				client := s.Sock("thick client")
				client.Craft(lab.Craft{Flags: "ACK", Seq: 1, Ack: 1, Win: 500, Data: client.Full(2)}).Deliver()
				s.Wire.Of(client).Next("server:ACK").Deliver()
			},
		},
	}, {
		ID:     "the-sysctl-is-for-all",
		Text:   "tcp_thin_linear_timeouts does the same for sockets that ask for nothing.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_thin_linear_timeouts; net/ipv4/tcp_timer.c: tcp_retransmit_timer",
		Control: lab.Control{
			Says: "the sysctl is turned off again", Before: "plain client:write",
			Do: func(s *lab.Script) { s.Client.SetSysctl(thinTimeouts, "0") },
		},
	}, {
		ID:     "rto-max-ends-the-doubling",
		Text:   "With TCP_RTO_MAX_MS 1000 the fourth timeout is one second, and no longer.",
		Source: "net/ipv4/tcp_timer.c: tcp_retransmit_timer; include/net/tcp.h: tcp_rto_max (since Linux 6.15)",
		Control: lab.Control{
			Says: "the option is set to two minutes", Before: "bounded client:write",
			Do: func(s *lab.Script) { lab.Set(s.Sock("bounded client"), sockopt.RTOMax, 120000) },
		},
	}},
	Script: func(s *lab.Script) {
		s.StopIf(s.Client.ProbesTail(), lab.TailLossProbe)
		s.StopIf(s.Client.Sysctl(retries2) < 3, "with this tcp_retries2 the connection ends before")
		s.StopIf(s.Client.SysctlOr(rtoMax, 2000) < 2000, "with this tcp_rto_max_ms no timeout doubles often enough")
		listener := s.Server.Listen(80, 16)

		s.Part("A least timeout of its own")
		hasty := s.Client.Named("hasty").Socket()
		if lab.HasOption(hasty, sockopt.RTOMin) {
			lab.Set(hasty, sockopt.RTOMin, 20000)
			hasty.Bind(s.Client.Addr(40010))
			hasty.Connect(s.Server.Addr(80))
			s.Wire.Handshake(hasty)
			listener.Accept()
			// Three round trips, after the first one: of a handshake that was slow
			// they are as much by themselves.
			slow := micro(hasty.Info().RTT) > kernelsRTOMin/4
			s.Unless(leastRTO(s.Client) < kernelsRTOMin, "tcp_rto_min_us is short already").
				UnlessSlow(slow, "the handshake has taken so long").
				Expect("rto-min-is-the-sockets-own", lab.Is("less than 200 ms", hasty.RTO() < kernelsRTOMin, true))
		} else {
			s.Inapplicable("this kernel has no TCP_RTO_MIN_US", "rto-min-is-the-sockets-own")
		}

		linear := func(c *lab.Sock) { lab.Set(c, sockopt.ThinLinearTimeouts, true) }
		s.Part("A single segment, on a socket that asks for linear timeouts")
		rto, second := lastTimeout(s, listener, "thin client", 1, 1, linear)
		withReno(s).Expect("thin-does-not-double", lab.Is("second timeout is as long", second == rto, true))
		withReno(s).Expect("each-timeout-doubles", lab.Is("second timeout is twice as long", second == 2*rto, true))

		s.Part("Four segments")
		rto, second = lastTimeout(s, listener, "thick client", 4, 1, linear)
		s.Expect("four-segments-are-not-thin", lab.Is("second timeout is twice as long", second == 2*rto, true))

		s.Part("A single segment, with the sysctl")
		s.Client.SetSysctl(thinTimeouts, "1")
		rto, second = lastTimeout(s, listener, "plain client", 1, 1, func(*lab.Sock) {})
		withReno(s).Expect("the-sysctl-is-for-all", lab.Is("second timeout is as long", second == rto, true))
		s.Client.SetSysctl(thinTimeouts, "0")

		if !lab.HasOption(hasty, sockopt.RTOMax) {
			s.Inapplicable("this kernel has no TCP_RTO_MAX_MS", "rto-max-ends-the-doubling")
			return
		}
		s.Part("A largest timeout of its own")
		rto, fourth := lastTimeout(s, listener, "bounded client", 1, 3, func(c *lab.Sock) { lab.Set(c, sockopt.RTOMax, 1000) })
		s.Unless(8*rto < time.Second, "with this tcp_rto_min_us the fourth timeout is shorter").
			Expect("rto-max-ends-the-doubling", lab.Is("fourth timeout_ms", int(fourth.Milliseconds()), 1000))
	},
}

// lastTimeout opens a connection, prepares it, and loses the segments that it writes and
// what its timer sends again, so many times. It returns the first timeout, and the one
// that the kernel reckons with after these.
func lastTimeout(s *lab.Script, listener *lab.Sock, name string, segments, times int, prepare func(*lab.Sock)) (first, last time.Duration) {
	client := s.Client.Named(name).Establish(listener)
	listener.Accept()
	needRoom(s, client, segments+1)
	prepare(client)
	first = client.RTO()
	all := client.Segments(segments)
	all.Drop()
	again := all[0].Lose(times).Hold()
	last = client.RTO()
	again.Carry()
	return first, last
}
