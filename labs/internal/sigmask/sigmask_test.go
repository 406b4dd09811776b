package sigmask

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// Signals are blocked in between, and afterwards those that were before.
func TestBlocked(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	mask := func() (now unix.Sigset_t) {
		if err := unix.PthreadSigmask(unix.SIG_BLOCK, nil, &now); err != nil {
			t.Fatal(err)
		}
		return now
	}
	has := func(s unix.Sigset_t, signal unix.Signal) bool { return s.Val[0]>>(signal-1)&1 != 0 }
	before := mask()
	var during unix.Sigset_t
	if err := Blocked(func() { during = mask() }); err != nil {
		t.Fatal(err)
	}
	if has(before, unix.SIGURG) || !has(during, unix.SIGURG) || mask() != before {
		t.Errorf("before %x, during %x, after %x", before, during, mask())
	}
}
