package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
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
	// waited. The next event after its beginning is the wait itself.
	OnWait func(record.Wait)
	// OnStart, if not nil, is given the record when the story begins: all of
	// it but what is still to come.
	OnStart func(*record.Run) error
	// OnEvent, if not nil, is given each event when it happens, in the order
	// of the record. An error of this or of OnStart ends the story, and the run
	// is broken.
	OnEvent func(record.Event) error
	// Trace takes down the kernel's own account too, at its tracepoints. Only
	// root may.
	Trace bool
	// Patience bounds every wait for something that the kernel does at once;
	// 0 is 10 seconds. It runs out only if the instrument or the story is wrong.
	Patience time.Duration
	// Budget bounds the whole run, all but the time that the kernel's timers
	// have left when they are waited for; 0 is 2 minutes. It runs out only where
	// the story, the kernel or one of the functions above is stuck. The run is
	// then broken, and Run returns though its thread may still be stuck.
	Budget time.Duration
	// Control, if not nil, sabotages the run.
	Control *Control
	// Blind leaves out all observation: segments are carried but no socket is
	// looked at. A benchmark measures against it.
	Blind bool
	// faulty, if not nil, changes a host's instruments: for tests.
	faulty func(host string, i *instruments)
}

// Run runs a lab and returns the record of it.
//
// The error is a *UsageError where an argument was refused, a *MissingError
// where this machine does not allow what a run needs, or ctx's where it was
// interrupted. A story that the instrument could not tell to its end is no
// error: its record has the outcome Broken and says why.
func Run(ctx context.Context, l *Lab, o Options) (*record.Run, error) {
	if err := enoughDescriptors(); err != nil {
		return nil, err
	}
	args, err := l.resolve(o.Args)
	if err != nil {
		return nil, err
	}
	if o.Patience == 0 {
		o.Patience = 10 * time.Second
	}
	if o.Budget == 0 {
		o.Budget = 2 * time.Minute
	}
	r := &run{lab: l, args: args, options: o}
	r.cancel, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	var end context.CancelCauseFunc
	r.ctx, end = context.WithCancelCause(ctx)
	defer end(nil)
	r.budget = newBudget(o.Budget, func() { end(errBudget) })
	defer r.budget.stop()
	wake := make(chan struct{})
	stop := context.AfterFunc(r.ctx, func() {
		defer close(wake)
		_, _ = unix.Write(r.cancel, []byte{7: 1}) // adds to the counter; can't fail while it is 0
	})
	ended := netns.Start(func(t *netns.Thread) {
		r.thread = t
		defer r.close()
		if r.err = r.setUp(); r.err == nil {
			r.tell()
		}
	})
	release := func() {
		<-ended
		if !stop() {
			<-wake // the descriptor must not be closed under it
		}
		unix.Close(r.cancel)
	}
	if !r.endsByItself(ended) {
		go release()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return r.abandoned()
	}
	release()
	if r.err != nil {
		return nil, r.err
	}
	return r.finish(), ctx.Err()
}

// run is the engine behind a Script: what a run has made and what it has seen.
type run struct {
	lab      *Lab
	args     Args
	options  Options
	start    time.Time // of the story
	duration time.Duration
	ctx      context.Context // done once the run is to end
	cancel   int             // eventfd, readable then
	budget   *budget

	thread *netns.Thread
	hosts  []*Host // client, then server
	wire   *wire.Wire
	script *Script
	trace  *trace // nil without Options.Trace

	// The story's thread alone changes these, but where it is stuck they
	// are read from elsewhere.
	mu       sync.Mutex
	telling  bool // the story has begun; what is known before it stays as it is
	events   []record.Event
	verdicts map[string]*record.Claim

	acted time.Time // when the latest call, or delivery, began

	told int      // how many of the events OnEvent has been given
	wait *pending // for a timer of the kernel; nil where there is none

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
	r.locked(func() { r.telling = true })
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
		r.endWait()
		if err := r.tellEvents(); err != nil && r.failure == nil {
			r.failure = err
		}
		r.readCounters()
	}()
	r.must(r.trace.begin())
	if r.options.OnStart != nil {
		r.must(r.options.OnStart(r.beginning()))
	}
	if !r.lacksTimeWaits() {
		r.lab.Script(r.script)
	}
	for _, h := range r.hosts {
		r.must(h.wrap(h.intact()))
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
	if errors.Is(err, wire.ErrCanceled) && r.overBudget() {
		err = r.stuck()
	}
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
	r.locked(func() { r.events = append(r.events, e) })
	r.must(r.tellEvents())
}

// tellEvents gives OnEvent the events that it has not had, in the record's
// order: what comes during a wait is told when the wait is over, after it.
func (r *run) tellEvents() error {
	if r.options.OnEvent == nil || r.wait != nil {
		return nil
	}
	for r.told < len(r.events) {
		r.told++
		if err := r.options.OnEvent(r.events[r.told-1]); err != nil {
			return err
		}
	}
	return nil
}

// locked changes what may be read from elsewhere.
func (r *run) locked(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
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
		for i := range rec.Claims {
			unprove(&rec.Claims[i])
		}
	}
	return rec
}

// unprove takes back the verdict on a claim of a broken run. Nobody knows for
// how long the fault had been there when it showed, so what was judged before is
// worth no more than what came after. The verdict's event still tells of it.
func unprove(c *record.Claim) {
	if c.Verdict == record.VerdictBroken {
		return
	}
	c.Reason = fmt.Sprintf("the run broke; until then it was %s", c.Verdict)
	c.Verdict, c.Surprise = record.VerdictBroken, false
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
