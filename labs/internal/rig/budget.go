package rig

import (
	"context"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

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

// endsByItself waits for the story's thread to end, and reports whether it has.
// Once the run is to end it gets but a moment: in a system call that does not
// return, or in a loop, it never notices.
func endsByItself(ctx context.Context, ended <-chan struct{}) bool {
	select {
	case <-ended:
		return true
	case <-ctx.Done():
	}
	select {
	case <-ended:
		return true
	case <-time.After(grace):
		return false
	}
}
