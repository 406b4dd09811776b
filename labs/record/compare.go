package record

import (
	"fmt"
	"slices"
	"strings"
)

// A Comparison sets runs of the same labs side by side: what each says of each
// claim. Times, and what else is another in every run, make no difference.
type Comparison struct {
	// Columns are what is compared: kernels, settings, families of addresses, or
	// runs that have all of these in common. They stand in the order of the runs.
	Columns []Column
	// Rows are the labs, in the order of the runs. A lab that was run with several
	// settings that are no columns has a row for each.
	Rows []Row
}

// A Column is what some of the runs have in common, and the others do not.
type Column struct {
	Name string // "Linux 6.12.118", "n=5", "IPv6", "run 2"
	Runs []*Run
}

// A Row is a lab, and its run in each column.
type Row struct {
	Lab string
	// Setting tells the row from others of the same lab: "--ipv6", "--wait".
	Setting []string
	Runs    []*Run     // by column; nil where there is none
	Claims  []ClaimRow // none where the row has one run
}

// A ClaimRow is a claim, and what is said of it in each column.
type ClaimRow struct {
	ID     string
	Claims []*Claim // by column; nil where the run says nothing of it
	Differ Difference
}

// A Difference says in what runs differ about a claim. A run that proves nothing of it
// makes none: see Run.Proves.
type Difference int

// The differences, the least first.
const (
	Same            Difference = iota
	SeenOtherwise              // the verdict is the same, the evidence is not
	JudgedOtherwise            // the verdicts are not the same, or not all runs have one
)

// Compare sets runs side by side, of any labs and in any order.
func Compare(runs ...*Run) Comparison { return CompareGroups(runs) }

// CompareGroups sets groups of runs side by side, as each from a file of its own: they
// are the columns, unless there are several kernels.
func CompareGroups(groups ...[]*Run) Comparison {
	columns, columnOf, settings := arrange(groups)
	c := Comparison{Columns: columns}
	type key struct{ lab, setting string }
	rows := map[key]int{}
	for i, r := range slices.Concat(groups...) {
		k := key{r.Lab, strings.Join(settings[i], "\n")}
		at, ok := rows[k]
		if !ok {
			at = len(c.Rows)
			rows[k] = at
			c.Rows = append(c.Rows, Row{Lab: r.Lab, Setting: settings[i], Runs: make([]*Run, len(columns))})
		}
		c.Rows[at].Runs[columnOf[i]] = r
	}
	for i := range c.Rows {
		c.Rows[i].judge()
	}
	return c
}

// judge sets the runs' claims side by side, in the order of the first run that has
// them.
func (r *Row) judge() {
	if r.Count() < 2 {
		return
	}
	at := map[string]int{}
	for column, run := range r.Runs {
		if run == nil {
			continue
		}
		for i := range run.Claims {
			c := &run.Claims[i]
			n, ok := at[c.ID]
			if !ok {
				n = len(r.Claims)
				at[c.ID] = n
				r.Claims = append(r.Claims, ClaimRow{ID: c.ID, Claims: make([]*Claim, len(r.Runs))})
			}
			r.Claims[n].Claims[column] = c
		}
	}
	for i := range r.Claims {
		r.Claims[i].Differ = differ(r.Runs, r.Claims[i].Claims)
	}
}

// Count is how many runs the row has.
func (r *Row) Count() int {
	n := 0
	for _, run := range r.Runs {
		if run != nil {
			n++
		}
	}
	return n
}

// Differ is the greatest difference in the row.
func (r *Row) Differ() Difference {
	most := Same
	for _, c := range r.Claims {
		most = max(most, c.Differ)
	}
	return most
}

// differ compares what runs say of one claim.
func differ(runs []*Run, claims []*Claim) Difference {
	most := Same
	var first *Claim
	seen, judged := "", 0
	for i, run := range runs {
		c := claims[i]
		if run == nil || !run.Proves(c) {
			continue
		}
		judged++
		switch {
		case judged == 1:
			if first = c; c != nil {
				seen = c.Seen(&run.Environment)
			}
		case (c == nil) != (first == nil), c != nil && c.Verdict != first.Verdict:
			return JudgedOtherwise
		case c != nil && c.Seen(&run.Environment) != seen:
			most = SeenOtherwise
		}
	}
	return most
}

// Proves reports whether what the run says of a claim, nil for nothing, is worth
// comparing. It is not in a broken run, nor if an interrupted one has not come to it, nor
// if a slow machine has made it inapplicable.
func (r *Run) Proves(c *Claim) bool {
	switch {
	case r.Outcome == Broken:
		return false
	case c == nil:
		return r.Outcome != Interrupted
	}
	return c.Verdict != Inapplicable || !r.Slow()
}

// Slow reports whether the machine was too slow for a claim of the run. Then other
// claims may be inapplicable for what came of that.
func (r *Run) Slow() bool {
	return slices.ContainsFunc(r.Claims, func(c Claim) bool { return c.Slow })
}

// Seen is the evidence of a claim as it is compared: without times, and without the
// addresses of the family that the run had. e is the run's.
func (c *Claim) Seen(e *Environment) string {
	var facts []string
	for _, f := range c.Evidence {
		if strings.HasSuffix(f.Name, "_ms") {
			continue
		}
		facts = append(facts, f.Name+" = "+e.Neutral(fmt.Sprint(f.Value)))
	}
	return strings.Join(facts, "\n")
}

// Neutral returns a text with the hosts' names in place of their addresses, so that
// what runs on IPv4 and on IPv6 say can be compared. A host's second address is
// "client 2", and the unspecified address of either family is "any".
func (e *Environment) Neutral(text string) string {
	if !strings.ContainsAny(text, ".:") {
		return text
	}
	type pair struct{ address, name string }
	pairs := []pair{{"0.0.0.0", "any"}, {"[::]", "any"}}
	for _, h := range e.Hosts {
		for i, a := range h.Addresses {
			name := h.Name
			if i > 0 {
				name = fmt.Sprintf("%s %d", h.Name, i+1)
			}
			pairs = append(pairs, pair{a.String(), name}, pair{"[" + a.String() + "]", name})
		}
	}
	// The longest first: 192.0.2.1 stands in 192.0.2.10, too.
	slices.SortStableFunc(pairs, func(a, b pair) int { return len(b.address) - len(a.address) })
	for _, p := range pairs {
		text = strings.ReplaceAll(text, p.address, p.name)
	}
	return text
}

// Differs reports whether the runs differ in anything that is said of a claim, or in
// which labs there are.
func (c *Comparison) Differs() bool {
	return slices.ContainsFunc(c.Rows, func(r Row) bool { return r.Differ() != Same || r.Count() < len(c.Columns) })
}
