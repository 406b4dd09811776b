package lab_test

import (
	"flag"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/internal/sockdiag"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/record"
)

// bound is more than a run ever takes, on a busy machine too, to come to its end once
// its instrument has failed.
const bound = 20 * time.Second

// An operation is what is done with an instrument.
type operation int

const (
	looks operation = iota
	reads
	writes
	tries // of reads, that is: most find nothing
	operations
)

// A fault is what goes wrong with one operation, once.
type fault struct {
	name string
	on   operation
	err  error
	want string // in the record's error
	// answer, if not nil, is what inet_diag answers instead of err.
	answer []byte
	// short, if not 0, cuts what is read from the device instead of err.
	short int
}

var every = flag.Int("every", 3, "of the cases of a test of faults, try every nth; 1 for all of them")

var faults = []fault{
	{name: "inet_diag is refused", on: looks, err: unix.EPERM, want: "operation not permitted"},
	{name: "inet_diag has no room", on: looks, err: unix.ENOBUFS, want: "no buffer space available"},
	{name: "inet_diag answers short", on: looks, answer: make([]byte, 20), want: "inet_diag: answer of type 0"},
	{name: "the device can not be read", on: reads, err: unix.EBADF, want: "bad file descriptor"},
	{name: "the device gives half a packet", on: reads, short: 30, want: "packet of 30 bytes"},
	{name: "the device takes nothing", on: writes, err: unix.ENOBUFS, want: "no buffer space available"},
}

// saboteur makes the nth operation of a fault's kind go wrong, and counts all.
type saboteur struct {
	fault
	nth    int
	count  [operations]int
	struck bool
}

// strikes counts an operation, and reports whether it is the one to go wrong.
func (s *saboteur) strikes(op operation) bool {
	s.count[op]++
	hit := op == s.on && s.count[op] == s.nth
	s.struck = s.struck || hit
	return hit
}

func (s *saboteur) options() lab.Options {
	return lab.Faulty(lab.Options{}, func(_ string, i *rig.Instruments) {
		i.Device = &faultyDevice{i.Device, s}
		lookUp := i.LookUp
		i.LookUp = func(local, remote netip.AddrPort) (sockdiag.Socket, bool, error) {
			switch {
			case !s.strikes(looks):
				return lookUp(local, remote)
			case s.answer != nil:
				return sockdiag.Decode(s.answer)
			}
			return sockdiag.Socket{}, false, s.err
		}
	})
}

type faultyDevice struct {
	wire.Device
	s *saboteur
}

// Read counts packets, not looks for them: these come as often as time allows.
func (d *faultyDevice) Read(b []byte) (int, error) {
	d.s.strikes(tries)
	n, err := d.Device.Read(b)
	switch {
	case n == 0 || !d.s.strikes(reads):
		return n, err
	case d.s.short > 0:
		return min(n, d.s.short), nil
	}
	return 0, d.s.err
}

func (d *faultyDevice) Write(b []byte) error {
	if d.s.strikes(writes) {
		return d.s.err
	}
	return d.Device.Write(b)
}

// Whatever goes wrong with an instrument, in whichever lab, at the beginning, in
// the middle or at the end: the run is broken, says what has failed, and no claim
// is confirmed or refuted by it.
func TestFaults(t *testing.T) {
	t.Parallel()
	sound := undisturbed(t)
	var struck atomic.Int64
	var all sync.WaitGroup
	for i, l := range labs.All() {
		for k, f := range faults {
			if !sampled(i + k) {
				continue
			}
			count := sound[l.Name].count[f.on]
			for _, nth := range spread(count) {
				if sound[l.Name].slow() && nth > count/2 {
					continue // it would wait for its timers again and again
				}
				all.Go(func() {
					var s *saboteur
					r, err := inTime(t, l, func() lab.Options {
						s = &saboteur{fault: f, nth: nth}
						return s.options()
					})
					where := fmt.Sprintf("%s: %s, at %d of %d", l.Name, f.name, nth, count)
					if err != nil {
						t.Errorf("%s: %v", where, err)
						return
					}
					if r.Duration > sound[l.Name].Duration+bound {
						t.Errorf("%s: it took %v", where, r.Duration)
					}
					if !s.struck { // another run may look less often for a timer's end
						provesTheSame(t, where, r, sound[l.Name])
						return
					}
					struck.Add(1)
					provesNothing(t, where, r, f.want)
				})
			}
		}
	}
	all.Wait()
	t.Logf("%d runs were disturbed", struck.Load())
}

