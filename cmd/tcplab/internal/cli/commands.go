package cli

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/machine"
	"github.com/tcplab/tcplab/labs/record"
)

func listCommand() *cobra.Command {
	var course bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the labs",
		Long: `List the labs, by section. With --course, list them in the order for a reader of a
book on TCP, each with what to look at in its ladder.`,
		Example: `  tcplab list
  tcplab list --course`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			width := 0
			for _, l := range labs.All() {
				width = max(width, len(l.Name))
			}
			p := newPrinter(cmd.OutOrStdout(), cmd.OutOrStdout())
			if course {
				for i, c := range labs.Course() {
					if i > 0 {
						fmt.Fprintln(cmd.OutOrStdout())
					}
					p.wrapped(0, bold, fmt.Sprintf("%d. %s", i+1, c.Title))
					for _, l := range c.Labs {
						p.row(cell{}, cell{width, "", l.Name}, cell{p.width - width - 4, "", l.Look})
					}
				}
				return nil
			}
			fits := widthKnown(cmd.OutOrStdout())
			for i, s := range labs.Sections {
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				fmt.Fprintln(cmd.OutOrStdout(), s.Title)
				for _, l := range s.Labs {
					line := fmt.Sprintf("  %-*s  %s", width, l.Name, l.Title)
					if fits {
						line = fit(line, p.width)
					}
					fmt.Fprintln(cmd.OutOrStdout(), line)
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&course, "course", false, helpText("in the order for a reader of a book, with what to look at"))
	return cmd
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print tcplab's version",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return printVersion(cmd) },
	}
}

func printVersion(cmd *cobra.Command) error {
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "tcplab %s (%s %s/%s)\n", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Report what this machine allows tcplab to do, and how to fix what it does not",
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
				needs := strings.TrimPrefix(none.What, "a run ")
				fmt.Fprintf(cmd.OutOrStdout(), "%-10s %-22s %s (%v)\n%-10s %-22s %s\n", "MISSING", "a run", needs, none.Err, "", "to fix it:", none.Mend)
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
				for _, line := range f.More {
					fmt.Fprintf(cmd.OutOrStdout(), "%-10s %-22s %s\n", "", "", line)
				}
				if f.Mend != "" {
					fmt.Fprintf(cmd.OutOrStdout(), "%-10s %-22s %s\n", "", "to fix it:", f.Mend)
				}
			}
			if !sound {
				return outcomeError(record.Broken)
			}
			return nil
		},
	}
}
