package closing

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// A program that never closes.
var closeWait = lab.Lab{
	Name:  "closewait",
	Title: "A socket stays in CLOSE_WAIT until its program closes it",
	Long: `The client closes, and the server's kernel acknowledges the FIN by itself. Then it
waits for its program, for only the program knows whether there is more to send.
No timer runs meanwhile. A program that forgets to close keeps its socket in
CLOSE_WAIT for ever, long after the client has forgotten the connection: many
sockets in CLOSE_WAIT are a leak in the program, and no setting of the kernel
mends it.`,
	Why: `tcp_fin (net/ipv4/tcp_input.c) notes that nothing more will come, wakes the
program and leaves the rest to it. Nothing is in flight, so no retransmission
timer runs, and nothing is due from the other side. The way out is in new_state
(net/ipv4/tcp.c): CLOSE_WAIT becomes LAST_ACK, by close or shutdown alone.

In production a growing number of CLOSE_WAIT is a descriptor leak: a program that
does not read to the end of the stream, takes a read of 0 for no data yet, or
drops the socket on an error path. ss -tp state close-wait names it. It ends when
descriptors run out and accept fails with EMFILE.

tcp_fin_timeout does nothing here: it is the other side's. SO_KEEPALIVE and a
write do make the peer's kernel answer with a RST once it has forgotten the
connection, and tcp_reset then takes the socket out of CLOSE_WAIT, with EPIPE. The
descriptor is leaked all the same.`,
	Try: []lab.Try{
		{Command: "closewait --sysctl client:net.ipv4.tcp_fin_timeout=3", Says: "the client waits longer; to the server it is all the same"},
		{Command: "resetclose", Says: "a write to a peer that has closed succeeds once, and then gets EPIPE"},
		{Command: "halfclose", Says: "the same state put to use: the server still sends"},
		{Command: "finwait2", Says: "the other side of such a connection"},
	},
	Claims: []lab.Claim{{
		ID:     "kernel-acks-fin-by-itself",
		Text:   "The kernel acknowledges the FIN and goes to CLOSE_WAIT though the program has made no call.",
		Source: "RFC 9293 §3.6, case 1; net/ipv4/tcp_input.c: tcp_fin",
		Control: lab.Control{
			Says: "the server closes first", Before: "client:close",
			Do: func(s *lab.Script) {
				s.Sock("server").Close()
				s.Wire.Pass("server:FIN,ACK", "client:ACK")
			},
		},
	}, {
		ID:     "no-timer-in-close-wait",
		Text:   "In CLOSE_WAIT no timer of the kernel runs.",
		Source: "net/ipv4/tcp_input.c: tcp_fin",
		Control: lab.Control{
			Says: "the program has turned keepalive on", Before: "client:close",
			Do: func(s *lab.Script) { lab.Set(s.Sock("server"), sockopt.KeepAlive, true) },
		},
	}, {
		ID:     "outlives-the-peer",
		Text:   "The socket is still in CLOSE_WAIT when the client's kernel has forgotten the connection; a close after that gets a RST for its FIN.",
		Source: "RFC 9293 §3.5.2, group 1; net/ipv4/tcp.c: __tcp_close",
		Control: lab.Control{
			Says: "the program writes, and gets a RST for it", Before: "server:read", Do: writeInVain,
		},
	}, {
		ID:     "only-close-leaves-it",
		Text:   "Neither reading the end of the stream nor the client's disappearance ends CLOSE_WAIT; close does, by LAST_ACK.",
		Source: "RFC 9293 §3.6, case 2; net/ipv4/tcp.c: new_state",
		Control: lab.Control{
			Says: "the program writes, and gets a RST for it", Before: "server:close", Do: writeInVain,
		},
	}},
	Script: func(s *lab.Script) {
		s.Client.SetDefault(finTimeout, "1")
		client, server := s.Connection()
		s.Part("The client closes, and the server's program does nothing")
		client.Close()
		fin := s.Wire.Next("FIN,ACK")
		fin.Deliver()
		ack := s.Wire.Next("server:ACK")
		ack.Deliver()
		s.Expect("kernel-acks-fin-by-itself",
			lab.Is("ack", ack.Ack, fin.Seq+1),
			lab.Is("server", server.State(), record.CloseWait))
		timer, _ := server.Timer()
		s.Expect("no-timer-in-close-wait",
			lab.Is("server runs a timer", timer != "", false))

		s.Part("The program reads the end of the stream, and does not close")
		server.TryRead()
		afterRead := server.State()

		s.Part("The client's kernel gives up its side")
		client.Await(record.Close)
		alone := server.State()

		s.Part("The program closes in the end")
		server.Close()
		s.Wire.Deliver("FIN,ACK")
		answer := s.Wire.Waiting(s.Client)
		s.Wire.Deliver("RST")
		s.Expect("outlives-the-peer",
			lab.Is("client", client.State(), record.Close),
			lab.Is("server", alone, record.CloseWait),
			lab.Is("client sends", answer, "RST"))
		s.Expect("only-close-leaves-it",
			lab.Is("server after reading the end", afterRead, record.CloseWait),
			lab.Is("server after the client is gone", alone, record.CloseWait),
			lab.Is("server in the end", server.Path(record.CloseWait), "CLOSE_WAIT → LAST_ACK → CLOSE"))
	},
}

// writeInVain is a control: what the program writes is answered by a RST.
func writeInVain(s *lab.Script) {
	s.Sock("server").Write("anybody there?")
	s.Wire.Pass("data", "RST")
}
