package opening

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

const (
	synRetries    = "net.ipv4.tcp_syn_retries"
	synackRetries = "net.ipv4.tcp_synack_retries"
	rtoMax        = "net.ipv4.tcp_rto_max_ms"
)

// manyTimes bounds how many segments in a row a story loses before one arrives;
// the kernel's own limit is lower by default.
const manyTimes = 127

// The first segment of the handshake, lost.
var lostSYN = lab.Lab{
	Name:  "lostsyn",
	Title: "A lost SYN is sent again, until connect fails with ETIMEDOUT",
	Look:  "the times between the SYNs: equal at first, then doubled",
	Long: `The client cannot know whether its SYN has arrived: only an answer tells it. So it
sends the SYN again, at first every second and then after doubling times, until it
gives up and connect fails. Two limits decide when it gives up, a number of SYNs and
a time, and the first one reached counts. In the second half of the lab no SYN
arrives at all. There the lab lowers the limits, so that it is quick; with --forever
the kernel's own limits stay.`,
	Why: `A lost SYN looks like one that is not answered yet, so only time can tell. connect
starts a timer (tcp_connect: "Timer for repeating the SYN until an answer"), and
without a measured round trip it is set to one second (TCP_TIMEOUT_INIT).
tcp_retransmit_timer (net/ipv4/tcp_timer.c) sends the SYN again and doubles the time,
so that it does not make congestion worse; but only after more than
tcp_syn_linear_timeouts timeouts, so that a few losses cost one second each.

tcp_write_timeout makes two tests for giving up: the number of retransmissions
(tcp_syn_retries and the linear ones together), and the time that tcp_syn_retries
doublings would have taken (tcp_model_timeout). The first one met ends the attempt
with ETIMEDOUT. So with a low tcp_syn_retries the time ends it before the count does,
and with the defaults connect takes about 131 seconds to fail.

Silence is not the only way to fail. A RST ends the attempt at once with
ECONNREFUSED, and so does an ICMP error in answer to the SYN (tcp_v4_err), with its
own errno: EHOSTUNREACH for an unreachable host.`,
	Try: []lab.Try{
		{Command: "lostsyn --times 2", Says: "two SYNs are lost: connect succeeds after two seconds"},
		{Command: "lostsyn --forever --retries 1", Says: "the kernel's own limits: the time of one doubling, 3 seconds, ends it"},
		{Command: "lostsyn --forever --retries 2 --sysctl net.ipv4.tcp_syn_linear_timeouts=0", Says: "SYNs at 0, 1 and 3 seconds, and the end at 7: doubling from the start, as before Linux 6.5"},
		{Command: "nolisten", Says: "a refusal instead of silence: connect fails at once"},
		{Command: "lostsynack", Says: "the answer is lost instead: now two timers run"},
	},
	Knobs: []lab.Knob{
		lab.Number("times", 1, 1, manyTimes, "how many SYNs in a row are lost before one arrives; the last one that the kernel sends always does"),
		lab.Switch("forever", "where no SYN ever arrives, wait until the kernel's own limits end it: 131 seconds by default, unless --retries is given"),
		lab.Turns("retries", "client:"+synRetries, "the client's net.ipv4.tcp_syn_retries"),
	},
	Reads:    []string{"client:" + rtoMax, "client:net.ipv4.tcp_syn_linear_timeouts"},
	Sockopts: []string{"SO_ERROR"},
	Claims: []lab.Claim{{
		ID:     "repeated-syn-connects",
		Text:   "A SYN that arrives after lost ones opens the connection as the first one would have.",
		Source: "RFC 9293 §3.10.7.2",
		Control: lab.Control{
			Says: "the repeated SYN is lost as well", Segment: "client:SYN again",
		},
	}, {
		ID:     "client-retransmits-syn",
		Text:   "While no answer of any kind comes, the client sends the same SYN again by itself, and stays in SYN_SENT until it gives up.",
		Source: "RFC 9293 §3.8.3, §3.10.8; net/ipv4/tcp_timer.c: tcp_retransmit_timer",
		Control: lab.Control{
			Says: "a RST answers the first SYN", Of: "silent", Segment: "client:SYN",
			Do: func(s *lab.Script) { s.Sock("silent").Peer().Craft(lab.Craft{Flags: "RST,ACK", Ack: 1}).Deliver() },
		},
	}, {
		ID:     "retry-schedule",
		Text:   "The client waits one second after each of the first tcp_syn_linear_timeouts + 1 SYNs, and after each later one twice as long as before, up to the longest timeout. It gives up at the first timeout at which it has sent the SYN again tcp_syn_retries + tcp_syn_linear_timeouts times, or at which the time of tcp_syn_retries doublings is over.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_syn_retries, tcp_syn_linear_timeouts; net/ipv4/tcp_timer.c: tcp_write_timeout, tcp_model_timeout",
		Control: lab.Control{
			Says: "tcp_syn_retries is raised behind the story's back", Before: "silent:connect",
			Do: func(s *lab.Script) { s.Client.SetSysctl(synRetries, "2") },
		},
	}, {
		ID:     "gives-up-with-etimedout",
		Text:   "At the end of that schedule the client gives up: its socket is CLOSE, and connect fails with ETIMEDOUT.",
		Source: "connect(2), ETIMEDOUT; net/ipv4/tcp_timer.c: tcp_write_err",
		Control: lab.Control{
			Says: "tcp_syn_retries is raised behind the story's back", Before: "silent:connect",
			Do: func(s *lab.Script) { s.Client.SetSysctl(synRetries, "2") },
		},
	}},
	Script: func(s *lab.Script) {
		listener := s.Server.Listen(80, 16)
		s.Part("The SYN is lost, and sent again")
		client := s.Client.Connect(listener)
		wire := s.Wire.Of(client)
		wire.Next("SYN").Drop()
		for range min(s.Int("times"), len(s.Client.SYNSchedule().Sends)-1) - 1 {
			wire.Retransmission("client:SYN").Drop()
		}
		wire.Retransmission("client:SYN").Deliver()
		wire.Deliver("SYN,ACK", "ACK")
		s.Expect("repeated-syn-connects",
			lab.Is("client", client.State(), record.Established),
			lab.Is("server", client.Peer().State(), record.Established))

		s.Part("No SYN ever arrives")
		if !s.On("forever") {
			s.Client.SetDefault(synRetries, "1")
			s.Client.SetDefault(rtoMax, "1000")
		}
		schedule := s.Client.SYNSchedule()
		client = s.Client.Named("silent").Connect(listener)
		wire = s.Wire.Of(client)
		tries := wire.Unanswered("client:SYN")
		sent := tries.Sent
		last := sent[len(sent)-1]
		s.Expect("client-retransmits-syn",
			lab.Is("sent again", last.Flags, "SYN"),
			lab.Is("same number", last.Again, true),
			lab.Is("client", client.Path(record.SynSent), "SYN_SENT → CLOSE"))
		s.Expect("retry-schedule",
			lab.Is("SYNs", len(sent), len(tries.As(schedule).Sends)),
			lab.OnSchedule("sent", tries, schedule))
		s.Expect("gives-up-with-etimedout",
			lab.Is("client", client.State(), record.Close),
			lab.Is("connect", client.Outcome(), "ETIMEDOUT"),
			lab.GaveUpAfter("after", tries, schedule))
	},
}
