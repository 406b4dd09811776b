package transfer

import (
	"strings"

	"github.com/tcplab/tcplab/labs/lab"
)

// Segments that overtake one another.
var reorder = lab.Lab{
	Name:  "reorder",
	Title: "A late segment costs nothing, if only few others overtake it",
	Look:  "duplicate ACKs that lead to no retransmission, and the one too many",
	Long: `A network may change the order of packets. The receiver keeps what arrives too
early, and says by SACK which bytes those are; when the late segment arrives, it
acknowledges all. The sender can't know whether a segment is late or lost. If it was
overtaken by one or two, the sender waits, for a quarter of the least round-trip time. If
three have overtaken it, the sender considers it lost and sends it again, needlessly. The
receiver says so (D-SACK: bytes that it had already), and the sender learns from it: it
undoes the reduction of its window, and waits for more segments the next time. The pauses
of 300 ms stand for a long way.`,
	Why: `tcp_data_queue_ofo (net/ipv4/tcp_input.c) keeps segments beyond a hole in a tree, and
tcp_ofo_queue moves them into the receive queue once the hole is filled.
tcp_rack_reo_wnd (net/ipv4/tcp_recovery.c) gives a late segment a quarter of the least
round-trip time, and no time at all once tcp_reordering segments, 3, have arrived beyond
the hole.

Data that the receiver had already is answered at once, and the first SACK block, below the
acknowledgement number, names it: tcp_dsack_set. On the sender tcp_check_dsack counts it,
and tcp_try_undo_recovery or tcp_try_undo_dsack gives the congestion window back.
tcp_check_sack_reordering raises the connection's own tcp_reordering to the distance that it
has seen, up to tcp_max_reordering.`,
	Try: []lab.Try{
		{Command: "fastretransmit", Says: "the segment is really lost"},
		{Command: "reorder --reordering 5", Says: "more patience: three overtake, and nothing is sent again"},
		{Command: "reorder --ipv6", Says: "the same on IPv6"},
	},
	Knobs: []lab.Knob{
		lab.Turns("reordering", "client:"+reordering, "the client's net.ipv4.tcp_reordering"),
	},
	Reads: []string{"client:" + recovery, "client:" + sack, "server:" + dsackKey, "client:" + maxReordering},
	Claims: []lab.Claim{{
		ID:     "out-of-order-is-kept",
		Text:   "What arrives beyond a hole is kept, and is acknowledged together with the late segment.",
		Source: "RFC 9293 §3.10.7.4 (SHLD-31); net/ipv4/tcp_input.c: tcp_data_queue_ofo, tcp_ofo_queue",
		Control: lab.Control{
			Says: "the segment that overtakes is lost", Segment: "client:data#2",
		},
	}, {
		ID:     "out-of-order-is-thrown-away",
		Text:   "The receiver throws away what arrives out of order, and it must be sent again.",
		Source: "widely taught, as go-back-N",
		Myth:   true,
		Truth:  "It keeps it, and the ACK for the late segment covers it.",
		Control: lab.Control{
			Says: "the segment that overtakes is lost", Segment: "client:data#2",
		},
	}, {
		ID:     "reordering-causes-no-retransmission",
		Text:   "A segment that fewer than tcp_reordering others have overtaken is not sent again, if it comes within a quarter of the least round-trip time.",
		Source: "net/ipv4/tcp_recovery.c: tcp_rack_reo_wnd; Documentation/networking/ip-sysctl.rst: tcp_reordering",
		Control: lab.Control{
			Says: "the client is less patient", Before: "client:socket",
			Do: func(s *lab.Script) { s.Client.SetSysctl(reordering, "1") },
		},
	}, {
		ID:     "three-overtake-and-it-is-sent-again",
		Text:   "When as many as tcp_reordering have overtaken it, the segment is sent again, though it is only late.",
		Source: "net/ipv4/tcp_recovery.c: tcp_rack_reo_wnd",
		Control: lab.Control{
			Says: "the client is more patient", Before: "late client:socket",
			Do: func(s *lab.Script) { s.Client.SetSysctl(reordering, "10") },
		},
	}, {
		ID:     "sack-and-dsack",
		Text:   "Each ACK names by SACK the bytes that have overtaken the late segment; for the needless copy it names bytes that are acknowledged already (D-SACK).",
		Source: "net/ipv4/tcp_input.c: tcp_sack_new_ofo_skb, tcp_dsack_set",
		Control: lab.Control{
			Says: "the needless copy is lost", Of: "late client", Segment: "client:data again",
		},
	}, {
		ID:     "a-copy-beyond-the-hole-is-told-of",
		Text:   "A second copy of what waits beyond the hole is thrown away, and the ACK names it twice: first as the copy (DSACK), then as part of what has arrived.",
		Source: "net/ipv4/tcp_input.c: tcp_data_queue_ofo, tcp_dsack_extend",
		Control: lab.Control{
			Says: "the server's tcp_dsack is 0", Before: "learning client:write",
			Do: func(s *lab.Script) { s.Server.SetSysctl(dsackKey, "0") },
		},
	}, {
		ID:     "patience-is-learned",
		Text:   "When a segment that was not sent again fills its hole late, the connection's own tcp_reordering becomes the distance that was seen, at most tcp_max_reordering.",
		Source: "net/ipv4/tcp_input.c: tcp_check_sack_reordering; Documentation/networking/ip-sysctl.rst: tcp_max_reordering",
		Control: lab.Control{
			Says: "the most is lowered behind the story's back", Before: "learning client:write",
			Do: func(s *lab.Script) { s.Client.SetSysctl(maxReordering, "4") },
		},
	}, {
		ID:     "a-copy-of-the-networks-changes-nothing",
		Text:   "If the network has copied an acknowledged segment, the DSACK that this leads to changes nothing: the client has sent nothing again.",
		Source: "net/ipv4/tcp_input.c: tcp_check_dsack, tcp_dsack_seen",
		Control: lab.Control{
			Says: "the server's tcp_dsack is 0", Before: "learning client:write",
			Do: func(s *lab.Script) { s.Server.SetSysctl(dsackKey, "0") },
		},
	}},
	Script: func(s *lab.Script) {
		patience := s.Client.Sysctl(reordering)
		s.StopIf(patience < 3 || patience > 8 || !s.Both(sack) || s.Client.Sysctl(recovery)&noDupThresh != 0,
			"with these settings the story needs other numbers of segments")
		// overtaken writes segments, of which all but the first arrive at once. It
		// returns that one, and what the last ACK says.
		overtaken := func(client *lab.Sock, others int) (late *lab.Segment, ack lab.Answer) {
			all := client.Segments(others + 1)
			client.Idle(roundTrip)
			return all[0].Hold(), all[1:].Exchange()
		}

		listener := s.Server.Listen(80, 1)
		client, server := distant(s, listener, "client")
		needRoom(s, client, 10)
		mss := int(client.Info().SndMSS)
		told := s.Unless(s.Server.Sysctl(dsackKey) == 0, "the server's tcp_dsack is 0")

		s.Part("Two overtake one")
		wire := s.Wire.Of(client)
		late, _ := overtaken(client, 2)
		again := wire.Take("client:data again")
		late.Deliver()
		all := server.Received() == 3*mss
		s.Expect("reordering-causes-no-retransmission", lab.Is("sent again", again != nil, false))
		s.Expect("out-of-order-is-kept", lab.Is("server has all", all, true))
		s.Expect("out-of-order-is-thrown-away", lab.Is("server has all", all, false))
		wire.Carry(client)
		server.TryReadSome(aLot)

		client, _ = distant(s, listener, "late client")
		s.Part("As many overtake one as tcp_reordering says")
		wire = s.Wire.Of(client)
		late, ack := overtaken(client, patience)
		again = wire.Take("client:data again")
		late.Deliver()
		wire.Pass("server:ACK")
		if again != nil {
			again.Deliver()
		}
		s.Expect("three-overtake-and-it-is-sent-again", lab.Is("sent again", again != nil, true))
		first, dsack := int(late.Seq), wire.IfAny("server:ACK").Deliver().SACK
		told.Expect("sack-and-dsack",
			lab.Is("SACK", ack.First.SACK, between(first, mss, (1+patience)*mss)),
			lab.Is("DSACK", dsack, between(first, 0, mss)))
		learn(s, listener, mss, told)
	},
}

