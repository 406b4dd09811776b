package transfer

import (
	"strconv"
	"strings"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

const compSACK = "net.ipv4.tcp_comp_sack_nr"

// A receiver that runs out of memory for what it has taken.
var reneging = lab.Lab{
	Name:  "reneging",
	Title: "A receiver that is short of memory drops what it has acknowledged by SACK",
	Look:  "the SACK blocks before the hole is filled, and what the ACK says afterwards",
	Long: `A window counts bytes of data, and memory is taken by packets, which are larger. So a
receiver may have no memory for what is within the window that it has offered: here its
program makes the buffer smaller meanwhile. Then it must drop something. What is out of order
goes first, even if SACK has told the sender that it has arrived: a SACK is a hint, and only
the acknowledgement number is a promise. The sender has therefore to keep everything until
that number has passed it.`,
	Why: `tcp_try_rmem_schedule (net/ipv4/tcp_input.c) checks whether a packet fits the
buffer. If not, tcp_prune_queue makes room: it copies small packets together (tcp_collapse,
counted as TCPRcvCollapsed), and then tcp_prune_ofo_queue drops what waits beyond a hole,
the last first (OfoPruned). If that is not enough the new packet is dropped (RcvPruned, or
TCPOFODrop where it was out of order itself).

The sender notices when the acknowledgement number comes to a segment that was acknowledged
by SACK: the receiver could have gone on, so it no longer has that segment.
tcp_check_sack_reneging then sets a short timer, in case a late ACK shows the opposite.
When it runs out tcp_enter_loss forgets all SACKs, and everything is sent again. That is
counted as TCPSACKReneging.`,
	Try: []lab.Try{
		{Command: "zerowindow", Says: "the ordinary end of a full buffer: the window closes"},
		{Command: "window", Says: "why the window does not shrink with the buffer"},
		{Command: "fastretransmit", Says: "SACKs that hold"},
	},
	Sockopts: []string{"SO_RCVBUF", "SO_SNDBUF", "SO_LINGER"},
	Reads:    []string{"client:" + reordering},
	Claims: []lab.Claim{{
		ID:     "dropped-though-in-window",
		Text:   "Data in order and in the window is dropped if its packet does not fit the receive buffer.",
		Source: "net/ipv4/tcp_input.c: tcp_data_queue, tcp_try_rmem_schedule, tcp_prune_queue",
		Control: lab.Control{
			Says: "the program reads meanwhile", Of: "client", Segment: "client:data#4",
			Do: func(s *lab.Script) { s.Sock("server").Drain() },
		},
	}, {
		ID:     "what-is-out-of-order-goes-first",
		Text:   "To make room for data that is in order, the receiver drops data that it has acknowledged by SACK: its next ACK does not name that any more.",
		Source: "net/ipv4/tcp_input.c: tcp_prune_queue, tcp_prune_ofo_queue",
		Control: lab.Control{
			Says: "the buffer becomes larger before", Of: "distant client", Segment: "client:data#9",
			Do: func(s *lab.Script) { lab.Set(s.Sock("distant client server"), sockopt.RcvBuf, 100000) },
		},
	}, {
		ID:     "the-sender-has-kept-it",
		Text:   "When the acknowledgement number reaches such a segment, the sender waits for a moment and then sends it again.",
		Source: "net/ipv4/tcp_input.c: tcp_check_sack_reneging, tcp_enter_loss",
		Control: lab.Control{
			Says: "the ACK acknowledges all that was sent", Of: "distant client", Segment: "server:ACK#6", Change: lab.AckLess(1<<32 - 4*1448),
		},
	}, {
		ID:     "sacked-data-has-arrived",
		Text:   "Data that is acknowledged by SACK has arrived for good, and the sender may forget it.",
		Source: "widely taught, of selective acknowledgements",
		Myth:   true,
		Truth:  "The receiver may drop it until it is covered by the acknowledgement number (net/ipv4/tcp_input.c: tcp_prune_ofo_queue).",
		Control: lab.Control{
			Says: "the buffer becomes larger before", Of: "distant client", Segment: "client:data#9",
			Do: func(s *lab.Script) { lab.Set(s.Sock("distant client server"), sockopt.RcvBuf, 100000) },
		},
	}},
	Script: func(s *lab.Script) {
		s.StopIf(s.Client.ProbesTail(), lab.TailLossProbe)
		s.StopIf(s.Client.Sysctl(reordering) != 3 || s.Server.SysctlOr(compSACK, 0) > 0 || !s.Both(sack), "with these settings the story needs other numbers of segments")
		s.StopIf(s.Server.SysctlOr(shrinkWindow, 0) != 0, "with tcp_shrink_window the window shrinks with the buffer")
		client, server := s.Connection()
		needWindow(s, client, 20)
		lab.Set(client, sockopt.SndBuf, 65536)
		s.Part("The buffer becomes as small as can be, and segments come in order")
		lab.Set(server, sockopt.RcvBuf, 1)
		client.Write(client.Full(4))
		s.Wire.Pass("client:data", "client:data", "client:data", "client:data")
		s.Expect("dropped-though-in-window",
			lab.Is("server has all", server.Received() == len(client.Full(4)), false),
			lab.Is("RcvPruned", s.Server.Counter("RcvPruned"), 1))
		client.Abort()

		client, server = distant(s, s.Sock("listener"), "distant client")
		lab.Set(client, sockopt.SndBuf, 65536)
		s.Part("Six come out of order")
		lab.Set(server, sockopt.RcvBuf, 4000)
		all := client.Segments(8)
		client.Idle(roundTrip)
		all[:2].Hold()
		told := all[2:].Exchange().First.SACK                            // by the last ACK
		s.Wire.Of(client).Drop("client:data again", "client:data again") // the first two, which were only late

		s.Part("The first two come, and the second needs room")
		all[0].Exchange()
		all[1].Deliver()
		last := s.Wire.Of(client).Next("server:ACK").Deliver()
		sacked, _ := strconv.Atoi(told[strings.Index(told, "-")+1:])
		s.Expect("what-is-out-of-order-goes-first",
			lab.Seen("SACK before", told),
			lab.Seen("ACK afterwards", last.Ack),
			lab.Is("what SACK has named is acknowledged", int(last.Ack) >= sacked, false),
			lab.AtLeast("OfoPruned", s.Server.Counter("OfoPruned"), 1))
		s.Expect("sacked-data-has-arrived", lab.Is("it is acknowledged", int(last.Ack) >= sacked, true))
		again := all[0].TryRetransmission()
		s.Expect("the-sender-has-kept-it",
			lab.Is("sent again from the ACK on", again.Seq == last.Ack, true),
			lab.Is("TCPSACKReneging", s.Client.Counter("TCPSACKReneging"), 1))
	},
}
