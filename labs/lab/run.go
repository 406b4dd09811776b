package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/internal/stack"
	"github.com/tcplab/tcplab/labs/machine"
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
	// HostSysctls gives the hosts this machine's own values of TCP's sysctls, and of
	// those that the lab turns or reads, instead of the pinned ones.
	HostSysctls bool
	// Trace records the kernel's own account too, at its tracepoints. Only root
	// may.
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
	faulty func(host string, i *rig.Instruments)
}

// Run runs a lab and returns the record of it.
//
// The error is a *UsageError where an argument was refused, a
// *machine.MissingError where this machine does not allow what a run needs, or
// ctx's where it was interrupted; there is a record, of what was told by then, unless
// the hosts were not made or the story was stuck. A story that the instrument could not tell to
// its end is no error: its record has the outcome Broken and says why.
func Run(ctx context.Context, l *Lab, o Options) (*record.Run, error) {
	rec, _, err := sabotaged(ctx, l, o)
	return rec, err
}

// sabotaged is Run. It returns what stands behind the story, too, which knows whether the
// control of the run came to act.
func sabotaged(ctx context.Context, l *Lab, o Options) (*record.Run, *run, error) {
	r, err := newRun(l, o)
	if err != nil {
		return nil, nil, err
	}
	rec, err := r.run(ctx)
	return rec, r, err
}

func (r *run) run(ctx context.Context) (*record.Run, error) {
	o := r.options
	g, err := rig.Do(ctx, rig.Config{
		Hosts: r.newHosts(), Configure: r.configure, Trace: o.Trace, Blind: o.Blind,
		Patience: r.options.Patience, Budget: r.options.Budget, Faulty: o.faulty,
	}, r.tell)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var wrong *UsageError
	switch {
	case errors.Is(err, rig.ErrBudget):
		return r.abandoned(g)
	case errors.As(err, &wrong):
		return nil, wrong // without the host's name before it
	case err != nil && o.Trace && !errors.As(err, new(*stack.Error)):
		return nil, machine.MissingTrace(err)
	case err != nil:
		return nil, machine.Missing(err)
	}
	return r.finish(), ctx.Err()
}

// run is what stands behind a Script: its rig, and the verdicts.
type run struct {
	lab     *Lab
	args    Args
	options Options
	rig     *rig.Rig
	script  *Script
	sysctls map[string]map[string]string // host → key → value, as configured
	own     []stack.Setting              // with Options.HostSysctls: this machine's
	control *sabotage                    // nil without Options.Control

	begun     beginning
	verdicts  verdicts
	duration  time.Duration
	counters  map[string]map[string]int64
	heldUp    record.HoldUp
	late      *record.Late
	disturbed bool
	at        atomic.Value // a string: where in its text the story is, if it says so
	failure   error        // ends the story: the outcome is Broken
	stopped   bool         // by the story itself: see Script.StopIf
	// faulty is set where the instrument has failed, which no lateness explains.
	faulty bool
}

