package transfer

import (
	"slices"

	"github.com/tcplab/tcplab/labs/lab"
)

// What is sent again is lost once more.
var lostAgain = lab.Lab{
	Name:  "lostagain",
	Title: "Duplicate ACKs repair a loss once; if they are too few, or the copy is lost, only the timer does",
	Look:  "where the client waits for its timer, and how the congestion window shrinks there",
	Long: `Fast retransmit needs duplicate ACKs, and those need segments that arrive after
the lost one. With too few of them the sender waits for its timer. The same happens when
the copy is lost as well: all that was on its way has arrived by then, and nothing is left
that could make the receiver send another ACK. And without SACK the sender learns of one
hole at a time: it fills the first, the acknowledgement for that names the next, and so
each hole costs a round trip.`,
	Why: `tcp_fastretrans_alert (net/ipv4/tcp_input.c) goes from Open to Disorder at the
first duplicate, to Recovery when a segment counts as lost, and to Loss at a timeout. A
timeout in each of these states has a counter of its own (tcp_retransmit_timer in
net/ipv4/tcp_timer.c): TCPSackFailures in Disorder, TCPSackRecoveryFail in Recovery,
TCPLossFailures in Loss; without SACK it is TCPRenoFailures and TCPRenoRecoveryFail. So a
network that loses the end of bursts can be told from one that loses copies as well.

With SACK the receiver names every block that it has, so all holes are known at once, and
as many are filled in a round trip as the congestion window allows. Without SACK
tcp_newreno_mark_lost counts duplicates, and marks one segment as lost. An ACK that covers
a part of what was on its way (a partial ACK) then marks the next.

In Loss the congestion window is one segment: tcp_enter_loss. That is what makes a timeout
cost more than Recovery, which halves the window.`,
	Try: []lab.Try{
		{Command: "fastretransmit", Says: "enough duplicates, and the copy arrives"},
		{Command: "tailloss", Says: "a probe that spares the timeout: the lab here has it turned off"},
		{Command: "spurious", Says: "a timeout that was a mistake"},
	},
	Reads: []string{"client:" + reordering, "client:" + recovery},
	Claims: []lab.Claim{{
		ID:     "too-few-duplicates-wait-for-the-timer",
		Text:   "Without SACK, fewer duplicate ACKs than tcp_reordering says lead to nothing: the timer sends the lost segment again, and the congestion window is one segment.",
		Source: "net/ipv4/tcp_recovery.c: tcp_newreno_mark_lost; net/ipv4/tcp_input.c: tcp_enter_loss; net/ipv4/tcp_timer.c: tcp_retransmit_timer",
		Control: lab.Control{
			Says: "two duplicates are enough", Before: "few client:socket",
			Do: func(s *lab.Script) { s.Client.SetSysctl(reordering, "2") },
		},
	}, {
		ID:     "copied-duplicates-do-not-count",
		Text:   "Without SACK, more duplicate ACKs than segments can have caused are no sign of a loss: the kernel treats them as copies.",
		Source: "net/ipv4/tcp_input.c: tcp_limit_reno_sacked, tcp_check_reno_reordering",
		Control: lab.Control{
			Says: "another segment is on its way", Before: "few client:write#2",
			Do: func(s *lab.Script) {
				client := s.Sock("few client")
				client.Write(client.Full(1))
			},
		},
	}, {
		ID:     "a-lost-copy-waits-for-the-timer",
		Text:   "If the copy that was sent after duplicate ACKs is lost too, the timer sends the next one, and the congestion window is one segment.",
		Source: "net/ipv4/tcp_timer.c: tcp_retransmit_timer; net/ipv4/tcp_input.c: tcp_enter_loss",
		Control: lab.Control{
			Says: "an acknowledgement of all comes at the same time", Of: "copy client", Segment: "client:data again#2",
			Do: allArrived("copy client"),
		},
	}, {
		ID:     "then-again-and-again",
		Text:   "What the acknowledgement of that next copy shows to be missing is sent again at once; if that is lost, it waits for the timer as well.",
		Source: "net/ipv4/tcp_input.c: tcp_process_loss; net/ipv4/tcp_timer.c: tcp_retransmit_timer",
		Control: lab.Control{
			Says: "the second hole is filled before", Of: "copy client", Segment: "client:data again#2", Do: thirdArrives("copy client"),
		},
	}, {
		ID:     "without-sack-one-hole-a-round-trip",
		Text:   "Without SACK the second hole is filled only when the acknowledgement of the first one's copy has come.",
		Source: "net/ipv4/tcp_recovery.c: tcp_newreno_mark_lost; net/ipv4/tcp_input.c: tcp_fastretrans_alert",
		Control: lab.Control{
			Says: "the second hole is filled before", Of: "plain client", Segment: "client:data again", Do: thirdArrives("plain client"),
		},
	}, {
		ID:     "sack-mends-all-holes-at-once",
		Text:   "With SACK both holes are filled in one round trip: both segments are sent again before either is acknowledged.",
		Source: "net/ipv4/tcp_recovery.c: tcp_rack_detect_loss; net/ipv4/tcp_output.c: tcp_xmit_retransmit_queue",
		Control: lab.Control{
			Says: "the client does without SACK", Before: "sack client:connect",
			Do: func(s *lab.Script) { s.Client.SetSysctl(sack, "0") },
		},
	}, {
		ID:     "a-lost-copy-with-sack-as-well",
		Text:   "With SACK, too, a lost copy waits for the timer if nothing arrives that was sent after it.",
		Source: "net/ipv4/tcp_recovery.c: tcp_rack_detect_loss; net/ipv4/tcp_timer.c: tcp_retransmit_timer",
		Control: lab.Control{
			Says: "an acknowledgement of all comes at the same time", Of: "sack client", Segment: "client:data again#3",
			Do: allArrived("sack client"),
		},
	}, {
		ID:     "sack-only-saves-bytes",
		Text:   "SACK only saves needless copies: holes are filled as fast without it.",
		Source: "widely taught, of selective acknowledgements",
		Myth:   true,
		Truth:  "Without SACK each hole of a window costs a round trip of its own (net/ipv4/tcp_recovery.c: tcp_newreno_mark_lost).",
		Control: lab.Control{
			Says: "the client does without SACK", Before: "sack client:connect",
			Do: func(s *lab.Script) { s.Client.SetSysctl(sack, "0") },
		},
	}},
	Script: func(s *lab.Script) {
		s.StopIf(s.Client.ProbesTail(), lab.TailLossProbe)
		needReno(s)
		s.StopIf(s.Client.Sysctl(reordering) != 3 || s.Client.Sysctl(maxReordering) < 3 || s.Client.Sysctl(recovery)&noDupThresh != 0 || !s.Both(sack),
			"with these settings the story needs other numbers of segments")
		listener := s.Server.Listen(80, 16)
		s.Client.SetSysctl(sack, "0")
		fewDuplicates(s, listener)
		lostCopy(s, listener)
		without := oneHole(s, listener)
		s.Client.SetSysctl(sack, "1")
		twoHoles(s, listener, without)
	},
}

