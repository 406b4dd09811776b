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

var soak = flag.Int("soak", 0, "runs of each lab in TestSoak, which keeps all processors busy; 0 leaves it out")

// variants are the labs that may have more than one picture, with how many and
// why. Elsewhere, where time could change a story, it waits for an event.
var variants = map[string]struct {
	pictures int
	why      string
}{
	"lostfin": {2, "a machine that holds a handshake up for 100 ms makes the connection's timeout so long " +
		"that the time is over after one retransmission; that is then the claim's count, and it is inapplicable"},
	"threeway": {2, "a machine that holds a program up for 40 ms lets the kernel's delayed ACK go out first; " +
		"the claims are inapplicable then"},
}

// A tally counts what came of the runs of one lab.
type tally struct {
	name                       string
	runs, surprises, brokenOff int
	pictures                   map[string]int
}

func (c *tally) add(picture string, o record.Outcome) {
	c.runs++
	c.pictures[picture]++
	switch o {
	case record.Surprise:
		c.surprises++
	case record.Broken:
		c.brokenOff++
	}
}

// With all processors kept busy by something else, and the labs side by side,
// every run of a lab gives the same picture and no surprise.
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
	var tallies []*tally
	var running sync.WaitGroup
	for _, l := range labs.All() {
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
					c.add(labtest.Picture(t, r), r.Outcome)
				}
			})
		}
	}
	running.Wait()
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "runs\tladders\tsurprises\tbroken\t  lab")
	for _, c := range tallies {
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t  %s\n", c.runs, len(c.pictures), c.surprises, c.brokenOff, c.name)
		v := variants[strings.Fields(c.name)[0]]
		want := max(1, v.pictures)
		if len(c.pictures) > 1 && want > 1 {
			t.Logf("%s: %s", c.name, v.why)
		}
		if len(c.pictures) > want || c.surprises+c.brokenOff > 0 {
			for p, n := range c.pictures {
				t.Errorf("%s, %d times:\n%s", c.name, n, p)
			}
		}
	}
	_ = w.Flush() // to a strings.Builder
	t.Log("\n" + table.String())
}
