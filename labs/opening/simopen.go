package opening

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// Two sockets that connect to each other at the same moment.
var simOpen = lab.Lab{
	Name:  "simopen",
	Title: "Two sockets that connect to each other form one connection, without a listener",
	Look:  "the two SYNs that cross, and SYN_RECV at both ends without a listener",
	Long: `Two hosts connect to each other at the same time, so two SYNs cross on the wire. Each
host waits for a SYN,ACK and gets a SYN instead. It goes to SYN_RECV and sends its
own SYN again, now with an ACK. The result is one connection between the two sockets.
Linux before 6.11 (and a stable series without commit 23e89e8ee7be) answers that
SYN,ACK with a plain ACK, and the ACK completes the connection.`,
	Why: `Two addresses and two ports name a connection, and both SYNs name the same one. So
RFC 9293 §3.5 takes each side from SYN-SENT to SYN-RECEIVED to ESTABLISHED, and
requires implementations to support that (MUST-10). In Linux
tcp_rcv_synsent_state_process (net/ipv4/tcp_input.c) sees a SYN without an ACK, sets
SYN_RECV and sends its own SYN again with an ACK. This SYN_RECV is the full socket
that called connect, not a listener's small request socket.

The SYN,ACK that arrives next brings a SYN to a connection that already had one.
tcp_validate_incoming would answer it with a challenge ACK, but lets exactly this one pass:
in SYN_RECV, with the number that was received before, and acknowledging what was sent. The
ACK that follows has the block sack=0-1 (D-SACK): sequence number 0, the SYN, has arrived
twice. In practice both ports must be known beforehand. Peers behind two firewalls that
only let outgoing connections through can connect this way.`,
	Try: []lab.Try{
		{Command: "crossed", Says: "one of the two SYNs is lost"},
		{Command: "selfconnect", Says: "the same with one socket, which gets its own SYN"},
		{Command: "nolisten", Says: "a bound port refuses, until its owner connects to the client"},
		{Command: "simclose", Says: "the same symmetry at the end of a connection"},
	},
	Sockopts: []string{"SO_ERROR"},
	Claims: []lab.Claim{{
		ID:     "both-pass-through-syn-recv",
		Text:   "The other's SYN takes each socket from SYN_SENT to SYN_RECV, and then both are ESTABLISHED.",
		Source: "RFC 9293 §3.5, figure 7; net/ipv4/tcp_input.c: tcp_rcv_synsent_state_process",
		Control: lab.Control{
			Says: "one of the SYNs is lost", Segment: "client:SYN",
		},
	}, {
		ID:     "both-established-without-listen",
		Text:   "Both connects succeed although neither host has a listening socket.",
		Source: "RFC 9293 §3.5 (MUST-10), figure 7",
		Control: lab.Control{
			Says: "a RST arrives instead of the server's SYN,ACK", Segment: "server:SYN,ACK", Change: lab.ResetInstead,
		},
	}, {
		ID:     "one-connection-not-two",
		Text:   "The two SYNs form one connection: each host has one socket, each is the other's peer, and the server reads what the client writes.",
		Source: "RFC 9293 §3.5",
		Control: lab.Control{
			Says: "the data is lost", Segment: "client:data",
		},
	}},
	Script: func(s *lab.Script) {
		s.Part("Each connects to the other")
		client, server := s.Client.CrossConnect(40000, s.Server, 80)

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
		data := server.Reads()
		s.Wire.Carry(client)
		s.Expect("one-connection-not-two",
			lab.Is("client's connections", s.Client.Count(record.Established), 1),
			lab.Is("server's connections", s.Server.Count(record.Established), 1),
			lab.Is("client's peer", client.RemoteAddr(), server.LocalAddr()),
			lab.Is("server's peer", server.RemoteAddr(), client.LocalAddr()),
			lab.Is("data", data, "hello"))
	},
}
