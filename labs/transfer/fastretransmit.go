package transfer

import (
	"github.com/tcplab/tcplab/labs/lab"
)

const (
	sack       = "net.ipv4.tcp_sack"
	recovery   = "net.ipv4.tcp_recovery"
	reordering = "net.ipv4.tcp_reordering"
)

// noDupThresh is the bit of tcp_recovery that takes away the threshold of
// duplicate ACKs: TCP_RACK_NO_DUPTHRESH.
const noDupThresh = 4

// Of six segments the first is lost.
var fastRetransmit = lab.Lab{
	Name:  "fastretransmit",
	Title: "Three duplicate ACKs show that a segment is lost, long before a timer does",
	Look:  "three ACKs with the same number, and no wait before the segment goes again",
	Long: `The receiver can't acknowledge what follows a lost segment, but it answers each
segment that arrives out of order at once, with the same acknowledgement number as before:
a duplicate ACK. With SACK it also says which bytes have arrived beyond the hole. One
duplicate may mean that the network has changed the order. After three the sender considers
the first segment lost, and sends it again without waiting for its timer. The pauses of 300
ms stand for a long way: they give the connection its round-trip time.`,
	Why: `tcp_data_queue_ofo (net/ipv4/tcp_input.c) keeps what arrives beyond a hole, and the ACK
for it goes out at once (__tcp_ack_snd_check: the out-of-order queue isn't empty), with the
queue's ranges as SACK blocks.

On the sender tcp_rack_detect_loss (net/ipv4/tcp_recovery.c) decides by time: a segment is
lost if one that was sent later has arrived, and a reordering window has passed since then.
That window is a quarter of the least round-trip time. Once as many segments as
tcp_reordering says have arrived beyond the hole, tcp_rack_reo_wnd makes it 0: that is the
old rule of three duplicate ACKs. The value 0x4 in tcp_recovery switches that rule off;
then a short timer ends the window. Without SACK tcp_newreno_mark_lost counts the
duplicates.

Either way tcp_fastretrans_alert starts recovery: the lost segment goes out again, and the
congestion window shrinks to one half (reno; cubic: to 70 %), not to one segment as after a
timeout.`,
	Try: []lab.Try{
		{Command: "fastretransmit --sack 0", Says: "the duplicates are counted, and say nothing more"},
		{Command: "fastretransmit --recovery 5", Says: "no threshold: a short timer ends RACK's reordering window"},
		{Command: "tailloss", Says: "nothing comes after the lost segments, so there are no duplicates"},
		{Command: "reorder", Says: "the segment was not lost at all, but late"},
	},
	Knobs: []lab.Knob{
		lab.Turns("sack", "client:"+sack, "the client's net.ipv4.tcp_sack"),
		lab.Turns("recovery", "client:"+recovery, "the client's net.ipv4.tcp_recovery"),
	},
	Reads: []string{"client:" + reordering},
	Claims: []lab.Claim{{
		ID:     "third-duplicate-ack-resends",
		Text:   "The sender sends the lost segment again when the number of duplicate ACKs reaches tcp_reordering, 3 by default.",
		Source: "net/ipv4/tcp_recovery.c: tcp_rack_reo_wnd, tcp_newreno_mark_lost; Documentation/networking/ip-sysctl.rst: tcp_reordering",
		Control: lab.Control{
			Says: "the third duplicate ACK is lost", Segment: "server:ACK ack=6#4",
		},
	}, {
		ID:     "no-timer-was-needed",
		Text:   "The lost segment goes out again in answer to that ACK: no timer has run out.",
		Source: "net/ipv4/tcp_input.c: tcp_fastretrans_alert",
		Control: lab.Control{
			Says: "the threshold is taken away behind the story's back", Before: "client:write", Do: noThreshold,
		},
	}, {
		ID:     "sack-says-what-arrived",
		Text:   "Each duplicate ACK says by SACK which bytes have arrived beyond the hole.",
		Source: "net/ipv4/tcp_input.c: tcp_data_queue_ofo; net/ipv4/tcp_output.c: tcp_established_options",
		Control: lab.Control{
			Says: "the client does not offer SACK", Before: "client:connect",
			Do: func(s *lab.Script) { s.Client.SetSysctl(sack, "0") },
		},
	}, {
		ID:     "only-the-hole-is-resent",
		Text:   "One segment goes out again. What arrived beyond it was kept, and a single ACK covers all six.",
		Source: "RFC 9293 §3.10.7.4 (SHLD-31); net/ipv4/tcp_input.c: tcp_data_queue_ofo",
		Control: lab.Control{
			Says: "what is sent again is lost as well", Segment: "client:data again",
		},
	}, {
		ID:     "a-lost-segment-waits-for-the-timer",
		Text:   "A lost segment is sent again only when the retransmission timer runs out.",
		Source: "widely taught, as the way TCP recovers what is lost",
		Myth:   true,
		Truth:  "The timer is the last resort: where more data follows, acknowledgements show the loss within a round trip.",
		Control: lab.Control{
			Says: "the threshold is taken away behind the story's back", Before: "client:write", Do: noThreshold,
		},
	}},
	Script: func(s *lab.Script) {
		withSACK := s.Both(sack)
		threshold := max(1, s.Client.Sysctl(reordering))
		byCount := threshold <= 5 && !(withSACK && s.Client.Sysctl(recovery)&noDupThresh != 0)
		client, server := distantWithData(s, s.Server.Listen(80, 1), "client")
		needRoom(s, client, 7)

		s.Part("Six segments, and the first is lost")
		mss, wire := int(client.Info().SndMSS), s.Wire.Of(client)
		all := client.Segments(6)
		client.Idle(roundTrip)
		first := all[0].Drop()
		var again *lab.Segment
		var third lab.Answer
		duplicates := 0
		for _, d := range all[1:] {
			ack := d.Exchange()
			if again == nil {
				duplicates, third = duplicates+1, ack
				again = wire.Take("client:data again").Hold()
			}
		}
		atOnce := again != nil
		if !atOnce {
			again = wire.Retransmission("client:data")
		}
		counts := s.Unless(!byCount, "with these settings no number of duplicate ACKs is enough")
		counts.Expect("third-duplicate-ack-resends",
			lab.Is("duplicate ACKs", duplicates, threshold),
			lab.Is("seq sent again", again.Seq, first.Seq))
		counts.Expect("no-timer-was-needed", lab.Is("at once", atOnce, true))
		counts.Expect("a-lost-segment-waits-for-the-timer", lab.Is("waits for a timer", !atOnce, true))
		s.Unless(!withSACK, "one of the hosts does without SACK").Expect("sack-says-what-arrived",
			lab.Is("ack", third.First.Ack, first.Seq),
			lab.Is("sack", third.First.SACK, between(int(first.Seq), mss, (1+duplicates)*mss)))

		s.Part("The hole is filled")
		again.Carry()
		s.Expect("only-the-hole-is-resent",
			lab.Is("sent again", s.Client.Counter("RetransSegs"), 1),
			lab.Is("server has", server.Received(), 6*mss))
	},
}

// noThreshold is a control: no number of duplicate ACKs tells that a segment is lost.
func noThreshold(s *lab.Script) { s.Client.SetSysctl(recovery, "5") }
