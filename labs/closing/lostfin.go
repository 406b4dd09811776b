package closing

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// The first FIN is lost, and so is each that is sent again.
var lostFIN = lab.Lab{
	Name:  "lostfin",
	Title: "A FIN without an answer is sent again, until the kernel gives up",
	Look:  "how often the FIN is sent again, and what is left of the socket",
	Long: `After close(2) no program holds the connection any more. It is an orphan, and
the kernel alone makes sure that the FIN arrives. Without an acknowledgement it sends the
FIN again, each time after twice the pause, and then gives up silently. tcp_orphan_retries
decides when. With --shutdown the program keeps its descriptor: then the rule is the one
for data, tcp_retries2, and the program learns of the failure. Either way the server gets
no segment and stays ESTABLISHED.`,
	Why: `At each timeout tcp_retransmit_timer calls tcp_write_timeout, which decides
whether to give up (both in net/ipv4/tcp_timer.c). The limit is tcp_orphan_retries for an
orphan and tcp_retries2 otherwise, and neither is a count. tcp_model_timeout turns it into
a time, that of N+1 doubling timeouts from 200 ms on, and retransmits_timed_out compares
that with the time since the first retransmission. tcp_write_err then leaves ETIMEDOUT for
the program that holds the socket. It sends nothing.

So after close nobody learns that the last data was lost. A program that has to know
calls shutdown, reads until the other side has closed as well, and then calls close.
The server learns nothing either: it stays ESTABLISHED unless it writes or has
keepalive on.

If an ICMP error arrived in between, the program that still holds the socket gets
that error instead of ETIMEDOUT (tcp_write_err takes sk_err_soft first).

Orphans belong to no process, and each may take some 64 KB of memory. Beyond
tcp_max_orphans the kernel resets them at once
(Documentation/networking/ip-sysctl.rst).`,
	Try: []lab.Try{
		{Command: "lostfin --retries 3", Says: "the FIN is sent again four times, not three"},
		{Command: "lostfin --shutdown", Says: "the program learns of it: its read fails with ETIMEDOUT"},
		{Command: "lostfin --shutdown --retries2 3", Says: "the same number means the same time, in another sysctl"},
		{Command: "lostfin --retries 0", Says: "0, the kernel's default, means 8: this takes 107 seconds"},
	},
	Knobs: []lab.Knob{
		lab.Turns("retries", "client:"+orphanRetries, "the client's net.ipv4.tcp_orphan_retries; 0 takes 107 seconds").Pin("1"),
		lab.Switch("shutdown", "shut the connection down instead of closing it: then --retries2 decides"),
		lab.Turns("retries2", "client:net.ipv4.tcp_retries2", "the client's net.ipv4.tcp_retries2, for --shutdown; 15, the kernel's own, takes 15 minutes").Pin("1"),
	},
	Check: func(a lab.Args) error {
		switch {
		case a["retries2"] != "" && !a.On("shutdown"):
			return lab.Refuse("retries2", a["retries2"], "it goes with --shutdown")
		case a["retries"] != "" && a.On("shutdown"):
			return lab.Refuse("retries", a["retries"], "with --shutdown it is --retries2 that decides")
		}
		return nil
	},
	Claims: []lab.Claim{{
		ID:     "fin-retransmitted-with-backoff",
		Text:   "The kernel sends the FIN again when the retransmission timeout is over, and then waits twice as long each time.",
		Source: "RFC 9293 §3.10.8; RFC 6298 §5; net/ipv4/tcp_timer.c: tcp_retransmit_timer",
		Control: lab.Control{
			Says: "TCP_USER_TIMEOUT makes the kernel give up sooner", Before: "client:close", Do: tryBriefly,
		},
	}, {
		ID:     "orphan-retries-is-a-count",
		Text:   "tcp_orphan_retries is the number of times that the FIN is sent again.",
		Source: "tcp(7), tcp_orphan_retries: “the maximum number of attempts”",
		Myth:   true,
		Truth:  "It stands for a time: as long as N+1 timeouts last that start at 200 ms and double each time. That time is counted from the first retransmission, and the kernel gives up at the first timeout after its end (net/ipv4/tcp_timer.c: retransmits_timed_out, tcp_model_timeout).",
		When:   isOrphan,
		Control: lab.Control{
			Says: "TCP_USER_TIMEOUT makes the kernel give up sooner", Before: "client:close", Do: tryBriefly,
		},
	}, {
		ID:     "gives-up-silently",
		Text:   "In the end the client's socket is gone without a RST, and the server is still ESTABLISHED.",
		Source: "net/ipv4/tcp_timer.c: tcp_write_err",
		Control: lab.Control{
			Says: "the server closes as well", Before: "client:close",
			Do: func(s *lab.Script) { s.Sock("server").Close() },
		},
	}, {
		ID:     "program-gets-etimedout",
		Text:   "A program that still holds the socket gets ETIMEDOUT, if no ICMP error came in between.",
		Source: "tcp(7), Error handling; net/ipv4/tcp_timer.c: tcp_write_err",
		When:   func(a lab.Args) bool { return a.On("shutdown") },
		Control: lab.Control{
			Says: "somebody else reads the error first", Args: lab.Args{"shutdown": "1"}, Before: "client:read",
			Do: func(s *lab.Script) { s.Sock("client").TryRead() },
		},
	}, {
		ID:     "waits-twice-the-last-timeout",
		Text:   "After the last FIN the kernel waits once more, twice as long as before it (but never longer than its longest timeout), and only then gives up.",
		Source: "net/ipv4/tcp_timer.c: tcp_retransmit_timer, tcp_write_timeout",
		Control: lab.Control{
			Says: "TCP_USER_TIMEOUT makes the kernel give up sooner", Before: "client:close", Do: tryBriefly,
		},
	}, {
		ID:     "zero-means-eight",
		Text:   "tcp_orphan_retries 0 means 8.",
		Source: "net/ipv4/tcp_timer.c: tcp_orphan_retries",
		When:   func(a lab.Args) bool { return isOrphan(a) && a["retries"] == "0" },
		Control: lab.Control{
			Says: "TCP_USER_TIMEOUT makes the kernel give up sooner", Args: lab.Args{"retries": "0"}, Before: "client:close", Do: tryBriefly,
		},
	}},
	Script: tellLostFIN,
}

