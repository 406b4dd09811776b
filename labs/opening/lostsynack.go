package opening

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// The second segment of the handshake, lost.
var lostSYNACK = lab.Lab{
	Name:  "lostsynack",
	Title: "When the SYN,ACK is lost, both ends send again",
	Look:  "who sends again first, and that each answers the other",
	Long: `When the second segment is lost, each end waits for an answer: the client to its
SYN, the server to its SYN,ACK. Each has a timer and sends again. In the second half of the
lab no SYN,ACK arrives at all, and the client has closed. The server sends its SYN,ACK
again, each time after a pause that is twice as long, and then forgets the half-open
connection. Its program is never told. There the lab lowers the server's limit, so that it
is quick; with --forever the kernel's own limit stays.`,
	Why: `Neither end can tell which of the two segments was lost, so each sends its own again.
The server's half-open connection is a request socket with its own timer
(reqsk_timer_handler, net/ipv4/inet_connection_sock.c): after one second it sends the
SYN,ACK again, and then waits twice as long each time, without the linear start that
SYNs have. A SYN that arrives again gets its SYN,ACK at once, and restarts the timer
(tcp_check_req).

After tcp_synack_retries and one more pause Linux drops the request and sends
nothing: the source address of the SYN may be forged, and no program knows of the
connection, so there is nobody to tell. The client meanwhile has its own limit
(tcp_syn_retries). In a queue that is more than half full, old requests get fewer
retries: "we reserve half of room for young embrions", says the comment in the
handler.`,
	Try: []lab.Try{
		{Command: "lostsynack --times 2", Says: "two SYN,ACKs are lost: the server sends again after 1 and then after 2 seconds"},
		{Command: "lostsynack --forever --retries 2", Says: "three SYN,ACKs, at 0, 1 and 3 seconds, and the end at 7"},
		{Command: "lostsynack --retries 0", Says: "the server sends it once: the request lives for one second"},
		{Command: "lostsyn", Says: "the client's timer alone"},
		{Command: "synqueue", Says: "many such requests at once, and their limit"},
	},
	Knobs: []lab.Knob{
		lab.Number("times", 1, 1, manyTimes, "how many SYN,ACKs in a row are lost before one arrives; the last one that the kernel sends always does"),
		lab.Switch("forever", "where no SYN,ACK ever arrives, wait until the kernel's own limit ends it: a minute, unless --retries is given"),
		lab.Turns("retries", "server:"+synackRetries, "the server's net.ipv4.tcp_synack_retries"),
	},
	Backlog: 1,
	Claims: []lab.Claim{{
		ID:     "both-ends-retransmit",
		Text:   "The client sends its SYN again and the server its SYN,ACK, each by its own timer, and the SYN,ACK that arrives completes the connection.",
		Source: "RFC 9293 §3.10.8; net/ipv4/inet_connection_sock.c: reqsk_timer_handler",
		Control: lab.Control{
			Says: "the last SYN,ACK is lost as well", Args: lab.Args{"times": "2"}, Of: "client", Segment: "server:SYN,ACK again #2",
		},
	}, {
		ID:     "server-schedule-doubles",
		Text:   "The server sends the SYN,ACK again after one second and then after twice as long each time, tcp_synack_retries times.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_synack_retries; net/ipv4/inet_connection_sock.c: reqsk_timer_handler",
		Control: lab.Control{
			Says: "tcp_synack_retries is lowered behind the story's back", Before: "silent:close",
			Do: func(s *lab.Script) { s.Server.SetSysctl(synackRetries, "0") },
		},
	}, {
		ID:     "request-expires-silently",
		Text:   "After one more pause the server's SYN_RECV is gone, and it sends no segment about it.",
		Source: "net/ipv4/inet_connection_sock.c: reqsk_timer_handler",
		Control: lab.Control{
			Says: "tcp_synack_retries is lowered behind the story's back", Before: "silent:close",
			Do: func(s *lab.Script) { s.Server.SetSysctl(synackRetries, "0") },
		},
	}},
	Script: func(s *lab.Script) {
		s.StopIf(!s.Server.KeepsHalfOpen(), lab.NothingHalfOpen)
		listener := s.Server.Listen(80, 16)
		s.Part("The SYN,ACK for a client is lost")
		client, lost := loseSYNACK(s, s.Client.Connect(listener))
		var silent *lab.Sock
		var first *lab.Segment
		var schedule lab.Schedule
		sideBySide := s.Int("times") == 1 // the second wait is then the longer one
		if sideBySide {
			silent, first, schedule = neverAnswered(s, listener)
		}
		s.Part("Both ends send again, and in the end a SYN,ACK arrives (the SYNs do not)")
		if repeats := len(s.Server.SYNACKSchedule().Sends) - 1; repeats == 0 {
			s.Inapplicable("with tcp_synack_retries 0 the SYN,ACK is sent once", "both-ends-retransmit")
		} else {
			arrive(s, client, lost, min(s.Int("times"), repeats))
		}
		if !sideBySide {
			silent, first, schedule = neverAnswered(s, listener)
		}
		s.Part("The client that has closed: the server goes on by itself")
		tries := first.Unanswered()
		s.StopIf(s.Server.SysctlOr(rtoMax, 120_000) < 120_000,
			"with tcp_rto_max_ms lowered, kernels differ: some bound these pauses by it")
		s.Expect("server-schedule-doubles",
			lab.Is("SYN,ACKs", len(tries.Sent), len(tries.As(schedule).Sends)),
			lab.OnSchedule("sent", tries, schedule))
		s.Expect("request-expires-silently",
			lab.Is("server", silent.Peer().Path(record.SynRecv), "SYN_RECV → CLOSE"),
			lab.Is("server sends", s.Wire.Of(silent).Waiting(s.Server), "nothing"),
			lab.GaveUpAfter("after", tries, schedule))
	},
}

// loseSYNACK lets the SYN of a client arrive, and loses the SYN,ACK.
func loseSYNACK(s *lab.Script, client *lab.Sock) (_ *lab.Sock, lost *lab.Segment) {
	s.Wire.Of(client).Next("SYN").Deliver()
	lost = s.Wire.Of(client).Next("SYN,ACK").Drop()
	return client, lost
}

// neverAnswered makes a client that closes when its SYN has arrived, so that
// the server alone is left with a timer, and tells when that is due.
func neverAnswered(s *lab.Script, listener *lab.Sock) (client *lab.Sock, lost *lab.Segment, due lab.Schedule) {
	s.Part("The SYN,ACK for another client is lost, and that client closes")
	if !s.On("forever") {
		s.Server.SetDefault(synackRetries, "1")
	}
	due = s.Server.SYNACKSchedule()
	client, lost = loseSYNACK(s, s.Client.Named("silent").Connect(listener))
	client.Close()
	return client, lost, due
}

// arrive lets both ends send again, and a SYN,ACK arrive when as many were lost
// as times says.
func arrive(s *lab.Script, client *lab.Sock, lost *lab.Segment, times int) {
	syn := s.Wire.Of(client).Retransmission("client:SYN").Drop()
	synAck := lost.Lose(times)
	synAck.Exchange()
	s.Expect("both-ends-retransmit",
		lab.Is("client sent again", syn.Flags, "SYN"),
		lab.Is("server sent again", synAck.Flags, "SYN,ACK"),
		lab.Is("client", client.State(), record.Established),
		lab.Is("server", client.Peer().State(), record.Established))
}
