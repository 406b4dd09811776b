package lab_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/internal/need"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/record"
)

// sabotaged returns options of a run in which do is done on the story's own
// thread just before a system call of it, if that call comes.
func sabotaged(before string, do func(*lab.Script)) lab.Options {
	return lab.Options{Control: &lab.Control{Before: before, Do: do}, Patience: time.Second}
}

// each runs labs, several at once.
func each(t *testing.T, some []*lab.Lab, options func(*lab.Lab) lab.Options, check func(l *lab.Lab, r *record.Run)) {
	t.Helper()
	var all sync.WaitGroup
	for _, l := range some {
		all.Go(func() {
			r, err := inTime(t, l, func() lab.Options { return options(l) })
			if err != nil {
				t.Errorf("%s: %v", l.Name, err)
				return
			}
			check(l, r)
		})
	}
	all.Wait()
}

// inTime runs a lab, and once more where this machine has held it up by itself: that is
// no evidence.
func inTime(t *testing.T, l *lab.Lab, options func() lab.Options) (r *record.Run, err error) {
	for range labtest.Attempts {
		if r, err = run(t, l, options()); err != nil {
			break
		}
		heldUp := r.Outcome == record.Broken && r.Late != nil
		unjudged := r.Outcome == record.Expected && inapplicable(r) > inapplicable(undisturbed(t)[l.Name].Run)
		if !heldUp && !unjudged {
			break
		}
	}
	return r, err
}

// sample returns those of the labs that the nth case is tried with.
func sample(all []*lab.Lab, n int) []*lab.Lab {
	var some []*lab.Lab
	for i, l := range all {
		if sampled(i + n) {
			some = append(some, l)
		}
	}
	return some
}

// An interface that goes down, or goes away, in the middle of a lab breaks the
// run, even where the story never gets to see it: what a timer of the kernel then
// sends is lost without a trace.
func TestInterfaceLost(t *testing.T) {
	t.Parallel()
	for i, name := range []string{"down", "gone"} {
		lose := map[string]func(netlink.Link) error{"down": netlink.LinkSetDown, "gone": netlink.LinkDel}[name]
		for k, before := range []string{"client:connect", "client:close"} {
			t.Run(name+" before "+before, func(t *testing.T) {
				t.Parallel()
				done := make(map[string]bool)
				var mu sync.Mutex
				options := func(l *lab.Lab) lab.Options {
					return sabotaged(before, func(s *lab.Script) {
						s.Client.Sysctl("net.ipv4.tcp_sack") // puts the thread where the interface is
						link, err := netlink.LinkByName("wire0")
						if err == nil {
							err = lose(link)
						}
						if err != nil {
							t.Errorf("%s: %v", l.Name, err)
						}
						mu.Lock()
						defer mu.Unlock()
						done[l.Name] = true
					})
				}
				undisturbed(t)
				each(t, sample(labs.All(), 2*i+k), options, func(l *lab.Lab, r *record.Run) {
					mu.Lock()
					defer mu.Unlock()
					if done[l.Name] {
						provesNothing(t, l.Name, r, "")
					}
				})
				if len(done) == 0 {
					t.Error("no lab was disturbed")
				}
			})
		}
	}
}

