package transfer

import (
	"github.com/tcplab/tcplab/labs/lab"
)

const ecnKey = "net.ipv4.tcp_ecn"

// ecnFallback decides whether a SYN that is sent again asks for ECN.
const ecnFallback = "net.ipv4.tcp_ecn_fallback"

// A router marks a segment instead of losing one.
var ecn = lab.Lab{
	Name:  "ecn",
	Title: "A congested router marks a segment, and the sender slows down without a loss",
	Look:  "the CE mark on the way, ECE on the way back, and then CWR",
	Long: `A router whose queue grows must tell the senders. Dropping packets is one way.
With explicit congestion notification (ECN) it marks one instead: Congestion Experienced
(CE) in the IP header. Both ends must have agreed to that in their SYNs. The receiver
echoes the mark in each ACK, by the flag ECE, until the sender says by the flag CWR that it
has reduced its congestion window (reno: to one half; cubic: to 70 %).`,
	Why: `tcp_ecn_send_syn (net/ipv4/tcp_output.c) asks for ECN by the flags ECE and CWR if tcp_ecn is
1. The default is 2: a host agrees when asked (tcp_ecn_create_request in
net/ipv4/tcp_input.c), and does not ask. A SYN that is sent again does not ask either: a
middlebox may have dropped the first one for its flags.

Packets with data then carry ECT(0): a router may mark them. At a mark __tcp_ecn_check_ce
sets TCP_ECN_DEMAND_CWR, and each ACK has ECE. The sender enters tcp_enter_cwr once per
window: ssthresh is half the window, and the next new segment says CWR (tcp_ecn_queue_cwr).`,
	Try: []lab.Try{
		{Command: "ecn --ecn 2", Says: "the client does not ask: no mark is allowed"},
		{Command: "fastretransmit", Says: "the same halving, after a loss"},
		{Command: "slowstart", Says: "how the window grows"},
	},
	Knobs: []lab.Knob{
		lab.Turns("ecn", "client:"+ecnKey, "the client's net.ipv4.tcp_ecn").Pin("1"),
	},
	Reads: []string{"server:" + ecnKey, "client:" + ecnFallback},
	Claims: []lab.Claim{{
		ID:     "ce-is-echoed-until-cwr",
		Text:   "After a mark each ACK has the flag ECE, until a segment with CWR arrives.",
		Source: "net/ipv4/tcp_input.c: tcp_ecn_accept_cwr; net/ipv4/tcp_output.c: tcp_ecn_send",
		Control: lab.Control{
			Says: "the segment with CWR is lost", Segment: "client:PSH,ACK,CWR",
		},
	}, {
		ID:     "sender-slows-without-loss",
		Text:   "The echo halves the window of a sender that uses reno, and nothing is sent again.",
		Source: "net/ipv4/tcp_input.c: tcp_enter_cwr, tcp_init_cwnd_reduction",
		Control: lab.Control{
			Says: "the ACK with the echo is lost", Segment: "server:ACK,ECE",
		},
	}, {
		ID:     "only-loss-tells-of-congestion",
		Text:   "A sender learns of congestion only by lost segments.",
		Source: "widely taught, of TCP without ECN",
		Myth:   true,
		Truth:  "With ECN a router marks a segment, and the sender reduces its window although nothing was lost.",
		Control: lab.Control{
			Says: "the ACK with the echo is lost", Segment: "server:ACK,ECE",
		},
	}, {
		ID:     "retransmitted-syn-drops-ecn",
		Text:   "With tcp_ecn_fallback, the default, a SYN that is sent again no longer asks for ECN.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_ecn_fallback; net/ipv4/tcp_output.c: __tcp_retransmit_skb",
		Control: lab.Control{
			Says: "tcp_ecn_fallback is switched off", Before: "late:connect",
			Do: func(s *lab.Script) { s.Client.SetSysctl(ecnFallback, "0") },
		},
	}},
	Script: func(s *lab.Script) {
		s.StopIf(s.Client.Sysctl(ecnKey) != 1 || s.Server.Sysctl(ecnKey) == 0, "the hosts do not agree on ECN")
		client, _ := s.Connection()
		needRoom(s, client, 3)
		wire := s.Wire.Of(client)
		s.Part("A mark")
		before := client.Cwnd()
		client.Write(client.Full(2))
		wire.Next("client:data").MarkCE().Deliver()
		echo := wire.Next("server:ACK")
		wire.Pass("client:data")
		next := wire.Next("server:ACK")
		echo.Deliver()
		half := int(client.Info().SndSsthresh)
		withReno(s).Expect("sender-slows-without-loss",
			lab.Is("ssthresh", half, before/2),
			lab.Is("sent again", s.Client.Counter("RetransSegs"), 0))
		withReno(s).Expect("only-loss-tells-of-congestion", lab.Is("ssthresh is half the window", half == before/2, false))
		next.Deliver()

		s.Part("The sender answers")
		cwr := client.Segment("hello").Deliver()
		last := wire.IfAny("server:ACK")
		s.Expect("ce-is-echoed-until-cwr",
			lab.Is("the mark's ACK has ECE", echo.Has("ECE"), true),
			lab.Is("the next one has ECE", next.Has("ECE"), true),
			lab.Is("data has CWR", cwr.Has("CWR"), true),
			lab.Is("its ACK has ECE", last.Flags == "" || last.Has("ECE"), false))
		last.Deliver()

		s.Part("A SYN that is lost")
		keeps := s.Client.SysctlOr(ecnFallback, 1) == 0
		late := s.Client.Named("late").Connect(s.Sock("listener"))
		syn := s.Wire.Of(late).Next("SYN").Drop()
		again := syn.Retransmission()
		s.Unless(keeps, ecnFallback+" is 0").Expect("retransmitted-syn-drops-ecn",
			lab.Is("the first asks", syn.Has("SYN,ECE,CWR"), true),
			lab.Is("the second asks", again.Has("ECE"), false))
		again.Deliver()
		s.Wire.Of(late).Deliver("SYN,ACK", "ACK")
	},
}
