package cli

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

func compareCommand() *cobra.Command {
	var v compareView
	var filter string
	cmd := &cobra.Command{
		Use:   "compare FILE...",
		Short: "Set runs that --json has saved side by side, and show where they differ",
		Long: `Set runs of the same labs side by side. A FILE holds one record or many, as --json
prints them (- for standard input). The columns are what differs between the runs:
kernels, settings, families of addresses, or the runs themselves.

Of two runs of one lab, compare draws one ladder, with two versions where they part.
Of more, it prints each claim whose verdict or evidence differs, and who saw what.
Times, sequence numbers as they are on the wire, and addresses of the other family
are no difference.

The exit status is that of diff(1) and cmp(1): 0 where nothing differs, 1 where something
does, and 2 for wrong usage. It is 3 where a run is not complete (broken or interrupted):
such a run proves nothing.`,
		Example: `  tcplab noaccept --json > a.json; tcplab noaccept --json > b.json
  tcplab compare a.json b.json
  tcplab compare linux-6.1.json linux-6.12.json --html kernels.html
  tcplab compare linux-6.1.json linux-6.12.json --filter lostsyn
  tcplab backlog --sweep somaxconn=1,16 --json | tcplab compare -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{errors.New("compare: want at least one FILE of records")}
			}
			for i, name := range args {
				if slices.Contains(args[:i], name) {
					return usageError{fmt.Errorf("compare: %s is there twice", name)}
				}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := path.Match(filter, ""); err != nil {
				return usageError{fmt.Errorf("--filter %s: want a pattern of * and ? and [a-z]", filter)}
			}
			if err := v.check(); err != nil {
				return err
			}
			var groups [][]*record.Run
			from := map[*record.Run]string{}
			var inputs []*os.File
			for _, name := range args {
				read, in, err := openRecords("compare", name)
				if err != nil {
					return err
				}
				defer in.Close()
				inputs = append(inputs, in)
				var group []*record.Run
				for _, r := range read {
					if ok, _ := path.Match(filter, r.Lab); ok {
						from[r] = name
						group = append(group, r)
					}
				}
				inTeachingOrder(group)
				groups = append(groups, group)
			}
			c, err := comparison(groups, filter)
			if err != nil {
				return err
			}
			if len(args) > 1 {
				nameFiles(c, from)
			}
			if err := v.files.open(cmd.OutOrStdout(), inputs...); err != nil {
				return err
			}
			if err := v.show(cmd, c); err != nil {
				return err
			}
			switch {
			case c.Incomplete() != nil:
				return outcomeError(record.Broken)
			case c.Differs():
				return outcomeError(record.Surprise)
			}
			return nil
		},
	}
	v.flags(cmd)
	cmd.Flags().StringVar(&filter, "filter", "*", helpText("compare the labs whose names match a `PATTERN` of * and ? and [a-z]"))
	return cmd
}

// comparison compares runs, and refuses those of which no two are of the same lab.
func comparison(groups [][]*record.Run, filter string) (*report.Comparison, error) {
	c := report.Compare(groups...)
	if c.Compared() > 0 {
		return c, nil
	}
	var names []string
	runs := slices.Concat(groups...)
	for _, r := range runs {
		if !slices.Contains(names, r.Lab) {
			names = append(names, r.Lab)
		}
	}
	switch {
	case names == nil:
		return nil, usageError{fmt.Errorf("--filter %s: there is no run of such a lab", filter)}
	case len(runs) == 1:
		return nil, usageError{fmt.Errorf("compare: there is one run, of %s: want two", names[0])}
	}
	return nil, usageError{fmt.Errorf("compare: no two runs are of the same lab: %s", strings.Join(names, ", "))}
}

// inTeachingOrder sorts runs by their labs; those of none come last.
func inTeachingOrder(runs []*record.Run) {
	place := map[string]int{}
	for i, l := range labs.All() {
		place[l.Name] = i - len(labs.All())
	}
	slices.SortStableFunc(runs, func(a, b *record.Run) int { return place[a.Lab] - place[b.Lab] })
}

// nameFiles adds to each column's name the file that its runs are from.
func nameFiles(c *report.Comparison, from map[*record.Run]string) {
	for i := range c.Columns {
		var names []string
		for _, r := range c.Columns[i].Runs {
			if !slices.Contains(names, from[r]) {
				names = append(names, from[r])
			}
		}
		c.Columns[i].Name += " (" + strings.Join(names, ", ") + ")"
	}
}

// A compareView is how a comparison is to be shown.
type compareView struct {
	json, ladders, all bool
	width              widthValue
	files              files // the page alone
}

func (v *compareView) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&v.json, "json", false, "print the comparison as JSON")
	v.files.html.addTo(cmd, "html", "write a page with the comparison to `FILE`")
	cmd.Flags().BoolVar(&v.ladders, "ladders", false, helpText("draw the ladders that differ, also where there are several labs or more than two runs"))
	cmd.Flags().BoolVar(&v.all, "all", false, helpText("draw the whole of these ladders, and list all claims: also what is the same"))
	v.width.addTo(cmd)
}

func (v *compareView) check() error { return v.files.check(&view{json: v.json}) }

// show writes the comparison to stdout, and the page to its file.
func (v *compareView) show(cmd *cobra.Command, c *report.Comparison) error {
	defer v.files.abandon() // but for what is whole
	o := report.CompareOptions{
		Options: report.Options{
			Width: v.width.of(cmd.OutOrStdout()), Color: colored(cmd.OutOrStdout()), ASCII: !utf8Locale(os.Getenv),
		},
		Ladders: v.ladders, All: v.all,
	}
	if to := &v.files.html; to.out != nil {
		if err := c.HTML(to.out, o); err != nil {
			return to.wrap(err)
		}
	}
	out := bufio.NewWriter(cmd.OutOrStdout())
	var err error
	switch {
	case v.files.toStdout():
	case v.json:
		err = c.JSON(out)
	default:
		err = c.Text(out, o)
	}
	return cmp.Or(err, out.Flush(), v.files.commit())
}
