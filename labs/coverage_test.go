package labs_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/coverage"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// gathered are the runs of many labs side by side.
type gathered struct {
	sync.Mutex
	runs []*record.Run
}

func (g *gathered) add(r *record.Run) {
	g.Lock()
	defer g.Unlock()
	g.runs = append(g.runs, r)
}

// stillWitnessed wants in a run of every lab, on both families, whatever
// docs/coverage.md says is witnessed. Counters are left out: some depend on how busy the
// machine is. What the labs witness besides waits for the next `make coverage`.
func stillWitnessed(t *testing.T, runs []*record.Run) {
	t.Helper()
	if slices.ContainsFunc(runs, func(r *record.Run) bool { return r.Outcome != record.Expected || r.Late != nil }) {
		return // another test's matter, or a busy machine's
	}
	kept, err := coverage.Kept()
	if err != nil {
		t.Fatal(err)
	}
	now := coverage.Of(runs, func(name string) []string { return lab.Sysctls([]*lab.Lab{labs.Find(name)}) })
	for n, p := range kept.Parts {
		if p.Title == coverage.Counters {
			continue
		}
		for i, item := range p.Items {
			if len(item.Labs) > 0 && len(now.Parts[n].Items[i].Labs) == 0 {
				t.Errorf("docs/coverage.md: %s is witnessed by %v; in this run no lab has", item.Name, item.Labs)
			}
		}
	}
}
