package transfer

import (
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

const (
	moderate = "net.ipv4.tcp_moderate_rcvbuf"
	scaling  = "net.ipv4.tcp_window_scaling"
)

// A receive buffer that the kernel enlarges.
var autoTuning = lab.Lab{
	Name:  "autotuning",
	Title: "The kernel enlarges the receive buffer of a program that reads, unless the program has set it",
	Look:  "how the server reads each segment as it comes; the windows are in the verdicts",
	Long: `The window that a receiver offers bounds what can be on its way, and so how fast
data comes over a long path. It is a part of the receive buffer. The kernel begins with a
buffer of moderate size, and looks how much the program reads in a round trip. If it is
more than before, and the program keeps up, the kernel enlarges the buffer, and the window
grows. A program that sets SO_RCVBUF has decided for itself: its buffer stays as it is. The
pauses of 250 ms and more stand for the way of the segments. Here two programs read the
same data as fast as it comes, and one of them has set its buffer to the very size that the
kernel had given it.`,
	Why: `tcp_rcv_space_adjust (net/ipv4/tcp_input.c) is called as the program reads. Once a round
trip it compares what the program has read since the last time with what it had read in the
round trip before that. If that is more, the sender may double its window in the next one
(slow start), and the receiver must not be in its way: so the buffer becomes several times
as large as what was read (in Linux 6.16 and 6.17 only twice), up to the third number of
tcp_rmem. What comes next then lets tcp_grow_window offer more, segment by segment.

The receiver has to know the round trip. It measures how long it takes until one of its own
timestamps comes back in data, or, without timestamps, until a whole window has come.

setsockopt sets SOCK_RCVBUF_LOCK (__sock_set_rcvbuf in net/core/sock.c), and
tcp_rcv_space_adjust then leaves the buffer alone. Besides, the option takes no more than
net.core.rmem_max, which is often less than tcp_rmem allows. So a program that sets a large
buffer to be fast may well have made itself slow. There is a use for the option: to bound a
connection's memory.`,
	Try: []lab.Try{
		{Command: "autotuning --sysctl server:net.ipv4.tcp_moderate_rcvbuf=0", Says: "no buffer grows: the claims do not apply"},
		{Command: "buffers", Says: "writes when the buffers are full"},
		{Command: "zerowindow", Says: "a program that does not read"},
		{Command: "sockopt SO_RCVBUF", Says: "all about the option"},
	},
	Sockopts: []string{"SO_RCVBUF", "SO_SNDBUF", "SO_BUF_LOCK"},
	Reads:    []string{"server:" + moderate},
	Claims: []lab.Claim{{
		ID:     "autotuning-moves-the-window",
		Text:   "If the program reads as fast as data comes, the kernel enlarges its receive buffer, and the window with it.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_moderate_rcvbuf; net/ipv4/tcp_input.c: tcp_rcv_space_adjust, tcp_grow_window",
		Control: lab.Control{
			Says: "autotuning is turned off again", Before: "client:write",
			Do: func(s *lab.Script) { s.Server.SetSysctl(moderate, "0") },
		},
	}, {
		ID:     "rcvbuf-ends-autotuning",
		Text:   "If the program has set SO_RCVBUF, the buffer stays as it is, however fast the program reads.",
		Source: "net/core/sock.c: __sock_set_rcvbuf; net/ipv4/tcp_input.c: tcp_rcv_space_adjust",
		Control: lab.Control{
			Says: "the program sets a larger one later", Before: "fixed client:write#3",
			Do: func(s *lab.Script) { lab.Set(s.Sock("fixed server"), sockopt.RcvBuf, 100000) },
		},
	}, {
		ID:     "a-set-buffer-is-no-worse",
		Text:   "A program that sets SO_RCVBUF has at least the window of one that sets nothing.",
		Source: "widely taught: set SO_RCVBUF and SO_SNDBUF for speed",
		Myth:   true,
		Truth:  "Its window does not grow, while that of the other does (net/ipv4/tcp_input.c: tcp_rcv_space_adjust).",
		Control: lab.Control{
			Says: "autotuning is turned off again", Before: "client:write",
			Do: func(s *lab.Script) { s.Server.SetSysctl(moderate, "0") },
		},
	}, {
		ID:     "buf-lock-gives-it-back",
		Text:   "SO_BUF_LOCK 0 gives a buffer that was set back to the kernel, which enlarges it as if nobody had set it.",
		Source: "net/core/sock.c: sk_setsockopt; net/ipv4/tcp_input.c: tcp_rcv_space_adjust",
		Control: lab.Control{
			Says: "the program sets the same size once more", Before: "unlocked client:write",
			Do: func(s *lab.Script) {
				server := s.Sock("unlocked server")
				lab.Set(server, sockopt.RcvBuf, lab.Get(server, sockopt.RcvBuf)/2)
			},
		},
	}},
	Script: func(s *lab.Script) {
		s.Server.SetDefault(moderate, "1")
		s.Client.SetDefault(slowStartAfterIdle, "0") // so that all of a round is on its way at once
		s.StopIf(s.Server.Sysctl(moderate) == 0 || !s.Both(scaling), "tcp_moderate_rcvbuf or tcp_window_scaling is off")
		client, server := s.Connection()
		needWindow(s, client, 22)
		given := lab.Get(server, sockopt.RcvBuf)
		tuned := readAll(s, client, server)

		client, server = s.Connection("fixed")
		lab.Set(server, sockopt.RcvBuf, given/2) // the kernel doubles it
		fixed := readAll(s, client, server)
		s.Expect("rcvbuf-ends-autotuning", lab.Is("SO_RCVBUF", lab.Get(server, sockopt.RcvBuf), given))
		s.Expect("autotuning-moves-the-window", lab.Is("window larger than the first buffer allows", tuned > fixed, true))
		s.Expect("a-set-buffer-is-no-worse", lab.Is("its window is no smaller", fixed >= tuned, true))

		client, server = s.Connection("unlocked")
		s.StopIf(!lab.HasOption(server, sockopt.BufLocks), "this kernel has no SO_BUF_LOCK")
		lab.Set(server, sockopt.RcvBuf, given/2)
		lab.Set(server, sockopt.BufLocks, 0)
		s.Expect("buf-lock-gives-it-back", lab.Is("window larger than the fixed one's", readAll(s, client, server) > fixed, true))
	},
}

// readAll sends ten segments, twenty, forty and forty, and the server reads each as it
// comes. Longer than a round trip lies between them, for the kernel compares what was read
// in one with what was read before. Linux 6.16 and 6.17 (commit 65c5287892e9, until
// aa251c84636c) ask for no more than twice what was read: that of forty segments is more
// than the window of the beginning. It returns the window that the client has then.
func readAll(s *lab.Script, client, server *lab.Sock) (window uint32) {
	s.Part("The server's program reads as fast as data comes")
	const pathTime = 250 * time.Millisecond // more than a story can be held up unnoticed
	lab.Set(client, sockopt.SndBuf, aLot)
	for _, n := range []int{10, 20, 40, 40} {
		trip := micro(server.Info().RcvRTT)
		client.Idle(max(pathTime, trip*5/4))
		all := client.Segments(n)
		s.StopIf(len(all) < n, "the client does not send all of a round at once")
		for _, d := range all {
			d.Deliver()
			server.Read()
		}
		s.Wire.Of(client).Carry(client)
	}
	s.StopIf(server.Info().RcvRTT == 0, "the server has no estimate of the round trip")
	return client.Info().SndWnd
}
