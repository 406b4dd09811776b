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
	Long: `A program writes into its kernel's send buffer, and the other program reads from its
kernel's receive buffer. What lies between is the kernels' affair. So write returns as soon
as its data is in the buffer, before anything has arrived, and it waits only when the
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

Only an answer of the other program says that it has the data.`,
	Try: []lab.Try{
		{Command: "zerowindow", Says: "a full receive buffer, and what the kernels do then"},
		{Command: "autotuning", Says: "a receive buffer that grows, and one that does not"},
		{Command: "sockopt SO_RCVBUF", Says: "what the option does, and how to set it in Go"},
		{Command: "resetclose", Says: "resets that lose data"},
	},
	Sockopts: []string{"SO_RCVBUF", "SO_LINGER"},
	Claims: []lab.Claim{{
		ID:     "write-returns-before-anything-arrives",
		Text:   "write has succeeded when the data is in the sender's buffer: nothing has arrived, and nothing is acknowledged.",
		Source: "net/ipv4/tcp.c: tcp_sendmsg_locked",
		Control: lab.Control{
			Says: "the program has ended its sending direction", Before: "client:write",
			Do: func(s *lab.Script) { s.Sock("client").Shutdown() },
		},
	}, {
		ID:     "write-blocks-when-full",
		Text:   "When the send buffer is full, write says EAGAIN (or waits), and takes data again once some has been acknowledged.",
		Source: "send(2), EAGAIN; net/ipv4/tcp.c: tcp_sendmsg_locked",
		Control: lab.Control{
			Says: "the buffer becomes larger", Before: "client:write#3",
			Do: func(s *lab.Script) { lab.Set(s.Sock("client"), sockopt.SndBuf, 200000) },
		},
	}, {
		ID:     "rcvbuf-is-doubled",
		Text:   "The kernel doubles what is set as SO_RCVBUF, and getsockopt says so.",
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
		Truth:  "It is in the sender's buffer. If the connection ends before it is acknowledged, it is lost, and nobody tells the writer of that write.",
		Control: lab.Control{
			Says: "the segment arrives before the connection ends", Before: "lost client:close",
			Do: func(s *lab.Script) { s.Wire.Of(s.Sock("lost client")).Pass("client:data") },
		},
	}},
	Script: func(s *lab.Script) {
		client, server := s.Connection()
		if noRoom(s, client, 4, "write-returns-before-anything-arrives", "write-blocks-when-full", "rcvbuf-is-doubled", "write-success-means-delivered") {
			return
		}
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
		_, again := client.WriteSome("hello")
		s.Expect("write-blocks-when-full",
			lab.Is("write", outcome, "EAGAIN"),
			lab.Is("after an ACK", again, lab.OK))

		s.Part("The size of a receive buffer")
		lab.Set(server, sockopt.RcvBuf, 10000)
		s.Expect("rcvbuf-is-doubled", lab.Is("SO_RCVBUF", lab.Get(server, sockopt.RcvBuf), 20000))

		client, server = s.Connection("lost")
		s.Part("A write that succeeds, and whose data is lost")
		outcome = client.TryWrite("hello")
		lab.Set(client, sockopt.Linger, sockopt.LingerValue{On: true})
		client.Close()
		s.Wire.Of(client).Next("client:RST,ACK").Drop()
		data, _ := server.TryRead()
		s.Expect("write-success-means-delivered",
			lab.Is("write", outcome, lab.OK),
			lab.Is("server reads", data, "hello"))
	},
}
