// Package netns makes private network namespaces and is the only place that
// enters one.
//
// A namespace belongs to a thread, and the Go runtime moves goroutines between
// threads at will. A thread that has been in another namespace must therefore
// never run anything else: Do gives a function a thread of its own, which dies
// with it. (Unlocking such a thread without restoring it puts later goroutines
// of the whole program into the wrong namespace, now and then.)
package netns

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Do runs fn on a thread of its own and returns when fn has returned or has
// ended its goroutine by runtime.Goexit. Only inside fn may a Thread be used.
func Do(fn func(*Thread)) { <-Start(fn) }

// Start is Do without waiting: the channel is closed when fn has ended.
func Start(fn func(*Thread)) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		// Locked and never unlocked: when this goroutine ends, so does its thread.
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The main thread can't end: it would be parked inside the
			// namespace for as long as the process lives. Sit on it, so that
			// the next goroutine gets another, and give it back untouched.
			defer close(done)
			defer runtime.UnlockOSThread()
			Do(fn)
			return
		}
		defer close(done)
		fn(&Thread{})
	}()
	return done
}

// A Thread is the calling thread of a function run by Do. It must not leave it.
type Thread struct {
	current *Namespace
}

// A Namespace is a private network namespace. It lives until it is closed and
// the last socket in it is gone.
type Namespace struct {
	fd int
}

// New makes a network namespace and leaves the thread in it. Another Thread may
// Enter it.
func (t *Thread) New() (*Namespace, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, os.NewSyscallError("unshare", err)
	}
	fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/proc/thread-self/ns/net: %w", os.NewSyscallError("open", err))
	}
	t.current = &Namespace{fd: fd}
	return t.current, nil
}

// Enter puts the thread into ns. It costs a few microseconds where the thread
// is elsewhere, and nothing where it is there already.
func (t *Thread) Enter(ns *Namespace) error {
	if t.current == ns {
		return nil
	}
	if err := unix.Setns(ns.fd, unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("setns", err)
	}
	t.current = ns
	return nil
}

// Close gives up the namespace. Threads and sockets that are in it stay in it.
func (ns *Namespace) Close() error { return unix.Close(ns.fd) }
