package cli

import (
	"bufio"
	"errors"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/machine"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// view is how a record is to be shown.
type view struct {
	json, quiet, noTimes bool
	files                files
	step                 bool
}

func (v *view) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&v.json, "json", false, "print the record as one line of JSON")
	cmd.Flags().BoolVarP(&v.quiet, "quiet", "q", false, "print a line for each claim and no ladder")
	cmd.Flags().BoolVar(&v.noTimes, "no-times", false, "leave out times: every run then looks the same")
	v.files.flags(cmd)
	stepFlag(cmd, v)
}

// check refuses flags that do not go together.
func (v *view) check() error {
	if v.json && (v.quiet || v.noTimes) {
		return usageError{errors.New("--json prints the whole record: it takes no --quiet and no --no-times")}
	}
	if err := v.checkStep(); err != nil {
		return err
	}
	return v.files.check(v)
}

// labCommand makes the command of a lab; without flags where it is only to be
// listed.
func labCommand(l *lab.Lab, flags bool) *cobra.Command {
	var v view
	var ipv6, trace bool
	var sysctls []string
	args := lab.Args{}
	cmd := &cobra.Command{
		Use:   l.Name,
		Short: l.Title,
		Long: l.Title + ".\n\n" + l.Long + "\n\ntcplab explain " + l.Name +
			" says why Linux behaves so, and what to try next.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := v.check(); err != nil {
				return err
			}
			settings, err := parseSysctls(sysctls)
			if err != nil {
				return err
			}
			o := lab.Options{Args: args, IPv6: ipv6, Sysctls: settings, Version: versionText(), Trace: trace}
			if !machine.Privileged() {
				return inUserNamespace(cmd.Context())
			}
			if err := v.files.open(cmd.OutOrStdout(), nil); err != nil {
				return err
			}
			progress := newProgress(cmd.ErrOrStderr())
			o.OnWait = progress.wait
			v.files.follow(&o)
			r, err := lab.Run(cmd.Context(), l, o)
			progress.end()
			if failed := v.files.endCapture(); err == nil {
				err = failed
			}
			if err != nil {
				return errors.Join(err, v.files.close(false))
			}
			return show(cmd, r, v)
		},
	}
	if !flags {
		return cmd
	}
	for _, k := range l.Knobs {
		f := cmd.Flags().VarPF(&knobValue{knob: k, args: args}, k.Name, "", helpText(k.Help))
		if k.Switch {
			f.NoOptDefVal = "true"
		}
	}
	v.flags(cmd)
	cmd.Flags().BoolVar(&ipv6, "ipv6", false, "run on IPv6")
	sysctlFlag(cmd, &sysctls)
	traceFlag(cmd, &trace)
	return cmd
}

// helpText breaks a flag's help into lines that stand beside the flag on a
// terminal of 80 columns. (cobra's templates could do it, but then every start
// of tcplab would pay for text/template.)
func helpText(text string) string { return strings.Join(report.Wrap(text, 48), "\n") }

func sysctlFlag(cmd *cobra.Command, sysctls *[]string) {
	cmd.Flags().StringArrayVar(sysctls, "sysctl", nil,
		helpText("set `[SIDE:]KEY=VALUE` on the private hosts, or on the client or the server alone"))
}

func traceFlag(cmd *cobra.Command, trace *bool) {
	cmd.Flags().BoolVar(trace, "trace", false,
		helpText("take down the kernel's own account too: state changes, resets, and why it drops a packet (root only)"))
}

func parseSysctls(texts []string) ([]lab.Sysctl, error) {
	var settings []lab.Sysctl
	for _, text := range texts {
		s, err := lab.ParseSysctl(text)
		if err != nil {
			return nil, err
		}
		settings = append(settings, s)
	}
	return settings, nil
}

// knobValue makes a lab's knob a flag. The lab checks the value: see lab.Run.
type knobValue struct {
	knob lab.Knob
	args lab.Args
}

func (v *knobValue) String() string { return v.knob.DefaultText() }

func (v *knobValue) Set(text string) error {
	if v.knob.Switch {
		on, err := strconv.ParseBool(text)
		if err != nil {
			return errors.New("want true or false")
		}
		text = "0"
		if on {
			text = "1"
		}
	}
	v.args[v.knob.Name] = text
	return nil
}

func (v *knobValue) Type() string {
	if v.knob.Switch {
		return "bool"
	}
	return "int"
}

// show writes a record to stdout, and returns its outcome as an error where it
// was not the expected one.
func show(cmd *cobra.Command, r *record.Run, v view) error {
	out := bufio.NewWriter(cmd.OutOrStdout())
	o := report.Options{
		Width: columns(cmd.OutOrStdout()), Times: !v.noTimes,
		Color: colored(cmd.OutOrStdout()), ASCII: !utf8Locale(os.Getenv),
	}
	err := v.files.write(r, o)
	switch {
	case err != nil, v.files.toStdout():
	case v.step:
		err = stepThrough(cmd, out, r, o)
	case v.json:
		err = report.JSON(out, r)
	case v.quiet:
		err = report.Brief(out, r, o)
	default:
		if err = report.Ladder(out, r, o); err == nil {
			err = report.Verdicts(out, r, o)
		}
	}
	if err == nil {
		err = out.Flush()
	}
	if closed := v.files.close(true); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	switch {
	case r.Outcome == record.Broken && v.json:
		return errors.New("the instrument broke: " + r.Error)
	case r.Outcome != record.Expected:
		return outcomeError(r.Outcome)
	}
	return nil
}
