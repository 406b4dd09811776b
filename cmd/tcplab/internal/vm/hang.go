package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// What a guest may take before it counts as one that hangs. It goes by the processor
// time of the emulator, for this machine may be as busy as it likes.
const (
	bootTime = time.Minute // of a processor, until tcplab runs in it: usually some 6 s
	stillFor = time.Minute // without any, in virtual time: then nothing is left to do
)

// A watch finds a guest that hangs.
type watch struct {
	greeted     atomic.Bool // tcplab runs in it
	realTime    bool        // a guest that waits uses no processor
	boot, still time.Duration
}

// over watches a process until the context is done, or ends it.
func (w *watch) over(ctx context.Context, p *os.Process, end context.CancelCauseFunc) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	var last time.Duration
	moved := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		used, err := processorTime(p.Pid)
		if err != nil {
			return // it has ended
		}
		if used != last {
			last, moved = used, time.Now()
		}
		switch {
		case !w.greeted.Load() && used > w.boot:
			end(fmt.Errorf("it hangs: tcplab has not started in it after %v of a processor's time", w.boot))
			return
		case !w.realTime && time.Since(moved) > w.still:
			end(errors.New("it hangs: it waits for nothing that will happen"))
			return
		}
	}
}

// processorTime is what a process has used of processors: clock_getcpuclockid(3).
func processorTime(pid int) (time.Duration, error) {
	var t unix.Timespec
	const scheduled = 2 // CPUCLOCK_SCHED, of all threads
	err := unix.ClockGettime(int32(^pid<<3|scheduled), &t)
	return time.Duration(t.Nano()), os.NewSyscallError("clock_gettime", err)
}