// sampled reports whether the nth case of a test of faults is tried. Tests number
// the cases so that each lab is in some of them, and each fault.
func sampled(n int) bool { return n%max(1, *every) == 0 }

// spread returns up to four numbers from 1 to n: the ends, and between.
func spread(n int) []int {
	var at []int
	for i := range 4 {
		if nth := 1 + i*(n-1)/3; n > 0 && (len(at) == 0 || at[len(at)-1] != nth) {
			at = append(at, nth)
		}
	}
	return at
}

// turns are those of the runs that all the tests of faults make side by side.
// Most of the time they wait for timers, but with hundreds at once no story would
// keep up with its kernel.
var turns = make(chan struct{}, 16)

func run(t *testing.T, l *lab.Lab, o lab.Options) (*record.Run, error) {
	turns <- struct{}{}
	defer func() { <-turns }()
	return lab.Run(t.Context(), l, o)
}

// A soundRun is one that nothing has disturbed.
type soundRun struct {
	*record.Run
	count [operations]int
}

// slow reports whether the lab waits for timers of the kernel.
func (s soundRun) slow() bool { return s.Duration > 300*time.Millisecond }

var (
	soundOnce sync.Once
	soundRuns = map[string]soundRun{}
)

// undisturbed returns a sound run of each lab, by its name. The first test that
// needs them makes them.
func undisturbed(t *testing.T) map[string]soundRun {
	t.Helper()
	_, err := lab.Run(t.Context(), &lab.Lab{Name: "test", Script: func(*lab.Script) {}}, lab.Options{})
	labtest.SkipIfMissing(t, err)
	soundOnce.Do(func() {
		var all sync.WaitGroup
		var mu sync.Mutex
		for _, l := range labs.All() {
			all.Go(func() {
				sound, err := punctual(t, l)
				if err != nil || sound.Outcome != record.Expected {
					t.Errorf("%s, undisturbed: %v, %+v", l.Name, err, sound.Run)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				soundRuns[l.Name] = sound
			})
		}
		all.Wait()
	})
	if len(soundRuns) != len(labs.All()) {
		t.Fatal("there is no sound run of each lab to compare with")
	}
	return soundRuns
}

// punctual runs a lab until this machine has not held it up by itself.
func punctual(t *testing.T, l *lab.Lab) (sound soundRun, err error) {
	for range labtest.Attempts {
		var counts saboteur
		sound.Run, err = run(t, l, counts.options())
		sound.count = counts.count
		if err != nil || sound.Late == nil {
			break
		}
	}
	return sound, err
}

// quick returns the labs that wait for no timer.
func quick(t *testing.T) []*lab.Lab {
	t.Helper()
	var all []*lab.Lab
	for _, l := range labs.All() {
		if !undisturbed(t)[l.Name].slow() {
			all = append(all, l)
		}
	}
	return all
}

// provesNothing wants a broken run whose error holds a text.
func provesNothing(t *testing.T, where string, r *record.Run, want string) {
	t.Helper()
	if r.Outcome != record.Broken || !strings.Contains(r.Error, want) {
		t.Errorf("%s: outcome %s: %s; want broken: …%s…", where, r.Outcome, r.Error, want)
	}
	for _, c := range r.Claims {
		if c.Verdict != record.VerdictBroken || c.Surprise || c.Reason == "" {
			t.Errorf("%s: claim %s is %s (%s)", where, c.ID, c.Verdict, c.Reason)
		}
	}
}

// provesTheSame wants the verdicts of a sound run.
func provesTheSame(t *testing.T, where string, r *record.Run, sound soundRun) {
	t.Helper()
	if r.Outcome != sound.Outcome || len(r.Claims) != len(sound.Claims) {
		t.Errorf("%s: outcome %s: %s", where, r.Outcome, r.Error)
		return
	}
	for i, c := range r.Claims {
		if c.Verdict != sound.Claims[i].Verdict {
			t.Errorf("%s: claim %s is %s, undisturbed %s", where, c.ID, c.Verdict, sound.Claims[i].Verdict)
		}
	}
}
