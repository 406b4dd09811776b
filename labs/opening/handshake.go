package opening

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// The three segments of a normal opening, and which call returns on which.
var handshake = lab.Lab{
	Name:  "handshake",
	Title: "Three segments open a connection, and connect completes on the second",
	Look:  "connect succeeds when the SYN,ACK arrives; the server is still in SYN_RECV then",
	Long: `The client sends a SYN. The server answers with a SYN that also acknowledges the
client's, and the client acknowledges that one. Each side now knows that the other
has its initial sequence number. This lab holds the third segment on the wire for a
while: by then connect has completed, and accept has nothing to return yet.`,
	Why: `The client is done first. A SYN,ACK that acknowledges its SYN tells it that the
server is there and has its number. tcp_rcv_synsent_state_process
(net/ipv4/tcp_input.c) makes the socket ESTABLISHED, wakes the program that waits in
connect, and only then sends the ACK. So connect proves that the server's kernel has
answered. It proves nothing about the server's program.

The server knows less. A SYN may be forged or old; the handshake exists, says RFC
9293 §3.5, "to prevent old duplicate connection initiations from causing confusion".
Until somebody acknowledges the number that the server chose, Linux keeps a small
request socket instead of a full one, and accept (inet_csk_accept) finds its queue
empty. tcp_check_req (net/ipv4/tcp_minisocks.c) checks that acknowledgement and
creates the real socket. Two options move this point: with TCP Fast Open the server
has its socket before the third segment, and with TCP_DEFER_ACCEPT it waits for data
as well.`,
	Try: []lab.Try{
		{Command: "lostack", Says: "the third segment never arrives: the client is connected, and the server does not know"},
		{Command: "handshake --sysctl server:net.ipv4.tcp_syncookies=2", Says: "with cookies there is no SYN_RECV: until the third segment the listener is the server's only socket"},
		{Command: "handshake --sysctl net.ipv4.tcp_ecn=1", Says: "what else a SYN can ask for: it carries ECE and CWR, and the answer carries ECE"},
		{Command: "simopen", Says: "the other way to open a connection, with four segments that carry a SYN"},
	},
	Sockopts: []string{"SO_ERROR"},
	Claims: []lab.Claim{{
		ID:     "connect-returns-after-syn-ack",
		Text:   "connect completes when the second segment arrives. The third is still on the wire then, and the server is in SYN_RECV.",
		Source: "RFC 9293 §3.5, figure 6; net/ipv4/tcp_input.c: tcp_rcv_synsent_state_process",
		Control: lab.Control{
			Says: "the server keeps no state for half-open connections", Before: "client:connect",
			Do: func(s *lab.Script) { s.Server.SetSysctl(syncookies, "2") },
		},
	}, {
		ID:     "accept-returns-after-third-ack",
		Text:   "accept has nothing to return while the server is in SYN_RECV, and returns once the third segment has arrived (without TCP Fast Open and TCP_DEFER_ACCEPT).",
		Source: "accept(2); net/ipv4/tcp_minisocks.c: tcp_check_req",
		Control: lab.Control{
			Says: "the third segment is lost", Segment: "client:ACK",
		},
	}, {
		ID:     "ack-is-isn-plus-one",
		Text:   "The SYN,ACK acknowledges the client's initial sequence number plus one: a SYN takes one sequence number.",
		Source: "RFC 9293 §3.4, §3.5",
		Control: lab.Control{
			Says: "the SYN carries data, and the server has TCP Fast Open", Segment: "client:SYN",
			Do: func(s *lab.Script) {
				s.Server.SetSysctl("net.ipv4.tcp_fastopen", "514") // for servers, without cookies
				lab.Set(s.Sock("listener"), sockopt.FastOpen, 1)
			},
			Change: func(t *lab.TCP) { t.Data = []byte("hello") },
		},
	}, {
		ID:     "states-follow-rfc9293",
		Text:   "The client goes from CLOSE to SYN_SENT and ESTABLISHED, the server's connection from SYN_RECV to ESTABLISHED. The listener stays in LISTEN.",
		Source: "RFC 9293 §3.3.2, figure 5; RFC 9293 §3.5, figure 6",
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
		syn := s.Wire.Next("SYN").Deliver()
		server := client.Peer()

		s.Part("The second segment: the server's SYN, with its ACK")
		early := client.Connected()
		synAck := s.Wire.Next("SYN,ACK").Deliver()
		s.Expect("ack-is-isn-plus-one", lab.Is("ack", synAck.Ack, syn.Seq+1))
		connected := client.Connected()

		s.Part("The third segment: the client's ACK, held for a while")
		ack := s.Wire.Next("ACK").Hold()
		if !always {
			s.Expect("connect-returns-after-syn-ack",
				lab.Is("before", early, "EINPROGRESS"),
				lab.Is("connect", connected, lab.OK),
				lab.Is("client sends", ack.Flags, "ACK"),
				lab.Is("server", server.State(), record.SynRecv))
		}
		_, before := listener.TryAccept()
		ack.Deliver()
		s.Expect("accept-returns-after-third-ack",
			lab.Is("before", before, "EAGAIN"),
			lab.Is("after", lab.Outcome(listener.TryAccept()), lab.OK))
		if !always {
			s.Expect("states-follow-rfc9293",
				lab.Is("client at first", atFirst, record.Close),
				lab.Is("client", client.Path(record.SynSent), "SYN_SENT → ESTABLISHED"),
				lab.Is("server", server.Path(record.SynRecv), "SYN_RECV → ESTABLISHED"),
				lab.Is("listener", listener.Path(record.Listen), "LISTEN"))
		}
	},
}