func newRun(l *Lab, o Options) (*run, error) {
	if err := cmp.Or(machine.EnoughDescriptors(), machine.EnoughThreads(1)); err != nil {
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
	r := &run{lab: l, args: args, options: o, sysctls: map[string]map[string]string{}}
	if o.HostSysctls {
		if r.own, err = stack.Own(Sysctls([]*Lab{l})); err != nil {
			return nil, err
		}
	}
	if o.Control != nil {
		if r.control, err = newSabotage(o.Control); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// tell runs the story. A word that fails ends this goroutine's Script by
// runtime.Goexit; the deferred calls still run.
func (r *run) tell(g *rig.Rig) {
	r.rig = g
	r.settleArgs()
	r.script = newScript(r)
	ended := false
	defer func() {
		if wrong := recover(); wrong != nil { // a mistake in the story is no claim's fault
			r.failure = r.located(fmt.Errorf("the story panicked: %v", wrong), where())
		}
		if !ended && !r.stopped && r.failure == nil {
			r.failure = errors.New("the story ended its goroutine")
		}
		r.end()
	}()
	r.must(g.Begin(r.options.OnEvent))
	environment, err := g.Environment()
	r.must(err)
	environment.Tcplab, environment.Sysctls = r.options.Version, r.sysctls
	r.begun.set(environment)
	if r.options.OnStart != nil {
		r.must(r.options.OnStart(r.beginning()))
	}
	if !r.lacksGround() {
		r.tellPinned()
		r.lab.Script(r.script)
	}
	ended = true
}

// end takes in what is left to be told, and closes the story's descriptors.
func (r *run) end() {
	g := r.rig
	defer r.script.close()
	if g.Journal == nil {
		return
	}
	r.duration = g.Journal.Since(time.Now())
	r.late, r.heldUp, r.disturbed = g.Late("the end of the story"), g.HeldUp(), g.Disturbed()
	note := func(err error) {
		if err == nil {
			return
		}
		r.faulty = true
		if r.failure == nil {
			r.failure = err
		}
	}
	note(g.Intact()) // also where the story broke: that may be why, however late it was
	note(g.ReadAccount())
	_, err := g.Journal.EndWait()
	note(err)
	r.counters, err = g.Counters()
	note(err)
}

// lacksGround judges all claims where a host may not keep as many time-wait
// sockets, or handshakes and connections that wait, as the story makes. The kernel
// takes a limit below 0 for a large one (net/ipv4/inet_timewait_sock.c:
// inet_twsk_alloc). It does the same where a host's sockets are never writable.
func (r *run) lacksGround() bool {
	for _, h := range r.script.hosts {
		if all := r.expected(); r.sysctls[h.Name()][notSentLowat] == "0" && len(all) > 0 {
			r.script.Inapplicable(notSentLowat+" is 0 on the "+h.Name()+": no socket there is ever writable", all...)
			return true
		}
	}
	for _, need := range []struct {
		key  string
		room int
	}{{"net.ipv4.tcp_max_tw_buckets", r.lab.TimeWaits}, {"net.core.somaxconn", r.lab.Backlog}} {
		if need.room == 0 {
			continue
		}
		for _, h := range r.script.hosts {
			room := h.Sysctl(need.key)
			if room < 0 || room >= need.room {
				continue
			}
			why := fmt.Sprintf("%s is %d on the %s, and the story needs room for %d", need.key, room, h.Name(), need.room)
			r.script.Inapplicable(why, r.expected()...)
			return true
		}
	}
	return false
}

// notSentLowat is how many bytes may wait to be sent where a socket is writable: with
// fewer than one none is, whatever its state (include/net/tcp.h: tcp_stream_memory_free).
const notSentLowat = "net.ipv4.tcp_notsent_lowat"

// expected are the claims that are part of this run.
func (r *run) expected() []string {
	var ids []string
	for _, c := range r.claims() {
		ids = append(ids, c.ID)
	}
	return ids
}

// fail ends the story.
func (r *run) fail(err error) {
	if errors.Is(err, rig.ErrCanceled) && r.rig.OverBudget() {
		err = r.stuck(r.rig.Journal.Events())
	}
	r.failure = r.located(err, where())
	runtime.Goexit()
}

// located says of an error where in its text the story is: where it says so itself, and
// else at a place in Go, if there is one.
func (r *run) located(err error, place string) error {
	if at, _ := r.at.Load().(string); at != "" {
		place = at
	}
	if place == "" {
		return err
	}
	return fmt.Errorf("%s: %w", place, err)
}

// must ends the story if err, which is the instrument's, is not nil.
func (r *run) must(err error) {
	if err != nil {
		r.faulty = !errors.Is(err, rig.ErrCanceled)
		r.fail(err)
	}
}

// add appends an event.
func (r *run) add(b record.Body) { r.must(r.rig.Journal.Add(b)) }

// abandoned makes the record of a run whose thread is stuck, out of what it has
// told so far. The thread may still go on; it must not share anything with the
// record.
func (r *run) abandoned(g *rig.Rig) (*record.Run, error) {
	environment, begun := r.begun.get()
	if !begun {
		return nil, fmt.Errorf("the hosts are not made after %v", r.options.Budget)
	}
	frozen := &run{lab: r.lab, args: r.args, options: r.options}
	frozen.begun.set(environment)
	frozen.verdicts.given, frozen.verdicts.added = r.verdicts.snapshot()
	events := g.Journal.Snapshot()
	if len(events) > 0 {
		frozen.duration = events[len(events)-1].At
	}
	frozen.failure = r.located(frozen.stuck(events), "")
	return frozen.record(events), nil
}

// stuck says that the run has taken too long, and where.
func (r *run) stuck(events []record.Event) error {
	return fmt.Errorf("after %v, besides what it waited for timers of the kernel, the story had not ended; last came %s",
		r.options.Budget, last(events))
}

// last names what happened last.
func last(events []record.Event) string {
	for _, e := range slices.Backward(events) {
		switch v := e.Body.(type) {
		case *record.Call:
			return fmt.Sprintf("%s: %s(%s)", v.Host, v.Call, strings.Join(v.Args, ", "))
		case *record.Segment:
			return fmt.Sprintf("%s: %s %s", v.From, v.Flags, v.Fate)
		case *record.Wait:
			return fmt.Sprintf("%s: a wait for %s", v.Host, v.For)
		case *record.VerdictGiven:
			return "the verdict on " + v.Claim
		}
	}
	return "nothing"
}
