package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/machine"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the labs",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for i, s := range labs.Sections {
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				fmt.Fprintln(cmd.OutOrStdout(), s.Title)
				for _, l := range s.Labs {
					fmt.Fprintf(cmd.OutOrStdout(), "  %-12s %s\n", l.Name, l.Title)
				}
			}
			return nil
		},
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print tcplab's version",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "tcplab %s (%s %s/%s)\n", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// maxRecord bounds what show reads: a run with 25,000 connections takes 200 MB.
const maxRecord = 1 << 30

func showCommand() *cobra.Command {
	var v view
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Show a run that --json has saved (- for standard input)",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("show: want one FILE, got %d", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := v.check(); err != nil {
				return err
			}
			in := os.Stdin
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return usageError{fmt.Errorf("show: %w", err)}
				}
				defer f.Close()
				in = f
			}
			r, err := readRecord(in, args[0])
			if err != nil {
				return usageError{fmt.Errorf("show: %w", err)}
			}
			if err := v.files.open(cmd.OutOrStdout(), in); err != nil {
				return err
			}
			err = show(cmd, r, v)
			if errors.As(err, new(report.RecordError)) {
				return usageError{fmt.Errorf("show: %s: %w", args[0], err)}
			}
			return err
		},
	}
	v.flags(cmd)
	return cmd
}

// readRecord reads the one record that a file holds.
func readRecord(in io.Reader, name string) (*record.Run, error) {
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
	var r record.Run
	dec := json.NewDecoder(text)
	if err := dec.Decode(&r); err != nil {
		return nil, fmt.Errorf("%s is no record of a run: %w", name, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s holds more than one record", name)
	}
	return &r, nil
}

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine allows tcplab to do, and how to mend what it does not",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !machine.Privileged() {
				// What follows is the same for an ordinary user, but inside a
				// user namespace, where there is one.
				err := inUserNamespace(cmd.Context())
				var none *machine.MissingError
				if !errors.As(err, &none) {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%-10s %-22s %v\n%-10s %-22s %s\n", "MISSING", "namespaces", none.Err, "", "to mend it:", none.Mend)
				return outcomeError(record.Broken)
			}
			sound := true
			for _, f := range machine.Doctor(lab.Sysctls(labs.All())) {
				state := "ok"
				if !f.OK {
					state = "MISSING"
					sound = sound && !f.Needed
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%-10s %-22s %s\n", state, f.What, f.Found)
				if f.Mend != "" {
					fmt.Fprintf(cmd.OutOrStdout(), "%-10s %-22s %s\n", "", "to mend it:", f.Mend)
				}
			}
			if !sound {
				return outcomeError(record.Broken)
			}
			return nil
		},
	}
}
