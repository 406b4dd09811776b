package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/machine"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// A result is how one lab of `tcplab all` has ended: with a record, or with an
// error that kept it from running.
type result struct {
	lab  *lab.Lab
	run  *record.Run
	err  error
	took time.Duration
}

func allCommand() *cobra.Command {
	var json, noTimes, ipv6, trace bool
	var filter string
	var pages pages
	var jobs int
	var sysctls []string
	cmd := &cobra.Command{
		Use:   "all",
		Short: "Run every lab, side by side",
		Long: `Run every lab, side by side, and print how each has ended. Labs share nothing, so
all of them take as long as the one that waits longest for a timer of the kernel.
The exit status is the worst of the labs'.`,
		Example: `  tcplab all
  tcplab all --filter 'lost*' --ipv6
  tcplab all --json > runs.jsonl
  tcplab all --html pages && xdg-open pages/index.html`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := (&view{json: json, noTimes: noTimes}).check(); err != nil {
				return err
			}
			chosen, err := choose(filter)
			if err != nil {
				return err
			}
			if jobs < 0 {
				return usageError{fmt.Errorf("--jobs %d: want how many labs run at once, or 0 for all of them", jobs)}
			}
			settings, err := parseSysctls(sysctls)
			if err != nil {
				return err
			}
			if !machine.Privileged() {
				return inUserNamespace(cmd.Context())
			}
			out := cmd.OutOrStdout()
			if err := checkSides(chosen, settings); err != nil {
				return err
			}
			if err := pages.open(); err != nil {
				return err
			}
			each := func(r result) error {
				if json {
					return errors.Join(printJSON(out, r), pages.add(r, !noTimes))
				}
				return pages.add(r, !noTimes)
			}
			o := lab.Options{IPv6: ipv6, Sysctls: settings, Version: versionText(), Trace: trace}
			results, err := runAll(cmd.Context(), newBoard(cmd.ErrOrStderr()), chosen, jobs, o, each)
			if err != nil {
				return err
			}
			if err := pages.index(results, !noTimes); err != nil {
				return err
			}
			end := worst(results)
			refused := errors.As(end, new(*lab.UsageError)) || trace && errors.As(end, new(*machine.MissingError))
			if json || refused {
				return end
			}
			return errors.Join(table(out, results, !noTimes), end)
		},
	}
	cmd.Flags().BoolVar(&json, "json", false, "print each lab's record as a line of JSON, as it ends")
	cmd.Flags().BoolVar(&noTimes, "no-times", false, "leave out times")
	cmd.Flags().StringVar(&pages.dir, "html", "", helpText("write a page for each lab to the directory `DIR`, and an index of all claims"))
	cmd.Flags().BoolVar(&ipv6, "ipv6", false, "run on IPv6")
	cmd.Flags().StringVar(&filter, "filter", "*", "run the labs whose names match a `PATTERN` of * and ? and [a-z]")
	cmd.Flags().IntVar(&jobs, "jobs", 0, "how many labs run at once; 0 is all of them")
	sysctlFlag(cmd, &sysctls)
	traceFlag(cmd, &trace)
	return cmd
}

// choose returns the labs whose names match a pattern.
func choose(pattern string) ([]*lab.Lab, error) {
	var chosen []*lab.Lab
	for _, l := range labs.All() {
		ok, err := path.Match(pattern, l.Name)
		if err != nil {
			return nil, usageError{fmt.Errorf("--filter %s: want a pattern of * and ? and [a-z]", pattern)}
		}
		if ok {
			chosen = append(chosen, l)
		}
	}
	if chosen == nil {
		return nil, usageError{fmt.Errorf("--filter %s: no lab has such a name (tcplab list shows them)", pattern)}
	}
	return chosen, nil
}

// checkSides refuses a setting for a server where none of the labs has one.
func checkSides(chosen []*lab.Lab, settings []lab.Sysctl) error {
	if slices.ContainsFunc(chosen, func(l *lab.Lab) bool { return !l.Alone }) {
		return nil
	}
	for _, s := range settings {
		if s.Side == "server" {
			return usageError{fmt.Errorf("--sysctl server:%s=%s: the labs have one host, the client", s.Key, s.Value)}
		}
	}
	return nil
}

// runAll runs labs side by side and returns their results in teaching order.
// each, if not nil, is called for one result at a time, as they come in.
func runAll(ctx context.Context, b *board, chosen []*lab.Lab, jobs int, o lab.Options, each func(result) error) ([]result, error) {
	if jobs == 0 || jobs > len(chosen) {
		jobs = len(chosen)
	}
	results := make([]result, len(chosen))
	lines := make([]*line, len(chosen))
	for i, l := range chosen {
		lines[i] = b.add(l.Name)
	}
	turns := make(chan struct{}, jobs)
	ended := make(chan int)
	var running sync.WaitGroup
	for i, l := range chosen {
		running.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			results[i] = runOne(ctx, l, o, lines[i])
			ended <- i
		})
	}
	go func() {
		running.Wait()
		close(ended)
	}()
	var failed error
	for i := range ended {
		if each != nil && failed == nil {
			failed = each(results[i])
		}
	}
	b.end()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return results, failed
}

func runOne(ctx context.Context, l *lab.Lab, o lab.Options, show *line) result {
	if l.Alone { // it has no server that a setting could be for
		var own []lab.Sysctl
		for _, s := range o.Sysctls {
			if s.Side != "server" {
				own = append(own, s)
			}
		}
		o.Sysctls = own
	}
	show.say("running", time.Time{})
	o.OnWait = show.wait
	begin := time.Now()
	r, err := lab.Run(ctx, l, o)
	res := result{lab: l, run: r, err: err, took: time.Since(begin)}
	show.end(res.outcome())
	return res
}

func (r result) outcome() string {
	if r.err != nil {
		return "not run"
	}
	return string(r.run.Outcome)
}

func printJSON(w io.Writer, r result) error {
	if r.run == nil {
		return nil // worst tells why
	}
	return report.JSON(w, r.run)
}

// table prints a line for each lab.
func table(w io.Writer, results []result, times bool) error {
	var text bytes.Buffer
	t := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	head := "LAB\tOUTCOME\tCONFIRMED\tREFUTED\tINAPPLICABLE\t"
	if times {
		head += "SECONDS\t"
	}
	fmt.Fprintln(t, head+"REMARKS")
	for _, r := range results {
		count := map[record.Verdict]int{}
		var remarks []string
		if r.err != nil {
			remarks = append(remarks, r.err.Error())
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
// running, then a broken lab, then a surprise.
func worst(results []result) error {
	var outcome error
	for _, r := range results {
		switch {
		case r.err != nil:
			return fmt.Errorf("%s: %w", r.lab.Name, r.err)
		case r.run.Outcome == record.Broken:
			outcome = outcomeError(record.Broken)
		case r.run.Outcome == record.Surprise && !errors.Is(outcome, outcomeError(record.Broken)):
			outcome = outcomeError(record.Surprise)
		}
	}
	return outcome
}
