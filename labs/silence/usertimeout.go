package silence

import (
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

const retries2 = "net.ipv4.tcp_retries2"

// How long the program lets its data wait for an acknowledgement.
var userTimeout = lab.Lab{
	Name:  "usertimeout",
	Title: "TCP_USER_TIMEOUT decides how long the kernel waits for a silent peer",
	Look:  "when the clock of the option begins to run",
	Long: `By default the kernel sends data again for some 15 minutes before it gives up. A program
that wants to know sooner sets TCP_USER_TIMEOUT, in milliseconds. The time begins with the
first retransmission, not with the write. Within it the data is sent again as always; when
it is over, the connection is. It takes the place of tcp_retries2, and of TCP_KEEPCNT for an
idle connection with keepalive: it can make these times shorter, and longer too.`,
	Why: `When the retransmission timer runs out, tcp_write_timeout (net/ipv4/tcp_timer.c)
decides whether to give up. It gives retransmits_timed_out the option's time, or, if there
is none, the time that follows from tcp_retries2. That function compares it with the time
since retrans_stamp: the first retransmission. So a first timeout, 200 ms or more, is added
to what the program has asked for.

So that the end comes when it should, tcp_clamp_rto_to_user_timeout cuts the last timeout
short. Without that, doubling timeouts would end up to twice as late.

On an idle connection tcp_keepalive_timer compares the option with the time since the
peer was last heard, and does not count probes. It only looks when a probe is due, so the
end comes with the first probe after the time is over, and never before one was sent.

RFC 5482 describes an option in segments by which both ends could tell each other their
user timeouts. Linux has never sent it: the peer knows nothing of the program's time.`,
	Try: []lab.Try{
		{Command: "lostdata --forever --retries 3", Says: "without the option tcp_retries2 decides"},
		{Command: "keepalive", Says: "without the option TCP_KEEPCNT decides"},
		{Command: "sockopt TCP_USER_TIMEOUT", Says: "all about the option"},
	},
	Sockopts: []string{"TCP_USER_TIMEOUT", "SO_KEEPALIVE", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT"},
	Claims: []lab.Claim{{
		ID:     "counted-from-first-retransmission",
		Text:   "The time begins with the first retransmission: one retransmission timeout passes before.",
		Source: "net/ipv4/tcp_timer.c: retransmits_timed_out, tcp_clamp_rto_to_user_timeout",
		Control: lab.Control{
			Says: "the program allows twice the time", Before: "client:write",
			Do: func(s *lab.Script) { lab.Set(s.Sock("client"), sockopt.UserTimeout, 2*briefly) },
		},
	}, {
		ID:     "bounds-unacked-data",
		Text:   "When TCP_USER_TIMEOUT is over and the data still not acknowledged, the connection ends, and read fails with ETIMEDOUT.",
		Source: "tcp(7), TCP_USER_TIMEOUT; net/ipv4/tcp_timer.c: tcp_write_timeout",
		Control: lab.Control{
			Says: "a RST ends it sooner", Before: "client:await",
			Do: func(s *lab.Script) { s.Sock("server").Craft(lab.Craft{Flags: "RST", Seq: 1}).Deliver() },
		},
	}, {
		ID:     "peer-is-not-told",
		Text:   "The kernel gives up and sends nothing: the server stays ESTABLISHED.",
		Source: "net/ipv4/tcp_timer.c: tcp_write_err",
		Control: lab.Control{
			Says: "the server's host loses power", Before: "client:await",
			Do: func(s *lab.Script) { vanish(s.Sock("server")) },
		},
	}, {
		ID:     "adds-to-retries2",
		Text:   "The kernel gives up at the end of TCP_USER_TIMEOUT or of tcp_retries2, whichever comes first.",
		Source: "widely taught: the option is a further limit",
		Myth:   true,
		Truth:  "If the option is set, tcp_retries2 does not count: a longer time outlives it (net/ipv4/tcp_timer.c: tcp_write_timeout).",
		Control: lab.Control{
			Says: "the option is not set", Before: "patient client:write", Do: unset("patient client"),
		},
	}, {
		ID:     "takes-the-place-of-keepcnt",
		Text:   "With keepalive the option takes the place of TCP_KEEPCNT: the connection ends when a probe is due and the peer was silent for that time, after one probe at least.",
		Source: "tcp(7), TCP_USER_TIMEOUT; net/ipv4/tcp_timer.c: tcp_keepalive_timer",
		Control: lab.Control{
			Says: "the option is not set", Before: "idle client:setsockopt#5", Do: unset("idle client"),
		},
	}},
	Script: func(s *lab.Script) {
		client, server := s.Connection()
		s.Part("The program allows 300 ms, and its data is lost")
		rto := client.RTO()
		lab.Set(client, sockopt.UserTimeout, briefly)
		again := client.Segment(greeting).Lose(1).Drop()
		then := client.TimeLeft()
		client.Await(record.Close)
		read := client.Reads()
		withoutProbe := s.Unless(s.Client.ProbesTail(), lab.TailLossProbe)
		thin := s.Client.Sysctl("net.ipv4.tcp_thin_linear_timeouts") != 0
		withoutProbe.Unless(thin, lab.NoDoubling).Expect("counted-from-first-retransmission",
			lab.Left("timer after the first time", again.Timer, rto),
			lab.Left("after the second", then, min(2*rto, briefly*time.Millisecond)))
		s.Expect("bounds-unacked-data",
			lab.Is("client", client.State(), record.Close),
			lab.Is("read", read, "ETIMEDOUT"))
		s.Expect("peer-is-not-told",
			lab.Is("client sends", s.Wire.Of(client).Waiting(s.Client), "nothing"),
			lab.Is("server", server.State(), record.Established))

		patient, _ := s.Connection("patient")
		s.Part("Another one allows more than tcp_retries2 does")
		s.Client.SetSysctl(retries2, "0")
		kernels := s.Client.DataSchedule(0, patient.RTO())
		lab.Set(patient, sockopt.UserTimeout, patiently)
		tries := patient.Segment(greeting).Unanswered()
		// A timer may be so late that the option's time is over when it runs out.
		late := tries.End >= patiently*time.Millisecond && len(tries.Sent) <= len(kernels.Sends)
		withoutProbe.UnlessSlow(late, lab.LateTimers).Expect("adds-to-retries2",
			lab.Seen("tcp_retries2", s.Client.Sysctl(retries2)),
			lab.Is("times that it is sent", len(tries.Sent), len(kernels.Sends)))

		idle, _ := s.Connection("idle")
		s.Part("A third one is idle, and asks for two keepalive probes")
		lab.Set(idle, sockopt.UserTimeout, 1500)
		probe(idle, 1, 1, 2)
		probes := s.Wire.Of(idle).LoseProbes("client:ACK")
		read = idle.Reads()
		s.Expect("takes-the-place-of-keepcnt",
			lab.Seen("TCP_KEEPCNT", lab.Get(idle, sockopt.KeepCnt)),
			lab.Is("probes", len(probes), 1),
			lab.Is("read", read, "ETIMEDOUT"))
	},
}

// The times that the programs allow, in milliseconds.
const (
	briefly   = 300
	patiently = 1000
)

// unset is a control: the program does not set the option.
func unset(name string) func(*lab.Script) {
	return func(s *lab.Script) { lab.Set(s.Sock(name), sockopt.UserTimeout, 0) }
}
