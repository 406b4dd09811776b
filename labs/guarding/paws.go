package guarding

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

const timestamps = "net.ipv4.tcp_timestamps"

// Segments with a timestamp that is too old.
var paws = lab.Lab{
	Name:  "paws",
	Title: "A segment with an older timestamp is dropped, whatever its sequence number",
	Look:  "a segment in the window that is dropped for its timestamp alone",
	Long: `Sequence numbers have 32 bits: after 4 GiB they begin anew, at 10 Gbit/s after
less than four seconds. A segment that was delayed for so long would fit into the window
again, and its old bytes would be read as new ones. Timestamps prevent that. Each segment
carries the sender's clock, and the receiver remembers the latest. A segment that is older
is dropped: this is PAWS, protection against wrapped sequence numbers. Here a segment with
the right number and an old timestamp arrives, then one without a timestamp, then a RST.`,
	Why: `The check is the first that tcp_validate_incoming (net/ipv4/tcp_input.c) makes.
It accepts a timestamp that is older by at most 1 (TCP_PAWS_WINDOW), and ACKs that were
merely overtaken (tcp_disordered_ack). The remembered value, ts_recent, is that of the
latest segment that was in order. After 36 minutes without a segment it no longer counts
(TCP_PAWS_WRAP): a fast clock may have wrapped around too.

A dropped segment is answered by an ACK, as any other that is not acceptable: if the two
ends have come to disagree, the sender sees it. PAWSEstab counts it (nstat -az).

A RST is not checked. It may come from a host that has restarted, with another clock. Its
sequence number alone has to be right.

This is why a load balancer or a NAT that puts several hosts behind one address may break
what looks at timestamps across connections. It was so with tcp_tw_recycle, which compared
all connections of an address, and is gone since Linux 4.12. Within one connection there
is one clock, and no such danger.`,
	Try: []lab.Try{
		{Command: "blindrst", Says: "what a RST's sequence number has to be"},
		{Command: "timewait", Says: "timestamps decide whether a SYN reopens TIME_WAIT"},
	},
	Claims: []lab.Claim{{
		ID:     "older-timestamp-is-dropped-and-acked",
		Text:   "Data with the sequence number that is expected, but with an older timestamp, is dropped and answered by an ACK: the program does not get it.",
		Source: "net/ipv4/tcp_input.c: tcp_validate_incoming, tcp_paws_discard",
		Control: lab.Control{
			Says: "its timestamp is not changed", Segment: "client:data#3", Change: lab.TimeMore(longAgo),
		},
	}, {
		ID:     "timestamps-are-only-for-rtt",
		Text:   "Timestamps only measure the round trip: a segment is accepted whatever its timestamp says.",
		Source: "widely taught: the option is for measuring the RTT",
		Myth:   true,
		Truth:  "An older one gets a segment dropped (net/ipv4/tcp_input.c: tcp_paws_discard).",
		Control: lab.Control{
			Says: "its timestamp is not changed", Segment: "client:data#3", Change: lab.TimeMore(longAgo),
		},
	}, {
		ID:     "without-timestamp-is-accepted",
		Text:   "The same data in a segment without a timestamp is accepted, although the connection uses timestamps.",
		Source: "net/ipv4/tcp_input.c: tcp_validate_incoming",
		Control: lab.Control{
			Says: "a byte is missing before it", Segment: "client:data#4", Change: lab.SeqMore(1),
		},
	}, {
		ID:     "rst-is-exempt",
		Text:   "A RST with the exact sequence number ends the connection, although its timestamp is older.",
		Source: "net/ipv4/tcp_input.c: tcp_validate_incoming",
		Control: lab.Control{
			Says: "its number is not exact", Segment: "client:RST,ACK", Change: lab.SeqMore(1),
		},
	}, {
		ID:     "old-acks-get-no-answer",
		Text:   "An ACK without data that is older in both its number and its timestamp was only overtaken: it is dropped without an answer.",
		Source: "net/ipv4/tcp_input.c: tcp_disordered_ack, tcp_validate_incoming",
		Control: lab.Control{
			Says: "it has the number that is expected now", Of: "overtaken client", Segment: "client:ACK#3", Change: lab.SeqMore(5),
		},
	}, {
		ID:     "a-wrong-echo-resets",
		Text:   "A SYN,ACK that echoes a time at which the client had not sent a SYN is answered by a RST, and the client stays in SYN_SENT.",
		Source: "net/ipv4/tcp_input.c: tcp_rcv_synsent_state_process",
		Control: lab.Control{
			Says: "the echo is not changed", Of: "fooled", Segment: "server:SYN,ACK#2", Change: lab.EchoMore(longAgo),
		},
	}, {
		ID:     "a-wrong-echo-completes-nothing",
		Text:   "The ACK of a handshake that echoes a time at which the server had not sent a SYN,ACK is dropped: the server stays in SYN_RECV.",
		Source: "net/ipv4/tcp_minisocks.c: tcp_check_req",
		Control: lab.Control{
			Says: "the echo is not changed", Of: "fooled", Segment: "client:ACK#2", Change: lab.EchoMore(longAgo),
		},
	}},
	Script: func(s *lab.Script) {
		s.StopIf(!s.Both(timestamps), "the connection has no timestamps")
		client, server := s.Connection()
		client.Send("hello")
		server.Read()

		s.Part("The right sequence number, and an old timestamp")
		data := client.Segment("world").Hold()
		answer, read := data.Forge(lab.TimeMore(-longAgo)).Exchange(), server.Reads()
		s.Expect("older-timestamp-is-dropped-and-acked",
			lab.Is("server sends", answer.Names, "ACK"),
			lab.Is("read", read, "EAGAIN"))
		s.Expect("timestamps-are-only-for-rtt", lab.Is("read", read, "world"))

		s.Part("The same without a timestamp")
		data.Forge(func(t *lab.TCP) { t.Options = nil }).Exchange()
		s.Expect("without-timestamp-is-accepted", lab.Is("server reads", server.Reads(), "world"))

		s.Part("A RST with an old timestamp")
		data.Forge(lab.SeqMore(uint32(data.Len)), lab.IntoReset, lab.TimeMore(-longAgo), func(t *lab.TCP) { t.Data = nil }).Deliver()
		s.Expect("rst-is-exempt",
			lab.Is("server", server.State(), record.Close),
			lab.Is("read", server.Reads(), "ECONNRESET"))
		overtakenACK(s)
		wrongEcho(s)
	},
}

