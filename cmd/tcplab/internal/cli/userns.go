package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/lab"
)

// insideUserns marks the tcplab that was started in a user namespace, so that
// one that has no privileges there does not start another.
const insideUserns = "TCPLAB_INSIDE_USERNS"

// privileged tells whether this process may make network namespaces and
// configure them, or is as privileged as it can get.
func privileged() bool {
	if os.Getenv(insideUserns) != "" {
		return true
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return false
	}
	const needed = 1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_NET_ADMIN
	return data[0].Effective&needed == needed
}

// inUserNamespace runs this same command again as the root of a new user
// namespace, and returns its exit status as an error. A thread of a process
// with several can't enter one, so it takes a process of its own.
func inUserNamespace(ctx context.Context) error {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideUserns+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	// Pdeathsig is sent when the thread that has started the child ends, so
	// that thread must stay as long as the child (prctl(2)).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		var errno syscall.Errno
		if errors.As(err, &errno) {
			return lab.MissingNamespaces(fmt.Errorf("clone: %w", errno))
		}
		return err
	}
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
