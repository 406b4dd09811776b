package guarding

import (
	"github.com/tcplab/tcplab/labs/lab"
)

// Data that the peer has not sent.
var blindData = lab.Lab{
	Name:  "blinddata",
	Title: "Forged data needs two right numbers, and then it is as good as real",
	Look:  "which forged data read returns, and what answers the rest",
	Long: `Data in the name of the client is accepted if its sequence number is in the window, and if
its acknowledgement number is one that the client could send. Whoever cannot see the
segments has to guess both. Here forged data arrives with one wrong number or the other,
then with both right; and then the data that the client really sends at the same place in
the stream is dropped, as a duplicate of what has arrived already.`,
	Why: `tcp_validate_incoming (net/ipv4/tcp_input.c) first compares the sequence number with the
window. Then tcp_ack looks at the acknowledgement number. It may be old, by the largest
window that the peer has had (RFC 9293 §3.10.7.4, MAY-12), but not from before the first
byte that this side has sent. What acknowledges more than was sent is dropped, too. Without
this check any number in half of the number space would do, and an attacker would
need no second guess.

Nothing of all this proves who has sent a segment. The numbers are no secret for anyone on
the way. If the content matters, it has to be encrypted (TLS) or signed (TCP_MD5SIG, lab
signature).`,
	Try: []lab.Try{
		{Command: "blindrst", Says: "a forged RST"},
		{Command: "blindsyn", Says: "a forged SYN"},
	},
	Reads: []string{"server:" + challengeACKs},
	Claims: []lab.Claim{{
		ID:     "outside-is-dropped-and-acked",
		Text:   "Data outside of the window is dropped, and answered by an ACK with the number that is expected.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_input.c: tcp_validate_incoming",
		Control: lab.Control{
			Says: "its number is the one that is expected", Segment: "client:data", Change: lab.SeqMore(1<<32 - farOutside),
		},
	}, {
		ID:     "too-old-an-ack-is-refused",
		Text:   "Data with the right sequence number is dropped, and answered by an ACK, if it acknowledges a number below the first byte that the server has sent.",
		Source: "RFC 9293 §3.10.7.4 (MAY-12); net/ipv4/tcp_input.c: tcp_ack",
		Control: lab.Control{
			Says: "it acknowledges what was sent last", Segment: "client:data#2",
			Change: func(t *lab.TCP) { t.Ack += longBefore },
		},
	}, {
		ID:     "ack-of-the-unsent-is-refused",
		Text:   "Data with the right sequence number is dropped if it acknowledges what the server has not sent yet.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_input.c: tcp_ack",
		Control: lab.Control{
			Says: "it acknowledges what was sent last", Segment: "client:data#3", Change: lab.AckLess(inside),
		},
	}, {
		ID:     "without-ack-is-dropped-silently",
		Text:   "A segment without the flag ACK is dropped without an answer.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_input.c: tcp_rcv_established",
		Control: lab.Control{
			Says: "it is a RST", Segment: "client:data#4", Change: lab.IntoReset,
		},
	}, {
		ID:     "the-right-numbers-are-enough",
		Text:   "Data with the right sequence number, and an acknowledgement number that is old but was once right, is accepted: the program reads it.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_input.c: tcp_ack",
		Control: lab.Control{
			Says: "a byte is missing before it", Segment: "client:data#5", Change: lab.SeqMore(1),
		},
	}, {
		ID:     "numbers-prove-the-sender",
		Text:   "What the server reads is what the client has written: its kernel drops what others send.",
		Source: "widely taught: the sequence numbers protect the stream",
		Myth:   true,
		Truth:  "Whoever knows the numbers can write into the stream, and the client's own data is then dropped as a duplicate (net/ipv4/tcp_input.c: tcp_data_queue).",
		Control: lab.Control{
			Says: "the forged data is lost", Segment: "client:data#5",
		},
	}},
	Script: func(s *lab.Script) {
		s.Server.SetSysctl(lab.InvalidRateLimit, "0") // so that each segment gets its answer
		client, server := s.Connection()
		server.Send(welcome)
		client.Read()
		sent := int64(1 + len(welcome))
		inject := func(c lab.Craft) (answer, read string) {
			c.Win, c.Data = 500, forged
			return client.Craft(c).Provoke().Names, server.Reads()
		}

		s.Part("Forged data outside of the window")
		answer, read := inject(lab.Craft{Flags: "PSH,ACK", Seq: 1 + farOutside, Ack: sent})
		s.Expect("outside-is-dropped-and-acked",
			lab.Is("server sends", answer, "ACK"),
			lab.Is("read", read, "EAGAIN"))
		s.Part("The right sequence number, and a wrong acknowledgement number")
		answer, read = inject(lab.Craft{Flags: "PSH,ACK", Seq: 1, Ack: sent - longBefore})
		s.Unless(s.Server.Sysctl(challengeACKs) < enough, fewChallenges).Expect("too-old-an-ack-is-refused",
			lab.Is("server sends", answer, "ACK"),
			lab.Is("read", read, "EAGAIN"))
		answer, read = inject(lab.Craft{Flags: "PSH,ACK", Seq: 1, Ack: sent + inside})
		s.Expect("ack-of-the-unsent-is-refused",
			lab.Seen("server sends", answer), // Linux 6.12 sends nothing
			lab.Is("read", read, "EAGAIN"))
		answer, read = inject(lab.Craft{Flags: "PSH", Seq: 1})
		s.Expect("without-ack-is-dropped-silently",
			lab.Is("server sends", answer, "nothing"),
			lab.Is("read", read, "EAGAIN"))

		s.Part("Both numbers right")
		_, read = inject(lab.Craft{Flags: "PSH,ACK", Seq: 1, Ack: 1})
		s.Expect("the-right-numbers-are-enough", lab.Is("read", read, forged))

		s.Part("The client writes as many bytes")
		client.TrySend(genuine)
		s.Expect("numbers-prove-the-sender",
			lab.Is("server reads what the client wrote", server.Reads() == genuine, true),
			lab.Seen("the client's bytes without an acknowledgement", client.Unacknowledged()))
	},
}

const (
	welcome    = "welcome"
	forged     = "evil!"
	genuine    = "hello"
	longBefore = 1 << 20
)
