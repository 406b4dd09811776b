package lab

import (
	"fmt"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/record"
)

// An End is one host's side of a connection, or a listener: what the kernel
// has there, whether or not a program holds a descriptor for it.
type End struct {
	run *run
	rig *rig.End
}

func (r *run) endOf(e *rig.End) *End { return &End{r, e} }

func (e *End) look() {
	_, err := e.rig.Look()
	e.run.must(err)
}

// State looks at the socket: "ESTABLISHED", "CLOSE" once it is gone, and
// "none" while it has never been there.
func (e *End) State() string {
	e.look()
	if !e.rig.Known {
		return "none"
	}
	return e.rig.Seen.State
}

// Held looks whether a program holds a descriptor for the socket. None does
// while a connection waits for accept, and after close.
func (e *End) Held() bool {
	e.look()
	return e.rig.Seen.Inode != 0
}

// Received looks how many bytes wait to be read; a FIN that was not read yet
// counts as one.
func (e *End) Received() int {
	e.look()
	return int(e.rig.Seen.RQueue)
}

// Unacknowledged looks how many bytes are sent, or to be sent, and not
// acknowledged; SYN and FIN count as one.
func (e *End) Unacknowledged() int {
	e.look()
	return int(e.rig.Seen.WQueue)
}

// Peer returns the other side of the connection, on the host that has its
// remote address.
func (e *End) Peer() *End {
	p, err := e.rig.Peer()
	e.run.must(err)
	return e.run.endOf(p)
}

// Queue looks how many connections wait on a listener for accept.
func (e *End) Queue() int { return e.Received() }

// Limit looks what the kernel reports as the limit of a listener's queue.
func (e *End) Limit() int { return e.Unacknowledged() }

// Path returns the states that the socket was seen in, from the last time that
// it entered the state from: "ESTABLISHED → FIN_WAIT1 → CLOSING".
func (e *End) Path(from string) string {
	e.look()
	var path []string
	for _, ev := range e.run.rig.Journal.Events() {
		s, ok := ev.Body.(*record.State)
		if !ok || s.Host != e.rig.Host.Name || s.Local != e.rig.Local || s.Remote != e.rig.Remote || s.From == s.To {
			continue
		}
		if s.To == from {
			path = nil
		}
		path = append(path, s.To)
	}
	return strings.Join(path, " → ")
}

// Timer looks which timer of the kernel is running for the socket ("" for
// none), and what it has left. A delayed ACK, which kernels before about 7.1 do
// not tell of, is none.
func (e *End) Timer() (string, TimeLeft) {
	timer, left, err := e.rig.Timer()
	e.run.must(err)
	if timer == rig.Delack {
		return "", TimeLeft{}
	}
	return timer, left
}

// RunsTimer looks whether a timer of the kernel is running for the socket.
func (e *End) RunsTimer() bool {
	timer, _ := e.Timer()
	return timer != ""
}

// TimeLeft looks what the timer that is running for the socket has left.
func (e *End) TimeLeft() TimeLeft {
	_, left := e.Timer()
	return left
}

// TimerBelow looks at the timer when it has less left than limit, and waits for
// that where the story has come too soon.
func (e *End) TimerBelow(limit time.Duration) TimeLeft {
	if limit <= 0 {
		e.run.fail(fmt.Errorf("%s: no timer has less than %v left", e.rig.Host.Name, limit))
	}
	for {
		timer, t := e.Timer()
		if timer == "" || t.Left < limit {
			return t
		}
		g, until := e.run.rig, time.Now().Add(t.Left-limit+rig.Glance)
		g.Plan("the "+timer+" timer", until) // it is no hold-up
		g.Journal.BeginWait(record.Wait{Host: e.rig.Host.Name, Socket: e.rig.Name, Timer: timer, For: "part", LeftMS: t.Left.Milliseconds()})
		e.run.must(g.Pause(until))
		g.Planned()
		_, err := g.Journal.EndWait()
		e.run.must(err)
	}
}

// Await waits until the socket is in a state that a timer of the kernel brings
// about and that no segment announces: a time-wait socket that ends, a request
// that expires. It waits for as long as the kernel says is left, and then looks
// every other millisecond. What the host sends meanwhile waits on the wire. It
// returns how long it has waited.
func (e *End) Await(state string) time.Duration {
	return e.await(state, func(TimeLeft) bool { return e.State() == state })
}

// AwaitTimer is Await for another timer to take over from the one that is
// running, where the state stays as it is: "timewait". Where the machine has
// held up the story until that one has run out too, it is over as well.
func (e *End) AwaitTimer(timer string) {
	e.await(timer, func(TimeLeft) bool {
		now, _ := e.Timer()
		return now == timer || e.rig.Seen.State == record.Close
	})
}

// AwaitRestart is Await for the timer that is running to run out and be set anew,
// where that sends nothing and the state stays as it is.
func (e *End) AwaitRestart() {
	took := e.await("set anew", func(first TimeLeft) bool {
		_, now := e.Timer()
		return now.SetSince(first) || e.rig.Seen.State == record.Close
	})
	if took == 0 { // it has come before the story waited, which the record does not show
		e.run.rig.Disturb()
	}
}

// await waits until it has come, which the running timer must bring about: hasCome
// is told what that had left at first.
func (e *End) await(what string, hasCome func(first TimeLeft) bool) time.Duration {
	r := e.run
	for name, s := range r.script.socks {
		if s.End == e {
			r.beforeCall(name, "await")
		}
	}
	timer, rest := e.Timer() // first: while the story is held up, it may come
	if hasCome(rest) {
		return 0
	}
	if timer == "" {
		r.fail(fmt.Errorf("%s: %s is %s and has no timer: nothing makes it %s",
			e.rig.Host.Name, e.rig.Name, e.rig.Seen.State, what))
	}
	w := e.rig.Await(what, rest.Left, r.options.OnWait)
	for {
		overdue, err := w.Pause()
		r.must(err)
		if hasCome(rest) {
			break
		}
		if overdue {
			r.fail(fmt.Errorf("%s: %s is %s, and did not become %s",
				e.rig.Host.Name, e.rig.Name, e.rig.Seen.State, what))
		}
	}
	took, err := w.Over()
	r.must(err)
	return took
}
