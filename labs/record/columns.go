package record

import (
	"fmt"
	"slices"
	"strings"
)

// An axis is one thing in which runs of a lab may differ.
type axis struct {
	of    func(*Run) string // equal for runs that do not differ in it
	words func(*Run) []string
	none  string // the name of a column without words
}

var (
	kernelAxis = axis{
		func(r *Run) string { return r.Environment.Kernel },
		func(r *Run) []string { return []string{"Linux " + r.Environment.Kernel} },
		"",
	}
	givenAxis = axis{
		func(r *Run) string { return strings.Join(r.Given, "\n") },
		func(r *Run) []string { return r.Given },
		"defaults",
	}
	traceAxis = axis{
		func(r *Run) string { return fmt.Sprint(r.Environment.Trace != nil) },
		func(r *Run) []string { return flagIf(r.Environment.Trace != nil, "--trace") },
		"without --trace",
	}
	familyAxis = axis{
		func(r *Run) string { return fmt.Sprint(r.Environment.IPv6) },
		func(r *Run) []string { return flagIf(r.Environment.IPv6, "--ipv6") },
		"IPv4",
	}
	axes = []*axis{&kernelAxis, &givenAxis, &traceAxis, &familyAxis}
)

func flagIf(on bool, flag string) []string {
	if !on {
		return nil
	}
	return []string{flag}
}

// arrange finds out what the columns are. It returns for each run its column, and
// what tells its row from others of the same lab.
func arrange(groups [][]*Run) (columns []Column, of []int, settings [][]string) {
	runs := slices.Concat(groups...)
	chosen, byGroup := choose(groups)
	common := CommonFlags(runs)
	type place struct{ column, row string }
	taken := map[place]int{}
	type key struct {
		values string
		repeat int
	}
	known := map[key]int{}
	rows := rowAxes(groups, chosen, byGroup)
	for group, members := range groups {
		for _, r := range members {
			var values, name, setting []string
			if byGroup {
				values = append(values, fmt.Sprint(group))
			}
			for _, a := range axes {
				words := slices.DeleteFunc(slices.Clone(a.words(r)), func(w string) bool { return slices.Contains(common, w) })
				if slices.Contains(chosen, a) {
					values, name = append(values, a.of(r)), append(name, columnName(a, words))
				}
				if slices.Contains(rows[r.Lab], a) {
					setting = append(setting, words...)
				}
			}
			settings = append(settings, setting)
			k := key{values: strings.Join(values, "\n\n")}
			p := place{k.values, r.Lab + "\n" + strings.Join(setting, "\n")}
			k.repeat = taken[p]
			taken[p]++
			at, ok := known[k]
			if !ok {
				at = len(columns)
				known[k] = at
				columns = append(columns, Column{Name: repeatName(strings.Join(name, ", "), k.repeat)})
			}
			columns[at].Runs = append(columns[at].Runs, r)
			of = append(of, at)
		}
	}
	if len(chosen) == 0 && len(columns) > 1 {
		nameRuns(columns)
	}
	return columns, of, settings
}

// choose returns the axes that tell columns apart, and whether the groups do. Several
// kernels are columns. Otherwise several groups are, named by what is the same within
// each. In one group it is the runs themselves, where they have everything in common;
// the first axis in which two runs differ that have all else in common; or all axes.
func choose(groups [][]*Run) (chosen []*axis, byGroup bool) {
	runs := slices.Concat(groups...)
	switch {
	case pairs(runs, &kernelAxis):
		return []*axis{&kernelAxis}, false
	case len(groups) > 1:
		for _, a := range axes {
			if varies(runs, a) && !slices.ContainsFunc(groups, func(g []*Run) bool { return varies(g, a) }) {
				chosen = append(chosen, a)
			}
		}
		return chosen, true
	case repeats(runs):
		return nil, false
	}
	for _, a := range axes[1:] {
		if pairs(runs, a) {
			return []*axis{a}, false
		}
	}
	return slices.DeleteFunc(slices.Clone(axes), func(a *axis) bool { return !varies(runs, a) }), false
}

