package transfer

import (
	"slices"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

const (
	timestamps = "net.ipv4.tcp_timestamps"
	frto       = "net.ipv4.tcp_frto"
)

// A timeout though nothing is lost.
var spurious = lab.Lab{
	Name:  "spurious",
	Title: "A sender notices that it has sent something again needlessly, and undoes the effect",
	Look:  "what the client sends after the ACK that follows its timeout: new data, or the same again",
	Long: `A retransmission timeout means that no acknowledgement came in time, not that
anything is lost. If the network has held everything up for a moment, all of it arrives
afterwards, and what a timeout does is needless: the smallest congestion window, and all
that was on its way sent once more. So Linux looks for signs that it was mistaken.
Timestamps show it in the first acknowledgement: that echoes the time of the first copy,
not of the second. Without them it sends new data after that acknowledgement (F-RTO), and
the next one shows it.`,
	Why: `tcp_enter_loss (net/ipv4/tcp_input.c) considers all that is in flight lost, and
keeps in undo_marker, prior_cwnd and prior_ssthresh what it needs to take that back.

In tcp_process_loss tcp_try_undo_loss makes two tests at each new acknowledgement.
tcp_packet_delayed compares the echoed timestamp with the time at which the first segment
was sent again: an earlier one answers the first copy, so that had arrived (the Eifel
algorithm). That takes one acknowledgement.

F-RTO is for connections without timestamps. The first acknowledgement may belong to either
copy. So tcp_process_loss lets new data go instead of the next old segment, where there is
any. If the next acknowledgement is for a segment that was never sent again
(FLAG_ORIG_SACK_ACKED), the first copies do arrive. Either way tcp_undo_cwnd_reduction
gives the congestion window back, and no segment counts as lost any more.`,
	Try: []lab.Try{
		{Command: "lostdata", Says: "a timeout that was right"},
		{Command: "reorder", Says: "the same mistake without a timeout, found by a DSACK"},
		{Command: "slowstart", Says: "what a timeout does to the congestion window"},
	},
	Sockopts: []string{"SO_LINGER"},
	Reads:    []string{"client:" + reordering, "client:" + recovery, "server:" + dsackKey},
	Claims: []lab.Claim{{
		ID:     "the-echo-tells",
		Text:   "With timestamps the first acknowledgement after the timeout, if it echoes the time of the first copy, gives the congestion window back.",
		Source: "net/ipv4/tcp_input.c: tcp_process_loss, tcp_try_undo_loss, tcp_packet_delayed",
		Control: lab.Control{
			Says: "the client has neither timestamps nor F-RTO", Before: "stamped client:connect", Do: noSigns,
		},
	}, {
		ID:     "a-timeout-sends-all-again",
		Text:   "After a timeout the client sends again all that was on its way.",
		Source: "widely taught, as go-back-N",
		Myth:   true,
		Truth:  "Only the first segment. What the acknowledgements then say decides: if the timeout was a mistake, nothing more is sent again (net/ipv4/tcp_input.c: tcp_process_loss).",
		Control: lab.Control{
			Says: "the client has neither timestamps nor F-RTO", Before: "stamped client:connect", Do: noSigns,
		},
	}, {
		ID:     "frto-sends-new-data",
		Text:   "Without timestamps the first acknowledgement after a timeout makes the client send new data, and nothing again.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_frto; net/ipv4/tcp_input.c: tcp_process_loss",
		Control: lab.Control{
			Says: "tcp_frto is 0", Before: "plain client:write",
			Do: func(s *lab.Script) { s.Client.SetSysctl(frto, "0") },
		},
	}, {
		ID:     "the-second-ack-tells",
		Text:   "If the acknowledgement after that is for a segment that was not sent again, the congestion window is given back.",
		Source: "net/ipv4/tcp_input.c: tcp_process_loss, tcp_clean_rtx_queue",
		Control: lab.Control{
			Says: "the second segment was lost indeed", Of: "plain client", Segment: "client:data#2",
		},
	}, {
		ID:     "without-both-it-goes-on",
		Text:   "With neither timestamps nor F-RTO the first acknowledgement makes the client send the next segments again, though they arrive.",
		Source: "net/ipv4/tcp_input.c: tcp_process_loss",
		Control: lab.Control{
			Says: "tcp_frto is set to 2", Before: "late client:write",
			Do: func(s *lab.Script) { s.Client.SetSysctl(frto, "2") },
		},
	}, {
		ID:     "the-echo-ends-a-recovery",
		Text:   "After duplicate ACKs the client has sent one of two late segments again. With timestamps the acknowledgement of its first copy ends the recovery: the other is not sent again, and the threshold is given back.",
		Source: "net/ipv4/tcp_input.c: tcp_try_undo_partial, tcp_packet_delayed",
		Control: lab.Control{
			Says: "the client has no timestamps", Before: "hasty client:connect", Do: noSigns,
		},
	}, {
		ID:     "a-dsack-takes-it-back",
		Text:   "Without timestamps the client notices a needless fast retransmit when the receiver reports the copy (D-SACK): then the threshold is restored.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_dsack; net/ipv4/tcp_input.c: tcp_try_undo_dsack",
		Control: lab.Control{
			Says: "the server's tcp_dsack is 0", Before: "dsack client:write",
			Do: func(s *lab.Script) { s.Server.SetSysctl(dsackKey, "0") },
		},
	}},
	Script: func(s *lab.Script) {
		s.StopIf(s.Client.ProbesTail(), lab.TailLossProbe)
		needReno(s)
		stamped := s.Both(timestamps)
		listener := s.Server.Listen(80, 16)
		// delayed opens a connection whose first segments are all held up until a timer
		// has sent the first again, and then arrive: so many of them. It returns what
		// the client sends after each one's acknowledgement, and its congestion window.
		delayed := func(name string, arrive int) (sent []string, before, after int) {
			client, _ := s.ConnectionTo(listener, name)
			needRoom(s, client, 6)
			before = client.Cwnd()
			wire, late := s.Wire.Of(client), client.Segments(3)
			late.Hold()
			late[0].Retransmission().Hold()
			client.Write(client.Full(1)) // which has to wait
			for _, d := range late[:arrive] {
				d.Exchange()
				what := "nothing"
				if next := wire.Take("client:data again"); next != nil {
					what = "data again"
					next.Drop()
				} else if next := wire.Take("client:data"); next != nil {
					what = "new data"
					late = append(late, next.Hold())
				}
				sent = append(sent, what)
			}
			after = client.Cwnd()
			late[arrive:].Exchange()
			wire.Carry(client)
			return sent, before, after
		}

		s.Part("Timestamps")
		if stamped {
			sent, before, after := delayed("stamped", 1)
			s.Expect("the-echo-tells", lab.Seen("cwnd before", before), lab.Is("cwnd given back", after >= before, true), lab.Seen("client sends", sent[0]))
			s.Expect("a-timeout-sends-all-again", lab.Is("client sends", sent[0], "data again"))
			endedByEcho(s, listener)
		} else {
			s.Inapplicable("the connection has no timestamps", "the-echo-tells", "a-timeout-sends-all-again", "the-echo-ends-a-recovery")
		}

		s.Client.SetSysctl(timestamps, "0")
		s.Part("No timestamps, but F-RTO")
		s.Client.SetSysctl(frto, "2")
		sent, before, after := delayed("plain", 2)
		s.Expect("frto-sends-new-data", lab.Is("client sends after the first ACK", sent[0], "new data"))
		s.Expect("the-second-ack-tells", lab.Seen("cwnd before", before), lab.Is("cwnd given back", after >= before, true))

		s.Part("Neither")
		s.Client.SetSysctl(frto, "0")
		sent, _, _ = delayed("late", 1)
		s.Expect("without-both-it-goes-on", lab.Is("client sends after the first ACK", sent[0], "data again"))
		endedByDSACK(s, listener)
	},
}

// hasty writes six segments to a distant server, of which three, with those that are
// late by their places, make the client send the first again. It returns them, and that.
func hasty(s *lab.Script, listener *lab.Sock, name string, late ...int) (client *lab.Sock, all lab.Flight, again *lab.Segment) {
	client, _ = distant(s, listener, name)
	needRoom(s, client, 6)
	s.Part("Segments are late, and three have overtaken the first")
	all = client.Segments(6)
	client.Idle(roundTrip)
	for i, d := range all {
		if i == 5 || slices.Contains(late, i) || again != nil {
			d.Hold()
			continue
		}
		d.Exchange()
		again = s.Wire.Of(client).Take("client:data again")
	}
	return client, all, again
}

// endedByEcho lets the first of two late segments arrive while only it was sent again.
func endedByEcho(s *lab.Script, listener *lab.Sock) {
	client, all, again := hasty(s, listener, "hasty client", 0, 2)
	reduced := client.Info().SndSsthresh < infinite
	all[0].Exchange()
	other := s.Wire.Of(client).Take("client:data again")
	quick(s).Expect("the-echo-ends-a-recovery",
		lab.Is("sent again", again != nil, true),
		lab.Is("threshold reduced", reduced, true),
		lab.Is("the other is sent again", other != nil, false),
		lab.Is("threshold given back", client.Info().SndSsthresh == infinite, true))
	client.Abort()
}

// endedByDSACK lets the late segment arrive, all others, and then the needless copy.
func endedByDSACK(s *lab.Script, listener *lab.Sock) {
	tells := s.Server.Sysctl(dsackKey) != 0
	client, all, again := hasty(s, listener, "dsack client", 0)
	append(all[4:], all[0]).Exchange() // with a hole, or filling one, each is acknowledged at once
	reduced := client.Info().SndSsthresh < infinite
	if again != nil {
		again.Exchange()
	}
	quick(s).Unless(!tells, "the server's tcp_dsack is 0").
		Unless(client.Info().Options&sockopt.OptSACK == 0, "a SYN cookie without timestamps does without SACK").
		Expect("a-dsack-takes-it-back",
			lab.Is("threshold reduced", reduced, true),
			lab.Is("threshold given back", client.Info().SndSsthresh == infinite, true))
}

// quick are claims about a fast retransmit after three duplicates.
func quick(s *lab.Script) lab.Condition {
	return s.Unless(s.Client.Sysctl(reordering) != 3 || s.Client.Sysctl(recovery)&noDupThresh != 0 || !s.Both(sack),
		"with these settings no three duplicates are enough")
}

// noSigns is a control: a client that can't see that its timeout was a mistake.
func noSigns(s *lab.Script) {
	s.Client.SetSysctl(timestamps, "0")
	s.Client.SetSysctl(frto, "0")
}
