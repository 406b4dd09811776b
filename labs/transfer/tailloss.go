package transfer

import (
	"time"

	"github.com/tcplab/tcplab/labs/lab"
)

const earlyRetrans = "net.ipv4.tcp_early_retrans"

// The last segments of what was written are lost.
var tailLoss = lab.Lab{
	Name:  "tailloss",
	Title: "A probe finds a lost tail before the retransmission timer does",
	Look:  "the probe (TLP) that comes sooner than the retransmission timer would",
	Long: `If the last segments are lost, nothing follows them: no duplicate ACK shows the
loss. The sender would have to wait for its retransmission timeout, which is 200 ms at
least. So Linux sends a tail loss probe (TLP) after some two round-trip times: the last
segment once more. The ACK for it says by SACK what is missing, and fast retransmit does
the rest. The lab loses the last two of three segments, with the probe and without. The
pause of 300 ms before the SYN arrives stands for a long way. The kernel reports the timer
of the probe as the retransmission timer.`,
	Why: `tcp_schedule_loss_probe (net/ipv4/tcp_output.c) sets the probe's timer instead of
the retransmission timer: to two smoothed round-trip times and 2 jiffies, or a little more
than the least retransmission timeout if only one segment is on its way, because its ACK
may be delayed. It is never set to more than what is left of the retransmission timeout. So
for a single segment on a fast path the probe comes no sooner than the timeout would; but
it is no timeout, and the congestion window stays.

tcp_send_loss_probe sends a segment that was not sent yet, if the window allows it, and
otherwise the last one again. If the answer says that something before it is missing,
tcp_rack_detect_loss (net/ipv4/tcp_recovery.c) considers that lost.`,
	Try: []lab.Try{
		{Command: "tailloss --early-retrans 0", Says: "no probes: both times the timeout finds it"},
		{Command: "fastretransmit", Says: "more segments after the lost one: no timer at all"},
		{Command: "lostdata", Says: "one segment, and nothing else on its way"},
	},
	Knobs: []lab.Knob{
		lab.Turns("early-retrans", "client:"+earlyRetrans, "the client's net.ipv4.tcp_early_retrans").Pin("3"),
	},
	Reads: []string{"client:" + sack},
	Claims: []lab.Claim{{
		ID:     "probe-comes-before-the-rto",
		Text:   "A timer that is shorter than the retransmission timeout makes the sender send the last segment again, and no timeout is counted.",
		Source: "net/ipv4/tcp_output.c: tcp_schedule_loss_probe, tcp_send_loss_probe",
		Control: lab.Control{
			Says: "the probe is switched off behind the story's back", Before: "client:write",
			Do: func(s *lab.Script) { s.Client.SetSysctl(earlyRetrans, "0") },
		},
	}, {
		ID:     "sack-shows-the-rest",
		Text:   "The ACK of the probe says by SACK that a segment before it is missing, and that is sent again at once.",
		Source: "net/ipv4/tcp_recovery.c: tcp_rack_detect_loss",
		Control: lab.Control{
			Says: "the ACK of the probe is lost", Segment: "server:ACK sack",
		},
	}, {
		ID:     "nothing-but-the-rto-finds-it",
		Text:   "If the last segments are lost, only the retransmission timeout finds it.",
		Source: "widely taught, from before tail loss probes",
		Myth:   true,
		Truth:  "With tcp_early_retrans, which is on by default, a tail loss probe does, some two round trips later.",
		Control: lab.Control{
			Says: "the probe is switched off behind the story's back", Before: "client:write",
			Do: func(s *lab.Script) { s.Client.SetSysctl(earlyRetrans, "0") },
		},
	}, {
		ID:     "without-tlp-the-rto",
		Text:   "Without the probe the retransmission timeout has to run out, and then the first lost segment is sent again.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_early_retrans; net/ipv4/tcp_timer.c: tcp_retransmit_timer",
		Control: lab.Control{
			Says: "the probe is switched on behind the story's back", Before: "late client:write",
			Do: func(s *lab.Script) { s.Client.SetSysctl(earlyRetrans, "3") },
		},
	}, {
		ID:     "a-repair-costs-half-the-window",
		Text:   "If the probe has brought what was lost, the first ACK of anything after it halves the congestion window, though no timeout and no duplicate ACK has told of the loss.",
		Source: "net/ipv4/tcp_input.c: tcp_process_tlp_ack",
		Control: lab.Control{
			Says: "the segment was only late, and arrives as well", Of: "lone client", Segment: "client:data again",
			Do: func(s *lab.Script) {
				client := s.Sock("lone client")
				client.Craft(lab.Craft{Flags: "PSH,ACK", Seq: 1, Ack: 1, Win: 500, Data: client.Full(1)}).Deliver()
				s.Wire.Of(client).Pass("server:ACK")
			},
		},
	}},
	Script: func(s *lab.Script) {
		// tail writes three segments and loses the last two. It returns them, the first
		// that is sent again, and what its timer would have if it were the
		// retransmission timeout.
		tail := func(client *lab.Sock) (all lab.Flight, again *lab.Segment, rto time.Duration) {
			all = client.Segments(3)
			all[1:].Drop()
			all[0].Deliver()
			s.Wire.Of(client).Pass("server:ACK")
			rto = client.RTO()
			return all, all[1].Retransmission(), rto
		}
		const noProbe = "the client sends no tail loss probe"
		probing := s.Client.ProbesTail() && s.Both(sack)
		probes := s.Unless(!probing, noProbe)
		listener := s.Server.Listen(80, 1)
		client, _ := distant(s, listener, "client")
		needRoom(s, client, 3)
		s.Part("The last two of three are lost")
		all, again, rto := tail(client)
		// What is sent again, and answered sooner than the least round-trip time, tells
		// the kernel nothing: the answer may be that to the first one (tcp_rack_advance).
		client.TimerBelow(client.RTO() - roundTrip*5/4)
		again.Exchange()
		rest := s.Wire.Of(client).IfAny("client:data again").Deliver()
		probes.Expect("probe-comes-before-the-rto",
			lab.Is("shorter", again.Timer.Left < rto, true),
			lab.Is("seq sent again", again.Seq, all[2].Seq),
			lab.Is("timeouts", s.Client.Counter("TCPTimeouts"), 0))
		probes.Expect("sack-shows-the-rest", lab.Is("at once", rest.Again, true))
		probes.Expect("nothing-but-the-rto-finds-it", lab.Is("timeouts", s.Client.Counter("TCPTimeouts"), 1))
		s.Wire.Of(client).Carry(client)
		if probing {
			repaired(s, listener)
		} else {
			s.Inapplicable(noProbe, "a-repair-costs-half-the-window")
		}

		s.Client.SetSysctl(earlyRetrans, "0")
		client, _ = distant(s, listener, "late client")
		s.Part("The same without the probe")
		all, again, rto = tail(client)
		again.Deliver()
		s.Expect("without-tlp-the-rto",
			lab.Left("timer", again.Timer, rto),
			lab.Is("seq sent again", again.Seq, all[1].Seq))
		s.Wire.Of(client).Carry(client)
	},
}

// repaired lets a probe bring the one segment that was lost.
func repaired(s *lab.Script, listener *lab.Sock) {
	client, _ := s.ConnectionTo(listener, "lone")
	s.Part("A single segment is lost, and the probe brings it")
	before := client.Cwnd()
	client.Segment(client.Full(1)).Lose(1).Deliver()
	client.Segment(client.Full(1)).Deliver() // before the ACK of the probe comes
	s.Wire.DeliverAll(s.Server)
	withReno(s).Expect("a-repair-costs-half-the-window",
		lab.Seen("cwnd before", before), lab.Is("cwnd", client.Cwnd(), before/2))
}