// rowAxes are for each lab the axes that tell its rows apart: those that are no
// columns, or in which it has several runs in one group.
func rowAxes(groups [][]*Run, chosen []*axis, byGroup bool) map[string][]*axis {
	rows := map[string][]*axis{}
	runs := slices.Concat(groups...)
	for _, a := range axes {
		if slices.Contains(chosen, a) || !varies(runs, a) {
			continue
		}
		for _, g := range groups {
			first := map[string]string{}
			for _, r := range g {
				value, ok := first[r.Lab]
				first[r.Lab] = a.of(r)
				if (!byGroup || ok && value != a.of(r)) && !slices.Contains(rows[r.Lab], a) {
					rows[r.Lab] = append(rows[r.Lab], a)
				}
			}
		}
	}
	return rows
}

// pairs reports whether two runs of a lab differ in one axis alone.
func pairs(runs []*Run, by *axis) bool {
	first := map[string]string{}
	for _, r := range runs {
		rest := restOf(r, by)
		value, ok := first[rest]
		if ok && value != by.of(r) {
			return true
		}
		first[rest] = by.of(r)
	}
	return false
}

// repeats reports whether two runs of a lab differ in no axis.
func repeats(runs []*Run) bool {
	seen := map[string]bool{}
	for _, r := range runs {
		all := restOf(r, nil)
		if seen[all] {
			return true
		}
		seen[all] = true
	}
	return false
}

// restOf is the run's lab and its place on all axes but one.
func restOf(r *Run, but *axis) string {
	rest := []string{r.Lab}
	for _, a := range axes {
		if a != but {
			rest = append(rest, a.of(r))
		}
	}
	return strings.Join(rest, "\n\n")
}

func varies(runs []*Run, a *axis) bool {
	return slices.ContainsFunc(runs, func(r *Run) bool { return a.of(r) != a.of(runs[0]) })
}

// CommonFlags are the flags that all runs were given: they tell none from another.
func CommonFlags(runs []*Run) []string {
	if len(runs) == 0 {
		return nil
	}
	common := slices.Clone(runs[0].Given)
	for _, r := range runs[1:] {
		common = slices.DeleteFunc(common, func(flag string) bool { return !slices.Contains(r.Given, flag) })
	}
	return common
}

// columnName makes a column's name of an axis' words.
func columnName(a *axis, words []string) string {
	switch {
	case len(words) == 0:
		return a.none
	case a == &familyAxis:
		return "IPv6"
	case a == &traceAxis:
		return "with --trace"
	}
	var short []string
	for _, w := range words {
		short = append(short, strings.TrimPrefix(strings.TrimPrefix(w, "--"), "sysctl="))
	}
	return strings.Join(short, " ")
}

// repeatName tells a run from another that has everything in common with it.
func repeatName(name string, repeat int) string {
	if name != "" && repeat > 0 {
		return fmt.Sprintf("%s, run %d", name, repeat+1)
	}
	return name
}

// nameRuns names columns that no axis tells apart by what else there is: the version
// of tcplab, or the user's privilege.
func nameRuns(columns []Column) {
	for _, of := range []func(*Run) string{
		func(r *Run) string { return "tcplab " + r.Environment.Tcplab },
		func(r *Run) string { return r.Environment.Privilege },
	} {
		names := map[string]bool{}
		mixed := false
		for _, c := range columns {
			names[of(c.Runs[0])] = true
			mixed = mixed || slices.ContainsFunc(c.Runs, func(r *Run) bool { return of(r) != of(c.Runs[0]) })
		}
		if mixed || len(names) < len(columns) {
			continue
		}
		for i := range columns {
			columns[i].Name = of(columns[i].Runs[0])
		}
		return
	}
	for i := range columns {
		columns[i].Name = fmt.Sprintf("run %d", i+1)
	}
}
