package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

// errBudget is why a run's context is done when it has taken too long.
var errBudget = errors.New("the run has taken too long")

// grace is what the story's thread gets to end by itself once it is told to.
const grace = 2 * time.Second

// A budget is the time that a run may take. Waiting for a timer of the kernel
// costs it nothing, for as long as that timer may take: a run with 20 s left is
// given these 20 s, and an eighth of them that timers may be late (twice, for
// a busy machine), when it begins to wait. What it did not need it gives back.
//
// So a run ends by its budget and the sum of what the kernel's timers had left,
// whatever its story does.
type budget struct {
	end   time.Time
	timer *time.Timer
}

func newBudget(d time.Duration, over func()) *budget {
	return &budget{time.Now().Add(d), time.AfterFunc(d, over)}
}

func (b *budget) stop() { b.timer.Stop() }

// waits is called when a wait begins, and again when it is over.
func (b *budget) waits(w record.Wait) {
	left := time.Duration(w.LeftMS) * time.Millisecond
	more := left + left/4
	if waited := time.Duration(w.WaitedMS) * time.Millisecond; waited > 0 {
		more = min(waited, more) - more
	}
	b.end = b.end.Add(more)
	b.timer.Reset(time.Until(b.end))
}

// endsByItself waits for the story's thread to end, and tells whether it has.
// Once the run is to end it gets but a moment: in a system call that does not
// return, or in a loop, it never notices.
func (r *run) endsByItself(ended <-chan struct{}) bool {
	select {
	case <-ended:
		return true
	case <-r.ctx.Done():
	}
	select {
	case <-ended:
		return true
	case <-time.After(grace):
		return false
	}
}

// abandoned makes the record of a run whose thread is stuck, out of what it has
// told so far. The thread, and what it holds, is left to the process's end.
func (r *run) abandoned() (*record.Run, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.telling {
		return nil, fmt.Errorf("the hosts are not made after %v", r.options.Budget)
	}
	// The thread may still go on; it must not share anything with the record.
	frozen := &run{
		lab: r.lab, args: r.args, options: r.options, environment: r.environment,
		events: slices.Clone(r.events), verdicts: r.verdicts, duration: r.since(time.Now()),
	}
	frozen.failure = frozen.stuck()
	return frozen.finish(), nil
}

// overBudget tells whether the run is to end because it has taken too long.
func (r *run) overBudget() bool { return errors.Is(context.Cause(r.ctx), errBudget) }

// stuck says that the run has taken too long, and where.
func (r *run) stuck() error {
	return fmt.Errorf("after %v, besides what it waited for timers of the kernel, the story had not ended; last came %s",
		r.options.Budget, r.last())
}

// last names what happened last.
func (r *run) last() string {
	for _, e := range slices.Backward(r.events) {
		switch v := e.Body.(type) {
		case *record.Call:
			return fmt.Sprintf("%s: %s(%s)", v.Host, v.Call, join(v.Args))
		case *record.Segment:
			return fmt.Sprintf("%s: %s %s", v.From, v.Flags, v.Fate)
		case *record.Wait:
			return fmt.Sprintf("%s: a wait for %s", v.Host, v.For)
		case *record.VerdictGiven:
			return "the verdict on " + v.Claim
		}
	}
	return "nothing"
}
