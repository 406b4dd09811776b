package rig

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// Glance is how often a socket is looked at once its timer must have run out.
const Glance = 2 * time.Millisecond

// Pause waits for a time, unless the run is to end.
func (g *Rig) Pause(until time.Time) error {
	fds := []unix.PollFd{{Fd: int32(g.cancel), Events: unix.POLLIN}}
	if err := wire.Poll(fds, until); err != nil {
		return err
	}
	if fds[0].Revents != 0 {
		return ErrCanceled
	}
	return nil
}

// Ready waits until a descriptor is ready, and reports whether it became so.
func (g *Rig) Ready(fd int, events int16, until time.Time) (bool, error) {
	fds := []unix.PollFd{{Fd: int32(fd), Events: events}, {Fd: int32(g.cancel), Events: unix.POLLIN}}
	err := wire.Poll(fds, until)
	if err == nil && fds[1].Revents != 0 {
		err = ErrCanceled
	}
	return fds[0].Revents != 0, err
}

// A Waiting is a wait for a timer of the kernel that goes on.
type Waiting struct {
	g     *Rig
	host  *Host
	Begin time.Time
	Due   time.Time // the timer has run out by then, or soon after
	Until time.Time // too long
	tell  func(record.Wait)
}

// Await begins to wait for the timer of a socket that was just looked at and has
// so much left. tell, if not nil, is called now with the time left, and again
// when the wait is over.
func (e *End) Await(what string, left time.Duration, tell func(record.Wait)) *Waiting {
	timer := e.Seen.Timer
	switch {
	case what == Idle:
		timer = ""
	case timer == "":
		timer = e.timer.timer // it has run out by now
	}
	return e.await(timer, what, left, tell)
}

// AwaitCall is Await for a system call that blocks, by a timer that inet_diag does
// not tell of.
func (e *End) AwaitCall(call string, left time.Duration, tell func(record.Wait)) *Waiting {
	return e.await("", call, left, tell)
}

func (e *End) await(timer, what string, left time.Duration, tell func(record.Wait)) *Waiting {
	g := e.Host.rig
	w := record.Wait{Host: e.Host.Name, Socket: e.Name, Timer: timer, For: what, LeftMS: left.Milliseconds()}
	begin := time.Now()
	g.clock.mark(begin, "the wait for "+what)
	g.clock.plan(begin, left)
	g.Journal.BeginWait(w)
	g.budget.waits(w)
	if tell != nil {
		tell(w)
	}
	due := begin.Add(left)
	return &Waiting{g, e.Host, begin, due, due.Add(left/4 + g.config.Patience), tell}
}

// Over ends the wait and returns how long it was.
func (w *Waiting) Over() (time.Duration, error) {
	now := time.Now()
	w.g.clock.mark(now, "the end of a wait")
	w.g.clock.over(now)
	over, err := w.g.Journal.EndWait()
	if err != nil {
		return 0, err
	}
	w.g.budget.waits(*over)
	if w.tell != nil {
		w.tell(*over)
	}
	return now.Sub(w.Begin), w.host.count()
}

// Step waits for the next packet until the timer is due, and from then on for a
// moment at a time. overdue reports whether that was too long, and is then the last
// step, whatever holds the story up. Of what the kernel's timers do in a step the
// story is the cause: it goes on waiting.
func (w *Waiting) Step() (overdue bool, err error) { return w.step(w.g.Carry) }

// Pause is Step where no packet is waited for.
func (w *Waiting) Pause() (overdue bool, err error) { return w.step(w.g.Pause) }

func (w *Waiting) step(wait func(until time.Time) error) (overdue bool, err error) {
	now := time.Now()
	next := now.Add(Glance)
	if now.Before(w.Due) {
		next = w.Due
	}
	w.g.clock.plan(now, next.Sub(now))
	return now.After(w.Until), wait(next)
}

// StillSent looks at the socket of a sender whose segments are awaited, unless it
// has sent one meanwhile: then what was found came after that segment, and is not
// recorded before it. It reports whether the look counts.
func (e *End) StillSent() (bool, error) {
	g := e.Host.rig
	if g.config.Blind {
		return true, nil
	}
	s, found, err := e.ask()
	if err != nil {
		return false, err
	}
	seen := g.wire.Seen()
	if err := e.Host.drain(itself); err != nil {
		return false, err
	}
	if g.wire.Seen() != seen {
		return false, nil
	}
	if !found {
		return true, nil
	}
	_, err = e.see(s)
	return true, err
}

// Plan notes that the story waits for what, on purpose until a time; where that is
// the zero time, for what ought to come at once.
func (g *Rig) Plan(what string, until time.Time) {
	now := time.Now()
	g.clock.mark(now, "the wait for "+what)
	if !until.IsZero() {
		g.clock.plan(now, until.Sub(now))
	}
}

// Expect notes that the story begins to wait for what ought to come at once. Where it
// never comes, inVain is to be called: the timers that ran out meanwhile did so because
// the story waited, and it was not late for them.
func (g *Rig) Expect(what string) (inVain func()) {
	g.clock.mark(time.Now(), "the wait for "+what)
	late, heldUp := g.clock.late, g.clock.heldUp
	return func() {
		g.clock.mark(time.Now(), what)
		g.clock.late, g.clock.heldUp = late, heldUp
	}
}

// Planned notes that such a wait is over.
func (g *Rig) Planned() {
	now := time.Now()
	g.clock.over(now)
	g.clock.last = now // it was no hold-up
}

// Due is when the timer of the socket runs out, by the latest look; the zero time
// where none is pending.
func (e *End) Due() time.Time {
	if e.timer.index == 0 {
		return time.Time{}
	}
	return e.timer.due
}

// SendsDue is when the last of the pending timers runs out that send what was not
// sent before: an ACK that is put off, or the data that a window probe carries. It is
// the zero time where there is none. A story that waits for the next segment waits
// for these as well; what other timers send it does not see.
func (g *Rig) SendsDue() time.Time {
	var due time.Time
	for _, a := range g.clock.pending {
		if (a.timer == Delack || a.timer == "probe") && a.due.After(due) {
			due = a.due
		}
	}
	return due
}

// TimerUnlessSent looks which timer of the kernel is running for a sender whose
// segments are awaited, and what it has left, unless sent reports that one is on
// the wire: what is looked at then may be the timer after it.
func (e *End) TimerUnlessSent(sent func() bool) (t TimeLeft, on bool, err error) {
	if err := e.Host.drain(itself); err != nil {
		return t, false, err
	}
	for until := e.Host.rig.Deadline(); ; {
		late := time.Now().After(until) // then this look is the last, whatever holds it up
		if sent() {
			return TimeLeft{}, true, nil
		}
		counts, err := e.StillSent()
		if err != nil {
			return t, false, err
		}
		t = e.left()
		if counts && (e.Seen.Timer == "" || t.until.Sub(t.looked) < Jiffy || late) {
			return t, false, nil
		}
	}
}
