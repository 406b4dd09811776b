package cli

import (
	"bufio"
	"cmp"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/machine"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// view is how a record is to be shown.
type view struct {
	json, quiet, noTimes, brief bool
	tap                         tapFlags
	width                       widthValue
	files                       files
	step                        bool
	drawn                       bool // the ladder is on the screen already
}

func (v *view) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&v.json, "json", false, "print the record as one line of JSON")
	cmd.Flags().BoolVarP(&v.quiet, "quiet", "q", false, "print a line for each claim and no ladder")
	cmd.Flags().BoolVar(&v.noTimes, "no-times", false, "leave out times: every run then looks the same")
	cmd.Flags().BoolVar(&v.brief, "brief", false, helpText("draw each set-up of a connection (socket to accept) as one row, not only where a part of the story holds nothing else; =false draws all of it"))
	v.width.addTo(cmd)
	v.files.flags(cmd)
	stepFlag(cmd, v)
}

// check refuses flags that do not go together.
func (v *view) check() error {
	if err := jsonIsAll(v.json, v.quiet || v.noTimes); err != nil {
		return err
	}
	if err := v.checkStep(); err != nil {
		return err
	}
	return v.files.check(v)
}

// jsonIsAll refuses --json beside flags that leave something out.
func jsonIsAll(json, less bool) error {
	if json && less {
		return usageError{errors.New("--json prints the whole record: it takes no --quiet and no --no-times")}
	}
	return nil
}

// labCommand makes the command of a lab; without flags where it is only to be
// listed.
func labCommand(l *lab.Lab, flags bool) *cobra.Command {
	var v view
	var t telling
	args := lab.Args{}
	cmd := &cobra.Command{
		Use:   l.Name,
		Short: l.Title,
		Long: l.Title + ".\n\n" + l.Long + "\n\ntcplab explain " + l.Name +
			" says why Linux behaves this way, and what to try next.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return t.tell(cmd, l, args, &v) },
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
	v.tap.addTo(cmd)
	t.flags(cmd)
	sweepFlag(cmd, &t.sweeps, sweepOne, func([]string) []*lab.Lab { return []*lab.Lab{l} })
	return cmd
}

// A telling is how a story is to be told.
type telling struct {
	ipv6, trace, hostSysctls bool
	sysctls                  []string
	sweeps                   []string      // --sweep
	patience                 time.Duration // see lab.Options; 0 for a lab's
}

func (t *telling) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&t.ipv6, "ipv6", false, "run on IPv6")
	sysctlFlag(cmd, &t.sysctls)
	cmd.Flags().BoolVar(&t.hostSysctls, "host-sysctls", false,
		helpText("give the private hosts this machine's own values of TCP's sysctls, instead of the pinned ones (tcplab doctor shows where they differ)"))
	traceFlag(cmd, &t.trace)
}

func (t *telling) options() (lab.Options, error) {
	settings, err := parseSysctls(t.sysctls)
	return lab.Options{IPv6: t.ipv6, Sysctls: settings, HostSysctls: t.hostSysctls, Version: versionText(), Trace: t.trace, Patience: t.patience}, err
}

// tell runs a lab and shows the record; with --sweep several, and the comparison.
func (t *telling) tell(cmd *cobra.Command, l *lab.Lab, args lab.Args, v *view) error {
	if t.sweeps != nil {
		return t.sweep(cmd, l, args, v)
	}
	if err := v.check(); err != nil {
		return err
	}
	if err := v.files.checkSide(hostsOf(l)...); err != nil {
		return err
	}
	o, err := t.options()
	if err != nil {
		return err
	}
	o.Args = args
	if !machine.Privileged() {
		return inUserNamespace(cmd.Context())
	}
	if err := v.files.open(cmd.OutOrStdout()); err != nil {
		return err
	}
	progress := newProgress(cmd.ErrOrStderr())
	o.OnWait = func(w record.Wait) {
		v.files.flush()
		progress.wait(w)
	}
	v.files.follow(&o.OnStart, &o.OnEvent)
	if v.json {
		warmJSON(&o)
	}
	unfinished.Store(true)
	r, err := lab.Run(cmd.Context(), l, o)
	progress.end()
	if failed := v.files.endCapture(); r == nil || failed != nil {
		v.files.abandon()
		return cmp.Or(err, failed)
	}
	return show(cmd, r, *v) // of an interrupted run, too
}

// warmJSON makes ready for JSON while the story runs, when a processor has nothing
// to do.
func warmJSON(o *lab.Options) {
	start := o.OnStart
	o.OnStart = func(r *record.Run) error {
		go record.WarmJSON()
		if start == nil {
			return nil
		}
		return start(r)
	}
}

// hostsOf are the hosts of a lab.
func hostsOf(l *lab.Lab) []string {
	if l.Alone {
		return []string{"client"}
	}
	return []string{"client", "server"}
}

// helpText breaks a flag's help into lines that stand beside the flag on a
// terminal of 80 columns. (cobra's templates could do it, but then every start
// of tcplab would pay for text/template.)
func helpText(text string) string { return strings.Join(report.Wrap(text, 48), "\n") }

func sysctlFlag(cmd *cobra.Command, sysctls *[]string) {
	cmd.Flags().StringArrayVar(sysctls, "sysctl", nil,
		helpText("set `[SIDE:]KEY=VALUE` on the private hosts, or on the client or the server alone"))
	_ = cmd.RegisterFlagCompletionFunc("sysctl", completeSysctl) // there is such a flag
}

func traceFlag(cmd *cobra.Command, trace *bool) {
	cmd.Flags().BoolVar(trace, "trace", false,
		helpText("record what the kernel itself reports, too: state changes, resets, and why it drops a packet (root only)"))
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

// isLadder reports whether stdout gets the ladder.
func (v *view) isLadder() bool { return !v.json && !v.quiet && !v.step && !v.files.toStdout() }

func (v *view) reportOptions(cmd *cobra.Command) report.Options {
	return report.Options{
		Width: v.width.of(cmd.OutOrStdout()), Times: !v.noTimes,
		Color: colored(cmd.OutOrStdout()), ASCII: !utf8Locale(os.Getenv), Brief: v.brief, Whole: cmd.Flags().Changed("brief") && !v.brief,
	}
}

// show writes a record to stdout, and returns its outcome as an error where it
// was not the expected one.
func show(cmd *cobra.Command, r *record.Run, v view) error {
	out := bufio.NewWriter(cmd.OutOrStdout())
	o := v.reportOptions(cmd)
	lesson(&o, labs.Find(r.Lab))
	defer v.files.abandon() // but for what is whole
	err := v.files.write(r, o)
	switch {
	case err != nil, v.files.toStdout():
	case v.step && r.Outcome != record.Interrupted:
		err = stepThrough(cmd, out, r, o)
	case v.json:
		err = report.JSON(out, r)
	case v.tap.given() != "":
		err = v.tap.one(out, r)
	case v.quiet:
		err = report.Brief(out, r, o)
	default:
		if !v.drawn {
			err = report.Ladder(out, r, o)
		}
		if err == nil {
			err = report.Verdicts(out, r, o)
		}
	}
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		err = v.files.commit()
	}
	switch {
	case err != nil:
		return err
	case r.Outcome == record.Interrupted && cmd.Context().Err() != nil:
		return cmd.Context().Err()
	case r.Outcome == record.Broken && v.json:
		return errors.New("the instrument broke: " + r.Error)
	case r.Outcome != record.Expected:
		return outcomeError(r.Outcome)
	}
	return programFailure(r)
}
