package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/machine"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// maxSweep bounds how many settings a sweep has: each is a run, and they run side by
// side.
const maxSweep = 64

// sweptSysctl stands before the name of a sysctl.
const sweptSysctl = "sysctl:"

// A swept is one --sweep: a knob or a sysctl, and the values that it is to have.
type swept struct {
	text   string // as it was given
	name   string
	values []string
	set    func(o *lab.Options, value string) error
}

// sweepFlag adds the flag. once says what is run, and of are the labs whose knobs a shell
// is given.
func sweepFlag(cmd *cobra.Command, sweeps *[]string, once string, of func(args []string) []*lab.Lab) {
	cmd.Flags().StringArrayVar(sweeps, "sweep", nil, helpText(fmt.Sprintf(
		"%s or of a sysctl, and compare: `NAME=VALUE,VALUE...`, or sysctl:[SIDE:]KEY for the name. More than one sweep makes all combinations, at most %d", once, maxSweep)))
	_ = cmd.RegisterFlagCompletionFunc("sweep", func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		return completeSweep(of(args), word)
	}) // there is such a flag
}

// sweepOne is the flag's help for one lab or story.
const sweepOne = "run it once with each value of a flag of its own"

// sweep runs a lab with each combination of what is swept, side by side, and compares.
func (t *telling) sweep(cmd *cobra.Command, l *lab.Lab, args lab.Args, v *view) error {
	if err := v.checkSweep(); err != nil {
		return err
	}
	o, err := t.options()
	if err != nil {
		return err
	}
	o.Args = args
	settings, err := combinations(task{lab: l, options: o}, t.sweeps)
	if err != nil {
		return err
	}
	return runSweep(cmd, settings, 0, v)
}

// sweepAll does the same with each of several labs that has what is swept.
func (t *telling) sweepAll(cmd *cobra.Command, chosen []*lab.Lab, jobs int, v *view) error {
	if err := v.checkSweep(); err != nil {
		return err
	}
	o, err := t.options()
	if err != nil {
		return err
	}
	var settings []task
	var lacks error
	for _, l := range chosen {
		more, err := combinations(task{lab: l, name: l.Name, options: o}, t.sweeps)
		switch {
		case errors.As(err, new(lacksError)):
			lacks = err
		case err != nil:
			return err
		}
		settings = append(settings, more...)
	}
	if settings == nil {
		if len(chosen) > 1 {
			lacks = usageError{fmt.Errorf("--sweep %s: none of the labs has all of this", strings.Join(t.sweeps, " --sweep "))}
		}
		return lacks
	}
	return runSweep(cmd, settings, jobs, v)
}

// runSweep makes the runs of a sweep and shows how they compare. Its error is the worst
// of the runs', as that of tcplab all: that they differ is none.
func runSweep(cmd *cobra.Command, settings []task, jobs int, v *view) error {
	if !machine.Privileged() {
		return inUserNamespace(cmd.Context())
	}
	if err := machine.EnoughThreads(abreast(jobs, len(settings))); err != nil {
		return err
	}
	shown := compareView{width: v.width, files: files{html: v.files.html}}
	if err := shown.files.open(cmd.OutOrStdout()); err != nil {
		return err
	}
	defer shown.files.abandon()
	unfinished.Store(true)
	results, err := runAll(cmd.Context(), newBoard(cmd.ErrOrStderr()), settings, jobs, nil)
	if err != nil {
		return err
	}
	end := worst(results)
	if err := cmd.Context().Err(); err != nil {
		end = err
	}
	var runs []*record.Run
	for _, r := range results {
		if r.run != nil {
			runs = append(runs, r.run)
		}
	}
	if v.json {
		for _, r := range runs {
			if err := report.JSON(cmd.OutOrStdout(), r); err != nil {
				return err
			}
		}
		return end
	}
	if len(runs) < 2 {
		return end
	}
	if err := shown.show(cmd, report.Compare(runs)); err != nil {
		return err
	}
	return end
}

// checkSweep refuses flags that are for one run.
func (v *view) checkSweep() error {
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"--quiet", v.quiet}, {"--brief", v.brief}, {"--step", v.step}, {"--tap", v.tap.tap}, {"--ktap", v.tap.ktap},
		{"--pcap", v.files.pcap.path != ""}, {"--svg", v.files.svg.path != ""}, {"--junit", v.files.junit.path != ""},
	} {
		if f.given {
			return usageError{fmt.Errorf("%s is for one run, and --sweep makes several", f.name)}
		}
	}
	if v.json && v.files.html.path != "" {
		return usageError{errors.New("--sweep: want --json, for the records, or --html, for the comparison")}
	}
	return v.check()
}