// overtakenACK lets an ACK come after data that was sent later.
func overtakenACK(s *lab.Script) {
	client, server := s.Connection("overtaken")
	s.Part("An ACK that is late")
	server.Segment(welcome).Deliver()
	ack := s.Wire.Of(client).Next("client:ACK").Deliver()
	client.Send("hello")
	answer := ack.Forge(lab.TimeMore(-longAgo)).Provoke()
	s.Unless(!s.Server.HasCounter("PAWSOldAck"), "before Linux 6.14 it is answered").
		Expect("old-acks-get-no-answer",
			lab.Is("server sends", answer.Names, "nothing"),
			lab.Is("PAWSOldAck", s.Server.Counter("PAWSOldAck"), 1))
}

// wrongEcho shows a handshake in which each side gets an answer to what it has not sent.
func wrongEcho(s *lab.Script) {
	listener := s.Server.Named("other listener").Listen(81, 1)
	client := s.Client.Named("fooled").Connect(listener)
	s.Part("A handshake with wrong echoes")
	wire := s.Wire.Of(client)
	wire.Next("SYN").Deliver()
	synack := wire.Next("SYN,ACK").Hold()
	s.Expect("a-wrong-echo-resets",
		lab.Is("client sends", synack.Forge(lab.EchoMore(-longAgo)).Provoke().Names, "RST"),
		lab.Is("client", client.State(), record.SynSent))
	synack.Deliver()
	ack := wire.Take("client:ACK")
	if ack == nil {
		return
	}
	ack.Hold().Forge(lab.EchoMore(-longAgo)).Deliver()
	s.Unless(!s.Server.HasCounter("TSEcrRejected"), "this kernel does not look at the echo").
		Unless(!s.Server.KeepsHalfOpen(), lab.NothingHalfOpen).
		Expect("a-wrong-echo-completes-nothing",
			lab.Is("server", client.Peer().State(), record.SynRecv),
			lab.Is("TSEcrRejected", s.Server.Counter("TSEcrRejected"), 1))
}

// longAgo is by how many milliseconds the old timestamps are older.
const longAgo = 5000