const (
	dsackKey      = "net.ipv4.tcp_dsack"
	maxReordering = "net.ipv4.tcp_max_reordering"
)

// learn lets a segment come last of tcp_reordering and two more, of which but two have
// overtaken all that is missing: so none of these is taken for lost.
func learn(s *lab.Script, listener *lab.Sock, mss int, told lab.Condition) {
	most, missing := s.Client.Sysctl(maxReordering), s.Client.Sysctl(reordering)
	client, _ := distant(s, listener, "learning client")
	s.Part("Some are late, and two have overtaken all of them; the second comes twice")
	all := client.Segments(missing + 2)
	client.Idle(roundTrip)
	late, last := all[0], all[missing+1]
	all[:missing].Hold()
	all[missing:].Exchange()
	copied := last.Exchange().First.SACK
	late.Exchange() // with a hole behind it, so that it is acknowledged at once
	told.Expect("a-copy-beyond-the-hole-is-told-of",
		lab.Is("SACK", copied, between(int(last.Seq), 0, mss)+","+between(int(last.Seq), -mss, mss)))
	s.Expect("patience-is-learned", lab.Is("tcpi_reordering", int(client.Info().Reordering), min(missing+2, most)))

	s.Part("The first one comes once more")
	before, ignored := client.Cwnd(), s.Client.Counter("TCPDSACKIgnoredDubious")
	dup := late.Exchange().First
	told.Expect("a-copy-of-the-networks-changes-nothing",
		lab.Is("DSACK", strings.HasPrefix(dup.SACK, between(int(late.Seq), 0, mss)), true),
		lab.Is("cwnd changes", client.Cwnd() != before, false),
		lab.Is("TCPDSACKIgnoredDubious", s.Client.Counter("TCPDSACKIgnoredDubious")-ignored, 1))
}
