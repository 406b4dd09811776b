package lab_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/internal/sockdiag"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

const fewStalls = 2

var stalls = flag.Int("stalls", fewStalls,
	"moments of each lab at which TestStalls holds it up; above 2, TestDelays leaves out nothing either, and every run may take its time")

// enough is how long a run of the plain sample may take. A late story may have a
// timer of a minute to wait for; as many moments are left to -stalls.
const enough = 15 * time.Second

// stalled are for how long: more than RACK's reordering window; more than the least retransmission timeout, and than a
// delayed ACK; than what a timeout is after two of them; than what it is after
// three, and than a second one to begin with; and than all of most labs.
var stalled = []time.Duration{120 * time.Millisecond, 300 * time.Millisecond, 2500 * time.Millisecond, 4 * time.Second, 10 * time.Second}

// A machine that holds a story up, wherever and for how long that is, surprises
// nobody.
func TestStalls(t *testing.T) {
	t.Parallel()
	sound := undisturbed(t)
	runs := newAbreast()
	for i, l := range labs.All() {
		c := sound[l.Name].count
		moments := c[looks] + c[tries] + c[writes]
		n := min(*stalls, moments)
		for k := range n {
			// Spread over the labs, too: the first moments of all are much the same.
			at := 1 + (k*moments/n+i*7)%moments
			d := stalled[(i+k)%len(stalled)]
			runs.Go(func() {
				where := fmt.Sprintf("%s, held up for %v at %d of %d", l.Name, d, at, moments)
				nth := 0
				notSurprised(t, where, l, sound[l.Name], func(op operation) {
					if nth++; nth == at {
						time.Sleep(d)
					}
				})
			})
		}
	}
	runs.Wait()
}

// A machine that is slow at everything surprises nobody.
func TestDelays(t *testing.T) {
	t.Parallel()
	sound := undisturbed(t)
	runs := newAbreast()
	delays := []time.Duration{10 * time.Millisecond, 20 * time.Millisecond}
	for i, l := range labs.All() {
		for k, d := range delays {
			c := sound[l.Name].count
			if *stalls <= fewStalls && (i%len(delays) != k || time.Duration(2*c[looks]+3*c[writes])*d > 10*time.Second) {
				continue
			}
			runs.Go(func() {
				where := fmt.Sprintf("%s, everything %v late", l.Name, d)
				notSurprised(t, where, l, sound[l.Name], func(operation) { time.Sleep(d) })
			})
		}
	}
	runs.Wait()
}

// abreast runs functions side by side, which hardly do anything but wait.
type abreast struct {
	turns chan struct{}
	sync.WaitGroup
}

func newAbreast() *abreast { return &abreast{turns: make(chan struct{}, 128)} }

func (a *abreast) Go(f func()) {
	a.turns <- struct{}{}
	a.WaitGroup.Go(func() {
		defer func() { <-a.turns }()
		f()
	})
}

// notSurprised runs a lab in which slow is called before each operation, and wants
// what a late run is to be: it is broken, and says that it was held up, or it is as
// expected. If then all claims could be judged that can be, it has told the same
// story as the sound run.
func notSurprised(t *testing.T, where string, l *lab.Lab, sound soundRun, slow func(operation)) {
	t.Helper()
	ctx := t.Context()
	if *stalls <= fewStalls {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, enough)
		defer cancel()
	}
	r, err := lab.Run(ctx, l, slowed(slow))
	if errors.Is(err, context.DeadlineExceeded) {
		return
	}
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	switch r.Outcome {
	case record.Broken:
		if !strings.Contains(r.Error, "held up") {
			t.Errorf("%s: broken: %s", where, r.Error)
		}
	case record.Expected:
		if inapplicable(r) > inapplicable(sound.Run) {
			return
		}
		if diff := cmp.Diff(ladder(t, sound.Run), ladder(t, r)); diff != "" {
			t.Errorf("%s: the ladder is another (-sound +late), late %+v:\n%s", where, r.Late, diff)
		}
	default:
		t.Errorf("%s: outcome %s, late %+v", where, r.Outcome, r.Late)
		for _, c := range r.Claims {
			if c.Surprise {
				t.Logf("%s: %s is %s: %v, expected %v\n%s", where, c.ID, c.Verdict, c.Evidence, c.Expected, ladder(t, r))
			}
		}
	}
}

func inapplicable(r *record.Run) (n int) {
	for _, c := range r.Claims {
		if c.Verdict == record.Inapplicable {
			n++
		}
	}
	return n
}

// ladder is the part of a picture that comes before the verdicts' blocks.
func ladder(t *testing.T, r *record.Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Ladder(&b, r, report.Options{Width: 100}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// slowed returns options of a run in which slow is called before each operation.
func slowed(slow func(operation)) lab.Options {
	// On a machine that is slow at looks, one that is quick enough to say what a timer
	// has left is tried for again until patience ends.
	return lab.Faulty(lab.Options{Patience: 4 * time.Second}, func(_ string, i *rig.Instruments) {
		i.Device = &slowDevice{i.Device, slow}
		lookUp := i.LookUp
		i.LookUp = func(local, remote netip.AddrPort) (sockdiag.Socket, bool, error) {
			slow(looks)
			return lookUp(local, remote)
		}
	})
}

type slowDevice struct {
	wire.Device
	slow func(operation)
}

func (d *slowDevice) Read(b []byte) (int, error) {
	d.slow(tries)
	return d.Device.Read(b)
}

func (d *slowDevice) Write(b []byte) error {
	d.slow(writes)
	return d.Device.Write(b)
}