// nearby makes a connection without SACK on which data has come, so that the next ACK is
// no window update.
func nearby(s *lab.Script, listener *lab.Sock, name string) *lab.Sock {
	client, server := s.ConnectionTo(listener, name)
	needRoom(s, client, 8)
	client.Send("hello")
	server.Read()
	return client
}

// lose writes segments, of which those that are named by their places are lost, and the
// others arrive: after a roundTrip, where the server is away. It returns the last one's
// ACK, and what the ACKs make the client send again.
func lose(s *lab.Script, client *lab.Sock, away bool, segments int, lost ...int) (ack lab.Answer, again lab.Flight) {
	all := client.Segments(segments)
	if away {
		client.Idle(roundTrip) // else RACK's timer is a jiffy or two: see distant
	}
	for i, d := range all {
		if slices.Contains(lost, i+1) {
			d.Drop()
			continue
		}
		ack = d.Exchange()
		again = append(again, s.Wire.Of(client).TakeAll("client:data again").Hold()...)
	}
	return ack, again
}

func fewDuplicates(s *lab.Script, listener *lab.Sock) {
	client := nearby(s, listener, "few")
	s.Part("Of three segments the first is lost, and its last duplicate ACK comes twice")
	ack, again := lose(s, client, false, 3, 1)
	few := len(again)
	ack.First.Deliver()
	wire := s.Wire.Of(client)
	sent := wire.Waiting(s.Client)
	if few == 0 && sent == "nothing" {
		wire.Retransmission("client:data").Deliver()
	}
	s.Expect("copied-duplicates-do-not-count", lab.Is("client sends", sent, "nothing"))
	s.Expect("too-few-duplicates-wait-for-the-timer",
		lab.Is("sent again after two", few, 0),
		lab.Is("cwnd", client.Cwnd(), 1),
		lab.Is("TCPRenoFailures", s.Client.Counter("TCPRenoFailures"), 1))
	wire.DeliverAll(s.Server)
}

