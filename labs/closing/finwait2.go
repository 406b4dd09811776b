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
	Title: "FIN_WAIT2 ends by itself after close, but not after shutdown",
	Look:  "which FIN_WAIT2 has a timer: the closed one, and not the shut down one",
	Long: `In FIN_WAIT2 the FIN is acknowledged, and the other side has not closed yet. For a
program that has only shut down its sending direction this is an ordinary state: it
still reads, for as long as it likes. After close(2) no program is left to read, and
Linux ends the state after tcp_fin_timeout, or after the socket's own TCP_LINGER2.
Until then it keeps a small time-wait socket instead of the full one. Contrary to
many guides, this sysctl does not change TIME_WAIT.`,
	Why: `Two places decide: tcp_rcv_state_process when the FIN of an orphan is
acknowledged, and __tcp_close when close comes later. Both take the limit from
tcp_fin_time, and up to 60 seconds both call tcp_time_wait. What remains is a small socket
that can answer a FIN but has no room for data. (inet_diag and ss call its timer
"timewait" in either state.) So data is answered with a RST: no program
is left to read it, and the sender should know (RFC 9293 §3.6.1, SHLD-3).

Above 60 seconds the full socket first waits for the excess. One would expect the
small one to wait for the other 60 seconds, but tcp_keepalive_timer gives it the
excess once more. So 61 seconds end after 2, and 90 after 60.

A program may set the limit of one socket with TCP_LINGER2, up to 120 seconds; a
higher value counts as 120. With a negative value there is no FIN_WAIT2 after close
at all: the kernel answers the ACK of the FIN with a RST (tcp_rcv_state_process).

FIN_WAIT2 sockets without a process are small, and end by themselves. They show that
the other side got the FIN and does not close: look for CLOSE_WAIT there. Those with
a process are half-closed connections, and no sysctl limits them.`,
	Try: []lab.Try{
		{Command: "finwait2 --fin-timeout 3", Says: "the closed connection stays for three seconds, the other as before"},
		{Command: "finwait2 --linger2 2", Says: "TCP_LINGER2 sets the limit of one socket"},
		{Command: "finwait2 --fin-timeout 130", Says: "above 60 seconds: a keepalive timer keeps the full socket first"},
		{Command: "closewait", Says: "the other side of such a connection"},
		{Command: "sockopt TCP_LINGER2", Says: "all about the option"},
	},
	Knobs: []lab.Knob{
		lab.Turns("fin-timeout", "client:"+finTimeout, "the client's net.ipv4.tcp_fin_timeout, in seconds").Pin("1"),
		{Name: "linger2", Auto: "not set", Min: 1, Max: math.MaxInt32, Help: "the TCP_LINGER2 of the connection that is closed, in seconds"},
	},
	Sockopts:  []string{"TCP_LINGER2"},
	TimeWaits: 3,
	Claims: []lab.Claim{{
		ID:     "close-bounds-fin-wait2",
		Text:   "After close FIN_WAIT2 has a timer. It is set to TCP_LINGER2 (tcp_fin_timeout unless the program sets it; 120 seconds at most), or to 3.5 retransmission timeouts if that is longer. Of a time above 60 seconds it is set to the part above 60.",
		Source: "tcp(7), TCP_LINGER2; include/net/tcp.h: tcp_fin_time; net/ipv4/tcp_input.c: tcp_rcv_state_process",
		Control: lab.Control{
			Says: "the sysctl is raised behind the story's back", Before: "client:close",
			Do: func(s *lab.Script) { s.Client.SetSysctl(finTimeout, "3") },
		},
	}, {
		ID:     "shutdown-does-not",
		Text:   "After a shutdown alone no timer runs in FIN_WAIT2 (without keepalive), and the connection stays.",
		Source: "RFC 9293 §3.6.1; Documentation/networking/ip-sysctl.rst: tcp_fin_timeout",
		Control: lab.Control{
			Says: "the program turns keepalive on", Before: "shut client:shutdown",
			Do: func(s *lab.Script) { lab.Set(s.Sock("shut client"), sockopt.KeepAlive, true) },
		},
	}, {
		ID:     "held-as-mini-socket",
		Text:   "After close the kernel keeps FIN_WAIT2 as a time-wait socket; after a shutdown it keeps the program's own socket.",
		Source: "net/ipv4/tcp_minisocks.c: tcp_time_wait",
		Control: lab.Control{
			Says: "the timeout is raised above 60 seconds", Before: "client:close",
			Do: func(s *lab.Script) { s.Client.SetSysctl(finTimeout, "61") },
		},
	}, {
		ID:     "data-after-close-gets-reset",
		Text:   "A RST answers data that arrives in FIN_WAIT2 after close, and ends both sides.",
		Source: "RFC 9293 §3.6.1; net/ipv4/tcp_minisocks.c: tcp_timewait_state_process",
		Control: lab.Control{
			Says: "the RST is lost", Segment: "client:RST",
		},
	}, {
		ID:     "fin-timeout-is-the-time-wait-length",
		Text:   "tcp_fin_timeout sets how long TIME_WAIT lasts.",
		Source: "widely taught, as the way to shorten TIME_WAIT",
		Myth:   true,
		Truth:  "TIME_WAIT lasts 60 seconds, and no sysctl changes that (include/net/tcp.h: TCP_TIMEWAIT_LEN).",
		Control: lab.Control{
			Says: "the other side's FIN is lost, so that the socket is still in FIN_WAIT2", Segment: "server:FIN,ACK",
		},
	}, {
		ID:     "61-seconds-are-61-seconds",
		Text:   "With a tcp_fin_timeout of 61, FIN_WAIT2 lasts 61 seconds.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_fin_timeout",
		Myth:   true,
		Truth:  "It lasts 2. The full socket waits for the part above 60 seconds, and then a time-wait socket waits for the same part again (net/ipv4/tcp_timer.c: tcp_keepalive_timer).",
		Control: lab.Control{
			Says: "tcp_fin_timeout is raised to 120 while the full socket waits", Before: "last client:await",
			Do: func(s *lab.Script) { s.Client.SetSysctl(finTimeout, "120") },
		},
	}, {
		ID:     "negative-linger2-resets",
		Text:   "With a TCP_LINGER2 below 0 there is no FIN_WAIT2 after close: the client answers the ACK of its FIN with a RST.",
		Source: "net/ipv4/tcp.c: do_tcp_setsockopt; net/ipv4/tcp_input.c: tcp_rcv_state_process",
		Control: lab.Control{
			Says: "the option is set to 1", Before: "hasty client:close",
			Do: func(s *lab.Script) { lab.Set(s.Sock("hasty client"), sockopt.Linger2, 1) },
		},
	}, {
		ID:     "negative-linger2-resets-a-late-close",
		Text:   "With the same option, closing a socket that is already in FIN_WAIT2 sends a RST.",
		Source: "net/ipv4/tcp.c: __tcp_close",
		Control: lab.Control{
			Says: "the option is set to 1", Before: "shut hasty client:close",
			Do: func(s *lab.Script) { lab.Set(s.Sock("shut hasty client"), sockopt.Linger2, 1) },
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
		closed.Finish()
		state, held = closed.State(), closed.Held()
		timer, left = closed.Timer()
	})
	life, longest := lab.FinWait2(timeout, 0), lab.FinWait2(timeout, lab.LatestRTO(rto, took))
	shut.Shutdown()
	finIsAcked(s, shut)
	s.Unless(life.Whole > 0, "with a timeout above 60 seconds the full socket waits first").Expect("held-as-mini-socket",
		lab.Is("closed", state, record.FinWait2),
		lab.Is("its timer", timer, "timewait"),
		lab.Is("its descriptor", held, false),
		lab.Is("shut down", shut.State(), record.FinWait2),
		lab.Is("that one's descriptor", shut.Held(), true))
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
	s.Expect("shutdown-does-not",
		lab.Is("shut down", shut.State(), record.FinWait2),
		lab.Is("runs a timer", shut.RunsTimer(), false))

	dataAfterClose(s, shut, late)
	timeWaitIsNoFinWait2(s)
	sixtyOneSeconds(s)
	noFinWait2(s)
}

