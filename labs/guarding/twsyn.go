package guarding

import (
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// Which SYN reopens a connection in TIME_WAIT.
var twSYN = lab.Lab{
	Name:  "twsyn",
	Title: "TIME_WAIT lets in a SYN that is provably new, and no other",
	Look:  "which SYNs TIME_WAIT lets in, by sequence number and by timestamp",
	Long: `A SYN that arrives for a connection in TIME_WAIT may be a new beginning, or an
old duplicate that was delayed. The server lets it in only if it must be new: its sequence
number is above all that the old connection has used, or its timestamp is newer. If its
timestamp is older it is refused, whatever its number. What is refused is answered by an
ACK with the old numbers. Here forged SYNs of all four kinds arrive, and a FIN that is sent
again.`,
	Why: `tcp_timewait_state_process (net/ipv4/tcp_minisocks.c) decides, in this order. A
SYN with an older timestamp is refused (tcp_paws_reject). Then either a sequence number
above rcv_nxt or a newer timestamp is enough. The SYN goes to the listener, the time-wait
socket is gone, and the new connection gets a sequence number above the old ones.

RFC 9293 §3.6.1 (MAY-2) allows it for numbers, and RFC 6191 for timestamps. Both want the
old state back if the SYN turns out to be old after all; Linux does not keep it.

This is why a client can use the same port again at once and as often as it likes: its
next initial sequence number is higher (it grows with the clock), and so is its timestamp.
It fails where the clock seems to go back: behind a NAT that puts several clients with
clocks of their own behind one address and port, or with timestamps off on a client whose
numbers have no order. Then connect hangs for as long as the server has TIME_WAIT.

The answer is limited to one in half a second (tcp_invalid_ratelimit). A client in
SYN_SENT answers it by a RST, and that ends TIME_WAIT, if tcp_rfc1337 does not forbid it.`,
	Try: []lab.Try{
		{Command: "twsyn --sysctl net.ipv4.tcp_timestamps=0", Says: "without timestamps only the number counts"},
		{Command: "timewait", Says: "a real client that connects again, and what ends TIME_WAIT"},
		{Command: "twreuse", Says: "TIME_WAIT on the connecting side"},
	},
	TimeWaits: 2,
	Claims: []lab.Claim{{
		ID:     "older-timestamp-never",
		Text:   "A SYN with a higher sequence number but an older timestamp is answered by an ACK, and TIME_WAIT remains.",
		Source: "net/ipv4/tcp_minisocks.c: tcp_timewait_state_process",
		Control: lab.Control{
			Says: "its timestamp is newer", Of: "first", Segment: "client:SYN#2", Change: lab.TimeMore(2 * longAgo),
		},
	}, {
		ID:     "any-syn-is-let-in",
		Text:   "A SYN for a connection in TIME_WAIT opens a new one.",
		Source: "widely taught: TIME_WAIT is over when the client connects again",
		Myth:   true,
		Truth:  "One with a lower number and no newer timestamp is only acknowledged (net/ipv4/tcp_minisocks.c: tcp_timewait_state_process).",
		Control: lab.Control{
			Says: "its number is higher", Of: "first", Segment: "client:SYN#3", Change: lab.SeqMore(2),
		},
	}, {
		ID:     "duplicate-fin-restarts",
		Text:   "A FIN that is sent again is acknowledged, and the 60 seconds of TIME_WAIT start anew.",
		Source: "RFC 9293 §3.10.7.4, TIME-WAIT STATE; net/ipv4/tcp_minisocks.c: tcp_timewait_state_process",
		Control: lab.Control{
			Says: "it is lost", Of: "first", Segment: "client:FIN,ACK#2",
		},
	}, {
		ID:     "higher-number-reopens",
		Text:   "A SYN without a timestamp, whose sequence number is above the old connection's, is let in: the server is SYN_RECV.",
		Source: "RFC 9293 §3.6.1 (MAY-2); net/ipv4/tcp_minisocks.c: tcp_timewait_state_process",
		Control: lab.Control{
			Says: "its number is lower", Of: "first", Segment: "client:SYN#4", Change: lab.SeqMore(1<<32 - 2),
		},
	}, {
		ID:     "newer-timestamp-reopens",
		Text:   "A SYN with a lower sequence number, but a newer timestamp, is let in.",
		Source: "net/ipv4/tcp_minisocks.c: tcp_timewait_state_process",
		Control: lab.Control{
			Says: "its timestamp is older", Of: "second", Segment: "client:SYN#2", Change: lab.TimeMore(-2 * longAgo),
		},
	}},
	Script: func(s *lab.Script) {
		s.Server.SetSysctl(lab.InvalidRateLimit, "0") // so that each segment gets its answer
		timed := s.Both(timestamps)
		listener := s.Server.Listen(80, 4) // with 1, Linux before 2025 may answer the second SYN with a cookie
		client, syn, fin := inTimeWait(s, "first", listener)
		server := client.Peer()
		if timed {
			s.Part("A SYN with a higher number, and an older timestamp")
			older := syn.Forge(lab.SeqMore(1<<20), lab.TimeMore(-longAgo))
			s.Expect("older-timestamp-never",
				lab.Is("server sends", older.Provoke().Names, "ACK"),
				lab.Is("server", server.State(), record.TimeWait))
		}

		s.Part("A SYN with a lower number, and no timestamp")
		lower := client.Craft(lab.Craft{Flags: "SYN", Seq: below, Win: 64240, Options: "mss 1460"})
		s.Expect("any-syn-is-let-in", lab.Is("server sends", lower.Provoke().Names, "SYN,ACK"))

		s.Part("The client's FIN once more")
		before := server.TimerBelow(timeWait - 150*time.Millisecond) // or one could not tell
		s.Expect("duplicate-fin-restarts",
			lab.Is("server sends", fin.Forge().Provoke().Names, "ACK"),
			lab.Is("started anew", server.TimeLeft().SetSince(before), true))

		s.Part("A SYN with a higher number, and no timestamp")
		higher := client.Craft(lab.Craft{Flags: "SYN", Seq: above, Win: 64240, Options: "mss 1460"})
		s.Expect("higher-number-reopens",
			lab.Is("server sends", higher.Provoke().Names, "SYN,ACK"),
			lab.Is("server", server.State(), record.SynRecv))

		s.StopIf(!timed, "the connection has no timestamps")
		client, syn, _ = inTimeWait(s, "second", listener)
		s.Part("A SYN with a lower number, and a newer timestamp")
		s.Expect("newer-timestamp-reopens",
			lab.Is("server sends", syn.Forge(lab.TimeMore(longAgo)).Provoke().Names, "SYN,ACK"),
			lab.Is("server", client.Peer().State(), record.SynRecv))
	},
}

// The numbers around the one that is expected in TIME_WAIT: a SYN and a FIN came
// before it.
const (
	below = 1
	above = 3

	timeWait = 60 * time.Second // TCP_TIMEWAIT_LEN, include/net/tcp.h
)

// inTimeWait makes a connection that the server closes first. It returns the client,
// its SYN and its FIN.
func inTimeWait(s *lab.Script, name string, listener *lab.Sock) (client *lab.Sock, syn, fin *lab.Segment) {
	s.Part("A connection that the server closes first")
	client = s.Client.Named(name).Connect(listener)
	syn = s.Wire.Handshake(client).SYN
	listener.Accept().Finish()
	return client, syn, client.Finish()
}
