// Controls prints the table of all claims, each with its control and what the
// sabotaged runs on IPv4 and on IPv6 say of it: a fact has to be refuted, and a myth
// confirmed. It needs root.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// atOnce is how many sabotaged runs go on at a time: most of them wait.
const atOnce = 16

// A trial is what came of one claim's control.
type trial struct {
	lab     *lab.Lab
	claim   *lab.Claim
	ipv6    bool
	verdict record.Verdict
	err     error
}

func main() {
	var trials []*trial
	for _, l := range labs.All() {
		for i := range l.Claims {
			for _, ipv6 := range []bool{false, true} {
				trials = append(trials, &trial{lab: l, claim: &l.Claims[i], ipv6: ipv6})
			}
		}
	}
	turns := make(chan struct{}, atOnce)
	var running sync.WaitGroup
	for _, t := range trials {
		running.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			t.sabotage()
		})
	}
	running.Wait()
	if !table(trials) {
		os.Exit(1)
	}
}

// attempts is how often a control that the machine holds up is tried: what such a run
// shows is no evidence.
const attempts = 5

func (t *trial) sabotage() {
	for range attempts {
		var r *record.Run
		r, t.verdict, t.err = lab.Sabotage(context.Background(), t.lab, t.claim, t.ipv6)
		if t.err == nil || r == nil || r.Late == nil {
			return
		}
	}
}

// table prints the trials, and reports whether all of them came out as they had to.
func table(trials []*trial) bool {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LAB\tCLAIM\tFAMILY\tSABOTAGE\tVERDICT")
	bad := 0
	for _, t := range trials {
		verdict := string(t.verdict)
		if t.claim.Myth {
			verdict += " (a myth)"
		}
		if t.err != nil {
			bad++
			verdict = "FAILED: " + t.err.Error()
		}
		says := t.claim.Control.Says
		for _, k := range t.lab.Knobs {
			if value, ok := t.claim.Control.Args[k.Name]; ok {
				says += fmt.Sprintf(" (--%s %s)", k.Name, value)
			}
		}
		family := "IPv4"
		if t.ipv6 {
			family = "IPv6"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", t.lab.Name, t.claim.ID, family, strings.TrimSpace(says), verdict)
	}
	if err := w.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "controls:", err)
		return false
	}
	fmt.Printf("\n%d claims, each on IPv4 and on IPv6; %d controls that did not refute\n", len(trials)/2, bad)
	return bad == 0
}
