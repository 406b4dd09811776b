package transfer

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

const (
	mtuProbing = "net.ipv4.tcp_mtu_probing"
	retries1   = "net.ipv4.tcp_retries1"
)

// linkMTU is the MTU of a link on the way: IPv6's least one.
const linkMTU = 1280

// A link on the way with a smaller MTU.
var mtu = lab.Lab{
	Name:  "mtu",
	Title: "ICMP reports a segment that is too big for a link; without ICMP it is lost every time",
	Look:  "the ICMP message that makes the segments smaller, and what happens without it",
	Long: `A sender knows the MTU of its own link, and not of those on the way. Linux forbids
routers to fragment its packets, so a packet that is too big is dropped, and the router
says so in an ICMP message with the MTU that would fit. Then the sender sends smaller
segments. Where a firewall drops these messages there is a black hole: the handshake and
small segments pass, and full ones never do. Linux can find that out by itself, if
tcp_mtu_probing is on, and sends smaller segments after some timeouts.`,
	Why: `tcp_v4_mtu_reduced (net/ipv4/tcp_ipv4.c) gives the message's MTU to the route, where it
stays for ten minutes, and to tcp_sync_mss. tcp_simple_retransmit (net/ipv4/tcp_input.c) then
sends what was too big again at once, in smaller segments, and leaves the congestion window
as it is: nothing says that the network is congested.

Without a message there are only timeouts. tcp_write_timeout (net/ipv4/tcp_timer.c) calls
tcp_mtu_probing when the time that tcp_retries1 stands for is over. If net.ipv4.tcp_mtu_probing
is 1 or 2 that lowers the segments to tcp_base_mss. The default is 0: the connection hangs,
ESTABLISHED at both ends, until tcp_retries2 ends it. The lab lowers tcp_retries1, so that
it is quick.

Many routers rewrite the MSS option of SYNs that pass them ("MSS clamping"), because too
many firewalls drop ICMP.`,
	Try: []lab.Try{
		{Command: "mtu --ipv6", Says: "ICMPv6 packet too big: on IPv6 no router ever fragments"},
		{Command: "lostdata", Says: "the timeouts of a black hole, to their end"},
		{Command: "unreachable", Says: "what other ICMP messages do"},
	},
	Reads: []string{"client:" + mtuProbing},
	Claims: []lab.Claim{{
		ID:     "blackhole-hangs-established",
		Text:   "If a full segment is dropped without a message, it is sent again in full each time, while small segments pass and both ends stay ESTABLISHED.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_mtu_probing; net/ipv4/tcp_timer.c: tcp_mtu_probing",
		Control: lab.Control{
			Says: "MTU probing is switched on behind the story's back", Before: "client:write#2", Do: probeMTU,
		},
	}, {
		ID:     "tcp-always-finds-the-mtu",
		Text:   "TCP finds out which segment size the path can carry.",
		Source: "widely taught, as path MTU discovery",
		Myth:   true,
		Truth:  "It depends on ICMP messages. Without them the default is to send the same segment again until the connection ends; tcp_mtu_probing changes that.",
		Control: lab.Control{
			Says: "MTU probing is switched on behind the story's back", Before: "client:write#2", Do: probeMTU,
		},
	}, {
		ID:     "mtu-probing-recovers",
		Text:   "With tcp_mtu_probing 1 the segments shrink to tcp_base_mss when the time of tcp_retries1 is over, and arrive.",
		Source: "net/ipv4/tcp_timer.c: tcp_mtu_probing, tcp_write_timeout; Documentation/networking/ip-sysctl.rst: tcp_mtu_probing",
		Control: lab.Control{
			Says: "MTU probing is switched off again", Before: "probing client:write",
			Do: func(s *lab.Script) { s.Client.SetSysctl(mtuProbing, "0") },
		},
	}, {
		ID:     "icmp-lowers-the-segment-size",
		Text:   "An ICMP message with a smaller MTU makes the client send the data again at once, in segments that fit.",
		Source: "RFC 9293 §3.7.2; net/ipv4/tcp_ipv4.c: tcp_v4_mtu_reduced; net/ipv4/tcp_input.c: tcp_simple_retransmit",
		Control: lab.Control{
			Says: "the message is lost with the segment", Of: "told client", Segment: "client:data",
		},
	}},
	Script: func(s *lab.Script) {
		s.Client.SetDefault(retries1, "0")
		client, server := s.Connection()
		needRoom(s, client, 2)
		s.StopIf(int(client.Info().SndMSS) < linkMTU, "with these settings a full segment fits the link")
		if s.Client.Sysctl(retries2) > 0 {
			plain := s.Unless(s.Client.Sysctl(mtuProbing) != 0, "net.ipv4.tcp_mtu_probing is on")
			s.Part("A black hole")
			client.Send("hello")
			first := client.Segment(client.Full(1))
			again := first.Lose(2).Drop()
			plain.Expect("blackhole-hangs-established",
				lab.Is("bytes sent again", again.Len, first.Len),
				lab.Is("client", client.State(), record.Established),
				lab.Is("server", server.State(), record.Established))
			plain.Expect("tcp-always-finds-the-mtu", lab.Is("sent again in smaller segments", again.Len < first.Len, true))

			s.Client.SetSysctl(mtuProbing, "1")
			client, _ = s.Connection("probing")
			s.Part("The same with MTU probing")
			again = client.Segment(client.Full(1)).Lose(2)
			// The time of tcp_retries1 goes by TCP_RTO_MIN (retransmits_timed_out): shorter
			// timeouts are over before it is.
			s.Unless(s.Client.ProbesTail() || s.Client.Sysctl(retries1) > 0 || leastRTO(s.Client) < kernelsRTOMin,
				"with these settings it takes more timeouts").Expect("mtu-probing-recovers",
				lab.Is("sent again fits", again.Len < linkMTU-100, true),
				lab.Seen("bytes", again.Len))
			again.Deliver()
		} else {
			s.Inapplicable("with tcp_retries2 0 the connection ends before the segment is sent again twice",
				"blackhole-hangs-established", "tcp-always-finds-the-mtu", "mtu-probing-recovers")
		}

		client, _ = s.Connection("told")
		s.Part("A router says why")
		client.Segment(client.Full(1)).Bounce(lab.TooBig(linkMTU))
		smaller := s.Wire.Of(client).IfAny("client:data again")
		s.Expect("icmp-lowers-the-segment-size",
			lab.Is("path MTU", int(client.Info().PMTU), linkMTU),
			lab.Is("bytes sent again", smaller.Len, int(client.Info().SndMSS)))
		smaller.Deliver()
		s.Wire.Of(client).Carry(client)
	},
}

// probeMTU is a control: a sender finds black holes.
func probeMTU(s *lab.Script) { s.Client.SetSysctl(mtuProbing, "1") }
