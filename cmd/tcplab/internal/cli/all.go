package cli

import (
	"fmt"
	"path"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/machine"
)

func allCommand() *cobra.Command {
	var t telling
	m := together{what: "LAB"}
	var filter string
	cmd := &cobra.Command{
		Use:   "all",
		Short: "Run every lab, side by side",
		Long: `Run every lab, side by side, and print how each ended. Labs share nothing, so all
of them together take as long as the one that waits longest for a kernel timer.
The exit status is the worst of the labs'.

With --sweep each lab that has the flag, or the host that the sysctl is for, runs
once with each value, and a table says what differs.`,
		Example: `  tcplab all
  tcplab all --filter 'lost*' --ipv6
  tcplab all --json > runs.jsonl
  tcplab all --sweep sysctl:net.ipv4.tcp_sack=0,1
  tcplab all --html pages && xdg-open pages/index.html`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkJobs(m.jobs); err != nil {
				return err
			}
			chosen, err := choose(filter)
			if err != nil {
				return err
			}
			if t.sweeps != nil {
				return t.sweepAll(cmd, chosen, m.jobs, m.view())
			}
			if err := m.check(); err != nil {
				return err
			}
			o, err := t.options()
			if err != nil {
				return err
			}
			if !machine.Privileged() {
				return inUserNamespace(cmd.Context())
			}
			if err := checkSides(chosen, o.Sysctls); err != nil {
				return err
			}
			return m.run(cmd, chosen, o)
		},
	}
	cmd.Flags().BoolVar(&m.json, "json", false, "print each lab's record as a line of JSON, as it ends")
	m.tap.addTo(cmd)
	cmd.Flags().BoolVar(&m.noTimes, "no-times", false, "leave out times")
	m.pages.flag(cmd)
	m.files.junit.addTo(cmd, "junit", junitHelp)
	cmd.Flags().StringVar(&filter, "filter", "*", "run the labs whose names match a `PATTERN` of * and ? and [a-z]")
	cmd.Flags().IntVar(&m.jobs, "jobs", 0, "how many labs run at once; 0 means all of them")
	t.flags(cmd)
	sweepFlag(cmd, &t.sweeps, "run each lab once with each value of a flag that it has", func([]string) []*lab.Lab { return labs.All() })
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
			return usageError{lacksError{fmt.Errorf("--sysctl server:%s=%s: the labs have one host, the client", s.Key, s.Value)}}
		}
	}
	return nil
}
