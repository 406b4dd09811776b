package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/netns"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// Options are what a run depends on besides the lab.
type Options struct {
	Args    Args
	IPv6    bool
	Sysctls []Sysctl // later ones win
	Version string   // of tcplab, for the record
	// OnWait, if not nil, is called when a wait for a timer of the kernel
	// begins, with the time left, and again when it is over, with the time
	// waited.
	OnWait func(record.Wait)
	// OnStart, if not nil, is given the record when the story begins: all of
	// it but what is still to come.
	OnStart func(*record.Run) error
	// OnEvent, if not nil, is given each event when it happens. An error of
	// this or of OnStart ends the story, and the run is broken.
	OnEvent func(record.Event) error
	// Trace takes down the kernel's own account too, at its tracepoints. Only
	// root may.
	Trace bool
	// Patience bounds every wait for something that the kernel does at once;
	// 0 is 10 seconds. It runs out only if the instrument or the story is wrong.
	Patience time.Duration
	// Control, if not nil, sabotages the run.
	Control *Control
	// Blind leaves out all observation: segments are carried but no socket is
	// looked at. A benchmark measures against it.
	Blind bool
}

// Run runs a lab and returns the record of it.
//
// The error is a *UsageError where an argument was refused, a *MissingError
// where this machine does not allow what a run needs, or ctx's where it was
// interrupted. A story that the instrument could not tell to its end is no
// error: its record has the outcome Broken and says why.
func Run(ctx context.Context, l *Lab, o Options) (*record.Run, error) {
	args, err := l.resolve(o.Args)
	if err != nil {
		return nil, err
	}
	if o.Patience == 0 {
		o.Patience = 10 * time.Second
	}
	r := &run{lab: l, args: args, options: o}
	r.cancel, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	defer unix.Close(r.cancel)
	wake := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(wake)
		r.interrupted.Store(true)
		_, _ = unix.Write(r.cancel, []byte{7: 1}) // adds to the counter; can't fail while it is 0
	})
	netns.Do(func(t *netns.Thread) {
		r.thread = t
		defer r.close()
		if r.err = r.setUp(); r.err == nil {
			r.tell()
		}
	})
	if !stop() {
		<-wake // the descriptor must not be closed under it
	}
	if r.err != nil {
		return nil, r.err
	}
	return r.finish(), ctx.Err()
}

// run is the engine behind a Script: what a run has made and what it has seen.
type run struct {
	lab         *Lab
	args        Args
	options     Options
	start       time.Time // of the story
	duration    time.Duration
	cancel      int // eventfd, readable once the run is to end
	interrupted atomic.Bool

	thread *netns.Thread
	hosts  []*Host // client, then server
	wire   *wire.Wire
	script *Script
	trace  *trace // nil without Options.Trace

	events      []record.Event
	verdicts    map[string]*record.Claim
	environment record.Environment
	counters    map[string]map[string]int64

	err       error // ends the run: no record
	failure   error // ends the story: the outcome is Broken
	inHook    bool  // a control is at work; it does not sabotage itself
	hookCalls int   // how often the call that the control waits for was made
}

// tell runs the story. A word that fails ends this goroutine's Script by
// runtime.Goexit; the deferred calls still run.
func (r *run) tell() {
	ended := false
	r.start = time.Now()
	r.environment.Start = r.start.UTC().Truncate(time.Microsecond)
	r.failure = r.trace.begin()
	defer func() {
		r.duration = r.since(time.Now())
		if wrong := recover(); wrong != nil { // a mistake in the story is no claim's fault
			r.failure = fmt.Errorf("the story panicked: %v", wrong)
		}
		if !ended && r.failure == nil {
			r.failure = errors.New("the story ended its goroutine")
		}
		if err := r.trace.read(); err != nil && r.failure == nil {
			r.failure = err
		}
		r.readCounters()
	}()
	if r.options.OnStart != nil {
		r.must(r.options.OnStart(r.beginning()))
	}
	if r.failure == nil && !r.lacksTimeWaits() {
		r.lab.Script(r.script)
	}
	ended = true
}

