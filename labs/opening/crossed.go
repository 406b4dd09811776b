package opening

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// A simultaneous open in which something is lost.
var crossed = lab.Lab{
	Name:  "crossed",
	Title: "A simultaneous open needs one of the two SYNs only",
	Look:  "which side passes through SYN_RECV, and which does not",
	Long: `Two hosts connect to each other at the same moment. In the textbook both SYNs
arrive. If one is lost, nothing is missing: the host that gets the other's SYN answers it,
and to the other host its SYN,ACK is like that of a server. So peers behind firewalls,
which send each other SYNs until one gets through, need not be lucky twice. If the SYN,ACKs
are lost as well, the socket in SYN_RECV sends its own again, as often as TCP_SYNCNT or
tcp_syn_retries says, and then connect fails as it does after SYNs.`,
	Why: `A socket in SYN_SENT takes two kinds of SYN (tcp_rcv_synsent_state_process in
net/ipv4/tcp_input.c). One with an ACK completes its handshake, whether a listener has sent it
or a socket that called connect itself. One without takes it to SYN_RECV, and it answers.

In SYN_RECV such a socket is a full one, with the timer of a connection, and not the small
request of a listener. tcp_write_timeout (net/ipv4/tcp_timer.c) counts with
tcp_syn_retries, but without the linear timeouts that a SYN has in SYN_SENT. What it sends
again is a SYN,ACK.`,
	Try: []lab.Try{
		{Command: "simopen", Says: "nothing is lost, and both pass through SYN_RECV"},
		{Command: "lostsyn", Says: "the same number of attempts for a SYN"},
		{Command: "reseterrors", Says: "a RST in SYN_RECV"},
	},
	Sockopts: []string{"SO_ERROR", "TCP_SYNCNT"},
	Claims: []lab.Claim{{
		ID:     "one-syn-is-enough",
		Text:   "If one of the two SYNs is lost, the other one opens the connection, and nothing has to be sent again.",
		Source: "RFC 9293 §3.5, figure 7; net/ipv4/tcp_input.c: tcp_rcv_synsent_state_process",
		Control: lab.Control{
			Says: "the SYN,ACK is lost, too", Segment: "client:SYN,ACK",
		},
	}, {
		ID:     "both-syns-must-arrive",
		Text:   "A simultaneous open needs both SYNs.",
		Source: "widely taught: the two SYNs cross",
		Myth:   true,
		Truth:  "The SYN,ACK that answers the one is all that the other side needs (net/ipv4/tcp_input.c: tcp_rcv_synsent_state_process).",
		Control: lab.Control{
			Says: "the SYN,ACK is lost, too", Segment: "client:SYN,ACK",
		},
	}, {
		ID:     "syn-recv-gives-up",
		Text:   "In SYN_RECV the socket sends its SYN,ACK again as often as TCP_SYNCNT says, and then connect fails with ETIMEDOUT.",
		Source: "tcp(7), TCP_SYNCNT; net/ipv4/tcp_timer.c: tcp_write_timeout",
		Control: lab.Control{
			Says: "a RST arrives instead of the SYN", Of: "lonely", Segment: "server:SYN", Change: func(t *lab.TCP) { lab.AckItself(t); lab.IntoReset(t) },
		},
	}},
	Script: func(s *lab.Script) {
		s.Part("Each connects to the other")
		client, server := s.Client.CrossConnect(40000, s.Server, 80)
		s.Part("The client's SYN is lost, and the server's arrives")
		s.Wire.Next("client:SYN").Drop()
		s.Wire.Pass("server:SYN")
		s.Wire.Deliver("client:SYN,ACK", "server:ACK")
		s.Expect("one-syn-is-enough",
			lab.Is("client", client.Path(record.SynSent), "SYN_SENT → SYN_RECV → ESTABLISHED"),
			lab.Is("server", server.Path(record.SynSent), "SYN_SENT → ESTABLISHED"))
		s.Expect("both-syns-must-arrive", lab.Is("server", server.State(), record.SynSent))

		s.Part("Each connects to the other")
		client, server = s.Client.Named("lonely").CrossConnect(40001, s.Server, 81)
		wire := s.Wire.Of(client)
		s.Part("The same, and the other side is gone before the SYN,ACK arrives")
		lab.Set(client, sockopt.SynCnt, 1)
		wire.Next("client:SYN").Drop()
		wire.Next("server:SYN").Deliver()
		server.Close()
		before := client.State()
		sent := 0
		if first := wire.Take("client:SYN,ACK"); first != nil {
			sent = len(first.Unanswered().Sent)
		}
		s.Expect("syn-recv-gives-up",
			lab.Is("client before", before, record.SynRecv),
			lab.Is("SYN,ACKs", sent, 2),
			lab.Is("connect", client.Connected(), "ETIMEDOUT"))
	},
}
