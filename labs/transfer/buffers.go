package transfer

import (
	"strings"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

// The buffers at both ends.
var buffers = lab.Lab{
	Name:  "buffers",
	Title: "write fills a buffer: that it succeeds says nothing about the other side",
	Look:  "how much write takes while the other side reads nothing",
	Long: `A program writes into its kernel's send buffer, and the other program reads from
its kernel's receive buffer. Everything between is up to the kernels. So write returns as
soon as its data is in the buffer, before anything has arrived, and it waits only when the
buffer is full. If the connection is reset afterwards, what was written is lost, and the
write has long succeeded.`,
	Why: `tcp_sendmsg_locked (net/ipv4/tcp.c) copies the data into the send queue and lets
tcp_push send what the windows allow. It waits, or says EAGAIN, while sk_stream_memory_free
finds the queue's memory at the limit of SO_SNDBUF. The data stays in the queue until it is
acknowledged. By default the limit grows with the congestion window (tcp_sndbuf_expand).

The kernel doubles what is asked for as SO_RCVBUF (__sock_set_rcvbuf in net/core/sock.c),
because the memory of a packet is more than its data. If the program sets nothing,
tcp_rcv_space_adjust (net/ipv4/tcp_input.c) enlarges the buffer as fast as the program
reads (tcp_moderate_rcvbuf), and with it the window, up to the third number of tcp_rmem.

Only an answer from the other program proves that it has the data.`,
	Try: []lab.Try{
		{Command: "zerowindow", Says: "a full receive buffer, and what the kernels do then"},
		{Command: "autotuning", Says: "a receive buffer that grows, and one that does not"},
		{Command: "sockopt SO_RCVBUF", Says: "what the option does, and how to set it in Go"},
		{Command: "resetclose", Says: "resets that lose data"},
	},
	Sockopts: []string{"SO_RCVBUF", "SO_SNDBUF", "SO_LINGER", "TCP_NOTSENT_LOWAT"},
	Reads:    []string{"client:" + rmem, "client:" + wmem},
	Claims: []lab.Claim{{
		ID:     "sizes-begin-in-the-middle",
		Text:   "A new socket's buffers are as large as the second numbers of tcp_rmem and tcp_wmem say.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_rmem, tcp_wmem; net/ipv4/tcp.c: tcp_init_sock",
		Control: lab.Control{
			Says: "the sysctls are changed behind the story's back", Before: "fresh:socket",
			Do: func(s *lab.Script) {
				s.Client.SetSysctl(rmem, "4096 20000 4000000")
				s.Client.SetSysctl(wmem, "4096 20000 4000000")
			},
		},
	}, {
		ID:     "write-returns-before-anything-arrives",
		Text:   "write has succeeded when the data is in the sender's buffer: nothing has arrived, and nothing is acknowledged.",
		Source: "net/ipv4/tcp.c: tcp_sendmsg_locked",
		Control: lab.Control{
			Says: "the program has ended its sending direction", Before: "client:write",
			Do: func(s *lab.Script) { s.Sock("client").Shutdown() },
		},
	}, {
		ID:     "write-blocks-when-full",
		Text:   "When the send buffer is full, write fails with EAGAIN (on a blocking socket it waits), and takes data again once some has been acknowledged.",
		Source: "send(2), EAGAIN; net/ipv4/tcp.c: tcp_sendmsg_locked",
		Control: lab.Control{
			Says: "the buffer becomes larger", Before: "client:write#3",
			Do: func(s *lab.Script) { lab.Set(s.Sock("client"), sockopt.SndBuf, 200000) },
		},
	}, {
		ID:     "room-in-the-buffer-is-enough",
		Text:   "A connection is writable while there is room in its send buffer.",
		Source: "widely taught, with poll and SO_SNDBUF",
		Myth:   true,
		Truth:  "It also has to have fewer bytes unsent than TCP_NOTSENT_LOWAT or tcp_notsent_lowat says, which by default is no limit (include/net/tcp.h: tcp_stream_memory_free).",
		Control: lab.Control{
			Says: "the option is set to 1 MB", Before: "waiting client:poll#2",
			Do: func(s *lab.Script) { lab.Set(s.Sock("waiting client"), sockopt.NotSentLowat, 1<<20) },
		},
	}, {
		ID:     "notsent-lowat-bounds-what-waits",
		Text:   "With TCP_NOTSENT_LOWAT, or tcp_notsent_lowat for a socket that sets nothing, a connection is not writable while that many bytes wait to be sent for the first time.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_notsent_lowat; include/net/tcp.h: tcp_stream_memory_free",
		Control: lab.Control{
			Says: "all is sent before the program asks", Before: "waiting client:poll#2",
			Do: func(s *lab.Script) { s.Wire.Of(s.Sock("waiting client")).Carry(s.Sock("waiting client")) },
		},
	}, {
		ID:     "rcvbuf-is-doubled",
		Text:   "The kernel doubles what is set as SO_RCVBUF (up to net.core.rmem_max), and getsockopt returns the double.",
		Source: "socket(7), SO_RCVBUF; net/core/sock.c: __sock_set_rcvbuf",
		Control: lab.Control{
			Says: "somebody else sets another size", Before: "server:getsockopt",
			Do: func(s *lab.Script) { lab.Set(s.Sock("server"), sockopt.RcvBuf, 12000) },
		},
	}, {
		ID:     "write-success-means-delivered",
		Text:   "If write succeeds, the data reaches the other program.",
		Source: "widely taught, as the meaning of reliable",
		Myth:   true,
		Truth:  "It is in the sender's buffer. If the connection ends before it is acknowledged, it may be lost, although the write succeeded.",
		Control: lab.Control{
			Says: "the segment arrives before the connection ends", Before: "lost client:close",
			Do: func(s *lab.Script) { s.Wire.Of(s.Sock("lost client")).Pass("client:data") },
		},
	}},
	Script: func(s *lab.Script) {
		s.Part("A new socket")
		rcv, snd := size(s.Client, rmem, 1), size(s.Client, wmem, 1)
		fresh := s.Client.Named("fresh").Socket()
		s.Expect("sizes-begin-in-the-middle",
			lab.Is("SO_RCVBUF", lab.Get(fresh, sockopt.RcvBuf), rcv),
			lab.Is("SO_SNDBUF", lab.Get(fresh, sockopt.SndBuf), snd))
		fresh.Close()

		client, server := s.Connection()
		needRoom(s, client, 4)
		wire := s.Wire.Of(client)
		s.Part("A write")
		n, outcome := client.WriteSome("hello")
		s.Expect("write-returns-before-anything-arrives",
			lab.Is("write", outcome, lab.OK),
			lab.Is("bytes written", n, 5),
			lab.Is("not acknowledged", client.Unacknowledged(), 5),
			lab.Is("arrived", server.Received(), 0))
		wire.Carry(client)
		server.Drain()

		s.Part("Writes, until the buffer is full")
		for tries := 0; outcome == lab.OK && tries < 2; tries++ {
			_, outcome = client.WriteSome(strings.Repeat("x", aLot))
		}
		wire.Deliver("client:data", "server:ACK")
		s.Expect("write-blocks-when-full",
			lab.Is("write", outcome, "EAGAIN"),
			lab.Is("after an ACK", lab.Outcome(client.WriteSome("hello")), lab.OK))

		s.Part("The size of a receive buffer")
		lab.Set(server, sockopt.RcvBuf, 10000)
		s.Expect("rcvbuf-is-doubled", lab.Is("SO_RCVBUF", lab.Get(server, sockopt.RcvBuf), 20000))

		client, server = s.Connection("lost")
		s.Part("A write that succeeds, and whose data is lost")
		outcome = client.TryWrite("hello")
		client.Abort()
		s.Wire.Of(client).Next("client:RST,ACK").Drop()
		s.Expect("write-success-means-delivered",
			lab.Is("write", outcome, lab.OK),
			lab.Is("server reads", server.Reads(), "hello"))
		waiting(s)
	},
}

// waiting shows a connection of which more is written than the congestion window lets
// go at once.
func waiting(s *lab.Script) {
	client, _ := s.Connection("waiting")
	needWindow(s, client, 13)
	needWaiting(s, s.Client)
	s.Part("Twelve segments are written, and ten may be on their way")
	lab.Set(client, sockopt.SndBuf, 65536)
	client.Write(client.Full(12))
	wire := s.Wire.Of(client)
	unlimited := client.Poll()
	s.StopIf(client.Info().NotsentBytes == 0, "with these settings nothing waits")
	lab.Set(client, sockopt.NotSentLowat, 1)
	byOption := client.Poll()
	lab.Set(client, sockopt.NotSentLowat, 0)
	s.Client.SetSysctl(notSentLowat, "1")
	bySysctl := client.Poll()
	wire.Carry(client)
	s.Expect("room-in-the-buffer-is-enough",
		lab.Seen("without a limit", unlimited),
		lab.Is("with TCP_NOTSENT_LOWAT 1", byOption, "OUT"))
	s.Expect("notsent-lowat-bounds-what-waits",
		lab.Is("with TCP_NOTSENT_LOWAT 1", byOption, lab.NotReady),
		lab.Is("with tcp_notsent_lowat 1", bySysctl, lab.NotReady),
		lab.Is("when all is sent", client.Poll(), "OUT"))
}
