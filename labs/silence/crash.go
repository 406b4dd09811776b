package silence

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// A peer that is gone, by kind.
var crash = lab.Lab{
	Name:  "crash",
	Title: "A killed process ends its connections; a host without power ends nothing",
	Look:  "which ends send a FIN or RST, and which send nothing at all",
	Long: `What a server sees of a client that is gone depends on what has gone. If only
the process has died, its kernel lives: it closes the connections, by a FIN, or by a RST if
data was unread. If the host has lost power, or the cable is cut, nothing comes at all. An
idle server never notices. If it writes, it finds out: from a host that has started again
it gets a RST, because no such connection exists there; from one that is off it gets
nothing, until its retransmissions end. To play the loss of power, the lab removes the
client's socket with TCP_REPAIR: then close sends nothing.`,
	Why: `When a process ends, for whatever reason, the kernel closes its descriptors. SIGKILL, a
crash and exit are all the same to TCP: __tcp_close (net/ipv4/tcp.c) runs as in an orderly
program. So a FIN does not mean that the peer has said all that it wanted to say. A
protocol has to tell that itself, with a length or an end mark.

An established connection that is idle has no timer, on neither side (RFC 9293 §3.5.1
calls it half-open when one side is gone). Only data, or keepalive, brings it to light.
The first write still succeeds, because write only puts the data into the send buffer.
The error comes with a later call.

A host that has started again has no socket for the segment, and answers with a RST
(tcp_v4_send_reset), whose number is the segment's acknowledgement number. That number is
exact, so the RST is accepted.`,
	Try: []lab.Try{
		{Command: "keepalive", Says: "probes find out without data"},
		{Command: "lostdata", Says: "the other host is off, and data is sent in vain"},
		{Command: "halfopen", Says: "the client that has started again connects from the same port"},
		{Command: "resetclose", Says: "other resets"},
	},
	Sockopts: []string{"TCP_REPAIR"},
	Claims: []lab.Claim{{
		ID:     "killed-process-sends-fin",
		Text:   "The kernel of a process that was killed closes its connection: the server gets a FIN, and reads the end of the stream.",
		Source: "net/ipv4/tcp.c: __tcp_close",
		Control: lab.Control{
			Says: "the process had set SO_LINGER to 0", Before: "client:close",
			Do: func(s *lab.Script) {
				lab.Set(s.Sock("client"), sockopt.Linger, sockopt.LingerValue{On: true})
			},
		},
	}, {
		ID:     "killed-with-unread-data-resets",
		Text:   "If the process had not read all that has arrived, the server gets a RST, and ECONNRESET.",
		Source: "net/ipv4/tcp.c: __tcp_close; RFC 2525 §2.17",
		Control: lab.Control{
			Says: "it has read everything", Before: "busy client:close",
			Do: func(s *lab.Script) { s.Sock("busy client").Read() },
		},
	}, {
		ID:     "idle-side-never-notices",
		Text:   "If the client's host loses power, an idle server without keepalive stays ESTABLISHED, and no timer runs that could change that.",
		Source: "RFC 9293 §3.5.1; net/ipv4/tcp_timer.c: tcp_keepalive_timer",
		Control: lab.Control{
			Says: "the server has keepalive on", Before: "gone client:close",
			Do: func(s *lab.Script) { lab.Set(s.Sock("gone server"), sockopt.KeepAlive, true) },
		},
	}, {
		ID:     "established-means-the-peer-is-there",
		Text:   "While a connection is ESTABLISHED, the other side has it too.",
		Source: "widely taught: ESTABLISHED means that the two are connected",
		Myth:   true,
		Truth:  "It means that nothing has told this side otherwise (RFC 9293 §3.5.1).",
		Control: lab.Control{
			Says: "the client's process dies, and its host lives", Before: "gone client:close",
			Do: func(s *lab.Script) { lab.Set(s.Sock("gone client"), sockopt.Repair, sockopt.RepairOffMute) },
		},
	}, {
		ID:     "rebooted-peer-resets",
		Text:   "If the server writes to a host that has started again, the write succeeds, a RST answers, and the next read fails with ECONNRESET.",
		Source: "RFC 9293 §3.5.1; RFC 9293 §3.5.2; net/ipv4/tcp_ipv4.c: tcp_v4_send_reset",
		Control: lab.Control{
			Says: "the RST is lost", Of: "gone client", Segment: "client:RST",
		},
	}},
	Script: func(s *lab.Script) {
		client, server := s.Connection()
		s.Part("The client's process is killed: its kernel closes the descriptor")
		client.Close()
		s.Wire.Deliver("client:FIN,ACK")
		s.Expect("killed-process-sends-fin",
			lab.Is("server", server.State(), record.CloseWait),
			lab.Is("read", server.Reads(), lab.EOF))
		s.Wire.Pass("server:ACK") // or the client's kernel sends its FIN again before long

		client, server = s.Connection("busy")
		server.Send("news")
		s.Part("Another process is killed before it has read what has arrived")
		client.Close()
		s.Wire.Of(client).Deliver("client:RST,ACK")
		s.Expect("killed-with-unread-data-resets",
			lab.Is("server", server.State(), record.Close),
			lab.Is("read", server.Reads(), "ECONNRESET"))

		client, server = s.Connection("gone")
		s.Part("The client's host loses power")
		vanish(client)
		s.Expect("established-means-the-peer-is-there",
			lab.Is("server", server.State(), record.Established),
			lab.Is("the client has it too", client.State() != record.Close, true))
		s.Expect("idle-side-never-notices",
			lab.Is("server", server.State(), record.Established),
			lab.Is("runs a timer", server.RunsTimer(), false))

		s.Part("It starts again, and the server writes")
		write := server.TryWrite("news")
		s.Wire.Of(client).Deliver("server:data", "client:RST")
		s.Expect("rebooted-peer-resets",
			lab.Is("write", write, lab.OK),
			lab.Is("server", server.State(), record.Close),
			lab.Is("read", server.Reads(), "ECONNRESET"))
	},
}
