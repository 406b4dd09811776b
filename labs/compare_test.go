package labs_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/internal/need"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// A lab compares as equal with itself, run 20 times while others make the machine busy.
func TestCompareSame(t *testing.T) {
	t.Parallel()
	labtest.Run(t, labs.All()[0], lab.Options{}) // skips the test where no lab can run
	same(t, 20, lab.Options{}, "noaccept", "backlog", "threeway", "delack", "lostdata", "zerowindow")
}

// So it does with the kernel's own account.
func TestCompareSameTraced(t *testing.T) {
	need.Tracing(t)
	t.Parallel()
	same(t, 10, lab.Options{Trace: true}, "stream", "fastopen", "lostsyn")
}

func same(t *testing.T, times int, o lab.Options, names ...string) {
	t.Helper()
	const abreast = 12
	turns := make(chan struct{}, abreast)
	var running sync.WaitGroup
	var all []*gathered
	for _, name := range names {
		g := &gathered{}
		all = append(all, g)
		for range times {
			running.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				r, err := lab.Run(t.Context(), labs.Find(name), o)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				g.add(r)
			})
		}
	}
	running.Wait()
	for _, g := range all {
		c := report.Compare(g.runs)
		if c.Differs() {
			var text strings.Builder
			if err := c.Text(&text, report.CompareOptions{Ladders: true}); err != nil {
				t.Fatal(err)
			}
			t.Error("runs of one lab differ:\n" + text.String())
		}
		late := 0
		for _, r := range g.runs {
			if r.Late != nil || r.Slow() {
				late++
			}
		}
		t.Logf("%s: of %d runs %d were held up, and %d broke", g.runs[0].Lab, len(g.runs), late, len(c.Incomplete()))
	}
}

// Two settings of a lab differ, as two of the kernel's would: the comparison is not
// blind.
func TestCompareDiffers(t *testing.T) {
	t.Parallel()
	var runs []*record.Run
	for _, n := range []string{"1", "2"} {
		runs = append(runs, labtest.Run(t, labs.Find("backlog"), lab.Options{Args: lab.Args{"n": n}}))
	}
	if c := report.Compare(runs); c.Incomplete() == nil && !c.Differs() {
		t.Error("backlogs of 1 and 2 make no difference")
	}
}
