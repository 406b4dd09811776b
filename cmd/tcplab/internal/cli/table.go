package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/tcplab/tcplab/labs/machine"
	"github.com/tcplab/tcplab/labs/record"
)

// table prints a line for each lab, or whatever else was run.
func table(w io.Writer, what string, results []result, times bool) error {
	var text bytes.Buffer
	t := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	head := what + "\tOUTCOME\tCONFIRMED\tREFUTED\tINAPPLICABLE\t"
	if times {
		head += "SECONDS\t"
	}
	fmt.Fprintln(t, head+"REMARKS")
	for _, r := range results {
		count := map[record.Verdict]int{}
		var remarks []string
		if r.err != nil {
			remarks = append(remarks, r.why())
		} else {
			for _, c := range r.run.Claims {
				count[c.Verdict]++
				if c.Surprise {
					remarks = append(remarks, "SURPRISE: "+c.ID+" is "+string(c.Verdict))
				}
			}
			if r.run.Error != "" {
				remarks = append(remarks, r.run.Error)
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t", r.lab.Name, r.outcome(), count[record.Confirmed], count[record.Refuted], count[record.Inapplicable])
		if times {
			fmt.Fprintf(t, "%.2f\t", r.took.Seconds())
		}
		fmt.Fprintln(t, strings.Join(remarks, "; "))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for l := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(l, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// worst is the error that stands for all results: one that kept a lab from
// running, then the worst outcome.
func worst(results []result) error {
	var outcome error
	for _, r := range results {
		if r.err != nil {
			return fmt.Errorf("%s: %w", r.lab.Name, r.err)
		}
		if r.run.Outcome != record.Expected {
			outcome = worse(outcome, outcomeError(r.run.Outcome))
		}
	}
	return outcome
}

// worse is the worse of two outcomes of runs, of which each may be nil: broken, then
// interrupted, then a surprise.
func worse(a, b error) error {
	for _, o := range []record.Outcome{record.Broken, record.Interrupted, record.Surprise} {
		if errors.Is(a, outcomeError(o)) || errors.Is(b, outcomeError(o)) {
			return outcomeError(o)
		}
	}
	return nil
}

// refused is why none of the labs has run, where that has one reason: this machine,
// or a setting.
func refused(results []result) error {
	var missing *machine.MissingError
	for _, r := range results {
		if r.run != nil {
			return nil
		}
	}
	if errors.As(results[0].err, &missing) {
		return missing // it is no fault of the first lab's
	}
	return worst(results)
}
