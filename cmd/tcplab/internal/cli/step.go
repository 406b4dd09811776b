package cli

import (
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/cmd/tcplab/internal/step"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

func stepFlag(cmd *cobra.Command, v *view) {
	cmd.Flags().BoolVar(&v.step, "step", false, helpText("go through the recording step by step, with the arrow keys"))
}

// checkStep refuses --step where it can't be, before anything is done.
func (v *view) checkStep() error {
	if !v.step {
		return nil
	}
	if v.json || v.quiet {
		return usageError{errors.New("--step shows the run on the terminal: it takes no --json and no --quiet")}
	}
	for _, f := range []*os.File{os.Stdin, os.Stdout} {
		if _, ok := terminal(f); !ok {
			return usageError{errors.New("--step needs a terminal, and " + f.Name() + " is none")}
		}
	}
	unfinished.Store(true)
	return nil
}

// stepThrough shows a run on the terminal, and leaves the verdicts on stdout.
func stepThrough(cmd *cobra.Command, out io.Writer, r *record.Run, o report.Options) error {
	if err := step.Through(cmd.Context(), os.Stdin, os.Stdout, r, o); err != nil {
		return err
	}
	return report.Brief(out, r, o)
}