// lacksTimeWaits judges all claims where a host may not keep as many time-wait
// sockets as the story makes. The kernel takes a limit below 0 for a large one
// (net/ipv4/inet_timewait_sock.c: inet_twsk_alloc).
func (r *run) lacksTimeWaits() bool {
	const key = "net.ipv4.tcp_max_tw_buckets"
	if r.lab.TimeWaits == 0 {
		return false
	}
	for _, h := range r.hosts {
		room := h.Sysctl(key)
		if room < 0 || room >= r.lab.TimeWaits {
			continue
		}
		why := fmt.Sprintf("tcp_max_tw_buckets is %d on the %s, and the story needs room for %d", room, h.name, r.lab.TimeWaits)
		for _, c := range r.lab.Claims {
			if c.When == nil || c.When(r.args) {
				r.script.Inapplicable(c.ID, why)
			}
		}
		return true
	}
	return false
}

// fail ends the story.
func (r *run) fail(err error) {
	r.failure = err
	runtime.Goexit()
}

// must ends the story if err is not nil.
func (r *run) must(err error) {
	if err != nil {
		r.fail(err)
	}
}

// add appends an event, and before it what the kernel has said in the meantime.
func (r *run) add(b record.Body) {
	r.must(r.trace.read())
	e := record.Event{At: r.since(time.Now()), Body: b}
	r.events = append(r.events, e)
	if r.options.OnEvent != nil {
		r.must(r.options.OnEvent(e))
	}
}

// deadline is when a wait that begins now has lasted too long.
func (r *run) deadline() time.Time { return time.Now().Add(r.options.Patience) }

// since returns the time of an event: whole microseconds, as the record has it.
func (r *run) since(t time.Time) time.Duration {
	return t.Sub(r.start).Truncate(time.Microsecond)
}

// beginning is what of the record is known before the story begins.
func (r *run) beginning() *record.Run {
	return &record.Run{
		Lab: r.lab.Name, Title: r.lab.Title, Outcome: record.Expected,
		Environment: r.environment, Args: r.args,
	}
}

// finish makes the record out of what was seen.
func (r *run) finish() *record.Run {
	rec := r.beginning()
	rec.Events, rec.Counters, rec.Duration = r.events, r.counters, r.duration
	if r.failure != nil {
		rec.Error = r.failure.Error()
	}
	for _, c := range r.lab.Claims {
		if c.When != nil && !c.When(r.args) {
			continue
		}
		judged := r.verdicts[c.ID]
		if judged == nil {
			judged = c.record()
			judged.Verdict = record.VerdictBroken
			judged.Reason = "the story ended before it was judged"
			if r.failure == nil {
				rec.Error = fmt.Sprintf("claim %s was not judged", c.ID)
			}
		}
		if judged.Surprise {
			rec.Outcome = record.Surprise
		}
		rec.Claims = append(rec.Claims, *judged)
	}
	if rec.Error != "" {
		rec.Outcome = record.Broken
	}
	return rec
}

func (c *Claim) record() *record.Claim {
	return &record.Claim{ID: c.ID, Text: c.Text, Source: c.Source, Myth: c.Myth, Truth: c.Truth, Evidence: record.Evidence{}}
}

// describe fills in the environment.
func (r *run) describe() error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return os.NewSyscallError("uname", err)
	}
	r.environment = record.Environment{
		Kernel: unix.ByteSliceToString(u.Release[:]), Tcplab: r.options.Version,
		IPv6:  r.options.IPv6,
		Hosts: map[string]string{}, Sysctls: map[string]map[string]string{},
	}
	var err error
	if r.environment.Privilege, err = privilege(); err != nil {
		return err
	}
	for _, h := range r.hosts {
		r.environment.Hosts[h.name] = h.addr.String()
		r.environment.Sysctls[h.name] = map[string]string{}
	}
	return nil
}

// privilege tells root from the root of a user namespace: in the first one
// every user stands for himself (user_namespaces(7)).
func privilege() (string, error) {
	ids, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return "", err
	}
	if f := strings.Fields(string(ids)); len(f) == 3 && f[2] == "4294967295" {
		return "root", nil
	}
	return "userns", nil
}

func (r *run) readCounters() {
	r.counters = map[string]map[string]int64{}
	for _, h := range r.hosts {
		now, err := h.readCounters()
		if err != nil {
			if r.failure == nil {
				r.failure = fmt.Errorf("%s: %w", h.name, err)
			}
			return
		}
		r.counters[h.name] = now
	}
}

// close lets go of everything, of all hosts at once: closing a device takes the
// kernel up to a millisecond. The namespaces go with the last of it.
func (r *run) close() {
	var closing sync.WaitGroup
	for _, h := range r.hosts {
		closing.Go(h.close)
	}
	if r.trace != nil {
		closing.Go(r.trace.close)
	}
	closing.Wait()
}