const orphanRetries = "net.ipv4.tcp_orphan_retries"

func isOrphan(a lab.Args) bool { return !a.On("shutdown") }

// tryBriefly is a control: 300 ms after the first retransmission the kernel gives up.
func tryBriefly(s *lab.Script) { lab.Set(s.Sock("client"), sockopt.UserTimeout, 300) }

func tellLostFIN(s *lab.Script) {
	client, server := s.Connection()
	rto := client.RTO()

	schedule := s.Client.OrphanSchedule(s.Client.Sysctl(orphanRetries), rto)
	if s.On("shutdown") {
		s.Part("The client shuts the connection down, and its FIN is lost every time")
		schedule = s.Client.DataSchedule(s.Client.Sysctl("net.ipv4.tcp_retries2"), rto)
		client.Shutdown()
	} else {
		s.Part("The client closes, and its FIN is lost every time")
		client.Close()
	}
	wire := s.Wire.Of(client)
	tries := wire.Unanswered("client:FIN,ACK")
	again := len(tries.Sent) - 1
	s.Unless(s.Client.ProbesTail(), lab.TailLossProbe).Expect("fin-retransmitted-with-backoff",
		lab.OnSchedule("sent", tries, schedule),
		lab.Seen("sent again", again))
	s.Expect("waits-twice-the-last-timeout", lab.GaveUp("last wait", tries, schedule))
	s.Expect("gives-up-silently",
		lab.Is("client", client.State(), record.Close),
		lab.Is("client sends", wire.Waiting(s.Client), "nothing"),
		lab.Is("server", server.State(), record.Established))

	if s.On("shutdown") {
		s.Expect("program-gets-etimedout", lab.Is("client's read", client.Reads(), "ETIMEDOUT"))
		return
	}
	retries := s.Client.Sysctl(orphanRetries)
	s.Unless(len(schedule.Sends)-1 == retries, "the time happens to be that of as many retransmissions").
		UnlessSlow(tries.Late(schedule), lab.LateTimers).Expect("orphan-retries-is-a-count",
		lab.Is("sent again", again, retries),
		lab.Seen("tcp_orphan_retries", retries))
	if !s.Given("retries") || retries != 0 {
		return
	}
	eight := s.Client.DataSchedule(8, rto)
	s.Unless(s.Client.ProbesTail(), lab.TailLossProbe).
		Unless(len(schedule.Sends) != len(eight.Sends), "the timeout reaches its maximum before that, and from then on 0 means 0").
		Expect("zero-means-eight", lab.OnSchedule("sent", tries, eight), lab.Seen("sent again", again))
}
