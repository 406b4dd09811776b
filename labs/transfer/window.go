package transfer

import (
	"math"
	"math/bits"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

// rmemMax bounds SO_RCVBUF.
const rmemMax = "net.core.rmem_max"

const (
	appWin       = "net.ipv4.tcp_app_win"
	shrinkWindow = "net.ipv4.tcp_shrink_window"
	signedWindow = "net.ipv4.tcp_workaround_signed_windows"
)

// What a receiver offers, and what it can't take back.
var window = lab.Lab{
	Name:  "window",
	Title: "A window that was offered is not taken back, and its scale never changes",
	Look:  "ack plus win: the right edge of the window, before the buffer is made smaller and after",
	Long: `A receiver says in each segment how many bytes it will take: the window. It is a part of the
receive buffer, because a packet takes more memory than its data. Two things about it are
decided in the handshake for the whole connection. One is the scale: the field in the header
has 16 bits, and what it is shifted by stands in the SYN. The other is where the first
window ends. From then on that right edge only moves on, even if the buffer is made smaller
meanwhile: the sender may have used what was offered already.`,
	Why: `tcp_select_initial_window (net/ipv4/tcp_output.c) takes the largest buffer that
the socket can come to have, the third number of tcp_rmem or net.core.rmem_max, and chooses
the scale for it. If the program has set SO_RCVBUF before, that is the largest, and the
scale is smaller. To set a larger one later does not help: the window is at most 65,535
shifted by the scale.

tcp_select_window compares the window that the buffer has room for with what is left of the
one that was offered last, and takes the larger one, so that the right edge stays. With
tcp_shrink_window, off by default, it does move back; data that is in flight may then have
to be dropped by the receiver.

window_clamp bounds what is offered. It is what TCP_WINDOW_CLAMP sets and reads, and
tcp_init_buffer_space makes it smaller by the part that tcp_app_win keeps for the program:
31 keeps nothing that matters, 1 keeps half of it.`,
	Try: []lab.Try{
		{Command: "autotuning", Says: "a window that grows as the program reads"},
		{Command: "zerowindow", Says: "a window that closes"},
		{Command: "negotiate", Says: "scaling that only one side offers"},
		{Command: "sockopt TCP_WINDOW_CLAMP", Says: "all about the option"},
	},
	Sockopts: []string{"SO_RCVBUF", "TCP_WINDOW_CLAMP"},
	Reads:    []string{"client:" + rmem, "server:" + rmem, "client:" + rmemMax},
	Windows:  true,
	Claims: []lab.Claim{{
		ID:     "largest-buffer-sets-the-scale",
		Text:   "The window scale in the SYN is just enough for the largest buffer, by tcp_rmem or net.core.rmem_max.",
		Source: "net/ipv4/tcp_output.c: tcp_select_initial_window",
		Control: lab.Control{
			Says: "tcp_rmem is raised behind the story's back", Before: "client:socket",
			Do: func(s *lab.Script) { s.Client.SetSysctl(rmem, "4096 131072 67108864") },
		},
	}, {
		ID:     "a-set-buffer-sets-it-for-good",
		Text:   "A socket that sets a smaller SO_RCVBUF before connect has a smaller scale, and a larger SO_RCVBUF afterwards does not change it.",
		Source: "net/ipv4/tcp_output.c: tcp_select_initial_window",
		Control: lab.Control{
			Says: "the program gives the buffer back to the kernel", Before: "small:connect",
			Do: func(s *lab.Script) { lab.Set(s.Sock("small"), sockopt.BufLocks, 0) },
		},
	}, {
		ID:     "clamp-bounds-the-window",
		Text:   "A server whose listener has TCP_WINDOW_CLAMP never offers more than that.",
		Source: "tcp(7), TCP_WINDOW_CLAMP; net/ipv4/tcp_output.c: tcp_select_initial_window",
		Control: lab.Control{
			Says: "the option is set to 60000", Before: "clamped:connect",
			Do: func(s *lab.Script) { lab.Set(s.Sock("listener"), sockopt.WindowClamp, 60000) },
		},
	}, {
		ID:     "app-win-keeps-a-part",
		Text:   "With tcp_app_win 1 half of the window is kept back: a new connection's TCP_WINDOW_CLAMP is half as large.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_app_win; net/ipv4/tcp_input.c: tcp_init_buffer_space",
		Control: lab.Control{
			Says: "the sysctl is 31 again", Before: "kept:connect",
			Do: func(s *lab.Script) { s.Server.SetSysctl(appWin, "31") },
		},
	}, {
		ID:     "right-edge-stays",
		Text:   "If the program makes the receive buffer smaller, the right edge of the window does not move back.",
		Source: "net/ipv4/tcp_output.c: tcp_select_window",
		Control: lab.Control{
			Says: "tcp_shrink_window is on", Before: "server:setsockopt",
			Do: func(s *lab.Script) { s.Server.SetSysctl(shrinkWindow, "1") },
		},
	}, {
		ID:     "window-is-what-is-free",
		Text:   "The window that an ACK offers is what is free in the receive buffer at that moment.",
		Source: "widely taught, as what a window is",
		Myth:   true,
		Truth:  "It is never less than what was offered before and is still unused, whatever the size of the buffer is now (net/ipv4/tcp_output.c: tcp_select_window).",
		Control: lab.Control{
			Says: "tcp_shrink_window is on", Before: "server:setsockopt",
			Do: func(s *lab.Script) { s.Server.SetSysctl(shrinkWindow, "1") },
		},
	}, {
		ID:     "shrink-window-takes-it-back",
		Text:   "With tcp_shrink_window 1 the right edge moves back to what there is room for.",
		Source: "net/ipv4/tcp_output.c: __tcp_select_window, tcp_select_window",
		Control: lab.Control{
			Says: "the sysctl is turned off again", Before: "client:write#3",
			Do: func(s *lab.Script) { s.Server.SetSysctl(shrinkWindow, "0") },
		},
	}, {
		ID:     "signed-windows-bound-the-first",
		Text:   "With tcp_workaround_signed_windows 1 a SYN offers 32,767 bytes at most, because the other side might take a larger number for a negative one.",
		Source: "net/ipv4/tcp_output.c: tcp_select_initial_window",
		Control: lab.Control{
			Says: "the sysctl is 0 again", Before: "careful:connect",
			Do: func(s *lab.Script) { s.Client.SetSysctl(signedWindow, "0") },
		},
	}},
	Script: func(s *lab.Script) {
		s.StopIf(!s.Both(scaling), "window scaling is off")
		s.StopIf(s.Server.SysctlOr(shrinkWindow, 0) != 0, "tcp_shrink_window is on")
		parted := s.Server.Sysctl(appWin)
		s.StopIf(!s.Server.KeepsHalfOpen(), "a SYN cookie keeps the scale of another socket")
		// Older kernels show rmem_max to the first namespace alone.
		largest := max(size(s.Client, rmem, 2), s.Client.SysctlOr(rmemMax, 0))
		s.StopIf(size(s.Client, rmem, 1) < 1<<16 || size(s.Server, rmem, 1) < 1<<16 || largest < 1<<20, "with these buffers the windows are too small for the story")
		listener := s.Server.Listen(80, 16)

		client := s.Client.Connect(listener)
		s.Part("The buffers of the beginning")
		syn := s.Wire.Handshake(client).SYN
		server := listener.Accept()
		s.Expect("largest-buffer-sets-the-scale",
			lab.Is("wscale", syn.WScale(), max(0, bits.Len(uint(largest))-1-15)))
		plain := lab.Get(server, sockopt.WindowClamp)
		scale := int(server.Info().RcvWscale)
		// edge is how far the client may send, by the ACK of what it writes.
		edge := func() int {
			client.Segment("hello").Deliver()
			ack := s.Wire.Of(client).Next("server:ACK").Deliver()
			return int(ack.Ack) + int(ack.Win)<<scale
		}

		s.Part("The server's program makes its buffer smaller")
		before := edge()
		lab.Set(server, sockopt.RcvBuf, 5000)
		after := edge()
		s.Expect("right-edge-stays",
			lab.Seen("SO_RCVBUF", lab.Get(server, sockopt.RcvBuf)),
			lab.Is("the edge has moved back", after < before, false))
		s.Expect("window-is-what-is-free", lab.Is("the edge has moved back", after < before, true))
		if s.Server.Has(shrinkWindow) {
			s.Part("With tcp_shrink_window")
			s.Server.SetSysctl(shrinkWindow, "1")
			s.Expect("shrink-window-takes-it-back", lab.Is("the edge has moved back", edge() < after, true))
			s.Server.SetSysctl(shrinkWindow, "0")
		} else {
			s.Inapplicable("this kernel has no tcp_shrink_window", "shrink-window-takes-it-back")
		}

		small := s.Client.Named("small").Socket()
		s.Part("A client that sets SO_RCVBUF")
		small.Bind(s.Client.Addr(40010))
		lab.Set(small, sockopt.RcvBuf, 20000)
		small.Connect(s.Server.Addr(80))
		s.Wire.Handshake(small)
		listener.Accept()
		lab.Set(small, sockopt.RcvBuf, 1<<20)
		s.Expect("a-set-buffer-sets-it-for-good",
			lab.Is("its wscale is smaller", int(small.Info().RcvWscale) < syn.WScale(), true))

		s.Part("A server that keeps half of its window")
		s.Server.SetSysctl(appWin, "1")
		s.Client.Named("kept").Establish(listener)
		kept := lab.Get(listener.Accept(), sockopt.WindowClamp)
		s.Server.SetSysctl(appWin, "31")
		s.Unless(parted > 0 && parted < 8, "tcp_app_win keeps a part already").Expect("app-win-keeps-a-part",
			lab.Is("TCP_WINDOW_CLAMP is about half", kept < plain*3/4, true))

		s.Part("A server with TCP_WINDOW_CLAMP")
		lab.Set(listener, sockopt.WindowClamp, 10000)
		clamped := s.Client.Named("clamped").Establish(listener)
		listener.Accept()
		s.Expect("clamp-bounds-the-window", lab.Is("within the bound", int(clamped.Info().SndWnd) <= 10000, true))

		s.Part("A client that fears for old hosts")
		s.Client.SetSysctl(signedWindow, "1")
		careful := s.Wire.Handshake(s.Client.Named("careful").Connect(listener))
		s.Expect("signed-windows-bound-the-first", lab.Is("window of the SYN", int(careful.SYN.Win), math.MaxInt16))
	},
}
