package netns_test

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/need"
	"github.com/tcplab/tcplab/labs/internal/netns"
)

// here returns the inode of the calling thread's network namespace. It must
// not fail in a goroutine of its own, so it returns 0 instead.
func here() uint64 {
	var s unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &s); err != nil {
		return 0
	}
	return s.Ino
}

func TestDo(t *testing.T) {
	outside := here()
	var inside uint64
	var thread int
	need.Namespace(t, func(*netns.Thread) { inside, thread = here(), unix.Gettid() })
	if inside == outside || inside == 0 {
		t.Errorf("inside: namespace %d, outside: %d", inside, outside)
	}
	if now := here(); now != outside {
		t.Errorf("afterwards: namespace %d, was %d", now, outside)
	}
	gone(t, thread)
}

// gone waits until a thread has ended: that takes it a moment after its
// goroutine.
func gone(t *testing.T, thread int) {
	t.Helper()
	until(t, fmt.Sprintf("thread %d is gone", thread), func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", thread))
		return os.IsNotExist(err)
	})
}

func TestEnter(t *testing.T) {
	need.Namespace(t, func(thread *netns.Thread) {
		a, err := thread.New()
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		inA := here()
		b, err := thread.New()
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		inB := here()
		if inA == inB {
			t.Errorf("both namespaces are %d", inA)
		}
		for i, step := range []struct {
			to   *netns.Namespace
			want uint64
		}{{b, inB}, {a, inA}, {a, inA}, {b, inB}} {
			if err := thread.Enter(step.to); err != nil {
				t.Fatal(err)
			}
			if got := here(); got != step.want {
				t.Errorf("step %d: in namespace %d, want %d", i, got, step.want)
			}
		}
		// Another thread may enter it too.
		netns.Do(func(other *netns.Thread) {
			if err := other.Enter(a); err != nil {
				t.Error(err)
			}
			if got := here(); got != inA {
				t.Errorf("another thread: in namespace %d, want %d", got, inA)
			}
		})
	})
}

func TestEnterClosed(t *testing.T) {
	need.Namespace(t, func(thread *netns.Thread) {
		a, err := thread.New()
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		netns.Do(func(other *netns.Thread) {
			if err := other.Enter(a); err == nil {
				t.Error("entered a namespace that is closed")
			}
		})
	})
}

// A story ends by Goexit where it fails.
func TestDoGoexit(t *testing.T) {
	var thread int
	cleaned := false
	netns.Do(func(*netns.Thread) {
		thread = unix.Gettid()
		defer func() { cleaned = true }()
		runtime.Goexit()
	})
	if !cleaned {
		t.Error("deferred calls have not run when Do returns")
	}
	gone(t, thread)
}

// Do never runs on the main thread, which can't end.
func TestDoOffTheMainThread(t *testing.T) {
	for range 100 {
		netns.Do(func(*netns.Thread) {
			if unix.Gettid() == unix.Getpid() {
				t.Error("on the main thread")
			}
		})
	}
}

// However many threads are in namespaces of their own, every other goroutine
// stays where it was: no thread that has been elsewhere is used again.
func TestDoManyAtOnce(t *testing.T) {
	need.Namespace(t, func(*netns.Thread) {}) // is it allowed at all?
	outside := here()
	goroutines, files := runtime.NumGoroutine(), descriptors(t)

	var stop atomic.Bool
	var strays atomic.Int64
	var watchers, runs sync.WaitGroup
	for range 4 {
		watchers.Go(func() {
			for !stop.Load() {
				// A goroutine of its own each time, so that it gets a thread anew.
				stray := make(chan bool)
				go func() { stray <- here() != outside }()
				if <-stray {
					strays.Add(1)
				}
			}
		})
	}
	var inOutside atomic.Int64
	turn := make(chan struct{}, 8) // so many at a time
	for range 200 {
		turn <- struct{}{}
		runs.Go(func() {
			defer func() { <-turn }()
			netns.Do(func(thread *netns.Thread) {
				ns, err := thread.New()
				if err != nil {
					t.Error(err)
					return
				}
				defer ns.Close()
				runtime.Gosched()
				if here() == outside {
					inOutside.Add(1)
				}
			})
			if here() != outside {
				strays.Add(1)
			}
		})
	}
	runs.Wait()
	stop.Store(true)
	watchers.Wait()
	if n := strays.Load(); n > 0 {
		t.Errorf("%d times a goroutine was in another namespace", n)
	}
	if n := inOutside.Load(); n > 0 {
		t.Errorf("%d times Do was in the namespace outside", n)
	}
	if now := here(); now != outside {
		t.Errorf("the test's own namespace is now %d, was %d", now, outside)
	}
	until(t, fmt.Sprintf("there are %d goroutines again", goroutines), func() bool { return runtime.NumGoroutine() <= goroutines })
	if now := descriptors(t); now != files {
		t.Errorf("%d descriptors are open, were %d", now, files)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// until yields the processor until something is so, for as long as only a fault
// can take.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		if so() {
			return
		}
	}
	t.Errorf("it never came to be that %s", what)
}

func BenchmarkDo(b *testing.B) {
	for b.Loop() {
		netns.Do(func(*netns.Thread) {})
	}
}

func BenchmarkEnter(b *testing.B) {
	need.Namespace(b, func(thread *netns.Thread) {
		one, err := thread.New()
		if err != nil {
			b.Fatal(err)
		}
		defer one.Close()
		other, err := thread.New()
		if err != nil {
			b.Fatal(err)
		}
		defer other.Close()
		for b.Loop() {
			if err := thread.Enter(one); err != nil {
				b.Fatal(err)
			}
			if err := thread.Enter(other); err != nil {
				b.Fatal(err)
			}
		}
	})
}
