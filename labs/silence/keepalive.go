package silence

import (
	"strconv"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

const (
	keepAliveTime   = "net.ipv4.tcp_keepalive_time"
	keepAliveIntvl  = "net.ipv4.tcp_keepalive_intvl"
	keepAliveProbes = "net.ipv4.tcp_keepalive_probes"
)

// Keepalive probes, answered and not.
var keepAlive = lab.Lab{
	Name:  "keepalive",
	Title: "Keepalive probes find a dead peer, but only for a program that asks",
	Look:  "the probe with one sequence number less, and what its answer changes",
	Long: `An idle connection sends nothing, so its ends cannot tell a silent peer from one that is
gone. With SO_KEEPALIVE the kernel probes: after TCP_KEEPIDLE seconds without a segment
from the peer it sends an empty segment that the peer must acknowledge. If no answer
comes it sends more, one every TCP_KEEPINTVL seconds. After TCP_KEEPCNT probes without an
answer the connection is dead. Here one peer answers its probe, and another has vanished.`,
	Why: `There is one timer for all this (tcp_keepalive_timer, net/ipv4/tcp_timer.c). It
computes how long ago the last segment of the peer came, and sends a probe if that is
tcp_keepalive_time or more. It sends none while data is unacknowledged: then the
retransmission timer watches the peer.

The probe (tcp_xmit_probe_skb) is an ACK whose sequence number was acknowledged already.
For its receiver it is outside the window, and such a segment is answered by an ACK (RFC
9293 §3.8.4). So the peer's kernel answers by itself, and its program notices nothing.

When the last probe has got no answer the kernel sends a RST, in case that only the way
back is broken, and the program gets ETIMEDOUT. A probe that meets a host without the
connection is answered by a RST, and the program gets ECONNRESET at once.

The defaults of two hours, 75 seconds and 9 probes are too long for most programs. RFC
9293 demands two hours at least, and that keepalive is off unless asked for. Set the
three options on the socket; the sysctls are for programs that do not.`,
	Try: []lab.Try{
		{Command: "usertimeout", Says: "TCP_USER_TIMEOUT takes the place of the count"},
		{Command: "keepalive --idle 2 --interval 1 --count 1", Says: "one probe after two seconds, the end after three"},
		{Command: "sockopt TCP_KEEPIDLE", Says: "all about the option"},
	},
	Knobs: []lab.Knob{
		lab.Number("idle", 1, 1, 32767, "TCP_KEEPIDLE: the seconds without a segment before the first probe"),
		lab.Number("interval", 1, 1, 32767, "TCP_KEEPINTVL: the seconds between two probes"),
		lab.Number("count", 2, 1, 127, "TCP_KEEPCNT: the probes without an answer"),
	},
	Sockopts: []string{"SO_KEEPALIVE", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT"},
	Reads:    []string{"client:" + keepAliveTime, "client:" + keepAliveIntvl, "client:" + keepAliveProbes},
	Claims: []lab.Claim{{
		ID:     "off-unless-asked",
		Text:   "An idle connection has no timer, and sends no probe, unless the program sets SO_KEEPALIVE.",
		Source: "RFC 9293 §3.8.4 (MUST-25); tcp(7), tcp_keepalive_time",
		Control: lab.Control{
			Says: "the program sets the option", Before: "client:write",
			Do: func(s *lab.Script) { lab.Set(s.Sock("client"), sockopt.KeepAlive, true) },
		},
	}, {
		ID:     "default-finds-a-dead-peer-soon",
		Text:   "With SO_KEEPALIVE alone, a dead peer is probed within ten minutes.",
		Source: "widely taught: set SO_KEEPALIVE, and the kernel tells when the peer is gone",
		Myth:   true,
		Truth:  "The first probe comes after tcp_keepalive_time, two hours, and the last of nine 10 minutes later (tcp(7), tcp_keepalive_time).",
		Control: lab.Control{
			Says: "the sysctl is set to a minute", Before: "client:setsockopt",
			Do: func(s *lab.Script) { s.Client.SetSysctl(keepAliveTime, "60") },
		},
	}, {
		ID:     "sysctls-for-what-is-not-set",
		Text:   "What the program does not set is as tcp_keepalive_time, tcp_keepalive_intvl and tcp_keepalive_probes say, and the timer is set to the first of them.",
		Source: "tcp(7), TCP_KEEPIDLE; include/net/tcp.h: keepalive_time_when, keepalive_intvl_when, keepalive_probes",
		Control: lab.Control{
			Says: "the program sets all three", Before: "client:getsockopt",
			Do: func(s *lab.Script) { probe(s.Sock("client"), 100, 10, 3) },
		},
	}, {
		ID:     "idle-then-interval",
		Text:   "The first probe comes after TCP_KEEPIDLE seconds without a segment from the peer, the others each TCP_KEEPINTVL seconds later.",
		Source: "tcp(7), TCP_KEEPIDLE; tcp(7), TCP_KEEPINTVL; net/ipv4/tcp_timer.c: tcp_keepalive_timer",
		Control: lab.Control{
			Says: "TCP_KEEPIDLE is raised by a second", Before: "lonely client:setsockopt#4",
			Do: func(s *lab.Script) { lab.Set(s.Sock("lonely client"), sockopt.KeepIdle, s.Int("idle")+1) },
		},
	}, {
		ID:     "probe-is-one-below",
		Text:   "A probe is an empty ACK, and its sequence number is one below the next: that of the last byte, which is acknowledged.",
		Source: "RFC 9293 §3.8.4; net/ipv4/tcp_output.c: tcp_xmit_probe_skb",
		Control: lab.Control{
			Says: "the client has sent one byte more", Before: "lonely client:setsockopt",
			Do: func(s *lab.Script) { s.Sock("lonely client").Send("!") },
		},
	}, {
		ID:     "peers-kernel-answers",
		Text:   "The peer's kernel answers a probe with an ACK, and its program does not notice.",
		Source: "RFC 9293 §3.8.4; net/ipv4/tcp_input.c: tcp_send_dupack",
		Control: lab.Control{
			Says: "the probe is lost", Segment: "client:ACK#2", Of: "client",
		},
	}, {
		ID:     "dead-after-count",
		Text:   "When TCP_KEEPCNT probes in a row have got no answer, the connection ends after one more interval (without TCP_USER_TIMEOUT), and the program's read fails with ETIMEDOUT.",
		Source: "tcp(7), TCP_KEEPCNT; net/ipv4/tcp_timer.c: tcp_keepalive_timer",
		Control: lab.Control{
			Says: "TCP_KEEPCNT is raised by one", Before: "lonely client:setsockopt#4",
			Do: func(s *lab.Script) { lab.Set(s.Sock("lonely client"), sockopt.KeepCnt, s.Int("count")+1) },
		},
	}, {
		ID:     "ends-with-a-reset",
		Text:   "The kernel that gives up sends a RST.",
		Source: "net/ipv4/tcp_timer.c: tcp_keepalive_timer",
		Control: lab.Control{
			Says: "the other host is back, and answers the last probe by a RST", Of: "lonely client", Segment: "client:ACK seq=5#2",
			Do: func(s *lab.Script) { s.Sock("lonely server").Craft(lab.Craft{Flags: "RST", Seq: 1}).Deliver() },
		},
	}},
	Script: func(s *lab.Script) {
		client, server := s.Connection()
		client.Send(greeting)
		server.Read()
		s.Expect("off-unless-asked",
			lab.Is("client", client.State(), record.Established),
			lab.Is("runs a timer", client.RunsTimer(), false))
		late := s.Unless(s.Client.Sysctl(keepAliveTime) <= 10*60, "tcp_keepalive_time is ten minutes or less")
		lab.Set(client, sockopt.KeepAlive, true)
		first := client.TimeLeft()
		late.Expect("default-finds-a-dead-peer-soon",
			lab.Seen("left_ms", first.Left.Milliseconds()),
			lab.Is("within ten minutes", first.Left <= 10*time.Minute, true))
		s.Expect("sysctls-for-what-is-not-set",
			lab.Is("TCP_KEEPIDLE", lab.Get(client, sockopt.KeepIdle), s.Client.Sysctl(keepAliveTime)),
			lab.Is("TCP_KEEPINTVL", lab.Get(client, sockopt.KeepIntvl), s.Client.Sysctl(keepAliveIntvl)),
			lab.Is("TCP_KEEPCNT", lab.Get(client, sockopt.KeepCnt), s.Client.Sysctl(keepAliveProbes)),
			lab.Left("timer", first, time.Duration(s.Client.Sysctl(keepAliveTime))*time.Second))
		lab.Set(client, sockopt.KeepAlive, false)
		lonely, _ := s.Connection("lonely")
		lonely.Send(greeting)

		s.Part("Both clients are told to probe soon, and the first one's server answers")
		for _, c := range []*lab.Sock{client, lonely} {
			probe(c, s.Int("idle"), s.Int("interval"), s.Int("count"))
		}
		timer, left := lonely.Timer()
		answer := s.Wire.Of(client).Probe("client:ACK").Exchange()
		lab.Set(client, sockopt.KeepAlive, false)
		s.Expect("peers-kernel-answers",
			lab.Is("server sends", answer.Names, "ACK"),
			lab.Is("server's read", server.Reads(), "EAGAIN"),
			lab.Is("client", client.State(), record.Established))

		s.Part("The second server is gone, and its client gets no answer")
		wire := s.Wire.Of(lonely)
		lost := wire.Probe("client:ACK").Drop()
		again, next := lonely.Timer()
		s.Expect("probe-is-one-below",
			lab.Is("its bytes", lost.Len, 0),
			lab.Is("seq", int(lost.Seq), len(greeting)),
			lab.Seen("acknowledged", "1 to "+strconv.Itoa(len(greeting))))
		s.Expect("idle-then-interval",
			lab.Is("timer", timer, "keepalive"),
			lab.Left("before the first probe", left, time.Duration(s.Int("idle"))*time.Second),
			lab.Is("then", again, "keepalive"),
			lab.Left("before the next", next, time.Duration(s.Int("interval"))*time.Second))
		more := wire.LoseProbes("client:ACK")
		sends := wire.DropAll(s.Client)
		s.Expect("dead-after-count",
			lab.Is("probes without an answer", 1+len(more), s.Int("count")),
			lab.Is("client", lonely.State(), record.Close),
			lab.Is("read", lonely.Reads(), "ETIMEDOUT"))
		s.Expect("ends-with-a-reset", lab.Is("client sends", sends, "RST,ACK"))
	},
}
