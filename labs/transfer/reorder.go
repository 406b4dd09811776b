package transfer

import (
	"github.com/tcplab/tcplab/labs/lab"
)

// Segments that overtake one another.
var reorder = lab.Lab{
	Name:  "reorder",
	Title: "Segments that are overtaken cost nothing, if few overtake them",
	Look:  "duplicate ACKs that lead to no retransmission, and the one too many",
	Long: `A network may change the order of packets. The receiver keeps what arrives too early,
and tells by SACK which bytes those are; when the late segment arrives, it acknowledges
all. The sender can't know whether a segment is late or lost. If it was overtaken by one or
two, the sender waits, for a quarter of the least round-trip time. If three have overtaken it, the sender takes it for lost and sends it
again, needlessly. The receiver says so (DSACK: bytes that it had already), and the sender
learns from it: it takes its window's reduction back, and is more patient from then on.`,
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
		{Command: "fastretransmit", Says: "the segment is lost indeed"},
		{Command: "reorder --reordering 5", Says: "more patience: three overtake, and nothing is sent again"},
		{Command: "reorder --ipv6", Says: "the same on IPv6"},
	},
	Knobs: []lab.Knob{
		lab.Turns("reordering", "client:"+reordering, "the client's net.ipv4.tcp_reordering"),
	},
	Reads: []string{"client:" + recovery, "client:" + sack},
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
		Text:   "Each ACK names by SACK what has overtaken; for the needless copy it names bytes that are acknowledged already (DSACK).",
		Source: "net/ipv4/tcp_input.c: tcp_sack_new_ofo_skb, tcp_dsack_set",
		Control: lab.Control{
			Says: "the needless copy is lost", Of: "late client", Segment: "client:data again",
		},
	}},
	Script: func(s *lab.Script) {
		if r := s.Client.Sysctl(reordering); r < 3 || r > 8 || s.Client.Sysctl(sack) == 0 || s.Server.Sysctl(sack) == 0 || s.Client.Sysctl(recovery)&noDupThresh != 0 {
			s.Inapplicable("with these settings the story needs other numbers of segments", "out-of-order-is-kept", "out-of-order-is-thrown-away",
				"reordering-causes-no-retransmission", "three-overtake-and-it-is-sent-again", "sack-and-dsack")
			return
		}
		// overtaken writes segments, of which all but the first arrive at once. It
		// returns that one, and what the last ACK says.
		overtaken := func(client *lab.Sock, others int) (late, ack *lab.Segment) {
			wire := s.Wire.Of(client)
			client.Write(full(client, others+1))
			client.Idle(roundTrip)
			late = wire.Next("client:data").Hold()
			for range others {
				wire.Pass("client:data")
				if now := wire.Take("server:ACK"); now != nil {
					ack = now
					ack.Deliver()
				}
			}
			return late, ack
		}
		listener := s.Server.Listen(80, 1)
		client, server := distant(s, listener, "client")
		if noRoom(s, client, 10, "out-of-order-is-kept", "out-of-order-is-thrown-away", "reordering-causes-no-retransmission",
			"three-overtake-and-it-is-sent-again", "sack-and-dsack") {
			return
		}
		mss := int(client.Info().SndMSS)

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

		threshold := s.Client.Sysctl(reordering)
		client, _ = distant(s, listener, "late client")
		s.Part("As many overtake one as tcp_reordering says")
		wire = s.Wire.Of(client)
		late, ack := overtaken(client, threshold)
		again = wire.Take("client:data again")
		late.Deliver()
		wire.Pass("server:ACK")
		s.Expect("three-overtake-and-it-is-sent-again", lab.Is("sent again", again != nil, true))
		dsack := ""
		if again != nil {
			again.Deliver()
			if answer := wire.Take("server:ACK"); answer != nil {
				answer.Deliver()
				dsack = answer.SACK
			}
		}
		first := int(late.Seq)
		s.Expect("sack-and-dsack",
			lab.Is("SACK", ack.SACK, between(first, mss, (1+threshold)*mss)),
			lab.Is("DSACK", dsack, between(first, 0, mss)))
	},
}
