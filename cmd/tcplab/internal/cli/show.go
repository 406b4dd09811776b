package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// maxRecord bounds what show reads: a run with 25,000 connections takes 200 MB.
const maxRecord = 1 << 30

func showCommand() *cobra.Command {
	var v view
	cmd := &cobra.Command{
		Use:   "show FILE [LAB]",
		Short: "Show a run that --json has saved (- for standard input)",
		Long: `show draws a run that --json has saved as the live run was drawn. Where FILE holds
several runs, as tcplab all --json writes them, it shows all of them, or those of
one LAB. The exit status is that of the worst run.`,
		Example: `  tcplab show run.json
  tcplab show runs.jsonl backlog --html backlog.html
  tcplab noaccept --json | tcplab show -`,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return completeLab(cmd, nil, word)
			}
			return nil, cobra.ShellCompDirectiveDefault
		},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usageError{fmt.Errorf("show: want one FILE and at most one LAB, got %d", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := v.check(); err != nil {
				return err
			}
			runs, in, err := openRecords("show", args[0])
			if err != nil {
				return err
			}
			defer in.Close()
			if runs, err = runsOf(runs, args); err == nil {
				err = v.takes(runs)
			}
			if err != nil {
				return usageError{fmt.Errorf("show: %w", err)}
			}
			if err := v.files.open(cmd.OutOrStdout(), in); err != nil {
				return err
			}
			return showAll(cmd, runs, v, args[0])
		},
	}
	v.flags(cmd)
	return cmd
}

// showAll shows runs one after another, and returns the worst outcome.
func showAll(cmd *cobra.Command, runs []*record.Run, v view, name string) error {
	var outcome error
	for i, r := range runs {
		if i > 0 && !v.json {
			fmt.Fprintln(cmd.OutOrStdout())
		}
		err := show(cmd, r, v)
		switch {
		case errors.As(err, new(report.RecordError)):
			return usageError{fmt.Errorf("show: %s: %w", name, err)}
		case err != nil && !errors.As(err, new(outcomeError)):
			return err
		}
		outcome = worse(outcome, err)
	}
	return outcome
}

// runsOf are the runs that the arguments ask for.
func runsOf(all []*record.Run, args []string) ([]*record.Run, error) {
	if len(args) < 2 {
		return all, nil
	}
	var runs []*record.Run
	var names []string
	for _, r := range all {
		if r.Lab == args[1] {
			runs = append(runs, r)
		}
		if !slices.Contains(names, r.Lab) {
			names = append(names, r.Lab)
		}
	}
	if runs == nil {
		return nil, fmt.Errorf("%s has no run of %s; it has %s", args[0], args[1], strings.Join(names, ", "))
	}
	return runs, nil
}

// takes refuses several runs where the flags ask for the view of one.
func (v *view) takes(runs []*record.Run) error {
	if len(runs) < 2 {
		return nil
	}
	flag := ""
	if v.step {
		flag = "--step"
	}
	for _, f := range v.files.all() {
		if f.path != "" {
			flag = "--" + f.flag
		}
	}
	if flag == "" {
		return nil
	}
	return fmt.Errorf("%s is for one run, and there are %d: name the LAB", flag, len(runs))
}

// openRecords reads what a command is given: - is standard input. The file stays open, so
// that no view is written to it.
func openRecords(command, name string) ([]*record.Run, *os.File, error) {
	in := os.Stdin
	if name != "-" {
		var err error
		if in, err = os.Open(name); err != nil {
			return nil, nil, usageError{fmt.Errorf("%s: %w", command, err)}
		}
	}
	runs, err := readRecords(in, name)
	if err != nil {
		in.Close()
		return nil, nil, usageError{fmt.Errorf("%s: %w", command, err)}
	}
	return runs, in, nil
}

// readRecords reads the records that a file holds, one after another.
func readRecords(in io.Reader, name string) ([]*record.Run, error) {
	text := bufio.NewReader(io.LimitReader(in, maxRecord))
	// Megabytes of something else are not read to their end.
	for {
		b, err := text.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s is empty", name)
		}
		if err != nil {
			return nil, fmt.Errorf("%s is no record of a run: %w", name, err)
		}
		if b == '{' {
			break
		}
		if !strings.ContainsRune(" \t\r\n", rune(b)) {
			return nil, fmt.Errorf("%s is no record of a run: it begins with %q, and not with {", name, b)
		}
	}
	if err := text.UnreadByte(); err != nil {
		return nil, err
	}
	var runs []*record.Run
	for dec := json.NewDecoder(text); ; {
		var r record.Run
		err := dec.Decode(&r)
		switch {
		case err == nil:
			runs = append(runs, &r)
		case errors.Is(err, io.EOF):
			return runs, nil
		case runs == nil:
			return nil, fmt.Errorf("%s is no record of a run: %w", name, err)
		default:
			return nil, fmt.Errorf("%s: what follows %d records is none: %w", name, len(runs), err)
		}
	}
}
