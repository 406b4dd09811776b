package programs

import (
	"strings"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

// Writes and reads do not correspond.
var stream = lab.Lab{
	Name:  "stream",
	Title: "TCP carries a stream of bytes, and no messages",
	Look:  "how many writes become how many segments and how many reads",
	Long: `A program writes twice, and the other side's read returns both at once. Another
writes once, and read returns the first part only. Nothing is wrong: TCP promises that the
bytes arrive, in order, and nothing about how many a read returns. Tests on one machine
often hide this, because small writes that are read at once look like messages. A program
that needs messages puts marks into the stream: a length before each, or a line's end.`,
	Why: `write appends bytes to the send queue, and tcp_sendmsg_locked (net/ipv4/tcp.c) fills up
the last segment there if it was not sent yet. How the bytes are cut into segments
depends on the maximum segment size, on the windows, on Nagle's algorithm, and on what
is lost: if two small segments are sent again, tcp_retrans_try_collapse makes one of
them. On the other side the bytes of all segments lie in one receive queue, and
tcp_recvmsg_locked copies from it until the buffer is full or the queue is empty.

TCP_NODELAY makes each write leave at once, often in a segment of its own. The receive
queue still joins them. PSH is no mark either: RFC 9293 §3.9.1.2 says that it is not a
record marker, and read does not show it.

The one mark that the stream has is its end, which the FIN brings: read returns 0. A
write of nothing sends nothing, so there is no empty message.

SO_PEEK_OFF (sk_set_peek_off) is for TCP since Linux 6.9, though socket(7) says that it is
for unix sockets alone.`,
	Try: []lab.Try{
		{Command: "halfclose", Says: "the end of the stream in one direction, while the other goes on"},
		{Command: "sockopt TCP_NODELAY", Says: "what the option does"},
		{Command: "stream --sysctl net.ipv4.tcp_retrans_collapse=0", Says: "segments that are sent again are not joined"},
		{Command: "stream --ipv6", Says: "smaller segments, so the write is cut elsewhere"},
	},
	Sockopts: []string{"TCP_NODELAY", "SO_PEEK_OFF"},
	Reads:    []string{"client:net.ipv4.tcp_retrans_collapse"},
	Claims: []lab.Claim{{
		ID:     "two-writes-one-read",
		Text:   "If two writes have arrived, one read returns the bytes of both.",
		Source: "RFC 9293 §2.2; net/ipv4/tcp.c: tcp_recvmsg_locked",
		Control: lab.Control{
			Says: "the server reads in between", Before: "client:write#2",
			Do: func(s *lab.Script) { s.Sock("server").Read() },
		},
	}, {
		ID:     "boundaries-are-kept",
		Text:   "A read returns what one write has written.",
		Source: "widely taught, by examples that write and read once",
		Myth:   true,
		Truth:  "It returns what has arrived, up to the size of its buffer: the bytes of several writes, or a part of one (RFC 9293 §2.2).",
		Control: lab.Control{
			Says: "the server reads in between", Before: "client:write#2",
			Do: func(s *lab.Script) { s.Sock("server").Read() },
		},
	}, {
		ID:     "one-write-two-reads",
		Text:   "If a write needs several segments, a read returns the bytes of those that have arrived; another read returns the rest.",
		Source: "RFC 9293 §2.2; net/ipv4/tcp.c: tcp_recvmsg_locked",
		Control: lab.Control{
			Says: "the rest arrives before the first read", Before: "server:read#2",
			Do: func(s *lab.Script) { s.Wire.Carry(s.Sock("client")) },
		},
	}, {
		ID:     "nodelay-keeps-them",
		Text:   "With TCP_NODELAY a read returns what one write has written.",
		Source: "widely taught, as a cure",
		Myth:   true,
		Truth:  "Each write leaves in a segment of its own, and read joins them all the same (net/ipv4/tcp.c: tcp_recvmsg_locked).",
		Control: lab.Control{
			Says: "the server reads in between", Before: "client:write#5",
			Do: func(s *lab.Script) {
				s.Wire.Deliver("client:data")
				s.Sock("server").Read()
			},
		},
	}, {
		ID:     "eof-is-the-only-mark",
		Text:   "A write of no bytes sends nothing; read returns 0 only after the FIN.",
		Source: "recv(2), RETURN VALUE; net/ipv4/tcp.c: tcp_recvmsg_locked",
		Control: lab.Control{
			Says: "the FIN is lost", Segment: "client:FIN,ACK",
		},
	}, {
		ID:     "segments-are-joined-when-sent-again",
		Text:   "Two small segments that are lost are sent again as one, unless tcp_retrans_collapse is 0.",
		Source: "net/ipv4/tcp_output.c: tcp_retrans_try_collapse; Documentation/networking/ip-sysctl.rst: tcp_retrans_collapse",
		Control: lab.Control{
			Says: "the first arrives", Before: "other client:write#2",
			Do: func(s *lab.Script) { s.Wire.Carry(s.Sock("other client")) },
		},
	}, {
		ID:     "a-look-takes-nothing",
		Text:   "With MSG_PEEK recv returns data and leaves it there: the next call returns the same.",
		Source: "recv(2), MSG_PEEK; net/ipv4/tcp.c: tcp_recvmsg_locked",
		Control: lab.Control{
			Says: "the program reads in between", Before: "looking server:recv#2",
			Do: func(s *lab.Script) { s.Sock("looking server").TryReadSome(5) },
		},
	}, {
		ID:     "peek-off-moves-on",
		Text:   "With SO_PEEK_OFF each look begins where the last one has ended; read still takes everything from the beginning.",
		Source: "socket(7), SO_PEEK_OFF; net/ipv4/tcp.c: tcp_recvmsg_locked",
		Control: lab.Control{
			Says: "the program takes the option back", Before: "looking server:recv#4",
			Do: func(s *lab.Script) { lab.Set(s.Sock("looking server"), sockopt.PeekOff, -1) },
		},
	}},
	Script: func(s *lab.Script) {
		client, server := s.Connection()
		s.Part("Two writes")
		client.Send("hello")
		client.Send("world")
		both := server.Read()
		s.Expect("two-writes-one-read", lab.Is("server reads", both, "helloworld"))
		s.Expect("boundaries-are-kept", lab.Is("bytes in one read", len(both), len("hello")))

		s.Part("One write of 3000 bytes")
		n, _ := client.WriteSome(strings.Repeat("x", 3000)) // a small send buffer takes less
		s.Wire.Next("client:data").Deliver()
		first := server.Read()
		rest := ""
		for all := false; !all; rest += server.Drain() { // a small window takes one segment at a time
			all = s.Wire.Carry(client)
		}
		s.Expect("one-write-two-reads",
			lab.Between("bytes of the first read", len(first), 1, n-1),
			lab.Is("of both", len(first)+len(rest), n))

		s.Part("Two writes with TCP_NODELAY")
		lab.Set(client, sockopt.NoDelay, true)
		client.Write("hello")
		client.Write("world")
		segments := s.Wire.Waiting(s.Client)
		s.Wire.Carry(client)
		s.Expect("nodelay-keeps-them",
			lab.Seen("segments", segments),
			lab.Is("bytes in one read", len(server.Read()), len("hello")))

		s.Part("The end of the stream")
		written, _ := client.WriteSome("")
		sent := s.Wire.Waiting(s.Client)
		before := server.Reads()
		client.Shutdown()
		s.Wire.Deliver("client:FIN,ACK") // its ACK may be put off
		s.Expect("eof-is-the-only-mark",
			lab.Is("bytes written", written, 0),
			lab.Is("client sends", sent, "nothing"),
			lab.Is("read before the FIN", before, "EAGAIN"),
			lab.Is("after it", server.Reads(), lab.EOF))

		sentAgain(s)
		peeks(s)
	},
}

// peeks looks at data before it is read.
func peeks(s *lab.Script) {
	client, server := s.Connection("looking")
	s.Part("A program looks before it reads")
	client.Send("hello")
	client.Send("world")
	one, _ := server.TryPeek(5)
	two, _ := server.TryPeek(5)
	s.Expect("a-look-takes-nothing",
		lab.Is("first look", one, "hello"),
		lab.Is("second", two, "hello"))
	s.StopIf(lab.TrySet(server, sockopt.Find(sockopt.PeekOff.Name)[0], 0) != lab.OK, "this kernel has no SO_PEEK_OFF for TCP")
	one, _ = server.TryPeek(5)
	two, _ = server.TryPeek(5)
	s.Expect("peek-off-moves-on",
		lab.Is("first look", one, "hello"),
		lab.Is("second", two, "world"),
		lab.Is("read", server.Read(), "helloworld"))
}

// sentAgain loses two small segments, and judges what the timer makes of them.
func sentAgain(s *lab.Script) {
	const claim = "segments-are-joined-when-sent-again"
	client, server := s.Connection("other")
	wire := s.Wire.Of(client)
	s.Part("Two writes, and both segments are lost")
	lab.Set(client, sockopt.NoDelay, true)
	client.Write("hello")
	client.Write("world")
	for range 2 {
		if lost := wire.Take("client:data"); lost != nil {
			lost.Drop()
		}
	}
	again := wire.Retransmission("client:data").Deliver()
	s.Wire.Carry(client)
	server.Read()
	if s.Client.ProbesTail() {
		s.Inapplicable(lab.TailLossProbe, claim)
		return
	}
	want := len("hello")
	if s.Client.Sysctl("net.ipv4.tcp_retrans_collapse") != 0 {
		want = len("helloworld")
	}
	s.Expect(claim, lab.Is("bytes sent again", again.Len, want))
}
