package opening

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// Two sockets that connect to each other at the same moment.
var simOpen = lab.Lab{
	Name:  "simopen",
	Title: "Two sockets that connect to each other make one connection, and nobody listens",
	Long: `Each of two hosts connects to the other before it has heard from it, so that two
SYNs cross on the wire. Each host finds a SYN where it has asked for a
connection itself: it goes to SYN_RECV, and sends its own SYN once more, now with
an ACK. That ends in one connection between the two sockets. A kernel before
Linux 6.11 answers the second SYN by an ACK first, and is ESTABLISHED by that.`,
	Why: `A connection is named by its two addresses and ports, and both SYNs name the same
one. So there is nothing to choose: RFC 9293 §3.5 has each side go from SYN-SENT to
SYN-RECEIVED to ESTABLISHED, and demands that implementations support it (MUST-10).
In Linux tcp_rcv_synsent_state_process (net/ipv4/tcp_input.c) sees a SYN without an
ACK, sets SYN_RECV and repeats its own SYN with an ACK. This SYN_RECV is a full
socket, the one that called connect, and no listener's small request.

The SYN,ACK that comes next brings a SYN to a connection that had one already, which
tcp_validate_incoming would answer by a challenge ACK. It lets exactly this one pass:
in SYN_RECV, with the number that was received before, acknowledging what was sent.
In real life both ports must be known beforehand; that is how peers behind two
firewalls can connect, each of which lets only outgoing connections through.`,
	Try: []lab.Try{
		{Command: "selfconnect", Says: "the same with one socket: it crosses its own SYN"},
		{Command: "nolisten", Says: "a bound port refuses, until its owner connects to the client"},
		{Command: "simclose", Says: "the mirror image at the end of a connection"},
	},
	Sockopts: []string{"SO_ERROR"},
	Claims: []lab.Claim{{
		ID:     "both-pass-through-syn-recv",
		Text:   "Both sockets go from SYN_SENT to SYN_RECV by the other's SYN, and are then ESTABLISHED.",
		Source: "RFC 9293 §3.5, figure 7; net/ipv4/tcp_input.c: tcp_rcv_synsent_state_process",
		Control: lab.Control{
			Says: "one of the SYNs is lost", Segment: "client:SYN",
		},
	}, {
		ID:     "both-established-without-listen",
		Text:   "Both connects succeed, though neither host has a socket that listens.",
		Source: "RFC 9293 §3.5 (MUST-10), figure 7; connect(2)",
		Control: lab.Control{
			Says: "a RST takes the place of the server's SYN,ACK", Segment: "server:SYN,ACK", Change: lab.ResetInstead,
		},
	}, {
		ID:     "one-connection-not-two",
		Text:   "The two SYNs make one connection: each host has one socket, each is the other's peer, and what one writes the other reads.",
		Source: "RFC 9293 §3.5",
		Control: lab.Control{
			Says: "the data is lost", Segment: "client:data",
		},
	}},
	Script: func(s *lab.Script) {
		s.Part("Each connects to the other")
		client, server := s.Client.Socket(), s.Server.Socket()
		client.Bind(s.Client.Addr(40000))
		server.Bind(s.Server.Addr(80))
		client.Connect(s.Server.Addr(80))
		server.Connect(s.Client.Addr(40000))

		s.Part("The SYNs cross")
		cross(s)
		s.Expect("both-pass-through-syn-recv",
			lab.Is("client", client.Path(record.SynSent), "SYN_SENT → SYN_RECV → ESTABLISHED"),
			lab.Is("server", server.Path(record.SynSent), "SYN_SENT → SYN_RECV → ESTABLISHED"))
		s.Expect("both-established-without-listen",
			lab.Is("client's connect", client.Connected(), lab.OK),
			lab.Is("server's connect", server.Connected(), lab.OK),
			lab.Is("client's listener", s.Client.ListenerAt(s.Client.Addr(40000)).State(), "none"),
			lab.Is("server's listener", s.Server.ListenerAt(s.Server.Addr(80)).State(), "none"))

		s.Part("What one writes, the other reads")
		client.Write("hello")
		s.Wire.Deliver("data")
		data, _ := server.TryRead()
		s.Expect("one-connection-not-two",
			lab.Is("client's connections", s.Client.Count(record.Established), 1),
			lab.Is("server's connections", s.Server.Count(record.Established), 1),
			lab.Is("client's peer", client.RemoteAddr(), server.LocalAddr()),
			lab.Is("server's peer", server.RemoteAddr(), client.LocalAddr()),
			lab.Is("data", data, "hello"))
	},
}

// cross holds the SYNs of two sockets that connect to each other until both are
// on the wire, and carries everything crosswise until the wire is empty.
func cross(s *lab.Script) {
	one, other := s.Wire.Next("client:SYN"), s.Wire.Next("server:SYN")
	one.Hold()
	other.Hold()
	one.Deliver()
	other.Deliver()
	for _, name := range []string{"SYN,ACK", "ACK"} {
		s.Wire.Deliver("client:" + name)
		s.Wire.Deliver("server:" + name)
	}
}
