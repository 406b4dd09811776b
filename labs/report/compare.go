package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// A Comparison is runs that are set side by side: what they say of each claim, and
// where their ladders part.
type Comparison struct {
	record.Comparison
	kinds [][]int // of the ladders, by row and column; -1 where there is no run
}

// Compare sets groups of runs side by side: see record.CompareGroups.
func Compare(groups ...[]*record.Run) *Comparison {
	c := &Comparison{Comparison: record.CompareGroups(groups...)}
	for i := range c.Rows {
		c.kinds = append(c.kinds, kindsInRow(&c.Rows[i]))
	}
	return c
}

// kindsInRow numbers the ladders of a row: those that are the same have the same
// number.
func kindsInRow(row *record.Row) []int {
	kinds := make([]int, len(row.Runs))
	var runs []*record.Run
	for _, r := range row.Runs {
		if r != nil {
			runs = append(runs, r)
		}
	}
	of := kindsOf(versionsOf(runs))
	for i, r := range row.Runs {
		kinds[i] = -1
		if r != nil {
			kinds[i], of = of[0], of[1:]
		}
	}
	return kinds
}

// Differs reports whether anything differs: a claim, a ladder, or which labs there are.
// A run that is not complete makes no difference, for it proves nothing, and neither does
// the ladder of one that was late.
func (c *Comparison) Differs() bool {
	if c.Comparison.Differs() {
		return true
	}
	for i := range c.Rows {
		if c.laddersDiffer(i) {
			return true
		}
	}
	return false
}

// Incomplete are the runs that were broken or interrupted.
func (c *Comparison) Incomplete() []*record.Run {
	var runs []*record.Run
	for _, row := range c.Rows {
		for _, r := range row.Runs {
			if r != nil && !complete(r) {
				runs = append(runs, r)
			}
		}
	}
	return runs
}

// Compared is how many rows have more than one run.
func (c *Comparison) Compared() int {
	n := 0
	for _, row := range c.Rows {
		if row.Count() > 1 {
			n++
		}
	}
	return n
}

func complete(r *record.Run) bool {
	return r.Outcome == record.Expected || r.Outcome == record.Surprise
}

// punctual reports whether a run's ladder is what the story makes the kernel do. That
// of a run that was late may show what a timer did meanwhile.
func punctual(r *record.Run) bool { return complete(r) && r.Late == nil && !r.Slow() }

// laddersDiffer reports whether punctual runs of a row have different ladders.
func (c *Comparison) laddersDiffer(row int) bool {
	first := -1
	for i, kind := range c.kinds[row] {
		r := c.Rows[row].Runs[i]
		switch {
		case r == nil || !punctual(r):
		case first < 0:
			first = kind
		case kind != first:
			return true
		}
	}
	return false
}

// A parting is two runs of a row whose ladders part.
type parting struct{ row, a, b int }

// partings are for each row whose ladders differ its first run and, of each other kind
// of ladder, the first one that has it.
func (c *Comparison) partings() []parting {
	var all []parting
	for i := range c.Rows {
		first := -1
		var seen []int
		for column, kind := range c.kinds[i] {
			switch {
			case kind < 0 || slices.Contains(seen, kind):
				continue
			case first < 0:
				first = column
			default:
				all = append(all, parting{i, first, column})
			}
			seen = append(seen, kind)
		}
	}
	return all
}

// letter names a column: A to Z, and then AA to ZZ and so on, as in a spreadsheet.
func letter(column int) string {
	name := ""
	for column++; column > 0; column = (column - 1) / 26 {
		name = string(rune('A'+(column-1)%26)) + name
	}
	return name
}

// letters names columns: "A", "A, C", "A-D".
func letters(columns []int) string {
	var words []string
	for i := 0; i < len(columns); {
		end := i
		for end+1 < len(columns) && columns[end+1] == columns[end]+1 {
			end++
		}
		switch {
		case end-i < 2:
			end = i
			words = append(words, letter(columns[i]))
		default:
			words = append(words, letter(columns[i])+"-"+letter(columns[end]))
		}
		i = end + 1
	}
	return strings.Join(words, ", ")
}

// A group is what is the same in some columns.
type group struct {
	columns []int
	text    string
}