// A system call that fails breaks the run, or the story never makes it: then the
// run is what it always is. No errno that the story does not know is evidence.
func TestSystemCallFails(t *testing.T) {
	t.Parallel()
	need.Seccomp(t)
	for _, f := range []struct {
		call   string
		number uintptr
		errno  unix.Errno
	}{
		{"socket", unix.SYS_SOCKET, unix.ENOBUFS},
		{"socket", unix.SYS_SOCKET, unix.EMFILE},
		{"connect", unix.SYS_CONNECT, unix.ENOBUFS},
		{"accept4", unix.SYS_ACCEPT4, unix.ENOBUFS},
		{"accept4", unix.SYS_ACCEPT4, unix.ENFILE},
		{"setns", unix.SYS_SETNS, unix.EPERM},
		{"ppoll", unix.SYS_PPOLL, unix.ENOMEM},
		{"openat", unix.SYS_OPENAT, unix.EMFILE},
		{"getsockopt", unix.SYS_GETSOCKOPT, unix.ENOBUFS},
		{"setsockopt", unix.SYS_SETSOCKOPT, unix.ENOBUFS},
		{"shutdown", unix.SYS_SHUTDOWN, unix.ENOBUFS},
	} {
		t.Run(fmt.Sprintf("%s %s", f.call, unix.ErrnoName(f.errno)), func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			broken := 0
			options := func(l *lab.Lab) lab.Options {
				return sabotaged("client:connect", func(*lab.Script) {
					if err := need.FailFromNowOn(f.number, f.errno); err != nil {
						t.Errorf("%s: seccomp: %v", l.Name, err)
					}
				})
			}
			each(t, quick(t), options, func(l *lab.Lab, r *record.Run) {
				mu.Lock()
				defer mu.Unlock()
				switch {
				case r.Outcome == record.Broken:
					provesNothing(t, l.Name, r, "")
					broken++
				case r.Outcome != record.Expected:
					t.Errorf("%s: outcome %s", l.Name, r.Outcome)
				}
			})
			if broken == 0 {
				t.Error("no lab was disturbed")
			}
		})
	}
}

// Signals that interrupt every system call change nothing.
func TestSignalStorm(t *testing.T) {
	t.Parallel()
	var stormy []*lab.Lab
	for _, l := range append(quick(t), labs.Find("backlog"), labs.Find("lostsynack")) {
		copied := *l
		copied.Script = func(s *lab.Script) {
			ctx, stop := context.WithCancel(t.Context())
			begun, over := make(chan struct{}), make(chan struct{})
			go func(thread int) {
				defer close(over)
				storm(ctx, thread, begun)
			}(unix.Gettid())
			<-begun
			l.Script(s)
			stop()
			<-over // the thread's number may be another's once it has ended
		}
		stormy = append(stormy, &copied)
	}
	calm := func(*lab.Lab) lab.Options { return lab.Options{} }
	each(t, stormy, calm, func(l *lab.Lab, r *record.Run) {
		if r.Outcome == record.Broken && r.Late != nil { // a busy machine and the signals together
			t.Logf("%s: %s", l.Name, r.Error)
			return
		}
		provesTheSame(t, l.Name, r, undisturbed(t)[l.Name])
		stormy, sound := *r, *undisturbed(t)[l.Name].Run
		stormy.Late, sound.Late = nil, nil // which signals make more likely; it changes no event
		if got, want := labtest.Picture(t, &stormy), labtest.Picture(t, &sound); got != want {
			t.Errorf("%s, with signals:\n%s\nwithout:\n%s", l.Name, got, want)
		}
	})
}

// storm sends a thread signals: first some thousands as fast as it can, then one
// every millisecond. SIGURG is what the Go runtime itself interrupts threads with.
func storm(ctx context.Context, thread int, begun chan<- struct{}) {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		_ = unix.Tgkill(os.Getpid(), thread, unix.SIGURG)
		if n == 100 {
			close(begun)
		}
		if n > 5000 {
			<-ticker.C
		}
	}
}

// What went wrong leaves nothing behind: no descriptor, no goroutine, no thread
// in another namespace.
func TestFaultsLeaveNothing(t *testing.T) {
	tell(t, lab.Options{}, func(*lab.Script) {})
	before := count(t)
	for _, f := range faults {
		for nth := 1; nth < 4; nth++ {
			s := saboteur{fault: f, nth: nth}
			r, err := lab.Run(t.Context(), labs.Find("noaccept"), s.options())
			if err != nil || !s.struck || r.Outcome != record.Broken {
				t.Errorf("%s at %d: %v, outcome %s", f.name, nth, err, r.Outcome)
			}
		}
	}
	r := tell(t, lab.Options{Budget: 50 * time.Millisecond}, func(s *lab.Script) { s.Wire.Next("SYN") })
	if !strings.HasPrefix(complaint(r), "after 50ms") {
		t.Errorf("outcome %s: %s", r.Outcome, r.Error)
	}
	leftNothing(t, before)
}
