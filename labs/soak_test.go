package labs_test

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/record"
)

var (
	soak   = flag.Int("soak", 0, "runs of each lab in TestSoak, which keeps all processors busy; 0 leaves it out")
	oneLab = flag.String("lab", "", "the one lab that TestSoak and TestSweep run; all if empty")
)

// A tally counts what came of the runs of one lab.
type tally struct {
	name                             string
	runs, heldUps, surprises, broken int
	pictures                         map[string]int // of the runs that could judge most
	inapplicable                     int            // claims, in these
	unjudged                         int            // runs that could judge fewer
}

func (c *tally) add(t *testing.T, r *record.Run) {
	c.runs++
	switch {
	case r.Outcome == record.Broken && r.Late != nil:
		c.heldUps++
		return
	case r.Outcome == record.Surprise:
		c.surprises++
	case r.Outcome == record.Broken:
		c.broken++
	}
	n := 0
	for _, claim := range r.Claims {
		if claim.Verdict == record.Inapplicable {
			n++
		}
	}
	if n > c.inapplicable && len(c.pictures) > 0 {
		c.unjudged++
		return
	}
	if n < c.inapplicable {
		for _, runs := range c.pictures {
			c.unjudged += runs
		}
		clear(c.pictures)
	}
	c.inapplicable = n
	punctual := *r // its picture does not say where the machine was late: that differs
	punctual.Late = nil
	c.pictures[labtest.Picture(t, &punctual)]++
}

// With all processors kept busy by something else, and the labs side by side,
// every run of a lab gives the same picture and no surprise. A run that broke since
// the machine held it up, and says so, is no evidence and has no picture. Neither has
// one in which a claim is inapplicable that others could judge: a slow handshake makes
// a timeout so long, say, that the kernel gives up after another number of them.
func TestSoak(t *testing.T) {
	if *soak == 0 {
		t.Skip("only where it is asked for: make soak")
	}
	labtest.Run(t, labs.All()[0], lab.Options{}) // skips the test where no lab can run
	var stop atomic.Bool
	defer stop.Store(true)
	for range runtime.NumCPU() {
		go func() {
			for !stop.Load() {
			}
		}()
	}
	all := labs.All()
	if *oneLab != "" {
		all = []*lab.Lab{labs.Find(*oneLab)}
		if all[0] == nil {
			t.Fatalf("-lab %s: no lab has that name", *oneLab)
		}
	}
	var tallies []*tally
	var running sync.WaitGroup
	for _, l := range all {
		for _, ipv6 := range []bool{false, true} {
			name, o := l.Name, lab.Options{IPv6: ipv6}
			if ipv6 {
				name += " --ipv6"
			}
			c := &tally{name: name, pictures: map[string]int{}}
			tallies = append(tallies, c)
			running.Go(func() {
				for range *soak {
					r, err := lab.Run(t.Context(), l, o)
					if err != nil {
						t.Errorf("%s: %v", name, err)
						return
					}
					c.add(t, r)
				}
			})
		}
	}
	running.Wait()
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "runs\theld up\tunjudged\tladders\tsurprises\tbroken\t  lab")
	for _, c := range tallies {
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%d\t  %s\n", c.runs, c.heldUps, c.unjudged, len(c.pictures), c.surprises, c.broken, c.name)
		if len(c.pictures) == 0 {
			t.Errorf("%s: each run was held up", c.name)
		}
		if len(c.pictures) > 1 || c.surprises+c.broken > 0 {
			for p, n := range c.pictures {
				t.Errorf("%s, %d times:\n%s", c.name, n, p)
			}
		}
	}
	_ = w.Flush() // to a strings.Builder
	t.Log("\n" + table.String())
}
