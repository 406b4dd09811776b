package closing

import (
	"math"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// How long FIN_WAIT2 lasts, and for whom.
var finWait2 = lab.Lab{
	Name:  "finwait2",
	Title: "FIN_WAIT2 ends by itself once the program has closed, and not before",
	Long: `In FIN_WAIT2 the FIN is acknowledged, and the other side has not closed yet. For a
program that has only shut down its sending side that is an ordinary state: it
still reads, for as long as it likes. After close(2) nobody is left to read, and
Linux ends the state after tcp_fin_timeout, or after the socket's own TCP_LINGER2.
Until then it keeps a small time-wait socket instead of the connection. The sysctl
has nothing to do with TIME_WAIT.`,
	Why: `Two places decide: tcp_rcv_state_process where the FIN of an orphan is
acknowledged, and __tcp_close where close comes only after that. Both ask
tcp_fin_time for the limit, and up to 60 seconds both call tcp_time_wait: a small
socket stays that can answer a FIN but has no room for data. So data draws a RST:
no program is left to read it, and the sender should know (RFC 9293 §3.6.1,
SHLD-3).

Above 60 seconds the whole socket waits for the excess first. Then one would
expect the small one to wait for the other 60, but tcp_keepalive_timer gives it
the excess once more. So 61 is over after 2 seconds, and 90 after 60.

FIN_WAIT2 sockets without a process are bounded, and small. They say that the
other side got the FIN and does not close: look there for CLOSE_WAIT. Those with a
process are half-closed connections, and no sysctl bounds them.`,
	Try: []lab.Try{
		{Command: "finwait2 --fin-timeout 3", Says: "the closed connection stays three seconds, the one shut down as before"},
		{Command: "finwait2 --linger2 2", Says: "TCP_LINGER2 sets the limit for one socket"},
		{Command: "finwait2 --fin-timeout 130", Says: "above 60 seconds: a keepalive timer holds the whole socket first"},
		{Command: "closewait", Says: "the other side of such a connection"},
		{Command: "sockopt TCP_LINGER2", Says: "all that the option does"},
	},
	Knobs: []lab.Knob{
		lab.Turns("fin-timeout", "client:"+finTimeout, "the client's net.ipv4.tcp_fin_timeout, in seconds").Pin("1"),
		{Name: "linger2", Auto: "not set", Min: 1, Max: math.MaxInt32, Help: "the TCP_LINGER2 of the connection that is closed, in seconds"},
	},
	Sockopts:  []string{"TCP_LINGER2"},
	TimeWaits: 3,
	Claims: []lab.Claim{{
		ID:     "close-bounds-fin-wait2",
		Text:   "After close a timer ends FIN_WAIT2: it is set to TCP_LINGER2 (which is tcp_fin_timeout unless the program sets it) and to 3.5 retransmission timeouts at least; where that is more than 60 seconds, to what is above 60.",
		Source: "tcp(7): TCP_LINGER2; include/net/tcp.h: tcp_fin_time; net/ipv4/tcp_input.c: tcp_rcv_state_process",
		Control: lab.Control{
			Says: "the sysctl is raised behind the story's back", Before: "client:close",
			Do: func(s *lab.Script) { s.Client.SetSysctl(finTimeout, "3") },
		},
	}, {
		ID:     "shutdown-does-not",
		Text:   "A connection that is only shut down has no timer in FIN_WAIT2, and stays.",
		Source: "RFC 9293 §3.6.1; Documentation/networking/ip-sysctl.rst: tcp_fin_timeout",
		Control: lab.Control{
			Says: "the program asks for keepalive", Before: "shut client:shutdown",
			Do: func(s *lab.Script) { lab.Set(s.Sock("shut client"), sockopt.KeepAlive, true) },
		},
	}, {
		ID:     "held-as-mini-socket",
		Text:   "The FIN_WAIT2 of a closed connection is held as a time-wait socket, that of one shut down by the program's own.",
		Source: "net/ipv4/tcp_minisocks.c: tcp_time_wait",
		Control: lab.Control{
			Says: "the timeout is raised above 60 seconds", Before: "client:close",
			Do: func(s *lab.Script) { s.Client.SetSysctl(finTimeout, "61") },
		},
	}, {
		ID:     "data-after-close-gets-reset",
		Text:   "Data that comes in FIN_WAIT2 after close is answered by a RST, which ends both sides.",
		Source: "RFC 9293 §3.6.1; net/ipv4/tcp_minisocks.c: tcp_timewait_state_process",
		Control: lab.Control{
			Says: "the RST is lost", Segment: "client:RST",
		},
	}, {
		ID:     "fin-timeout-is-the-time-wait-length",
		Text:   "tcp_fin_timeout is how long TIME_WAIT lasts.",
		Source: "widely taught, as the way to shorten TIME_WAIT",
		Myth:   true,
		Truth:  "TIME_WAIT lasts 60 seconds, and no sysctl changes that (include/net/tcp.h: TCP_TIMEWAIT_LEN).",
		Control: lab.Control{
			Says: "the other side's FIN is lost, so that it is still FIN_WAIT2", Segment: "server:FIN,ACK",
		},
	}, {
		ID:     "61-seconds-are-61-seconds",
		Text:   "With a tcp_fin_timeout of 61, FIN_WAIT2 lasts 61 seconds.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_fin_timeout",
		Myth:   true,
		Truth:  "It lasts 2. The whole socket waits for what is above 60 seconds, and then a time-wait socket does so once more (net/ipv4/tcp_timer.c: tcp_keepalive_timer).",
		Control: lab.Control{
			Says: "the socket's own timeout is 60 seconds", Before: "last client:close",
			Do: func(s *lab.Script) { lab.Set(s.Sock("last client"), sockopt.Linger2, 60) },
		},
	}},
	Script: tellFinWait2,
}

// awaited is how long a FIN_WAIT2 may last for the story to see it end.
const awaited = 5 * time.Second

func tellFinWait2(s *lab.Script) {
	closed, _ := s.Connection()
	shut, late := s.Connection("shut")
	s.Part("The first connection is closed, the other one shut down")
	if s.Given("linger2") {
		lab.Set(closed, sockopt.Linger2, s.Int("linger2"))
	}
	timeout := lab.Get(closed, sockopt.Linger2)
	rto := closed.RTO()
	var state, timer string
	var held bool
	var left lab.TimeLeft
	took := lab.Took(func() {
		closed.Close()
		finIsAcked(s, closed)
		state, held = closed.State(), closed.Held()
		timer, left = closed.Timer()
	})
	life, longest := lab.FinWait2(timeout, 0), lab.FinWait2(timeout, lab.LatestRTO(rto, took))
	shut.Shutdown()
	finIsAcked(s, shut)
	switch {
	case life.Whole > 0:
		s.Inapplicable("what the timeout has above 60 seconds is waited for by the whole socket first", "held-as-mini-socket")
	default:
		s.Expect("held-as-mini-socket",
			lab.Is("closed", state, record.FinWait2),
			lab.Is("its timer", timer, "timewait"),
			lab.Is("its descriptor", held, false),
			lab.Is("shut down", shut.State(), record.FinWait2),
			lab.Is("that one's descriptor", shut.Held(), true))
	}
	end := "not awaited"
	if life.Total() <= awaited {
		s.Part("The closed one ends")
		closed.AwaitTimer("timewait")
		closed.Await(record.Close)
		end = closed.State()
	}
	s.Expect("close-bounds-fin-wait2",
		lab.Seen("TCP_LINGER2", timeout),
		lab.LeftWithin("left", left, life.First(), longest.First()),
		lab.Seen("in the end", end))
	other, _ := shut.Timer()
	s.Expect("shutdown-does-not",
		lab.Is("shut down", shut.State(), record.FinWait2),
		lab.Is("runs a timer", other != "", false))

	dataAfterClose(s, shut, late)
	timeWaitIsNoFinWait2(s)
	sixtyOneSeconds(s)
}

// dataAfterClose closes a connection that was shut down, and lets the other
// side write to it.
func dataAfterClose(s *lab.Script, shut, late *lab.Sock) {
	s.Part("The other one is closed too, and only then data comes")
	shut.Close()
	late.Write("too late")
	wire := s.Wire.Of(shut)
	wire.Next("data").Deliver()
	answer := wire.Waiting(s.Client)
	wire.Deliver("client:RST")
	s.Expect("data-after-close-gets-reset",
		lab.Is("client sends", answer, "RST"),
		lab.Is("client", shut.State(), record.Close),
		lab.Is("server", late.State(), record.Close),
		lab.Is("server's next write", late.TryWrite("!"), "EPIPE"))
}

// timeWaitIsNoFinWait2 compares the time of TIME_WAIT with tcp_fin_timeout.
func timeWaitIsNoFinWait2(s *lab.Script) {
	closed, peer := s.Connection("third")
	s.Part("TIME_WAIT does not depend on the timeout")
	closed.Close()
	finIsAcked(s, closed)
	peer.Close()
	s.Wire.Of(closed).Next("server:FIN,ACK").Deliver()
	s.Wire.Of(closed).Deliver("client:ACK")
	_, left := closed.Timer()
	seconds := s.Client.Sysctl(finTimeout)
	if seconds == 60 {
		s.Inapplicable("tcp_fin_timeout is 60 seconds too", "fin-timeout-is-the-time-wait-length")
		return
	}
	s.Expect("fin-timeout-is-the-time-wait-length",
		lab.Seen("client", closed.State()),
		lab.Seen("tcp_fin_timeout", seconds),
		lab.Left("left", left, time.Duration(seconds)*time.Second))
}

// sixtyOneSeconds shows both timers of a FIN_WAIT2 with a timeout above 60 seconds.
func sixtyOneSeconds(s *lab.Script) {
	closed, _ := s.Connection("last")
	s.Part("A timeout of 61 seconds is over after 2")
	s.Client.SetSysctl(finTimeout, "61")
	closed.Close()
	finIsAcked(s, closed)
	first, _ := closed.Timer()
	closed.AwaitTimer("timewait")
	_, left := closed.Timer()
	s.Expect("61-seconds-are-61-seconds",
		lab.Seen("first timer", first),
		lab.Seen("client after it", closed.State()),
		lab.Left("then left", left, 60*time.Second))
}

// finIsAcked carries the first two segments of a close.
func finIsAcked(s *lab.Script, closer *lab.Sock) {
	wire := s.Wire.Of(closer)
	wire.Pass("client:FIN,ACK", "server:ACK")
}
