package opening

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// The three segments of a normal opening, and which call returns on which.
var handshake = lab.Lab{
	Name:  "handshake",
	Title: "A connection is opened by three segments, and connect returns on the second",
	Long: `The client sends a SYN, the server answers with a SYN that acknowledges it, and
the client acknowledges that one. Each side has then heard that the other knows
its initial sequence number. The third segment is held here for a while: connect
has completed by then, and accept has not.`,
	Why: `The client is satisfied first. A SYN,ACK that acknowledges its SYN tells it that
the server is there and has its number: tcp_rcv_synsent_state_process
(net/ipv4/tcp_input.c) makes the socket ESTABLISHED, wakes whoever waits in
connect, and only then sends the ACK. What connect proves is that the server's
kernel has answered, and nothing about its program.

The server has less to go by: a SYN may be forged, or old, and the reason that RFC
9293 §3.5 gives for the handshake is "to prevent old duplicate connection initiations
from causing confusion". Until somebody acknowledges the number that the server chose
itself, Linux keeps no full socket but a small request socket, and accept
(inet_csk_accept) finds its queue empty. tcp_check_req (net/ipv4/tcp_minisocks.c)
checks that acknowledgement and has the real socket made.`,
	Try: []lab.Try{
		{Command: "lostack", Says: "the third segment never comes: the client is connected, and the server does not know"},
		{Command: "handshake --sysctl server:net.ipv4.tcp_syncookies=2", Says: "with cookies there is no SYN_RECV: the listener stays the server's only socket until the third segment"},
		{Command: "handshake --sysctl net.ipv4.tcp_ecn=1", Says: "what else a SYN can ask for: the flags ECE and CWR, and ECE in the answer"},
		{Command: "simopen", Says: "the other way to open a connection, with four segments that carry a SYN"},
	},
	Sockopts: []string{"SO_ERROR"},
	Claims: []lab.Claim{{
		ID:     "connect-returns-after-syn-ack",
		Text:   "connect completes when the second segment arrives, while the third is still on its way and the server is SYN_RECV.",
		Source: "connect(2); net/ipv4/tcp_input.c: tcp_rcv_synsent_state_process",
		Control: lab.Control{
			Says: "the server keeps nothing of a handshake under way", Before: "client:connect",
			Do: func(s *lab.Script) { s.Server.SetSysctl(syncookies, "2") },
		},
	}, {
		ID:     "accept-returns-after-third-ack",
		Text:   "accept has nothing to return while the server is SYN_RECV, and returns once the third segment has arrived.",
		Source: "accept(2); net/ipv4/tcp_minisocks.c: tcp_check_req",
		Control: lab.Control{
			Says: "the third segment is lost", Segment: "client:ACK",
		},
	}, {
		ID:     "ack-is-isn-plus-one",
		Text:   "Each side acknowledges the other's initial sequence number plus one: a SYN takes one number.",
		Source: "RFC 9293 §3.4, §3.5",
		Control: lab.Control{
			Says: "the third segment is changed not to cover the SYN", Segment: "client:ACK", Change: lab.AckLess(1),
		},
	}, {
		ID:     "states-follow-rfc9293",
		Text:   "The client goes from CLOSE to SYN_SENT and ESTABLISHED, the server's connection from SYN_RECV to ESTABLISHED, and the listener stays LISTEN.",
		Source: "RFC 9293 §3.3.2, figure 5; §3.5, figure 6",
		Control: lab.Control{
			Says: "the third segment is lost", Segment: "client:ACK",
		},
	}},
	Script: func(s *lab.Script) {
		always := keepsNothing(s, "connect-returns-after-syn-ack", "states-follow-rfc9293")
		s.Part("The first segment: the client's SYN")
		listener := s.Server.Listen(80, 16)
		client := s.Client.Socket()
		atFirst := client.State()
		client.Bind(s.Client.Addr(40000))
		client.Connect(s.Server.Addr(80))
		syn := s.Wire.Next("SYN")
		syn.Deliver()
		server := client.Peer()

		s.Part("The second segment: the server's SYN, with its ACK")
		early := client.Connected()
		synAck := s.Wire.Next("SYN,ACK")
		synAck.Deliver()
		if connected := client.Connected(); !always {
			s.Expect("connect-returns-after-syn-ack",
				lab.Is("before", early, "EINPROGRESS"),
				lab.Is("connect", connected, lab.OK),
				lab.Is("client sends", s.Wire.Waiting(s.Client), "ACK"),
				lab.Is("server", server.State(), record.SynRecv))
		}

		s.Part("The third segment: the client's ACK, held for a while")
		ack := s.Wire.Next("ACK")
		ack.Hold()
		_, before := listener.TryAccept()
		ack.Deliver()
		_, after := listener.TryAccept()
		s.Expect("accept-returns-after-third-ack",
			lab.Is("before", before, "EAGAIN"),
			lab.Is("after", after, lab.OK))
		s.Expect("ack-is-isn-plus-one",
			lab.Is("server's ack", synAck.Ack, syn.Seq+1),
			lab.Is("client's ack", ack.Ack, synAck.Seq+1))
		if !always {
			s.Expect("states-follow-rfc9293",
				lab.Is("client at first", atFirst, record.Close),
				lab.Is("client", client.Path(record.SynSent), "SYN_SENT → ESTABLISHED"),
				lab.Is("server", server.Path(record.SynRecv), "SYN_RECV → ESTABLISHED"),
				lab.Is("listener", listener.Path(record.Listen), "LISTEN"))
		}
	},
}
