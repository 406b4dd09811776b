package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/tcplab/tcplab/labs/machine"
)

// inUserNamespace runs this same command again as the root of a new user
// namespace, and returns its exit status as an error.
func inUserNamespace(ctx context.Context) error {
	if err := machine.EnoughThreads(1); err != nil {
		return err
	}
	cmd := machine.AsRoot(os.Args[1:]...)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		var errno syscall.Errno
		switch {
		case errors.Is(err, syscall.EMFILE):
			return &machine.MissingError{What: "a run needs more descriptors", Mend: "ulimit -n 1024", Err: syscall.EMFILE}
		case errors.As(err, &errno):
			return machine.MissingNamespaces(fmt.Errorf("clone: %w", errno))
		}
		return err
	}
	unfinished.Store(true) // it has its own grace
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(os.Interrupt) })
	defer stop()
	err := cmd.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		how := exit.Sys().(syscall.WaitStatus)
		switch {
		case how.ExitStatus() == exitInterrupted:
			return context.Canceled
		case how.Exited():
			return statusError(how.ExitStatus())
		case how.Signal() == syscall.SIGPIPE: // nobody reads any more; that is no fault
			return statusError(exitPipe)
		}
	}
	return err
}
