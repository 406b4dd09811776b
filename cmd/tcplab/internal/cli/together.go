package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/machine"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// together is how labs, or stories, are run side by side, and what is made of them.
type together struct {
	json, noTimes bool
	tap           tapFlags
	jobs          int
	pages         pages
	files         files // of which only junit is one for many runs
	width         widthValue
	what          string                // they are, in the table: "LAB"
	args          map[*lab.Lab]lab.Args // of their knobs
}

// junitHelp is the help of a flag that commands share.
const junitHelp = "write how they have ended to `FILE`, as JUnit's XML"

// check refuses flags that do not go together.
func (m *together) check() error {
	if err := jsonIsAll(m.json, m.noTimes); err != nil {
		return err
	}
	if err := m.files.check(&view{json: m.json, tap: m.tap}); err != nil {
		return err
	}
	return cmp.Or(checkJobs(m.jobs), m.pages.check())
}

func checkJobs(jobs int) error {
	if jobs < 0 {
		return usageError{fmt.Errorf("--jobs %d: want how many run at once, or 0 for all of them", jobs)}
	}
	return nil
}

// view is what the flags ask for where the runs are compared: --html is then a page's.
func (m *together) view() *view {
	v := &view{json: m.json, noTimes: m.noTimes, tap: m.tap, files: files{junit: m.files.junit}}
	v.files.html = viewFile{flag: "html", path: m.pages.dir, given: m.pages.given}
	return v
}

// run runs them and shows how each has ended. Its error is the worst of that.
func (m *together) run(cmd *cobra.Command, chosen []*lab.Lab, o lab.Options) error {
	if err := machine.EnoughThreads(abreast(m.jobs, len(chosen))); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if err := m.pages.open(); err != nil {
		return err
	}
	if err := m.files.open(out, nil); err != nil {
		return err
	}
	defer m.files.abandon() // but for what is whole
	stream, err := m.stream(out, len(chosen))
	if err != nil {
		return err
	}
	each := func(r result) error { return errors.Join(stream(r), m.pages.add(r, !m.noTimes)) }
	unfinished.Store(true)
	results, err := runAll(cmd.Context(), newBoard(cmd.ErrOrStderr()), tasks(chosen, o, m.args), m.jobs, each)
	if err != nil {
		return err
	}
	end := worst(results)
	if ctx := cmd.Context(); ctx.Err() != nil {
		end = ctx.Err()
	} else if why := refused(results); why != nil {
		return why
	}
	if err := m.write(results); err != nil {
		return err
	}
	if m.json || m.tap.given() != "" || m.files.toStdout() {
		return end
	}
	return errors.Join(table(out, m.what, results, m.width.of(out), !m.noTimes), end)
}

// stream returns what prints each result as it comes in.
func (m *together) stream(out io.Writer, n int) (func(result) error, error) {
	switch {
	case m.json:
		return func(r result) error {
			if r.run == nil {
				return nil // worst tells why
			}
			return report.JSON(out, r.run)
		}, nil
	case m.tap.given() != "":
		t, err := m.tap.begin(out, n)
		return func(r result) error {
			if r.run == nil {
				return t.Missing(r.missing())
			}
			return t.Add(r.run)
		}, err
	}
	return func(result) error { return nil }, nil
}

// write writes what is made of all results.
func (m *together) write(results []result) error {
	var runs []*record.Run
	var missing []report.Missing
	for _, r := range results {
		if r.run != nil {
			runs = append(runs, r.run)
		} else {
			missing = append(missing, r.missing())
		}
	}
	o := report.Options{Times: !m.noTimes}
	if err := m.pages.index(runs, missing, o); err != nil {
		return err
	}
	if err := m.files.writeJUnit(runs, missing, o); err != nil {
		return err
	}
	return m.files.commit()
}

// A result is how one of several labs has ended: with a record, or with an error that
// kept it from running.
type result struct {
	lab  *lab.Lab
	run  *record.Run
	err  error
	took time.Duration
}

// maxJobs is how many run at once where the user does not say it: more than there are
// labs, but a folder may hold any number of stories.
const maxJobs = 200

// abreast is how many of n labs run at once, where the user says jobs. Side by side they
// share the time that they wait; where that takes none they would only share a processor.
func abreast(jobs, n int) int {
	switch {
	case jobs > 0:
	case machine.VirtualTime():
		jobs = 1
	default:
		jobs = maxJobs
	}
	return min(jobs, n)
}

// A task is a run that is to be made.
type task struct {
	lab     *lab.Lab
	name    string // what the board calls it
	options lab.Options
}

// tasks are runs of labs that have everything in common but the values of their knobs.
func tasks(chosen []*lab.Lab, o lab.Options, args map[*lab.Lab]lab.Args) []task {
	all := make([]task, len(chosen))
	for i, l := range chosen {
		all[i] = task{l, l.Name, o}
		all[i].options.Args = args[l]
	}
	return all
}

// runAll makes runs side by side and returns their results in the same order. each, if
// not nil, is called for one result at a time, as they come in.
func runAll(ctx context.Context, b *board, chosen []task, jobs int, each func(result) error) ([]result, error) {
	jobs = abreast(jobs, len(chosen))
	results := make([]result, len(chosen))
	lines := make([]*line, len(chosen))
	for i, t := range chosen {
		lines[i] = b.add(t.name)
	}
	turns := make(chan struct{}, jobs)
	ended := make(chan int)
	var running sync.WaitGroup
	for i, t := range chosen {
		running.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			results[i] = runOne(ctx, t.lab, t.options, lines[i])
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
	if r != nil {
		err = nil // its outcome tells of an interrupt
	}
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

// missing says why there is no record.
func (r result) missing() report.Missing { return report.Missing{Name: r.lab.Name, Why: r.why()} }

func (r result) why() string {
	if errors.Is(r.err, context.Canceled) {
		return "interrupted"
	}
	return r.err.Error()
}
