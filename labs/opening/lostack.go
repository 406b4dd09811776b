package opening

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// The third segment of the handshake, lost.
var lostACK = lab.Lab{
	Name:  "lostack",
	Title: "When the third segment is lost, the client is connected and the server does not know",
	Look:  "ESTABLISHED on the left, SYN_RECV on the right, and what ends that",
	Long: `For the client the handshake is complete when the server's SYN,ACK arrives. Its own
ACK takes no sequence number, so nobody acknowledges it, and the client never sends
it again by itself. Instead the server sends its SYN,ACK again, and the client
answers it once more: by a challenge ACK, an ordinary ACK that is sent because a SYN
has no place in an established connection. Data helps as well, because every segment
of the client carries the ACK. If nothing arrives in time, the server forgets the
half-open connection and sends nothing.`,
	Why: `An ACK takes no sequence number; "if it did, we would wind up ACKing ACKs", says RFC
9293 §3.5. Nobody acknowledges it, so its sender cannot notice that it was lost. The
server does: its SYN is not acknowledged, and reqsk_timer_handler
(net/ipv4/inet_connection_sock.c) sends the SYN,ACK again. To the client, which is
ESTABLISHED, this is a SYN that does not belong there. tcp_validate_incoming answers
it with a challenge ACK, which is exactly what the server needs.

tcp_check_req (net/ipv4/tcp_minisocks.c) accepts the acknowledgement from any
segment, so data does it too: a client that sends first repairs the loss without
noticing. A client that waits for the server to send first (SMTP, SSH) may wait on a
connection that the server has forgotten. It learns that when it sends something: a
listener that has no request for a segment with an ACK answers with a RST.`,
	Try: []lab.Try{
		{Command: "lostack --times 2", Says: "two ACKs are lost: the server sends again after 1 and then after 2 seconds"},
		{Command: "lostack --forever --retries 1", Says: "nothing ever arrives: one SYN,ACK more, and after 3 seconds the server's end is gone"},
		{Command: "lostack --retries 0", Says: "the server sends its SYN,ACK once; data still completes the handshake if it comes within a second"},
		{Command: "synqueue --syncookies 2", Says: "with cookies the server keeps nothing: no SYN_RECV until an ACK comes"},
		{Command: "lostlastack", Says: "the last segment of a close is lost: the same reasoning"},
	},
	Knobs: []lab.Knob{
		lab.Number("times", 1, 1, manyTimes, "how many ACKs in a row are lost before one arrives; the answer to the last SYN,ACK always does"),
		lab.Switch("forever", "where no ACK ever arrives, wait until the kernel's own limit ends it: a minute, unless --retries is given"),
		lab.Turns("retries", "server:"+synackRetries, "the server's net.ipv4.tcp_synack_retries"),
	},
	Sockopts: []string{"SO_ERROR"},
	Backlog:  3,
	Claims: []lab.Claim{{
		ID:     "client-established-server-syn-recv",
		Text:   "Without the third segment connect succeeds and the client is ESTABLISHED, while the server stays in SYN_RECV.",
		Source: "RFC 9293 §3.5, figure 6; net/ipv4/tcp_input.c: tcp_rcv_synsent_state_process",
		Control: lab.Control{
			Says: "the server keeps no state for half-open connections", Before: "client:connect",
			Do: func(s *lab.Script) { s.Server.SetSysctl(syncookies, "2") },
		},
	}, {
		ID:     "ack-is-not-retransmitted",
		Text:   "The client does not send its ACK again by itself and runs no timer for it. It sends it when the server repeats the SYN,ACK.",
		Source: "RFC 9293 §3.5, §3.8.4; net/ipv4/tcp_input.c: tcp_validate_incoming",
		Control: lab.Control{
			Says: "the repeated SYN,ACK is lost", Segment: "server:SYN,ACK again",
		},
	}, {
		ID:     "data-completes-handshake",
		Text:   "Data from the client completes the handshake, because it carries the ACK, and the kernel keeps it for the program.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_minisocks.c: tcp_check_req",
		Control: lab.Control{
			Says: "the data is lost", Of: "second", Segment: "client:data",
		},
	}, {
		ID:     "fin-completes-handshake",
		Text:   "A FIN completes the handshake as data does: the server's connection is in CLOSE_WAIT then, and waits for accept.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_input.c: tcp_rcv_state_process",
		Control: lab.Control{
			Says: "the FIN is lost", Of: "brief", Segment: "client:FIN,ACK",
		},
	}, {
		ID:     "expired-request-resets-late-data",
		Text:   "When the server's half-open connection has expired, the server sends nothing and the client is still ESTABLISHED. Its next data is answered by a RST, and read fails with ECONNRESET.",
		Source: "RFC 9293 §3.10.7.2; net/ipv4/inet_connection_sock.c: reqsk_timer_handler",
		Control: lab.Control{
			Says: "the late data is lost", Of: "late", Segment: "client:data",
		},
	}},
	Script: func(s *lab.Script) {
		s.StopIf(!s.Server.KeepsHalfOpen(), lab.NothingHalfOpen)
		listener := s.Server.Listen(80, 16)
		s.Part("The third segment is lost")
		client := loseACK(s, s.Client.Connect(listener))
		s.Expect("client-established-server-syn-recv",
			lab.Is("connect", client.Connected(), lab.OK),
			lab.Is("client", client.State(), record.Established),
			lab.Is("server", client.Peer().State(), record.SynRecv))

		s.Part("The server repeats its SYN,ACK, and gets the ACK once more")
		if repeats := len(s.Server.SYNACKSchedule().Sends) - 1; repeats == 0 {
			s.Inapplicable("with tcp_synack_retries 0 the SYN,ACK is sent once", "ack-is-not-retransmitted")
		} else {
			answer(s, client, min(s.Int("times"), repeats))
		}

		s.Part("Another client: its data completes the handshake")
		client = loseACK(s, s.Client.Named("second").Connect(listener))
		before := client.Peer().State()
		client.Write("hello")
		s.Wire.Of(client).Deliver("data", "server:ACK")
		s.Expect("data-completes-handshake",
			lab.Is("before", before, record.SynRecv),
			lab.Is("server", client.Peer().State(), record.Established),
			lab.Is("to read", client.Peer().Received(), 5))

		s.Part("Another client closes, and its FIN completes the handshake")
		client = loseACK(s, s.Client.Named("brief").Connect(listener))
		client.Close()
		s.Wire.Of(client).Pass("client:FIN,ACK")
		s.Expect("fin-completes-handshake",
			lab.Is("server", client.Peer().Path(record.SynRecv), "SYN_RECV → CLOSE_WAIT"),
			lab.Is("held by a program", client.Peer().Held(), false))
		s.Wire.Of(client).Pass("server:ACK")

		s.Part("A last client: nothing more arrives before the half-open connection expires")
		if !s.On("forever") {
			s.Server.SetDefault(synackRetries, "0")
		}
		client = loseACK(s, s.Client.Named("late").Connect(listener))
		wire := s.Wire.Of(client)
		wire.LoseRetransmissions("server:SYN,ACK")
		silent := wire.Waiting(s.Server)
		expired, idle := client.Peer().State(), client.State()
		client.Write("too late")
		wire.Deliver("data", "RST")
		s.Expect("expired-request-resets-late-data",
			lab.Is("server", expired, record.Close),
			lab.Is("server sends", silent, "nothing"),
			lab.Is("client", idle, record.Established),
			lab.Is("read", client.Reads(), "ECONNRESET"))
	},
}

// loseACK opens a client's connection, and loses the third segment.
func loseACK(s *lab.Script, client *lab.Sock) *lab.Sock {
	wire := s.Wire.Of(client)
	wire.Pass("SYN", "SYN,ACK")
	wire.Next("ACK").Drop()
	return client
}

// answer lets the client answer the SYN,ACKs that the server repeats. The
// answers are lost as well until as many ACKs were lost as times says.
func answer(s *lab.Script, client *lab.Sock, times int) {
	wire := s.Wire.Of(client)
	again := wire.Retransmission("server:SYN,ACK")
	timer := client.RunsTimer()
	byItself := wire.Waiting(s.Client)
	again.Deliver()
	inAnswer := wire.Waiting(s.Client)
	for range times - 1 {
		wire.Next("ACK").Drop()
		wire.Retransmission("server:SYN,ACK").Deliver()
	}
	wire.Deliver("ACK")
	s.Expect("ack-is-not-retransmitted",
		lab.Is("client runs a timer", timer, false),
		lab.Is("client sends by itself", byItself, "nothing"),
		lab.Is("client sends in answer", inAnswer, "ACK"))
}
