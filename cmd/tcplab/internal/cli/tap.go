package cli

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// tapFlags are the forms of the Test Anything Protocol that stdout may get.
type tapFlags struct{ tap, ktap bool }

func (t *tapFlags) addTo(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&t.tap, "tap", false, helpText("print TAP, the Test Anything Protocol, as each ends"))
	cmd.Flags().BoolVar(&t.ktap, "ktap", false, helpText("print KTAP, the kernel's own form of it"))
}

// given is the flag that was given, or "".
func (t tapFlags) given() string {
	switch {
	case t.ktap:
		return "--ktap"
	case t.tap:
		return "--tap"
	}
	return ""
}

// begin begins with the plan of n runs.
func (t tapFlags) begin(w io.Writer, n int) (*report.TAP, error) {
	dialect := report.TAP13
	if t.ktap {
		dialect = report.KTAP
	}
	return report.NewTAP(w, dialect, n)
}

// one prints a run as the only one.
func (t tapFlags) one(w io.Writer, r *record.Run) error {
	to, err := t.begin(w, 1)
	if err != nil {
		return err
	}
	return to.Add(r)
}
