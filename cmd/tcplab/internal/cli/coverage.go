package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/coverage"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/machine"
	"github.com/tcplab/tcplab/labs/record"
)

func coverageCommand() *cobra.Command {
	var asJSON bool
	var width widthValue
	cmd := &cobra.Command{
		Use:   "coverage [FILE]",
		Short: "Tell what of TCP the labs have witnessed, and what not",
		Long: `Tell which of RFC 9293's edges, Linux's own transitions, sysctls, socket options,
counters and errnos are witnessed by which lab, and why the others are not. It is
computed from the records in FILE (- for standard input), as "tcplab all --json"
prints them. Without FILE all labs are run first, on IPv4 and on IPv6.`,
		Example: `  tcplab coverage
  tcplab all --json | tcplab coverage -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("coverage: want at most one FILE, got %d", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var runs []*record.Run
			var end error
			if len(args) == 1 {
				var in *os.File
				var err error
				if runs, in, err = openRecords("coverage", args[0]); err != nil {
					return err
				}
				in.Close()
			} else {
				if !machine.Privileged() {
					return inUserNamespace(cmd.Context())
				}
				var err error
				if runs, end, err = runBothFamilies(cmd); err != nil {
					return err
				}
			}
			c := coverage.Of(runs, labSysctls)
			if asJSON {
				return errors.Join(c.JSON(cmd.OutOrStdout()), end)
			}
			return errors.Join(c.Text(cmd.OutOrStdout(), width.of(cmd.OutOrStdout())), end)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	width.addTo(cmd)
	return cmd
}

// runBothFamilies runs every lab on IPv4 and then on IPv6. end is the worst of what
// has become of them.
func runBothFamilies(cmd *cobra.Command) (runs []*record.Run, end, err error) {
	if err := machine.EnoughThreads(abreast(0, len(labs.All()))); err != nil {
		return nil, nil, err
	}
	var all []result
	for _, ipv6 := range []bool{false, true} {
		o := lab.Options{IPv6: ipv6, Version: versionText()}
		results, err := runAll(cmd.Context(), newBoard(cmd.ErrOrStderr()), tasks(labs.All(), o, nil), 0, nil)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, results...)
	}
	for _, r := range all {
		if r.run != nil {
			runs = append(runs, r.run)
		}
		if r.err != nil || r.run.Outcome != record.Expected {
			fmt.Fprintf(cmd.ErrOrStderr(), "tcplab: %s is left out: %s\n", r.lab.Name, r.outcome())
		}
	}
	return runs, worst(all), nil
}

// labSysctls returns the sysctls that the lab of a name turns or reads.
func labSysctls(name string) []string {
	if l := labs.Find(name); l != nil {
		return lab.Sysctls([]*lab.Lab{l})
	}
	return nil
}