func lostCopy(s *lab.Script, listener *lab.Sock) {
	client := nearby(s, listener, "copy")
	s.Part("Of six the first and the third are lost, and so is the copy of the first")
	_, again := lose(s, client, false, 6, 1, 3)
	wire := s.Wire.Of(client)
	again[0].Drop()
	next := wire.Retransmission("client:data")
	cwnd := client.Cwnd()
	next.Deliver()
	s.Expect("a-lost-copy-waits-for-the-timer",
		lab.Is("sent again by the timer", next.Seq == again[0].Seq, true),
		lab.Is("cwnd", cwnd, 1),
		lab.Is("TCPRenoRecoveryFail", s.Client.Counter("TCPRenoRecoveryFail"), 1))
	wire.Deliver("server:ACK")
	atOnce := wire.Take("client:data again")
	if atOnce != nil {
		atOnce.Lose(1).Deliver()
	}
	s.Expect("then-again-and-again",
		lab.Is("sent again at once", atOnce != nil, true),
		lab.Is("TCPLossFailures", s.Client.Counter("TCPLossFailures"), 1))
	wire.DeliverAll(s.Server)
}

// oneHole returns how many segments are sent again before any of them is acknowledged.
func oneHole(s *lab.Script, listener *lab.Sock) int {
	client := nearby(s, listener, "plain")
	s.Part("Of six the first and the third are lost")
	_, again := lose(s, client, false, 6, 1, 3)
	again[0].Exchange()
	second := s.Wire.Of(client).IfAny("client:data again")
	second.Exchange()
	s.Expect("without-sack-one-hole-a-round-trip",
		lab.Is("sent again by duplicates", len(again), 1),
		lab.Is("then", second.Again, true))
	return len(again)
}

// twoHoles is the same with SACK, and then the copies are lost.
func twoHoles(s *lab.Script, listener *lab.Sock, without int) {
	client, _ := distantWithData(s, listener, "sack client")
	wire := s.Wire.Of(client)
	s.Part("The same with SACK")
	_, again := lose(s, client, true, 6, 1, 3)
	s.Expect("sack-mends-all-holes-at-once", lab.Is("sent again", len(again), 2))
	s.Expect("sack-only-saves-bytes", lab.Is("sent again without SACK", without, len(again)))
	again.Drop()
	wire.Retransmission("client:data").Deliver()
	s.Expect("a-lost-copy-with-sack-as-well",
		lab.Is("cwnd", client.Cwnd(), 1),
		lab.Is("TCPSackRecoveryFail", s.Client.Counter("TCPSackRecoveryFail"), 1))
}

// allArrived is a control: all six segments after the first five bytes are acknowledged.
func allArrived(name string) func(*lab.Script) {
	return func(s *lab.Script) {
		client := s.Sock(name)
		client.Peer().Craft(lab.Craft{Flags: "ACK", Seq: 1, Ack: 6 + 6*int64(client.Info().SndMSS), Win: 500}).Deliver()
	}
}

// thirdArrives is a control: the third segment arrives, which the story has lost.
func thirdArrives(name string) func(*lab.Script) {
	return func(s *lab.Script) {
		client := s.Sock(name)
		client.Craft(lab.Craft{Flags: "ACK", Seq: 6 + 2*int64(client.Info().SndMSS), Ack: 1, Win: 500, Data: client.Full(1)}).Deliver()
		s.Wire.Of(client).Drop("server:ACK")
	}
}