// dataAfterClose closes a connection that was shut down, and lets the other
// side write to it.
func dataAfterClose(s *lab.Script, shut, late *lab.Sock) {
	s.Part("The other one is closed too, and only then data comes")
	shut.Close()
	late.Write("too late")
	s.Wire.Of(shut).Pass("data")
	answer := s.Wire.Of(shut).DeliverAll(s.Client)
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
	closed.Finish()
	peer.Close()
	s.Wire.Of(closed).Deliver("server:FIN,ACK", "client:ACK")
	left, seconds := closed.TimeLeft(), s.Client.Sysctl(finTimeout)
	s.Unless(seconds == 60, "tcp_fin_timeout is 60 seconds too").Expect("fin-timeout-is-the-time-wait-length",
		lab.Seen("client", closed.State()),
		lab.Seen("tcp_fin_timeout", seconds),
		lab.Left("left", left, time.Duration(seconds)*time.Second))
}

// sixtyOneSeconds shows both timers of a FIN_WAIT2 with a timeout above 60 seconds.
func sixtyOneSeconds(s *lab.Script) {
	closed, _ := s.Connection("last")
	s.Part("A timeout of 61 seconds becomes two timers of 1 second")
	s.Client.SetSysctl(finTimeout, "61")
	closed.Finish()
	timer, first := closed.Timer()
	closed.AwaitTimer("timewait")
	next, second := closed.Timer()
	if second.Left <= awaited {
		closed.Await(record.Close)
	}
	s.Expect("61-seconds-are-61-seconds",
		lab.Seen(timer+" timer_ms", first.Left.Milliseconds()),
		lab.Seen(next+" timer_ms", second.Left.Milliseconds()),
		lab.Left("both", first.And(second), 61*time.Second))
}

// noFinWait2 shows a close that does not wait for the other side's FIN.
func noFinWait2(s *lab.Script) {
	closed, peer := s.Connection("hasty")
	s.Part("A connection with a TCP_LINGER2 of -1 is closed")
	lab.Set(closed, sockopt.Linger2, -1)
	closed.Finish()
	wire := s.Wire.Of(closed)
	answer, state := wire.Waiting(s.Client), closed.State()
	wire.Deliver("client:RST")
	s.Expect("negative-linger2-resets",
		lab.Is("client sends", answer, "RST"),
		lab.Is("client", state, record.Close),
		lab.Is("server", peer.State(), record.Close))

	closed, _ = s.Connection("shut hasty")
	s.Part("The same, but shut down before")
	lab.Set(closed, sockopt.Linger2, -1)
	closed.Shutdown()
	finIsAcked(s, closed)
	closed.Close()
	wire = s.Wire.Of(closed)
	answer, state = wire.Waiting(s.Client), closed.State()
	wire.Deliver("client:RST,ACK")
	s.Expect("negative-linger2-resets-a-late-close",
		lab.Is("client sends", answer, "RST,ACK"),
		lab.Is("client", state, record.Close))
}

// finIsAcked carries the first two segments of a close.
func finIsAcked(s *lab.Script, closer *lab.Sock) {
	wire := s.Wire.Of(closer)
	wire.Pass("client:FIN,ACK", "server:ACK")
}
