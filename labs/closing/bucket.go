package closing

import (
	"strconv"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A host that has no room for another TIME_WAIT.
var bucket = lab.Lab{
	Name:  "bucket",
	Title: "Beyond tcp_max_tw_buckets a connection ends silently, without TIME_WAIT",
	Look:  "the close after which no TIME_WAIT is left (TCPTimeWaitOverflow)",
	Long: `Each TIME_WAIT is a small socket of its own, and tcp_max_tw_buckets bounds how
many of them a host keeps. When there is no room, the kernel does not wait for an older one
to end: the connection that closes now gets no TIME_WAIT at all. The same limit holds for
FIN_WAIT2 after close, which is such a small socket too. Then nothing does the work of
TIME_WAIT: a repeated FIN, or the other side's late one, is answered with a RST. Some
guides lower the limit to get rid of TIME_WAIT.`,
	Why: `inet_twsk_alloc (net/ipv4/inet_timewait_sock.c) compares the number of these sockets
with the limit, and returns none if it is reached. tcp_time_wait
(net/ipv4/tcp_minisocks.c) then counts TCPTimeWaitOverflow and ends the connection with
tcp_done. No segment tells the other side. The sockets that are there stay: lowering the
limit removes none of them.

In FIN_WAIT2 after close the loss is worse than a missing wait. The other side may not have
closed yet; it may still have data to send. Everything that it sends now finds no socket,
and is answered with a RST. An orderly close turns into a reset.

ip-sysctl.rst says "you _must_ not lower the limit artificially". One of these sockets
takes some hundred bytes, and holds its port only towards one address and port of the
other side: thousands of them do no harm.`,
	Try: []lab.Try{
		{Command: "bucket --limit 0", Says: "no TIME_WAIT and no FIN_WAIT2 at all"},
		{Command: "timewait", Says: "what TIME_WAIT does, and for how long"},
		{Command: "lostlastack", Says: "the repeated FIN that TIME_WAIT is there to answer"},
		{Command: "finwait2", Says: "how long FIN_WAIT2 lasts after close"},
	},
	Knobs: []lab.Knob{
		lab.Number("limit", 1, 0, 100, "the client's net.ipv4.tcp_max_tw_buckets"),
	},
	Claims: []lab.Claim{{
		ID:     "over-the-limit-no-time-wait",
		Text:   "The client keeps as many connections in TIME_WAIT as the limit says. The next one that it closes is gone at once, counted in TCPTimeWaitOverflow.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_max_tw_buckets; net/ipv4/tcp_minisocks.c: tcp_time_wait",
		Control: lab.Control{
			Says: "the limit is raised", Before: "over client:close",
			Do: func(s *lab.Script) { s.Client.SetSysctl(maxBuckets, "101") },
		},
	}, {
		ID:     "lost-ack-then-resets",
		Text:   "If the last ACK of that connection is lost, the FIN that the server sends again finds no socket and is answered with a RST.",
		Source: "net/ipv4/tcp_ipv4.c: tcp_v4_rcv; net/ipv6/tcp_ipv6.c: tcp_v6_rcv; RFC 9293 §3.5.2",
		Control: lab.Control{
			Says: "the limit is raised", Before: "over client:close",
			Do: func(s *lab.Script) { s.Client.SetSysctl(maxBuckets, "101") },
		},
	}, {
		ID:     "finwait2-goes-too",
		Text:   "FIN_WAIT2 after close counts as well: when the FIN is acknowledged, the client's socket is gone.",
		Source: "net/ipv4/tcp_input.c: tcp_rcv_state_process; net/ipv4/tcp_minisocks.c: tcp_time_wait",
		Control: lab.Control{
			Says: "the limit is raised", Before: "half client:close",
			Do: func(s *lab.Script) { s.Client.SetSysctl(maxBuckets, "101") },
		},
	}, {
		ID:     "lowering-it-cures",
		Text:   "Lowering the limit gets rid of TIME_WAIT, and an orderly close stays one.",
		Source: "widely taught, among the settings for busy servers",
		Myth:   true,
		Truth:  "It removes none of those that are there, and a connection that closes beyond it can be reset, though both programs have closed in order (net/ipv4/tcp_minisocks.c: tcp_time_wait).",
		Control: lab.Control{
			Says: "the limit is raised", Before: "half client:close",
			Do: func(s *lab.Script) { s.Client.SetSysctl(maxBuckets, "101") },
		},
	}},
	Script: func(s *lab.Script) {
		limit := s.Int("limit")
		s.Part("The client's room for TIME_WAIT is bounded")
		s.Client.SetSysctl(maxBuckets, strconv.Itoa(limit))
		for i := range limit {
			client, _ := closeInOrder(s, strconv.Itoa(i+1))
			s.Wire.Of(client).Deliver("client:ACK")
		}

		client, server := closeInOrder(s, "over")
		wire := s.Wire.Of(client)
		s.Expect("over-the-limit-no-time-wait",
			lab.Is("in TIME_WAIT", s.Client.Count(record.TimeWait), limit),
			lab.Is("client", client.State(), record.Close),
			lab.Is("TCPTimeWaitOverflow", s.Client.Counter("TCPTimeWaitOverflow"), 1))
		wire.Next("client:ACK").Drop()
		answer := wire.Retransmission("server:FIN,ACK").Exchange()
		s.Expect("lost-ack-then-resets",
			lab.Is("client's host sends", answer.Names, "RST"),
			lab.Is("server", server.State(), record.Close))

		client, server = s.Connection("half")
		s.Part("The limit is lowered to 0; the client closes, and the server does not yet")
		s.Client.SetSysctl(maxBuckets, "0")
		client.Finish()
		small := s.Unless(s.Client.Sysctl(finTimeout) > 60, "with a "+finTimeout+" above 60 s FIN_WAIT2 is no small socket yet")
		small.Expect("finwait2-goes-too", lab.Is("client", client.State(), record.Close))
		server.Close()
		answer = s.Wire.Of(client).Next("server:FIN,ACK").Exchange()
		small.Expect("lowering-it-cures",
			lab.Seen("still in TIME_WAIT", s.Client.Count(record.TimeWait)),
			lab.Is("the server's FIN is answered by a RST", answer.Names == "RST", false))
	},
}

const maxBuckets = "net.ipv4.tcp_max_tw_buckets"

// closeInOrder makes a connection and closes it from the client on, up to its last ACK,
// which waits.
func closeInOrder(s *lab.Script, name string) (client, server *lab.Sock) {
	client, server = s.Connection(name)
	client.Close()
	s.Wire.Of(client).Pass("client:FIN,ACK")
	server.Close()
	s.Wire.Of(client).Pass("server:FIN,ACK")
	return client, server
}