// grouped puts columns with the same text together, in the order in which they come.
// Those without a text are in no group.
func grouped(texts []string) []group {
	var groups []group
	for column, text := range texts {
		i := slices.IndexFunc(groups, func(g group) bool { return g.text == text })
		switch {
		case text == "":
		case i < 0:
			groups = append(groups, group{[]int{column}, text})
		default:
			groups[i].columns = append(groups[i].columns, column)
		}
	}
	return groups
}

// said groups what runs say of a claim: the verdict, and what was seen and is not the
// same in all.
func said(row *record.Row, claim *record.ClaimRow) []group {
	texts := make([]string, len(row.Runs))
	for i, r := range row.Runs {
		c := claim.Claims[i]
		switch {
		case r == nil:
		case c == nil:
			texts[i] = "not judged"
		default:
			texts[i] = saidOf(c, differing(row, claim))
		}
	}
	return grouped(texts)
}

// saidOf is the verdict on a claim, with the evidence of these names.
func saidOf(c *record.Claim, names []string) string {
	text := headline(c)
	shown := *c
	shown.Evidence = nil
	for _, f := range c.Evidence {
		if slices.Contains(names, f.Name) {
			shown.Evidence = append(shown.Evidence, f)
		}
	}
	if seen := evidenceText(&shown, false); seen != "" {
		text += "; " + seen
	}
	if c.Reason != "" {
		text += "; " + c.Reason
	}
	return text
}

// differing are the names of the evidence that is not the same in all runs.
func differing(row *record.Row, claim *record.ClaimRow) []string {
	var names []string
	values, count, runs := map[string]string{}, map[string]int{}, 0
	same := map[string]bool{}
	for i, c := range claim.Claims {
		if row.Runs[i] == nil || c == nil {
			continue
		}
		runs++
		for _, f := range c.Evidence {
			value := row.Runs[i].Environment.Neutral(valueText(f.Value))
			if count[f.Name] == 0 {
				names = append(names, f.Name)
				values[f.Name], same[f.Name] = value, true
			}
			count[f.Name]++
			same[f.Name] = same[f.Name] && values[f.Name] == value
		}
	}
	return slices.DeleteFunc(names, func(name string) bool {
		return strings.HasSuffix(name, "_ms") || same[name] && count[name] == runs
	})
}

// settings are the sysctls that are not the same in all columns, each with its values.
func (c *Comparison) settings() []string {
	var all, hosts []string
	at := map[string]int{} // the place in both of what is said of a sysctl
	for i := range c.Rows {
		for _, s := range differingSysctls(&c.Rows[i]) {
			var words []string
			for _, g := range grouped(s.values) {
				words = append(words, letters(g.columns)+": "+g.text)
			}
			text := s.key + ": " + strings.Join(words, "; ")
			n, ok := at[text]
			switch {
			case !ok:
				at[text] = len(all)
				all, hosts = append(all, text), append(hosts, s.host)
			case !slices.Contains(strings.Split(hosts[n], " and "), s.host):
				hosts[n] += " and " + s.host
			}
		}
	}
	for i := range all {
		all[i] = hosts[i] + " " + all[i]
	}
	return all
}

// A sysctl is a setting that is not the same in all runs of a row.
type differingSysctl struct {
	host, key string
	values    []string // by column: "none" where the kernel has no such sysctl, "" without a run
}

// differingSysctls are in the order of their names.
func differingSysctls(row *record.Row) []differingSysctl {
	type name struct{ key, host string }
	var names []name
	for _, r := range row.Runs {
		if r == nil {
			continue
		}
		for host, all := range r.Environment.Sysctls {
			for key := range all {
				names = append(names, name{key, host})
			}
		}
	}
	slices.SortFunc(names, func(a, b name) int { return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.host, b.host)) })
	var all []differingSysctl
	for _, n := range slices.Compact(names) {
		s := differingSysctl{n.host, n.key, make([]string, len(row.Runs))}
		for i, r := range row.Runs {
			if r == nil {
				continue
			}
			value, ok := r.Environment.Sysctls[n.host][n.key]
			if s.values[i] = value; !ok {
				s.values[i] = "none"
			}
		}
		if len(grouped(s.values)) > 1 {
			all = append(all, s)
		}
	}
	return all
}
