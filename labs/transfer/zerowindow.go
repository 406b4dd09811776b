package transfer

import (
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

const ratelimit = "net.ipv4.tcp_invalid_ratelimit"

// A reader that stops reading.
var zeroWindow = lab.Lab{
	Name:  "zerowindow",
	Title: "A reader that stops closes the window, and the writer probes it for as long as it is answered",
	Look:  "win=0 from the reader, and the probes of the writer",
	Long: `Each acknowledgement says how many more bytes the receiver has room for: its window.
If the program does not read, the buffer fills up and the window becomes 0. The sender
must stop, and wait for an acknowledgement that opens the window again. That one may be
lost, so from time to time the sender probes: it sends a segment that must be answered.
As long as answers come, this goes on for ever.`,
	Why: `With nothing on its way and data that the window keeps back, tcp_check_probe_timer
(include/net/tcp.h) sets the probe timer to the retransmission timeout. tcp_send_probe0
(net/ipv4/tcp_output.c) sends an ACK with the number below the next one: the receiver
has had it, and answers with its present window. Each pause is twice the one before, but
tcp_retries2 bounds the doublings.

tcp_probe_timer (net/ipv4/tcp_timer.c) gives up after tcp_retries2 probes without an
answer. Here the sysctl is a count, and each ACK resets it (tcp_ack_probe). RFC 9293
demands that the connection stays open as long as answers come. TCP_USER_TIMEOUT is
stronger: it counts from the first probe, answers or not.

A receiver answers at most one such segment in tcp_invalid_ratelimit, 500 ms; the lab
sets it to 0, so that the answers don't depend on the pauses.`,
	Try: []lab.Try{
		{Command: "buffers", Says: "what the writer's program sees: write takes no more"},
		{Command: "zerowindow --sysctl server:net.ipv4.tcp_invalid_ratelimit=500", Says: "the second answer is skipped: TCPACKSkippedSeq"},
		{Command: "lostdata", Says: "silence instead of answers: the connection ends"},
	},
	Sockopts: []string{"SO_RCVBUF", "SO_SNDBUF", "TCP_USER_TIMEOUT"},
	Windows:  true,
	Claims: []lab.Claim{{
		ID:     "window-goes-to-zero",
		Text:   "When the receiver's buffer is full it acknowledges with a window of 0, and the sender sends no more.",
		Source: "RFC 9293 §3.8.6.1; net/ipv4/tcp_output.c: tcp_select_window",
		Control: lab.Control{
			Says: "the receive buffer is larger", Before: "client:connect",
			Do: func(s *lab.Script) { lab.Set(s.Sock("listener"), sockopt.RcvBuf, 65536) },
		},
	}, {
		ID:     "probes-back-off",
		Text:   "The first probe comes after a retransmission timeout, and each pause is twice the one before, as many times as tcp_retries2 says.",
		Source: "RFC 9293 §3.8.6.1 (SHLD-29) (SHLD-30); net/ipv4/tcp_output.c: tcp_send_probe0",
		Control: lab.Control{
			Says: "TCP_USER_TIMEOUT shortens the third pause", Before: "client:write",
			Do: func(s *lab.Script) { lab.Set(s.Sock("client"), sockopt.UserTimeout, 700) },
		},
	}, {
		ID:     "probes-for-ever-while-answered",
		Text:   "As long as probes are answered, their number is unlimited: tcp_retries2 does not count.",
		Source: "RFC 9293 §3.8.6.1 (MUST-37); net/ipv4/tcp_timer.c: tcp_probe_timer",
		Control: lab.Control{
			Says: "the server closes with unread data", Segment: "server:ACK win=0#4", Do: closeUnread,
		},
	}, {
		ID:     "stalled-reader-times-out",
		Text:   "A connection whose reader does not read ends after a while.",
		Source: "widely taught, of TCP's timeouts in general",
		Myth:   true,
		Truth:  "It stays ESTABLISHED as long as the receiver's kernel answers the probes; only the programs can end it.",
		Control: lab.Control{
			Says: "the server closes with unread data", Segment: "server:ACK win=0#4", Do: closeUnread,
		},
	}, {
		ID:     "window-update-resumes",
		Text:   "When the program reads, the receiver's kernel sends an ACK that opens the window, and the sender goes on at once.",
		Source: "net/ipv4/tcp.c: tcp_cleanup_rbuf; net/ipv4/tcp_input.c: tcp_ack_update_window",
		Control: lab.Control{
			Says: "the window update is lost", Segment: "server:ACK ack=4285-4345 win=1-65535",
		},
	}, {
		ID:     "user-timeout-kills-it-all-the-same",
		Text:   "With TCP_USER_TIMEOUT the connection ends that long after the first probe, though every probe is answered.",
		Source: "tcp(7), TCP_USER_TIMEOUT; net/ipv4/tcp_timer.c: tcp_probe_timer",
		Control: lab.Control{
			Says: "the option is taken back", Before: "bounded client:write",
			Do: func(s *lab.Script) { lab.Set(s.Sock("bounded client"), sockopt.UserTimeout, 0) },
		},
	}},
	Script: func(s *lab.Script) {
		s.Server.SetDefault(ratelimit, "0")
		s.Client.SetDefault(retries2, "2")
		retries := s.Client.Sysctl(retries2)
		s.StopIf(retries == 0, "with tcp_retries2 0 the kernel gives up before it probes")
		s.StopIf(!s.Server.KeepsHalfOpen(), "with tcp_syncookies 2 the window is no multiple of the segments, and does not close altogether")
		needWaiting(s, s.Client)
		listener := s.Server.Listen(80, 1)
		lab.Set(listener, sockopt.RcvBuf, 4096)
		stalled := func(bound int, name ...string) (client, server *lab.Sock) {
			client, server = s.ConnectionTo(listener, name...)
			if bound > 0 {
				lab.Set(client, sockopt.UserTimeout, bound)
			}
			lab.Set(client, sockopt.SndBuf, 65536)
			client.Write(strings.Repeat("x", muchMore))
			return client, server
		}

		s.Part("The server does not read")
		client, server := stalled(0)
		wire := s.Wire.Of(client)
		all := wire.Carry(client)
		rto := max(client.RTO(), kernelsRTOMin)
		timer, first := client.Timer()
		s.Expect("window-goes-to-zero",
			lab.Is("all is sent", all, false),
			lab.Is("window", int(client.Info().SndWnd), 0),
			lab.Is("timer", timer, "probe"))
		probe := func() lab.TimeLeft {
			wire.Probe("client:ACK").Exchange()
			return client.TimeLeft()
		}
		second := probe()
		third := probe()
		s.Expect("probes-back-off",
			lab.Left("first after", first, rto), lab.Left("second after", second, 2*rto),
			lab.Left("third after", third, rto<<min(2, retries)))
		probe()
		s.Expect("probes-for-ever-while-answered",
			lab.Is("client", client.State(), record.Established),
			lab.Seen("probes", 3), lab.Seen("tcp_retries2", retries))
		s.Expect("stalled-reader-times-out", lab.Is("client", client.State(), record.Close))

		s.Part("The server reads")
		server.Drain()
		wire.Deliver("server:ACK")
		resumed := wire.DeliverAll(s.Client) != "nothing"
		s.Expect("window-update-resumes", lab.Is("client sends", resumed, true))
		wire.Carry(client)

		s.Part("The same with TCP_USER_TIMEOUT")
		client, _ = stalled(300, "bounded")
		wire = s.Wire.Of(client)
		wire.Carry(client)
		left := probe()
		client.Await(record.Close)
		s.Expect("user-timeout-kills-it-all-the-same",
			lab.Left("after the first probe", left, 300*time.Millisecond),
			lab.Is("client", client.State(), record.Close),
			lab.Is("read", client.Reads(), "ETIMEDOUT"))
	},
}

// closeUnread is a control: a close with unread data resets the connection.
func closeUnread(s *lab.Script) {
	s.Sock("server").Close()
	s.Wire.Deliver("server:RST,ACK")
}
