package transfer

import "github.com/tcplab/tcplab/labs/lab"

const (
	noMetrics  = "net.ipv4.tcp_no_metrics_save"
	noSsthresh = "net.ipv4.tcp_no_ssthresh_metrics_save"
)

// What a connection leaves to the next one to the same host.
var metrics = lab.Lab{
	Name:  "metrics",
	Title: "Linux remembers a destination, and the next connection begins with what it knows",
	Look:  "the last connection waits 0.7 s to send again, though its own round trips take no time",
	Long: `When a connection ends, Linux keeps what it has learned about the path to the other host:
the round-trip time, how much segments overtake each other, and if asked the threshold of
slow start. The next connection to that address begins with them. In the lab the round trips
of a connection take 300 ms; it loses a segment, and is closed. Those of the next one take no
time. Then the same again, with the threshold kept too, and the last connection loses a
segment, which shows how long its first timeout is. Other labs switch all this off
(tcp_no_metrics_save), so that no connection depends on an earlier one.`,
	Why: `tcp_update_metrics (net/ipv4/tcp_metrics.c) runs when a connection gets its last ACK in
LAST_ACK, or goes to TIME_WAIT (tcp_time_wait); one that is reset leaves nothing. It keeps an
entry for each pair of addresses, in a table of the network namespace; "ip tcp_metrics" shows
it. tcp_no_metrics_save stops only the writing: what is in the table stays, and is read.

tcp_init_metrics reads it when a handshake has ended. A SYN is small, says a comment there, so
its round trip is no good guess for segments of data. If the remembered time is longer than that
of the handshake, the first retransmission timeout is computed from it, as from a first sample.
The first one that data gives sets the timeout anew.

With the threshold one bad moment slowed down whoever came next: connections left slow start
early for no reason of their own. So tcp_no_ssthresh_metrics_save is 1 by default, and the
threshold is neither written nor read.`,
	Try: []lab.Try{
		{Command: "fastretransmit", Says: "the loss in full, with nothing remembered"},
		{Command: "slowstart", Says: "what the threshold is for"},
		{Command: "rtolimits", Says: "what else bounds the timeout"},
	},
	Reads:     []string{"client:" + reordering, "client:" + recovery},
	TimeWaits: 2,
	Claims: []lab.Claim{{
		ID:     "rtt-is-remembered",
		Text:   "The first retransmission timeout of a connection follows the round-trip time of an earlier one to the same address, if that is longer than the handshake took.",
		Source: "net/ipv4/tcp_metrics.c: tcp_update_metrics, tcp_init_metrics",
		Control: lab.Control{
			Says: "tcp_no_metrics_save is set before the first one closes", Before: "slow client:close", Do: saveNothing,
		},
	}, {
		ID:     "each-connection-starts-afresh",
		Text:   "A new connection knows nothing but what its own segments have shown.",
		Source: "widely taught, as slow start and the first retransmission timeout of RFC 6298",
		Myth:   true,
		Truth:  "On Linux it inherits the timeout, and more, from earlier connections to the same address (net/ipv4/tcp_metrics.c: tcp_init_metrics).",
		Control: lab.Control{
			Says: "tcp_no_metrics_save is set before the first one closes", Before: "slow client:close", Do: saveNothing,
		},
	}, {
		ID:     "no-save-is-no-forgetting",
		Text:   "tcp_no_metrics_save 1 stops only the writing: a connection that is made afterwards still uses what is there.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_no_metrics_save; net/ipv4/tcp_metrics.c: tcp_init_metrics",
		Control: lab.Control{
			Says: "it is set before the first one closes", Before: "slow client:close", Do: saveNothing,
		},
	}, {
		ID:     "a-loss-slows-the-next-one-down",
		Text:   "A connection that has met congestion makes the next one to the same address leave slow start early.",
		Source: "widely taught, of Linux's cache of metrics",
		Myth:   true,
		Truth:  "The threshold is not remembered, unless tcp_no_ssthresh_metrics_save is 0; before Linux 5.6 it was (commit 65e6d90168f3).",
		Control: lab.Control{
			Says: "tcp_no_ssthresh_metrics_save is 0 from the start", Before: "slow client:write", Do: saveThreshold,
		},
	}, {
		ID:     "the-threshold-can-be-remembered",
		Text:   "With tcp_no_ssthresh_metrics_save 0 the next connection begins with the threshold that the loss has left.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_no_ssthresh_metrics_save; net/ipv4/tcp_metrics.c: tcp_update_metrics, tcp_init_metrics",
		Control: lab.Control{
			Says: "it is 1 when the connection closes", Before: "slower client:close",
			Do: func(s *lab.Script) { s.Client.SetSysctl(noSsthresh, "1") },
		},
	}},
	Script: func(s *lab.Script) {
		s.StopIf(s.Client.Sysctl(reordering) != 3 || s.Client.Sysctl(recovery)&noDupThresh != 0 || !s.Both(sack), "with these settings the story needs other numbers of segments")
		needReno(s)
		s.Client.SetDefault(noMetrics, "0")
		s.StopIf(s.Client.Sysctl(noMetrics) != 0, "tcp_no_metrics_save is set")
		forgets := s.Unless(s.Client.SysctlOr(noSsthresh, 0) == 0, "the kernel remembers the threshold")
		const longer = "first timeout is longer than two slow round trips"
		listener := s.Server.Listen(80, 16)
		// congested has a connection with long round trips lose a segment, closes it, and
		// returns its threshold.
		congested := func(name string) (threshold int) {
			client, server := distantWithData(s, listener, name)
			needRoom(s, client, 7)
			s.Part("A segment is lost, and the connection is closed")
			all := client.Segments(6)
			client.Idle(roundTrip)
			all[0].Drop()
			all[1:].Exchange()
			s.Wire.Of(client).Carry(client)
			threshold = int(client.Info().SndSsthresh)
			client.Finish()
			server.TryReadSome(aLot)
			server.Finish()
			return threshold
		}

		congested("slow client")
		s.Part("The next one, whose round trips are quick")
		next, _ := s.ConnectionTo(listener, "next")
		slow, threshold := next.RTO() > 2*roundTrip, next.Info().SndSsthresh
		s.Expect("rtt-is-remembered", lab.Is(longer, slow, true))
		s.Expect("each-connection-starts-afresh", lab.Is(longer, slow, false))
		forgets.Expect("a-loss-slows-the-next-one-down", lab.Is("it begins with a threshold", threshold < infinite, true))

		s.Client.SetSysctl(noSsthresh, "0")
		left := congested("slower client")
		s.Part("The next one, with tcp_no_metrics_save")
		s.Client.SetSysctl(noMetrics, "1")
		last, _ := s.ConnectionTo(listener, "last")
		s.Expect("no-save-is-no-forgetting", lab.Is(longer, last.RTO() > 2*roundTrip, true))
		s.Expect("the-threshold-can-be-remembered", lab.Is("threshold", int(last.Info().SndSsthresh), left))
		s.StopIf(s.Client.ProbesTail(), lab.TailLossProbe)
		last.Segment("hello").Lose(1).Carry()
	},
}

// saveNothing and saveThreshold are controls.
func saveNothing(s *lab.Script)   { s.Client.SetSysctl(noMetrics, "1") }
func saveThreshold(s *lab.Script) { s.Client.SetSysctl(noSsthresh, "0") }
