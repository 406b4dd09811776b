// Package sigmask keeps signals from a thread for a while: those that the Go runtime
// interrupts threads with, too.
package sigmask

import (
	"math"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Blocked calls do while the calling thread gets no signal, but for those that nobody
// can block. Signals that come meanwhile are delivered afterwards.
func Blocked(do func()) error {
	runtime.LockOSThread() // the mask is a thread's
	defer runtime.UnlockOSThread()
	var all, before unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = math.MaxUint64
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &all, &before); err != nil {
		return os.NewSyscallError("rt_sigprocmask", err)
	}
	do()
	return os.NewSyscallError("rt_sigprocmask", unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil))
}
