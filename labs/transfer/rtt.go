package transfer

import (
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

const (
	minRTTWindow = "net.ipv4.tcp_min_rtt_wlen"
	pacingInSS   = "net.ipv4.tcp_pacing_ss_ratio"
)

// How a sender's timeout and its idea of the way come about.
var rtt = lab.Lab{
	Name:  "rtt",
	Title: "A sender times its acknowledgements, and its timeout follows",
	Look:  "the last wait is twice as long as the others: nothing has taken the doubling back",
	Long: `How long may a sender wait for an acknowledgement before it sends again? It measures how long
they took until now. srtt is the mean of the samples, in which each new one counts an eighth;
rttvar is how far they stray from it. The retransmission timeout is srtt and four times
rttvar, for which Linux takes 200 ms at least. An acknowledgement of data that was sent twice is no sample, for nobody knows which
copy it answers, unless timestamps tell. The lab makes one connection that is slow at first,
and two that lose a segment. TCP_INFO (ss -ti) has all these numbers, the least round trip,
and a rate that is worked out from them.`,
	Why: `tcp_rtt_estimator (net/ipv4/tcp_input.c) is Van Jacobson's of 1988, with integers: srtt_us
is kept times eight, mdev_us times four. The first sample R sets srtt to R and rttvar to R/2, so
that the timeout is 3R (RFC 6298 §2). The first sample is mostly the handshake's.

tcp_ack_update_rtt holds to Karn's algorithm: without timestamps no sample is taken of what was
sent twice (RFC 6298 §3). A sender whose timeout is too short would never learn better then,
because it sends everything twice. So the doubled timeout stays: only a sample sets icsk_backoff
to 0. With timestamps the echo tells which copy was answered, and there is always a sample.

tcp_update_rtt_min keeps the least of the last tcp_min_rtt_wlen seconds: what the way takes
without queues. tcp_update_pacing_rate works out how fast the window would be sent if it were
spread over a round trip, with some more, so that it can grow: tcp_pacing_ss_ratio per cent in
slow start. Only the qdisc fq and BBR obey it.`,
	Try: []lab.Try{
		{Command: "rtolimits", Says: "the least and the largest timeout, and when it does not double"},
		{Command: "metrics", Says: "a timeout that comes from an earlier connection"},
		{Command: "lostdata", Says: "the timeout at work"},
	},
	Claims: []lab.Claim{{
		ID:     "the-first-sample-counts-three-times",
		Text:   "The first sample is the mean, half of it the variation, and three times it the timeout.",
		Source: "RFC 6298 §2; net/ipv4/tcp_input.c: tcp_rtt_estimator",
		Control: lab.Control{
			Says: "a second, quick sample is taken before", Before: "listener:accept",
			Do: func(s *lab.Script) { s.Sock("distant").Send("sooner") },
		},
	}, {
		ID:     "a-new-sample-counts-an-eighth",
		Text:   "A later sample moves the mean by an eighth of the difference.",
		Source: "RFC 6298 §2; net/ipv4/tcp_input.c: tcp_rtt_estimator",
		Control: lab.Control{
			Says: "two samples are taken", Before: "distant:write",
			Do: func(s *lab.Script) { s.Sock("distant").Send("sooner") },
		},
	}, {
		ID:     "the-least-lasts-for-a-while",
		Text:   "min_rtt is the least sample of the last tcp_min_rtt_wlen seconds: with 300 it stays when the way gets longer, with 0 it is the last sample.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_min_rtt_wlen; net/ipv4/tcp_input.c: tcp_update_rtt_min",
		Control: lab.Control{
			Says: "it is 300 again", Before: "distant:write#3",
			Do: func(s *lab.Script) { s.Client.SetSysctl(minRTTWindow, "300") },
		},
	}, {
		ID:     "the-pace-is-a-part-more-than-the-window",
		Text:   "In slow start the pacing rate is tcp_pacing_ss_ratio per cent of a congestion window in each round trip.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_pacing_ss_ratio; net/ipv4/tcp_input.c: tcp_update_pacing_rate",
		Control: lab.Control{
			Says: "the program bounds it with SO_MAX_PACING_RATE", Before: "distant:write#3",
			Do: func(s *lab.Script) { lab.Set(s.Sock("distant"), sockopt.MaxPacingRate, 1000) },
		},
	}, {
		ID:     "what-was-sent-twice-is-no-sample",
		Text:   "Without timestamps the acknowledgement of a segment that was sent twice changes neither the mean nor the doubled timeout.",
		Source: "RFC 6298 §3; net/ipv4/tcp_input.c: tcp_ack_update_rtt",
		Control: lab.Control{
			Says: "the connection has timestamps", Before: "plain client:connect",
			Do: func(s *lab.Script) { s.Client.SetSysctl(timestamps, "1") },
		},
	}, {
		ID:     "an-ack-takes-the-doubling-back",
		Text:   "When data is acknowledged, the timeout is what it was before it was doubled.",
		Source: "widely taught, of exponential backoff",
		Myth:   true,
		Truth:  "Only a sample takes the doubling back. Without timestamps that is the acknowledgement of data that was sent once (net/ipv4/tcp_input.c: tcp_ack_update_rtt).",
		Control: lab.Control{
			Says: "the connection has timestamps", Before: "plain client:connect",
			Do: func(s *lab.Script) { s.Client.SetSysctl(timestamps, "1") },
		},
	}, {
		ID:     "timestamps-tell-which-copy",
		Text:   "With timestamps the acknowledgement of a segment that was sent twice is a sample, and takes the doubling back.",
		Source: "RFC 6298 §3; net/ipv4/tcp_input.c: tcp_ack_update_rtt",
		Control: lab.Control{
			Says: "the connection has no timestamps", Before: "stamped client:connect",
			Do: func(s *lab.Script) { s.Client.SetSysctl(timestamps, "0") },
		},
	}},
	Script: func(s *lab.Script) {
		s.StopIf(s.Client.ProbesTail(), lab.TailLossProbe)
		s.StopIf(s.Client.Sysctl(retries2) < 3, "with this tcp_retries2 the connection ends before")
		stamped := s.Both(timestamps)
		listener := s.Server.Listen(80, 16)

		client, _ := distant(s, listener, "distant")
		first := client.Info()
		s.Expect("the-first-sample-counts-three-times",
			lab.Is("rttvar is half of rtt", first.RTTVar == first.RTT/2, true),
			lab.Is("rto is three times rtt", about(first.RTO, 3*first.RTT), true))
		s.Part("A quick sample, and a slow one")
		took := lab.Took(func() { client.Send("hello") })
		second := client.Info()
		least := first.RTT * 7 / 8 // and of the new one, an eighth
		s.Expect("a-new-sample-counts-an-eighth",
			lab.Is("seven eighths are the old mean", second.RTT >= least-1 && int(second.RTT) <= int(least)+int(took.Microseconds())/8+1, true))
		// slowly is a sample of a full segment: that of a short one is taken for one of a
		// delayed ACK, which min_rtt leaves out.
		slowly := func() sockopt.TCPInfo {
			all := client.Segments(1)
			client.Idle(roundTrip)
			all.Exchange()
			return client.Info()
		}
		kept := slowly()
		s.Client.SetSysctl(minRTTWindow, "0")
		s.Client.SetSysctl(pacingInSS, "150")
		last := slowly()
		quick := lab.Is("stays below 300 ms", micro(kept.MinRTT) < roundTrip, true)
		s.Expect("the-least-lasts-for-a-while", quick, lab.Is("follows with 0", micro(last.MinRTT) >= roundTrip, true))
		withReno(s).Expect("the-pace-is-a-part-more-than-the-window",
			lab.Is("per cent", pace(kept), 200), lab.Is("per cent with the sysctl", pace(last), 150))

		// sentTwice is a connection before a lost segment, and when it is acknowledged at
		// last. Another one is lost then, to show how long the timeout is.
		sentTwice := func(name string) (before, after sockopt.TCPInfo) {
			client, _ := s.ConnectionTo(listener, name)
			before = client.Info()
			client.Segment("hello").Lose(1).Carry()
			after = client.Info()
			client.Segment("once more").Lose(1).Carry()
			return before, after
		}
		s.Part("Timestamps, and two segments that are lost")
		_, after := sentTwice("stamped")
		s.Unless(!stamped, "the connection has no timestamps").
			Expect("timestamps-tell-which-copy", lab.Is("times doubled", int(after.Backoff), 0))

		s.Part("The same without timestamps")
		s.Client.SetSysctl(timestamps, "0")
		before, after := sentTwice("plain")
		s.Expect("what-was-sent-twice-is-no-sample",
			lab.Is("rtt changes", after.RTT != before.RTT, false),
			lab.Is("times doubled", int(after.Backoff), 1))
		s.Expect("an-ack-takes-the-doubling-back", lab.Is("times doubled", int(after.Backoff), 0))
	},
}

// about reports whether a timeout is so many microseconds, or at most a jiffy more.
func about(timeout, us uint32) bool { return timeout >= us && micro(timeout-us) <= 10*time.Millisecond }

func micro(us uint32) time.Duration { return time.Duration(us) * time.Microsecond }

// pace is the pacing rate in per cent of a congestion window in each round trip.
func pace(i sockopt.TCPInfo) int {
	window := float64(i.SndCwnd) * float64(i.SndMSS)
	return int(100*float64(i.PacingRate)*micro(i.RTT).Seconds()/window + 0.5)
}
