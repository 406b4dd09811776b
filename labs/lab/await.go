package lab

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// glance is how often a socket is looked at once its timer must have run out.
const glance = 2 * time.Millisecond

// Await waits until the socket is in a state that a timer of the kernel brings
// about and that no segment announces: a time-wait socket that ends, a request
// that expires. It waits for as long as the kernel says is left, and then looks
// every other millisecond. What the host sends meanwhile waits on the wire. It
// returns how long it has waited.
func (e *End) Await(state string) time.Duration {
	return e.await(state, func() bool { return e.State() == state })
}

// AwaitTimer is Await for another timer to take over from the one that is
// running, where the state stays as it is: "timewait". Where the machine has
// held up the story until that one has run out too, it is over as well.
func (e *End) AwaitTimer(timer string) {
	e.await(timer, func() bool {
		now, _ := e.Timer()
		return now == timer || e.seen.State == record.Close
	})
}

// await waits until it has come, which the running timer must bring about.
func (e *End) await(what string, hasCome func() bool) time.Duration {
	r := e.host.run
	timer, rest := e.Timer() // first: while the story is held up, it may come
	if hasCome() {
		return 0
	}
	left := rest.Left
	if timer == "" {
		r.fail(fmt.Errorf("%s: %s is %s and has no timer: nothing makes it %s", e.host.name, e.name, e.seen.State, what))
	}
	wait := record.Wait{Host: e.host.name, Socket: e.name, Timer: timer, For: what, LeftMS: left.Milliseconds()}
	begin := r.waits(wait)
	r.pause(begin.Add(left))
	for until := begin.Add(left + left/4 + r.options.Patience); !hasCome(); {
		if time.Now().After(until) {
			r.fail(fmt.Errorf("%s: %s is %s, and did not become %s", e.host.name, e.name, e.seen.State, what))
		}
		r.pause(time.Now().Add(glance))
	}
	return r.waited()
}

// pause waits for a time, unless the run is cancelled.
func (r *run) pause(until time.Time) {
	fds := []unix.PollFd{{Fd: int32(r.cancel), Events: unix.POLLIN}}
	r.must(wire.Poll(fds, until))
	if fds[0].Revents != 0 {
		r.fail(wire.ErrCanceled)
	}
}

// A pending wait is one that goes on.
type pending struct {
	record.Wait
	begin  time.Time
	events int // how many there were when it began
}

// waits tells that a wait begins, and returns when.
func (r *run) waits(wait record.Wait) (begin time.Time) {
	r.wait = &pending{wait, time.Now(), len(r.events)}
	r.budget.waits(wait)
	if r.options.OnWait != nil {
		r.options.OnWait(wait)
	}
	return r.wait.begin
}

// waited records that the wait is over, and returns how long it was.
func (r *run) waited() time.Duration {
	took := time.Since(r.wait.begin)
	over := r.endWait()
	r.budget.waits(*over)
	if r.options.OnWait != nil {
		r.options.OnWait(*over)
	}
	r.must(r.tellEvents())
	return took
}

// endWait records the wait, if there is one, before what has come during it:
// the timer has led to that.
func (r *run) endWait() *record.Wait {
	if r.wait == nil {
		return nil
	}
	w := r.wait
	r.wait = nil
	w.WaitedMS = max(1, time.Since(w.begin).Milliseconds())
	at := r.since(time.Now())
	if w.events < len(r.events) {
		at = r.events[w.events].At
	}
	r.locked(func() { r.events = slices.Insert(r.events, w.events, record.Event{At: at, Body: &w.Wait}) })
	return &w.Wait
}
