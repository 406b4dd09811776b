package opening

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// The third segment of the handshake, lost.
var lostACK = lab.Lab{
	Name:  "lostack",
	Title: "Where the third segment is lost, the client is connected and the server does not know",
	Long: `For the client the handshake is over with the server's SYN,ACK. Its own ACK takes
no sequence number, so nobody acknowledges it, and it is never sent again by
itself. It is the server that sends its SYN,ACK again, which the client answers
once more. Data does as well: every segment of the client carries the ACK. And if
nothing arrives in time, the server forgets the handshake without a word.`,
	Why: `An ACK takes no sequence number; "if it did, we would wind up ACKing ACKs", says RFC
9293 §3.5. What has no number is not acknowledged, and so nobody can notice by himself
that it was lost. The one who misses something is the server, whose SYN is not
acknowledged: reqsk_timer_handler (net/ipv4/inet_connection_sock.c) sends the SYN,ACK
again. To the client, ESTABLISHED, that is a SYN where none belongs, and
tcp_validate_incoming answers it by a challenge ACK, which is just what the server
needs.

tcp_check_req (net/ipv4/tcp_minisocks.c) does not care which segment brings the
acknowledgement, so data will do: a client that speaks first mends the loss without
noticing. One that waits for the server to speak (SMTP, SSH) may wait for a connection
that the server has forgotten. It is told when it sends something: a listener that
has no request for a segment with an ACK answers by a RST.`,
	Try: []lab.Try{
		{Command: "lostack --times 2", Says: "two ACKs are lost: the server asks again after 1 and then 2 seconds"},
		{Command: "lostack --forever --retries 1", Says: "nothing ever arrives: one SYN,ACK more, and the server's end is gone after 3 seconds"},
		{Command: "lostack --retries 0", Says: "the server asks only once; data still completes the handshake, as long as it comes within a second"},
		{Command: "synqueue --syncookies 2", Says: "with cookies the server keeps nothing: not one SYN_RECV, until an ACK comes"},
		{Command: "lostlastack", Says: "the last segment of the close, lost: the same reasoning"},
	},
	Knobs: []lab.Knob{
		lab.Number("times", 1, 1, manyTimes, "how many ACKs in a row are lost before one arrives; the answer to the last SYN,ACK always does"),
		lab.Switch("forever", "where no ACK ever arrives, wait until the kernel's own limit ends it"),
		lab.Turns("retries", "server:"+synackRetries, "the server's net.ipv4.tcp_synack_retries"),
	},
	Sockopts: []string{"SO_ERROR"},
	Backlog:  2,
	Claims: []lab.Claim{{
		ID:     "client-established-server-syn-recv",
		Text:   "Without the third segment connect succeeds and the client is ESTABLISHED, while the server stays SYN_RECV.",
		Source: "RFC 9293 §3.5, figure 6; connect(2)",
		Control: lab.Control{
			Says: "the server keeps nothing of a handshake under way", Before: "client:connect",
			Do: func(s *lab.Script) { s.Server.SetSysctl(syncookies, "2") },
		},
	}, {
		ID:     "ack-is-not-retransmitted",
		Text:   "The client does not send its ACK again by itself, and runs no timer for it; it does when the server repeats its SYN,ACK.",
		Source: "RFC 9293 §3.4, §3.5; net/ipv4/tcp_input.c: tcp_validate_incoming",
		Control: lab.Control{
			Says: "the repeated SYN,ACK is lost", Segment: "server:SYN,ACK again",
		},
	}, {
		ID:     "data-completes-handshake",
		Text:   "Data that the client sends completes the handshake, for it carries the ACK, and is kept for the program.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_minisocks.c: tcp_check_req",
		Control: lab.Control{
			Says: "the data is lost", Of: "second", Segment: "client:data",
		},
	}, {
		ID:     "expired-request-resets-late-data",
		Text:   "When the server's request has expired, without a word, the client is still ESTABLISHED; its data is then answered by a RST, and it gets ECONNRESET.",
		Source: "RFC 9293 §3.5.2; net/ipv4/inet_connection_sock.c: reqsk_timer_handler",
		Control: lab.Control{
			Says: "the late data is lost", Of: "late", Segment: "client:data",
		},
	}},
	Script: func(s *lab.Script) {
		if keepsNothing(s, "client-established-server-syn-recv", "ack-is-not-retransmitted", "data-completes-handshake", "expired-request-resets-late-data") {
			return
		}
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
		wire := s.Wire.Of(client)
		wire.Next("data").Deliver()
		wire.Deliver("server:ACK")
		s.Expect("data-completes-handshake",
			lab.Is("before", before, record.SynRecv),
			lab.Is("server", client.Peer().State(), record.Established),
			lab.Is("to read", client.Peer().Received(), 5))

		s.Part("A third client: nothing arrives before the request expires")
		if !s.On("forever") {
			s.Server.SetDefault(synackRetries, "0")
		}
		client = loseACK(s, s.Client.Named("late").Connect(listener))
		wire = s.Wire.Of(client)
		wire.LoseRetransmissions("server:SYN,ACK")
		silent := wire.Waiting(s.Server)
		expired, idle := client.Peer().State(), client.State()
		client.Write("too late")
		wire.Next("data").Deliver()
		wire.Deliver("RST")
		_, outcome := client.TryRead()
		s.Expect("expired-request-resets-late-data",
			lab.Is("server", expired, record.Close),
			lab.Is("server sends", silent, "nothing"),
			lab.Is("client", idle, record.Established),
			lab.Is("read", outcome, "ECONNRESET"))
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
	timer, _ := client.Timer()
	byItself := wire.Waiting(s.Client)
	again.Deliver()
	s.Expect("ack-is-not-retransmitted",
		lab.Is("client runs a timer", timer != "", false),
		lab.Is("client sends by itself", byItself, "nothing"),
		lab.Is("client sends in answer", wire.Waiting(s.Client), "ACK"))
	for range times - 1 {
		wire.Next("ACK").Drop()
		wire.Retransmission("server:SYN,ACK").Deliver()
	}
	wire.Deliver("ACK")
}
