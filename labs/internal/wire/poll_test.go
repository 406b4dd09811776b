package wire_test

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/need"
	"github.com/tcplab/tcplab/labs/internal/wire"
)

// A wait that signals interrupt again and again ends in time all the same.
func TestPollInterrupted(t *testing.T) {
	need.Seccomp(t)
	ended := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the call fails on it
		err := need.FailFromNowOn(unix.SYS_PPOLL, unix.EINTR)
		if err == nil {
			err = wire.Poll(nil, time.Now().Add(10*time.Millisecond))
		}
		ended <- err
	}()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it goes on")
	}
}
