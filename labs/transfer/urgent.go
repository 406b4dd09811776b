package transfer

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

// Urgent data, which is a byte and a pointer.
var urgent = lab.Lab{
	Name:  "urgent",
	Title: "Urgent data is one byte of the stream, and a pointer to it",
	Look:  "the byte that read leaves out, and the pointer in the segment",
	Long: `send with MSG_OOB sends "out-of-band" data, but TCP has only one band: the bytes go where
they stand in the stream. The header adds the flag URG and a pointer: up to there the
stream is urgent. Linux takes the last urgent byte out of the stream. The program reads
it with MSG_OOB; an ordinary read stops before it and then goes on behind it. With
SO_OOBINLINE the byte stays in the stream.`,
	Why: `tcp_mark_urg (net/ipv4/tcp.c) notes where the urgent data ends, and tcp_transmit_skb sets
the flag and the pointer in each segment until that is acknowledged. Urgent data is not
held back by Nagle's algorithm (tcp_nagle_test), but it overtakes nothing.

tcp_check_urg (net/ipv4/tcp_input.c) turns the pointer into the number of one byte. RFC 9293
§3.8.5 says that it points to the byte after the urgent data; tcp_stdurg makes Linux read
it as pointing to the last one. tcp_urg keeps the byte in the socket (urg_data), where there
is room for one: a second urgent byte takes the place of the first, which is then an
ordinary byte of the stream.

New programs should not use it: RFC 9293 §3.8.5 says so (SHLD-13), and firewalls may clear
the flag, which moves the byte into the stream.`,
	Try: []lab.Try{
		{Command: "sockopt SO_OOBINLINE", Says: "what the option does, and how to set it in Go"},
		{Command: "urgent --ipv6", Says: "the same on IPv6"},
	},
	Sockopts: []string{"SO_OOBINLINE"},
	Reads:    []string{"server:" + stdurg},
	Claims: []lab.Claim{{
		ID:     "one-byte-only",
		Text:   "Of three bytes that are sent with MSG_OOB, the last is urgent, and the others are ordinary bytes of the stream.",
		Source: "net/ipv4/tcp_input.c: tcp_check_urg, tcp_urg; net/ipv4/tcp.c: tcp_recv_urg",
		Control: lab.Control{
			Says: "the pointer is changed on the way", Segment: "client:PSH,ACK,URG data",
			Change: func(t *lab.TCP) { t.Urgent = 1 },
		},
	}, {
		ID:     "pointer-is-past-the-byte",
		Text:   "The urgent pointer points to the byte that follows the urgent one.",
		Source: "RFC 9293 §3.8.5 (MUST-62); net/ipv4/tcp.c: tcp_mark_urg",
		Control: lab.Control{
			Says: "the pointer is lowered on the way", Segment: "client:PSH,ACK,URG data",
			Change: func(t *lab.TCP) { t.Urgent-- },
		},
	}, {
		ID:     "urgent-data-overtakes",
		Text:   "Urgent data is sent before what was written earlier.",
		Source: "widely taught, because it is called out-of-band data",
		Myth:   true,
		Truth:  "It is sent in the order in which it was written. Only its reader can take it out of turn, once it has arrived.",
		Control: lab.Control{
			Says: "the program sends the urgent byte first", Before: "client:write",
			Do: func(s *lab.Script) { s.Sock("client").SendOOB("!") },
		},
	}, {
		ID:     "read-stops-at-the-mark",
		Text:   "A read stops before the urgent byte, though more has arrived, and the next one goes on behind it.",
		Source: "net/ipv4/tcp.c: tcp_recvmsg",
		Control: lab.Control{
			Says: "the program asks for the byte in the stream", Before: "server:read",
			Do: func(s *lab.Script) { lab.Set(s.Sock("server"), sockopt.OOBInline, true) },
		},
	}, {
		ID:     "inline-if-asked",
		Text:   "With SO_OOBINLINE the byte is read in its place in the stream, and MSG_OOB finds nothing.",
		Source: "socket(7), SO_OOBINLINE; net/ipv4/tcp.c: tcp_recv_urg",
		Control: lab.Control{
			Says: "the option is switched off again", Before: "inline server:recv",
			Do: func(s *lab.Script) { lab.Set(s.Sock("inline server"), sockopt.OOBInline, false) },
		},
	}},
	Script: func(s *lab.Script) {
		s.StopIf(s.Server.Sysctl(stdurg) != 0 || s.Client.Sysctl(stdurg) != 0, "tcp_stdurg makes the hosts take the pointer otherwise")
		// sends sends an urgent byte among others, and lets all arrive.
		sends := func(client *lab.Sock) (first, oob *lab.Segment) {
			wire := s.Wire.Of(client)
			client.Write("ab")
			client.SendOOB("cd!")
			first = wire.Next("client:data").Deliver()
			oob = wire.Next("client:PSH,ACK,URG data").Deliver()
			wire.Carry(client)
			client.Write("ef")
			wire.Carry(client)
			return first, oob
		}
		client, server := s.Connection()
		s.Part("Out of the stream")
		first, oob := sends(client)
		s.Expect("urgent-data-overtakes", lab.Is("first segment is urgent", first.Has("URG"), true))
		byte1, _ := server.TryReadOOB()
		before, _ := server.TryRead()
		after, _ := server.TryRead()
		s.Expect("pointer-is-past-the-byte",
			lab.Is("pointer", oob.Urgent, 3),
			lab.Is("MSG_OOB reads", byte1, "!"))
		s.Expect("read-stops-at-the-mark",
			lab.Is("first read", before, "abcd"),
			lab.Is("second read", after, "ef"))
		s.Expect("one-byte-only",
			lab.Is("MSG_OOB reads", byte1, "!"),
			lab.Is("stream", before+after, "abcdef"))

		client, server = s.Connection("inline")
		lab.Set(server, sockopt.OOBInline, true)
		s.Part("In the stream")
		sends(client)
		s.Expect("inline-if-asked",
			lab.Is("MSG_OOB", lab.Outcome(server.TryReadOOB()), "EINVAL"),
			lab.Is("stream", server.Drain(), "abcd!ef"))
	},
}

const stdurg = "net.ipv4.tcp_stdurg"
