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
	Title: "A SYN that is lost is sent again, until connect fails with ETIMEDOUT",
	Long: `The client can't know whether its SYN has arrived: it hears of nothing but an
answer. So it sends the SYN again, first every second and then at times twice as
long, until it gives up and connect fails. When it gives up is decided by two
limits, a number of SYNs and a time, and the first that is reached rules. In the
second half of the lab no SYN ever arrives. There the limits are lowered, so that
it is quick; with --forever they stay the kernel's own.`,
	Why: `A SYN that is lost looks like one that is not answered yet, so only time can tell.
connect starts a timer (tcp_connect: "Timer for repeating the SYN until an answer"),
and as no round trip was measured so far, it is set to one second (TCP_TIMEOUT_INIT).
tcp_retransmit_timer (net/ipv4/tcp_timer.c) sends the SYN again and doubles the time,
so as not to make a jam worse; but not before more than tcp_syn_linear_timeouts
timeouts have passed, so that a few losses cost a second each.

When to give up is decided by two tests in tcp_write_timeout: the number of
retransmissions (tcp_syn_retries and the linear ones together), and the time that
tcp_syn_retries doublings would have taken (tcp_model_timeout). Whichever is met first
ends it with ETIMEDOUT. So with a low tcp_syn_retries the time ends it before the
count does, and with the defaults a connect takes about 131 seconds to fail.`,
	Try: []lab.Try{
		{Command: "lostsyn --times 2", Says: "two SYNs are lost: connect succeeds after two seconds"},
		{Command: "lostsyn --forever --retries 1", Says: "the kernel's own limits: the time of one doubling, 3 seconds, ends it"},
		{Command: "lostsyn --forever --retries 2 --sysctl net.ipv4.tcp_syn_linear_timeouts=0", Says: "SYNs at 0, 1 and 3 seconds, and the end at 7: doubling from the start, as before Linux 6.5"},
		{Command: "nolisten", Says: "a refusal in place of silence: connect fails at once"},
		{Command: "lostsynack", Says: "the answer is lost instead: now two timers run"},
	},
	Knobs: []lab.Knob{
		lab.Number("times", 1, 1, manyTimes, "how many SYNs in a row are lost before one arrives; the last one that the kernel sends always does"),
		lab.Switch("forever", "where no SYN ever arrives, wait until the kernel's own limits end it"),
		lab.Turns("retries", "client:"+synRetries, "the client's net.ipv4.tcp_syn_retries"),
	},
	Reads:    []string{"client:" + rtoMax},
	Sockopts: []string{"SO_ERROR"},
	Claims: []lab.Claim{{
		ID:     "repeated-syn-connects",
		Text:   "A SYN that arrives after others were lost opens the connection like the first.",
		Source: "RFC 9293 §3.8.1, §3.10.7.2",
		Control: lab.Control{
			Says: "the repeated SYN is lost, too", Segment: "client:SYN again",
		},
	}, {
		ID:     "client-retransmits-syn",
		Text:   "While there is no answer, the client sends the same SYN again by itself, and stays SYN_SENT.",
		Source: "RFC 9293 §3.8.1; net/ipv4/tcp_timer.c: tcp_retransmit_timer",
		Control: lab.Control{
			Says: "an acknowledgement is added to the repeated SYN", Of: "silent", Segment: "client:SYN again", Change: lab.AckItself,
		},
	}, {
		ID:     "retry-schedule",
		Text:   "The pauses are one second until tcp_syn_linear_timeouts timeouts have passed, and then double up to the maximum; the last SYN is the one at which tcp_syn_retries, or the time computed from it, is reached.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_syn_retries, tcp_syn_linear_timeouts; net/ipv4/tcp_timer.c: tcp_write_timeout, tcp_model_timeout",
		Control: lab.Control{
			Says: "tcp_syn_retries is raised behind the story's back", Before: "silent:connect",
			Do: func(s *lab.Script) { s.Client.SetSysctl(synRetries, "2") },
		},
	}, {
		ID:     "gives-up-with-etimedout",
		Text:   "At the end of that schedule the client gives up: its socket is CLOSE, and connect fails with ETIMEDOUT.",
		Source: "connect(2); net/ipv4/tcp_timer.c: tcp_write_err",
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
