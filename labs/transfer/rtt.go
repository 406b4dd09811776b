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

// How a sender's timeout, min_rtt and pacing rate come about.
var rtt = lab.Lab{
	Name:  "rtt",
	Title: "A sender times round trips, and its retransmission timeout follows",
	Look:  "the last wait is twice as long as the others: nothing has taken the doubling back",
	Long: `How long may a sender wait for an acknowledgement before it sends again? It goes by how long
earlier ones took: each such sample is a round trip. srtt is their mean, in which a new sample
counts an eighth; rttvar is how far samples stray from it. The retransmission timeout is srtt
and four times rttvar, for which Linux takes 200 ms at least. An acknowledgement of data that
was sent twice is no sample, unless timestamps tell which copy it answers. The lab has one
connection whose round trips take 300 ms or no time, and two that lose segments, with
timestamps and without. TCP_INFO (ss -ti) has these numbers, and two more: the least round
trip, and the pacing rate, which follows from srtt and the congestion window.`,
	Why: `tcp_rtt_estimator (net/ipv4/tcp_input.c) is Van Jacobson's estimator of 1988, in integers:
srtt_us is kept times eight, mdev_us times four. The first sample R sets srtt to R and rttvar to
R/2, so that the timeout is 3R (RFC 6298 §2). It is usually the handshake's. What TCP_INFO and ss
call rttvar is mdev_us; the timeout takes the largest of the last round trip or so, and 200 ms
at least (tcp_rto_min).

tcp_ack_update_rtt holds to Karn's algorithm: without timestamps no sample is taken of what was
sent twice (RFC 6298 §3). A sender whose timeout is too short sends everything twice, and so
would never learn better. So the doubled timeout stays: only a sample sets icsk_backoff to 0.
With timestamps the echo tells which copy was answered, and there is always a sample.

tcp_update_rtt_min keeps the least of the last tcp_min_rtt_wlen seconds: what the path takes
without queues. tcp_update_pacing_rate works out how fast the window would be sent if it were
spread over a round trip, with some more, so that it can grow: tcp_pacing_ss_ratio per cent in
slow start. Segments are spaced by it only where the qdisc fq, BBR or SO_MAX_PACING_RATE asks
for it; everywhere it bounds what a sender gives the device at once (tcp_tso_autosize).`,
	Try: []lab.Try{
		{Command: "rtolimits", Says: "the least and the largest timeout, and when it does not double"},
		{Command: "metrics", Says: "a timeout that comes from an earlier connection"},
		{Command: "lostdata", Says: "the timeout at work"},
	},
	Reads: []string{"client:" + minRTTWindow, "client:" + pacingInSS, "client:" + thinTimeouts},
	Claims: []lab.Claim{{
		ID:     "the-first-sample-counts-three-times",
		Text:   "After the first sample R, srtt is R, rttvar R/2 and the timeout 3R, unless 2R is less than tcp_rto_min_us (200 ms).",
		Source: "RFC 6298 §2; net/ipv4/tcp_input.c: tcp_rtt_estimator",
		Control: lab.Control{
			Says: "a second, quick sample is taken before", Before: "listener:accept",
			Do: func(s *lab.Script) { s.Sock("distant").Send("sooner") },
		},
	}, {
		ID:     "a-new-sample-counts-an-eighth",
		Text:   "A later sample moves srtt by an eighth of the difference.",
		Source: "RFC 6298 §2; net/ipv4/tcp_input.c: tcp_rtt_estimator",
		Control: lab.Control{
			Says: "two samples are taken", Before: "distant:write",
			Do: func(s *lab.Script) { s.Sock("distant").Send("sooner") },
		},
	}, {
		ID:     "the-least-lasts-for-a-while",
		Text:   "min_rtt is the least round trip of the last tcp_min_rtt_wlen seconds: with 300 it stays when round trips get longer, with 0 it is the last one.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_min_rtt_wlen; net/ipv4/tcp_input.c: tcp_update_rtt_min",
		Control: lab.Control{
			Says: "it is 300 again", Before: "distant:write#3",
			Do: func(s *lab.Script) { s.Client.SetSysctl(minRTTWindow, "300") },
		},
	}, {
		ID:     "pacing-follows-the-window",
		Text:   "In slow start the pacing rate is tcp_pacing_ss_ratio per cent of a congestion window in each srtt.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_pacing_ss_ratio; net/ipv4/tcp_input.c: tcp_update_pacing_rate",
		Control: lab.Control{
			Says: "the program bounds it with SO_MAX_PACING_RATE", Before: "distant:write#3",
			Do: func(s *lab.Script) { lab.Set(s.Sock("distant"), sockopt.MaxPacingRate, 1000) },
		},
	}, {
		ID:     "what-was-sent-twice-is-no-sample",
		Text:   "Without timestamps the acknowledgement of a segment that was sent twice changes neither srtt nor the doubled timeout.",
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
		Truth:  "Only a sample takes the doubling back. Without timestamps there is none until data that was sent once is acknowledged (net/ipv4/tcp_input.c: tcp_ack_update_rtt).",
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
		keeps := s.Unless(s.Client.Sysctl(minRTTWindow) < 60, "tcp_min_rtt_wlen is shorter than this run may take")
		ratio := s.Client.Sysctl(pacingInSS)
		doubles := s.Unless(s.Client.Sysctl(thinTimeouts) != 0, lab.NoDoubling)
		listener := s.Server.Listen(80, 16)

		client, _ := distant(s, listener, "distant")
		first := client.Info()
		s.Unless(micro(2*first.RTT) < leastRTO(s.Client), "with this tcp_rto_min_us the timeout is longer").Expect("the-first-sample-counts-three-times",
			lab.Is("rttvar is half of rtt", first.RTTVar == first.RTT/2, true),
			lab.Is("rto is three times rtt", about(first.RTO, 3*first.RTT), true))
		s.Part("A quick sample, and a slow one")
		took := lab.Took(func() { client.Send("hello") })
		second := client.Info()
		least := first.RTT * 7 / 8 // and of the new one, an eighth
		s.Expect("a-new-sample-counts-an-eighth",
			lab.Is("seven eighths are the old mean", second.RTT >= least-1 && int(second.RTT) <= int(least)+int(took.Microseconds())/8+1, true))
		// slowly has a full segment take a roundTrip. The kernel takes the answer to a short
		// one for a delayed ACK, of which min_rtt takes no notice.
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
		keeps.Expect("the-least-lasts-for-a-while",
			lab.Is("stays below 300 ms", micro(kept.MinRTT) < roundTrip, true),
			lab.Is("follows with 0", micro(last.MinRTT) >= roundTrip, true))
		withReno(s).Expect("pacing-follows-the-window",
			lab.Is("per cent", pace(kept), ratio), lab.Is("per cent with the sysctl", pace(last), 150))

		// sentTwice has a connection lose a segment, and returns what it knew before and once
		// that was acknowledged. Another segment is lost then: its wait shows the timeout.
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
		doubles.Unless(!stamped, "the connection has no timestamps").
			Expect("timestamps-tell-which-copy", lab.Is("times doubled", int(after.Backoff), 0))

		s.Part("The same without timestamps")
		s.Client.SetSysctl(timestamps, "0")
		before, after := sentTwice("plain")
		doubles.Expect("what-was-sent-twice-is-no-sample",
			lab.Is("rtt changes", after.RTT != before.RTT, false),
			lab.Is("times doubled", int(after.Backoff), 1))
		doubles.Expect("an-ack-takes-the-doubling-back", lab.Is("times doubled", int(after.Backoff), 0))
	},
}

// about reports whether a timeout is so many microseconds, or at most a jiffy more.
func about(timeout, us uint32) bool { return timeout >= us && micro(timeout-us) <= 10*time.Millisecond }

// pace is the pacing rate in per cent of a congestion window in each srtt.
func pace(i sockopt.TCPInfo) int {
	window := float64(i.SndCwnd) * float64(i.SndMSS)
	return int(100*float64(i.PacingRate)*micro(i.RTT).Seconds()/window + 0.5)
}
