package transfer

import (
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

const slowStartAfterIdle = "net.ipv4.tcp_slow_start_after_idle"

// The congestion window, round trip by round trip.
var slowStart = lab.Lab{
	Name:  "slowstart",
	Title: "A sender begins with ten segments and doubles them each round trip",
	Look:  "how many segments leave in each round trip: ten, and then twice as many",
	Long: `Nobody tells a sender how much the network can carry. So it keeps a congestion
window (cwnd): the number of segments that may be on their way at once. It begins with ten
and grows by one for each segment that is acknowledged, so it doubles each round trip: slow
start. After a timeout, which means that the network is congested, it is one segment. And
what an idle connection knew of the network is out of date after a while: it begins anew.
Here a round trip is a step of the story: all segments arrive, then all their ACKs.`,
	Why: `tcp_init_cwnd (net/ipv4/tcp_input.c) gives a new connection TCP_INIT_CWND, 10, unless its
route says otherwise (initcwnd). tcp_write_xmit sends as long as tcp_cwnd_test leaves room.
tcp_slow_start (net/ipv4/tcp_cong.c) adds what was acknowledged, up to ssthresh; above that
tcp_cong_avoid_ai adds one segment a round trip. Only a window that was in use grows
(tcp_is_cwnd_limited).

tcp_enter_loss, at a timeout, sets ssthresh to half of what was in use (reno) and cwnd to
one segment: the one that is sent again.

tcp_slow_start_after_idle_check (include/net/tcp.h) runs when a program writes and nothing
is in flight. For each retransmission timeout that has passed, tcp_cwnd_restart halves
cwnd, but never below the first window. Programs that send now and then, a stream of video
or a pool of connections, begin anew each time, unless tcp_slow_start_after_idle is 0.`,
	Try: []lab.Try{
		{Command: "slowstart --after-idle 0", Says: "the window outlives the pause"},
		{Command: "ecn", Says: "a router's mark halves the window, and nothing is lost"},
		{Command: "fastretransmit", Says: "a loss that is found without a timeout costs less"},
	},
	Knobs: []lab.Knob{
		lab.Turns("after-idle", "client:"+slowStartAfterIdle, "the client's net.ipv4.tcp_slow_start_after_idle"),
	},
	Sockopts: []string{"SO_SNDBUF", "TCP_CONGESTION"},
	Claims: []lab.Claim{{
		ID:     "initial-window-is-ten",
		Text:   "A new connection sends ten full segments, and the rest waits for an acknowledgement.",
		Source: "net/ipv4/tcp_input.c: tcp_init_cwnd; include/net/tcp.h: TCP_INIT_CWND",
		Control: lab.Control{
			Says: "a timeout has come before", Before: "client:write",
			Do: func(s *lab.Script) {
				client := s.Sock("client")
				client.Segment("x").Lose(1).Drop()
			},
		},
	}, {
		ID:     "doubles-per-round-trip",
		Text:   "In each round trip the window grows by what was acknowledged: it doubles.",
		Source: "net/ipv4/tcp_cong.c: tcp_slow_start",
		Control: lab.Control{
			Says: "a segment of the second round trip is lost", Segment: "client:data#15",
		},
	}, {
		ID:     "idle-starts-again",
		Text:   "After an idle time of several retransmission timeouts the connection begins with ten segments again.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_slow_start_after_idle; net/ipv4/tcp_output.c: tcp_cwnd_restart",
		Control: lab.Control{
			Says: "tcp_slow_start_after_idle is switched off behind the story's back", Before: "client:write#3", Do: keepWindow,
		},
	}, {
		ID:     "idle-keeps-the-window",
		Text:   "A connection that is kept open keeps what its congestion window has grown to.",
		Source: "widely taught, as a reason for connections that are kept open",
		Myth:   true,
		Truth:  "While it is idle the window shrinks, back to the first one after some retransmission timeouts, unless tcp_slow_start_after_idle is 0.",
		Control: lab.Control{
			Says: "tcp_slow_start_after_idle is switched off behind the story's back", Before: "client:write#3", Do: keepWindow,
		},
	}, {
		ID:     "after-rto-one",
		Text:   "After a retransmission timeout the window is one segment.",
		Source: "net/ipv4/tcp_input.c: tcp_enter_loss",
		Control: lab.Control{
			Says: "an acknowledgement comes at the same time", Segment: "client:data again",
			Do: func(s *lab.Script) {
				all := 1 + 35*int64(s.Sock("client").Info().SndMSS)
				s.Sock("server").Craft(lab.Craft{Flags: "ACK", Seq: 1, Ack: all, Win: 60}).Deliver()
			},
		},
	}, {
		ID:     "the-control-decides-how-much",
		Text:   "A program may choose another congestion control by TCP_CONGESTION: after a timeout cubic's slow start goes to 7 tenths of the window, where reno's goes to one half.",
		Source: "tcp(7), TCP_CONGESTION; net/ipv4/tcp_cubic.c: cubictcp_recalc_ssthresh; net/ipv4/tcp_cong.c: tcp_reno_ssthresh",
		Control: lab.Control{
			Says: "the program chooses reno again", Before: "cubic client:write",
			Do: func(s *lab.Script) { lab.Set(s.Sock("cubic client"), sockopt.Congestion, "reno") },
		},
	}},
	Script: func(s *lab.Script) {
		s.StopIf(s.Client.Sysctl(mtuProbing) > 1, "the client sends probes of the path's MTU, which are no full segments")
		s.StopIf(leastRTO(s.Client) < kernelsRTOMin, "with so short timeouts any pause of the story is an idle time")
		needReno(s)
		restarts := s.Unless(s.Client.Sysctl(slowStartAfterIdle) == 0, "tcp_slow_start_after_idle is 0")
		client, server := s.Connection()
		lab.Set(client, sockopt.SndBuf, 65536)
		needRoom(s, client, 22)
		needWaiting(s, s.Client)
		wire := s.Wire.Of(client)
		// round is a round trip of all that the client has on the wire.
		round := func(all lab.Flight) {
			all.Deliver()
			server.TryReadSome(aLot)
			for _, ack := range wire.TakeAll("server:ACK") {
				ack.Deliver()
				client.Cwnd()
			}
		}

		client.Cwnd()
		s.Part("The first round trip")
		first := client.Segments(12)
		round(first)
		s.Expect("initial-window-is-ten", lab.Is("segments", len(first), 10))
		grown := client.Cwnd()
		round(wire.TakeAll("client:data")) // the two that had to wait

		s.Part("The second round trip")
		before := client.Cwnd()
		second := client.Segments(before)
		round(second)
		s.Expect("doubles-per-round-trip",
			lab.Is("cwnd after the first", grown, 20),
			lab.Is("segments of the second", len(second), before),
			lab.Is("cwnd after it", client.Cwnd(), 2*before))
		wire.Carry(client)
		before = client.Cwnd()

		s.Part("After an idle time")
		client.Idle(3*client.RTO() + 100*time.Millisecond)
		lost := client.Segments(12)
		after := client.Cwnd()
		lost.Drop()
		restarts.Expect("idle-starts-again",
			lab.Is("cwnd", after, 10),
			lab.Is("segments", len(lost), 10))
		restarts.Expect("idle-keeps-the-window", lab.Is("cwnd", after, before))

		s.Part("All of them were lost: a timeout")
		wire.Retransmission("client:data").Deliver()
		s.Expect("after-rto-one", lab.Is("cwnd", client.Cwnd(), 1))
		wire.Carry(client)
		otherControl(s)
	},
}

// otherControl lets a connection with another congestion control come to a timeout.
func otherControl(s *lab.Script) {
	const id = "the-control-decides-how-much"
	client, _ := s.Connection("cubic")
	outcome := lab.TrySet(client, sockopt.Find(sockopt.Congestion.Name)[0], "cubic")
	if outcome != lab.OK {
		s.Inapplicable("this kernel has no cubic, or this namespace may not use it", id)
		return
	}
	s.Part("The same with cubic")
	before := client.Cwnd()
	client.Segment(client.Full(1)).Lose(1).Deliver()
	s.Unless(s.Client.ProbesTail(), lab.TailLossProbe).Expect(id, lab.Seen("cwnd before", before), lab.Is("ssthresh", int(client.Info().SndSsthresh), before*7/10))
}

// aLot is more than a socket of these stories has to read.
const aLot = 1 << 18

// keepWindow is a control: an idle connection keeps its window.
func keepWindow(s *lab.Script) { s.Client.SetSysctl(slowStartAfterIdle, "0") }