// combinations are the settings of a sweep, the first that is named changing last.
func combinations(one task, texts []string) ([]task, error) {
	l, all := one.lab, []task{one}
	var names []string
	for _, text := range texts {
		s, err := parseSweep(l, one.options.Args, text)
		if err != nil {
			return nil, usageError{fmt.Errorf("--sweep %s: %w", text, err)}
		}
		if slices.Contains(names, s.name) {
			return nil, usageError{fmt.Errorf("--sweep %s: %s is swept twice", text, s.name)}
		}
		names = append(names, s.name)
		if n := len(all) * len(s.values); n > maxSweep {
			return nil, usageError{fmt.Errorf("--sweep %s: that makes %d runs: want at most %d", text, n, maxSweep)}
		}
		var more []task
		for _, before := range all {
			for _, value := range s.values {
				with := before
				with.name = strings.TrimSpace(before.name + " " + s.name + "=" + value)
				with.options.Args = maps.Clone(before.options.Args)
				with.options.Sysctls = slices.Clone(before.options.Sysctls)
				if err := s.set(&with.options, value); err != nil {
					return nil, usageError{fmt.Errorf("--sweep %s: %s: %w", text, value, err)}
				}
				more = append(more, with)
			}
		}
		all = more
	}
	if len(all) < 2 {
		return nil, usageError{fmt.Errorf("--sweep %s: want two values or more", strings.Join(texts, " "))}
	}
	for _, t := range all {
		if err := l.Accepts(t.options.Args); err != nil {
			return nil, err
		}
		if err := checkSides([]*lab.Lab{l}, t.options.Sysctls); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// parseSweep reads NAME=VALUE,VALUE…, where given are the knobs that have a value
// already.
func parseSweep(l *lab.Lab, given lab.Args, text string) (swept, error) {
	name, list, ok := strings.Cut(text, "=")
	s := swept{text: text, name: name, values: strings.Split(list, ",")}
	if !ok || slices.Contains(s.values, "") {
		return swept{}, errors.New("want NAME=VALUE,VALUE...")
	}
	for i, v := range s.values {
		if slices.Contains(s.values[:i], v) {
			return swept{}, fmt.Errorf("%s is there twice", v)
		}
	}
	if key, isSysctl := strings.CutPrefix(name, sweptSysctl); isSysctl {
		s.set = func(o *lab.Options, value string) error {
			setting, err := lab.ParseSysctl(key + "=" + value)
			o.Sysctls = append(o.Sysctls, setting)
			return err
		}
		return s, nil
	}
	var known []string
	for _, k := range l.Knobs {
		if k.Name != name {
			known = append(known, k.Name)
			continue
		}
		if _, ok := given[name]; ok {
			return swept{}, fmt.Errorf("%s was given a value already", name)
		}
		s.set = func(o *lab.Options, value string) error {
			if o.Args == nil {
				o.Args = lab.Args{}
			}
			err := (&knobValue{knob: k, args: o.Args}).Set(value)
			if err == nil && k.Sysctl == "" { // the kernel checks that
				err = k.Takes(o.Args[name])
			}
			return err
		}
		return s, nil
	}
	return swept{}, lacksError{fmt.Errorf("%s has no such flag: want %s", l.Name, strings.Join(append(known, "sysctl:KEY"), ", "))}
}

// A lacksError says that a lab does not have what is to be set.
type lacksError struct{ error }

// completeSweep gives the shell what can be swept: flags of these labs, each once, and the
// sysctls of TCP.
func completeSweep(of []*lab.Lab, word string) ([]string, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	if key, ok := strings.CutPrefix(word, sweptSysctl); ok {
		if strings.Contains(key, "=") {
			return nil, directive // which values is what the user wants to know
		}
		words, _ := completeSysctl(nil, nil, key)
		for i := range words {
			words[i] = sweptSysctl + words[i]
		}
		return words, directive
	}
	var words, names []string
	for _, l := range of {
		for _, k := range l.Knobs {
			if slices.Contains(names, k.Name) {
				continue
			}
			names = append(names, k.Name)
			text := k.Name + "="
			if k.Switch {
				text += "false,true"
			}
			words = append(words, text+"\t"+k.Help)
		}
	}
	return append(words, sweptSysctl+"\ta sysctl of both hosts, or of one: client:KEY, server:KEY"), directive
}
