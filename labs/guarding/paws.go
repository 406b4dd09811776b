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
	Long: `Sequence numbers have 32 bits: after 4 GiB they begin anew, at 10 Gbit/s after less than
four seconds. A segment that was delayed for so long would fit into the window again, and
its old bytes would be taken for new ones. Timestamps prevent that. Each segment carries
the sender's clock, and the receiver remembers the latest. A segment that is older is
dropped: this is PAWS, protection against wrapped sequence numbers. Here a segment with
the right number and an old timestamp arrives, then one without a timestamp, then a RST.`,
	Why: `The check is the first that tcp_validate_incoming (net/ipv4/tcp_input.c) makes. It lets
pass a timestamp that is older by 1 at most (TCP_PAWS_WINDOW), and ACKs that were merely
overtaken (tcp_disordered_ack). The remembered value, ts_recent, is that of the latest
segment that was in order. After 36 minutes without a segment it counts no longer
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
	}},
	Script: func(s *lab.Script) {
		if s.Client.Sysctl(timestamps) == 0 || s.Server.Sysctl(timestamps) == 0 {
			s.Inapplicable("the connection has no timestamps", "older-timestamp-is-dropped-and-acked",
				"timestamps-are-only-for-rtt", "without-timestamp-is-accepted", "rst-is-exempt")
			return
		}
		client, server := s.Connection()
		client.Send("hello")
		server.Read()

		s.Part("The right sequence number, and an old timestamp")
		client.Write("world")
		data := s.Wire.Next("client:data").Hold()
		data.Forge(lab.TimeMore(-longAgo)).Deliver()
		answer := s.Wire.DeliverAll(s.Server)
		_, outcome := server.TryRead()
		s.Expect("older-timestamp-is-dropped-and-acked",
			lab.Is("server sends", answer, "ACK"),
			lab.Is("read", outcome, "EAGAIN"))
		s.Expect("timestamps-are-only-for-rtt",
			lab.Is("read", outcome, lab.OK))

		s.Part("The same without a timestamp")
		data.Forge(func(t *lab.TCP) { t.Options = nil }).Deliver()
		s.Wire.Deliver("server:ACK")
		got, _ := server.TryRead()
		s.Expect("without-timestamp-is-accepted",
			lab.Is("server reads", got, "world"))

		s.Part("A RST with an old timestamp")
		data.Forge(func(t *lab.TCP) {
			t.Seq, t.Data = t.Seq+uint32(data.Len), nil
			lab.IntoReset(t)
			lab.TimeMore(-longAgo)(t)
		}).Deliver()
		s.Expect("rst-is-exempt",
			lab.Is("server", server.State(), record.Close),
			lab.Is("read", server.Reads(), "ECONNRESET"))
	},
}

// longAgo is by how many milliseconds the old timestamps are older.
const longAgo = 5000
