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
	Look:  "CLOSE_WAIT stays for as long as the program does not close",
	Long: `The client closes, and the server's kernel acknowledges the FIN by itself. Then it
waits for its program, because only the program knows whether there is more to send.
No timer runs meanwhile. A program that forgets to close keeps its socket in
CLOSE_WAIT forever, long after the client has forgotten the connection. Many sockets
in CLOSE_WAIT mean that a program leaks descriptors, and no kernel setting cures
that.`,
	Why: `tcp_fin (net/ipv4/tcp_input.c) schedules the ACK, notes that no more data will come
and wakes the program. It starts no other timer: nothing is in flight, and the other
side owes nothing. The way out is in new_state (net/ipv4/tcp.c): only close or
shutdown takes CLOSE_WAIT to LAST_ACK.

In production a growing number of CLOSE_WAIT sockets is a descriptor leak. The
program does not read to the end of the stream, mistakes a read of 0 for "no data
yet", or loses the socket on an error path. ss -tp state close-wait names the
program. It fails when descriptors run out: accept returns EMFILE.

tcp_fin_timeout has no effect here: it belongs to the other side, whose FIN_WAIT2 it
ends. (The small socket that is left there has the timer of TIME_WAIT's, and the ladder
calls it as ss does: "timewait".) Two things can
still end the state. With unacknowledged data or with SO_KEEPALIVE the kernel sends
something, a peer that has forgotten the connection answers with a RST, and tcp_reset
ends the socket with EPIPE. The descriptor is still leaked.`,
	Try: []lab.Try{
		{Command: "closewait --sysctl client:net.ipv4.tcp_fin_timeout=3", Says: "the client waits longer; for the server nothing changes"},
		{Command: "resetclose", Says: "a write to a peer that has closed succeeds once, and then fails with EPIPE"},
		{Command: "halfclose", Says: "the same state in good use: the server still sends"},
		{Command: "finwait2", Says: "the other side of such a connection"},
	},
	Claims: []lab.Claim{{
		ID:     "kernel-acks-fin-by-itself",
		Text:   "The kernel acknowledges the FIN and goes to CLOSE_WAIT although the program has made no call.",
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
		Text:   "In CLOSE_WAIT no kernel timer runs, unless keepalive is on or data is unacknowledged.",
		Source: "net/ipv4/tcp_input.c: tcp_fin",
		Control: lab.Control{
			Says: "the program turns keepalive on", Before: "client:close",
			Do: func(s *lab.Script) { lab.Set(s.Sock("server"), sockopt.KeepAlive, true) },
		},
	}, {
		ID:     "outlives-the-peer",
		Text:   "The socket is still in CLOSE_WAIT when the client's kernel has forgotten the connection. If the program closes then, a RST answers its FIN.",
		Source: "RFC 9293 §3.5.2, group 1; net/ipv4/tcp.c: __tcp_close",
		Control: lab.Control{
			Says: "the program writes, and a RST answers", Before: "server:read", Do: writeInVain,
		},
	}, {
		ID:     "only-close-leaves-it",
		Text:   "Neither reading the end of the stream nor the client's disappearance ends CLOSE_WAIT. close does, through LAST_ACK.",
		Source: "RFC 9293 §3.6, case 2; net/ipv4/tcp.c: new_state",
		Control: lab.Control{
			Says: "the program writes, and a RST answers", Before: "server:close", Do: writeInVain,
		},
	}},
	Script: func(s *lab.Script) {
		s.Client.SetDefault(finTimeout, "1")
		client, server := s.Connection()
		s.Part("The client closes, and the server's program does nothing")
		client.Close()
		fin := s.Wire.Next("FIN,ACK").Deliver()
		ack := s.Wire.Next("server:ACK").Deliver()
		s.Expect("kernel-acks-fin-by-itself",
			lab.Is("ack", ack.Ack, fin.Seq+1),
			lab.Is("server", server.State(), record.CloseWait))
		s.Expect("no-timer-in-close-wait", lab.Is("server runs a timer", server.RunsTimer(), false))

		s.Part("The program reads the end of the stream, and does not close")
		server.TryRead()
		afterRead := server.State()

		s.Part("The client's kernel gives up its side")
		client.Await(record.Close)
		alone := server.State()

		s.Part("The program closes in the end")
		server.Close()
		s.Wire.Deliver("FIN,ACK")
		answer := s.Wire.DeliverAll(s.Client)
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
