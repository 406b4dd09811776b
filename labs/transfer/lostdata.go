package transfer

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

const (
	retries2 = "net.ipv4.tcp_retries2"
	rtoMin   = "net.ipv4.tcp_rto_min_us"
	rtoMax   = "net.ipv4.tcp_rto_max_ms"
)

// A segment with data is lost, and so is each that is sent again.
var lostData = lab.Lab{
	Name:  "lostdata",
	Title: "Lost data is sent again by a timer, until the kernel gives up with ETIMEDOUT",
	Look:  "the doubling waits for the timer, until write and read fail with ETIMEDOUT",
	Long: `The sender keeps what it has sent until an acknowledgement comes. If none comes in
time, the retransmission timeout (RTO) ends, and the sender's kernel sends the data
again. Each further time it waits twice as long. If nothing ever comes back, the kernel
gives up after the time that tcp_retries2 stands for, and the program's next call fails.
The lab lowers tcp_retries2, so that it is quick; with --forever the kernel's own limit
stays, which is more than 15 minutes.`,
	Why: `The RTO follows the measured round trip, but is never below tcp_rto_min_us, 200 ms:
the receiver may put off its acknowledgement, and that is no loss. When the timer runs
out, tcp_retransmit_timer (net/ipv4/tcp_timer.c) sends the oldest segment again and
doubles the timeout, so that a network that is too full gets less, and not more.

Before that it asks tcp_write_timeout whether to give up. tcp_retries2 is not compared
with a count: tcp_model_timeout turns N into the time of N+1 doubling timeouts from
200 ms on, and retransmits_timed_out compares it with the time since the first
retransmission. With the default, 15, that is 924.6 seconds, and one RTO before it.

tcp_write_err ends the socket with the error that ICMP messages have left in
sk_err_soft, or else with ETIMEDOUT. It sends nothing. So the other side stays
ESTABLISHED until it writes something itself, or has keepalive on.`,
	Try: []lab.Try{
		{Command: "lostdata --times 3", Says: "three copies are lost: the data arrives after 1.4 seconds"},
		{Command: "lostdata --retries 2", Says: "the number is 2, and the data is sent again three times"},
		{Command: "lostdata --forever --retries 3 --rto-max 1000", Says: "a cap of one second on the pause: more retransmissions in less time"},
		{Command: "fastretransmit", Says: "more data behind the lost segment makes the timer superfluous"},
		{Command: "lostfin", Says: "a FIN is sent again by the same timer"},
	},
	Knobs: []lab.Knob{
		lab.Number("times", 1, 1, 5, "how many times in a row the data is lost before it arrives"),
		lab.Switch("forever", "where it never arrives, wait until the kernel's own limit ends it"),
		lab.Turns("retries", "client:"+retries2, "the client's net.ipv4.tcp_retries2"),
		lab.Turns("rto-min", "client:"+rtoMin, "the client's net.ipv4.tcp_rto_min_us"),
		lab.Turns("rto-max", "client:"+rtoMax, "the client's net.ipv4.tcp_rto_max_ms"),
	},
	Sockopts: []string{"IP_RECVERR", "IPV6_RECVERR"},
	Claims: []lab.Claim{{
		ID:     "resent-after-rto",
		Text:   "Data that is not acknowledged is sent again when the retransmission timeout is over, with the same sequence number, and arrives as the first would have.",
		Source: "RFC 9293 §3.8.1, §3.10.8; net/ipv4/tcp_timer.c: tcp_retransmit_timer",
		Control: lab.Control{
			Says: "what is sent again is lost as well", Segment: "client:data again",
		},
	}, {
		ID:     "rto-doubles",
		Text:   "Each time that the same data is sent again, the next timeout is twice as long, up to the maximum.",
		Source: "RFC 6298 §5; net/ipv4/tcp_timer.c: tcp_retransmit_timer",
		Control: lab.Control{
			Says: "TCP_USER_TIMEOUT makes the kernel give up sooner", Before: "silent client:write", Do: tryBriefly,
		},
	}, {
		ID:     "retries2-is-a-count",
		Text:   "tcp_retries2 is the number of times that data is sent again.",
		Source: "tcp(7), tcp_retries2: “The maximum number of times a TCP packet is retransmitted in established state before giving up”",
		Myth:   true,
		Truth:  "It stands for a time: as long as N+1 timeouts last that start at 200 ms and double each time. That time is counted from the first retransmission, and the kernel gives up at the first timeout after its end (net/ipv4/tcp_timer.c: retransmits_timed_out, tcp_model_timeout).",
		Control: lab.Control{
			Says: "TCP_USER_TIMEOUT makes the kernel give up sooner", Before: "silent client:write", Do: tryBriefly,
		},
	}, {
		ID:     "gives-up-with-etimedout",
		Text:   "At the end of that time the kernel gives up: the socket is CLOSE, and the program's read fails with ETIMEDOUT.",
		Source: "tcp(7), Error handling; net/ipv4/tcp_timer.c: tcp_write_timeout, tcp_write_err",
		Control: lab.Control{
			Says: "tcp_retries2 is raised behind the story's back", Before: "silent client:write",
			// With 2 late timers may end it as soon as with 1.
			Do: func(s *lab.Script) { s.Client.SetSysctl(retries2, "3") },
		},
	}, {
		ID:     "peer-never-hears-of-it",
		Text:   "The kernel gives up and sends nothing: the server stays ESTABLISHED.",
		Source: "net/ipv4/tcp_timer.c: tcp_write_err",
		Control: lab.Control{
			Says: "the server closes meanwhile", Before: "silent client:write",
			Do: func(s *lab.Script) { s.Sock("silent server").Close() },
		},
	}, {
		ID:     "icmp-changes-the-error",
		Text:   "If an ICMP message has said meanwhile that the host is unreachable, the program gets EHOSTUNREACH in the end instead of ETIMEDOUT.",
		Source: "net/ipv4/tcp_ipv4.c: tcp_v4_err; net/ipv4/tcp_timer.c: tcp_write_err",
		Control: lab.Control{
			Says: "the message is lost with the data", Of: "bounced client", Segment: "client:data",
		},
	}, {
		ID:     "recverr-tells-at-once",
		Text:   "If the program has set IP_RECVERR, its next write fails with that error at once; the connection lives on, and the data is sent again and arrives.",
		Source: "tcp(7), Error handling; net/ipv4/tcp_ipv4.c: tcp_v4_err; net/ipv6/tcp_ipv6.c: tcp_v6_err",
		Control: lab.Control{
			Says: "the program takes the option back", Before: "told client:write", Do: func(s *lab.Script) { tellErrors(s.Sock("told client"), false) },
		},
	}},
	Script: func(s *lab.Script) {
		client, server := s.Connection()
		s.Part("The data is lost, and sent again")
		rto := client.RTO()
		first := client.Segment("hello")
		again := first.Lose(1)
		again.Lose(s.Int("times") - 1).Exchange()
		withoutProbe := s.Unless(s.Client.ProbesTail(), lab.TailLossProbe)
		read := server.Reads()
		withoutProbe.Expect("resent-after-rto",
			lab.SentAgain("sent again after", again, first, rto),
			lab.Is("seq", again.Seq, first.Seq),
			lab.Is("server reads", read, "hello"))

		s.StopIf(s.Client.Sysctl(thinTimeouts) != 0, lab.NoDoubling)
		client, server = s.Connection("silent")
		s.Part("It never arrives")
		if !s.On("forever") {
			s.Client.SetDefault(retries2, "1")
		}
		schedule := s.Client.DataSchedule(s.Client.Sysctl(retries2), client.RTO())
		tries := client.Segment("hello").Unanswered()
		withoutProbe.Expect("rto-doubles", lab.OnSchedule("sent", tries, schedule))
		retries := s.Client.Sysctl(retries2)
		s.Unless(len(schedule.Sends)-1 == retries, "the time happens to be that of as many retransmissions").
			UnlessSlow(tries.Late(schedule), lab.LateTimers).Expect("retries2-is-a-count",
			lab.Is("sent again", len(tries.Sent)-1, retries),
			lab.Seen("tcp_retries2", retries))
		s.Expect("gives-up-with-etimedout",
			lab.Is("client", client.State(), record.Close),
			lab.Is("read", client.Reads(), "ETIMEDOUT"),
			lab.GaveUp("last wait", tries, schedule))
		s.Expect("peer-never-hears-of-it",
			lab.Is("client sends", s.Wire.Of(client).Waiting(s.Client), "nothing"),
			lab.Is("server", server.State(), record.Established))

		client, _ = s.Connection("bounced")
		s.Part("It never arrives, and a router says why")
		s.Client.SetDefault(retries2, "0") // one retransmission, however long the timeout is
		schedule = s.Client.DataSchedule(s.Client.Sysctl(retries2), client.RTO())
		lost := client.Segment("hello")
		lost.Bounce(lab.HostUnreachable)
		tries = lost.Unanswered()
		s.Expect("icmp-changes-the-error",
			lab.Is("read", client.Reads(), "EHOSTUNREACH"),
			lab.GaveUp("last wait", tries, schedule))

		client, server = s.Connection("told")
		s.Part("A program that wants to be told")
		tellErrors(client, true)
		lost = client.Segment("hello")
		lost.Bounce(lab.HostUnreachable)
		outcome := client.TryWrite("!")
		lost.Retransmission().Deliver()
		read = server.Reads()
		s.Expect("recverr-tells-at-once",
			lab.Is("write", outcome, "EHOSTUNREACH"),
			lab.Is("client", client.State(), record.Established),
			lab.Is("server reads", read, "hello"))
	},
}

// tellErrors sets IP_RECVERR, or what it is called on IPv6.
func tellErrors(client *lab.Sock, on bool) {
	lab.SetIP(client, sockopt.IPRecvErr, sockopt.IPv6RecvErr, on)
}

// tryBriefly is a control: 300 ms after the first retransmission the kernel gives
// up.
func tryBriefly(s *lab.Script) { lab.Set(s.Sock("silent client"), sockopt.UserTimeout, 300) }
