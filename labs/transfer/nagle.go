package transfer

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

// Two small writes, one after the other.
var nagle = lab.Lab{
	Name:  "nagle",
	Title: "A second small write waits until the first is acknowledged",
	Look:  "the second small write, which leaves only when the first is acknowledged",
	Long: `A program that writes a little, and then a little more, would send many small
segments. Nagle's algorithm holds a small segment back as long as another one is not
acknowledged, and collects what is written meanwhile. If the other side delays its
acknowledgement, each waits for the other: some 40 ms on Linux. TCP_NODELAY sends at once;
one writev, or one write of all, does not need it. TCP_CORK holds back a segment that is
not full even if nothing is on its way.`,
	Why: `tcp_nagle_test (net/ipv4/tcp_output.c) decides for each segment that could go
out. A full one always goes. A smaller one waits while an earlier small one is not
acknowledged (tcp_minshall_check), unless TCP_NODELAY is set. There is no timer: the ACK
lets it go, whenever that comes.

TCP_CORK has no timer of its own either. With nothing on its way and something to send,
tcp_check_probe_timer (include/net/tcp.h) starts the timer of window probes, and the
first probe carries what is held back. So a corked segment waits for a retransmission
timeout, which grows with the round-trip time, and for 200 ms at least
(tcp_probe0_base).

The usual cure is to write a request whole. TCP_NODELAY without that costs a segment
for each write.`,
	Try: []lab.Try{
		{Command: "delack", Says: "the other half of the 40 ms: an ACK that is delayed"},
		{Command: "nagle --ipv6", Says: "the same on IPv6"},
		{Command: "sockopt TCP_NODELAY", Says: "what the option does, and how to set it in Go"},
	},
	Sockopts: []string{"TCP_NODELAY", "TCP_CORK"},
	Claims: []lab.Claim{{
		ID:     "second-small-write-waits",
		Text:   "Without TCP_NODELAY the second of two small writes is not sent before the first is acknowledged.",
		Source: "RFC 9293 §3.7.4; net/ipv4/tcp_output.c: tcp_nagle_check",
		Control: lab.Control{
			Says: "TCP_NODELAY is set", Before: "client:write",
			Do: func(s *lab.Script) { lab.Set(s.Sock("client"), sockopt.NoDelay, true) },
		},
	}, {
		ID:     "nagle-waits-200-ms",
		Text:   "Nagle's algorithm holds data back for a fixed time, some 200 ms.",
		Source: "widely taught, because the other side may delay its ACK for that long",
		Myth:   true,
		Truth:  "It has no timer. The acknowledgement of what was sent before lets the data go, at once.",
		Control: lab.Control{
			Says: "the acknowledgement is lost", Segment: "server:ACK ack=3",
		},
	}, {
		ID:     "nodelay-sends-both",
		Text:   "With TCP_NODELAY each write is sent at once.",
		Source: "RFC 9293 §3.7.4 (MUST-17); tcp(7), TCP_NODELAY",
		Control: lab.Control{
			Says: "the option is switched off again", Before: "client:write#3",
			Do: func(s *lab.Script) { lab.Set(s.Sock("client"), sockopt.NoDelay, false) },
		},
	}, {
		ID:     "one-writev-needs-neither",
		Text:   "One writev of both pieces is one segment, which is sent at once: without TCP_NODELAY, and without waiting.",
		Source: "net/ipv4/tcp_output.c: tcp_minshall_check",
		Control: lab.Control{
			Says: "the program has just written something else", Before: "client:writev",
			Do: func(s *lab.Script) { s.Sock("client").Write("x") },
		},
	}, {
		ID:     "cork-holds-a-part-segment",
		Text:   "With TCP_CORK a segment that is not full waits though nothing is on its way, and the timer of window probes sends it: after a retransmission timeout, and 200 ms at least.",
		Source: "net/ipv4/tcp_output.c: tcp_nagle_check, tcp_write_wakeup; include/net/tcp.h: tcp_check_probe_timer, tcp_probe0_base",
		Control: lab.Control{
			Says: "the cork is pulled out before the write", Before: "client:write#5",
			Do: func(s *lab.Script) { lab.Set(s.Sock("client"), sockopt.Cork, false) },
		},
	}, {
		ID:     "uncorking-sends-it",
		Text:   "When TCP_CORK is switched off, what it has held back is sent at once.",
		Source: "tcp(7), TCP_CORK",
		Control: lab.Control{
			Says: "another small write was sent, and is not acknowledged", Before: "client:write#6",
			Do: func(s *lab.Script) {
				client := s.Sock("client")
				lab.Set(client, sockopt.Cork, false)
				client.Write("x")
				lab.Set(client, sockopt.Cork, true)
			},
		},
	}},
	Script: func(s *lab.Script) {
		client, _ := s.Connection()
		s.Part("Two small writes")
		client.Write("ab", "cd")
		before := s.Wire.Waiting(s.Client)
		s.Wire.Pass("client:data", "server:ACK")
		after := s.Wire.DeliverAll(s.Client)
		s.Expect("second-small-write-waits",
			lab.Is("client sends", before, "PSH,ACK"),
			lab.Is("after the ACK", after, "PSH,ACK"))
		s.Expect("nagle-waits-200-ms", lab.Is("after the ACK", after, "nothing"))
		s.Wire.Carry(client)

		s.Part("The same with TCP_NODELAY")
		lab.Set(client, sockopt.NoDelay, true)
		client.Write("ab", "cd")
		s.Expect("nodelay-sends-both", lab.Is("client sends", s.Wire.DeliverAll(s.Client), "PSH,ACK PSH,ACK"))
		s.Wire.Carry(client)
		lab.Set(client, sockopt.NoDelay, false)

		s.Part("The same in one call")
		client.Writev("ab", "cd")
		both := s.Wire.Next("client:data")
		both.Carry()
		s.Expect("one-writev-needs-neither", lab.Is("bytes", both.Len, 4))

		s.StopIf(s.Client.Sysctl(retries2) == 0, "with tcp_retries2 0 the kernel gives up before a cork's timer sends")
		s.Part("A cork")
		lab.Set(client, sockopt.Cork, true)
		client.Write("ab")
		s.Expect("cork-holds-a-part-segment",
			lab.Is("client sends", s.Wire.Waiting(s.Client), "nothing"),
			lab.Is("timer", client.TimeLeft().Timer, "probe"),
			lab.Left("left", client.TimeLeft(), max(client.RTO(), kernelsRTOMin)))
		s.Wire.Probe("client:data").Carry()
		client.Write("cd")
		held := s.Wire.Waiting(s.Client)
		lab.Set(client, sockopt.Cork, false)
		s.Expect("uncorking-sends-it",
			lab.Is("client sends", held, "nothing"),
			lab.Is("uncorked", s.Wire.DeliverAll(s.Client), "PSH,ACK"))
		s.Wire.Carry(client)
	},
}
