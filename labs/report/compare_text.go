package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// CompareOptions say how a comparison is shown.
type CompareOptions struct {
	Options
	// Ladders draws each pair of ladders that part. Where there is but one lab, and
	// two runs of it, they are drawn anyhow.
	Ladders bool
	// All draws the whole of such ladders, and lists all claims: also what is the same.
	All bool
}

// drawn are the ladders that are to be drawn.
func (c *Comparison) drawn(o CompareOptions) []parting {
	all := c.partings()
	if !o.Ladders && (len(c.Rows) > 1 || len(c.Columns) > 2) {
		return nil
	}
	return all
}

// Text writes the comparison: what the columns are, the ladders that are to be drawn,
// the claims with the differences first, and a summary.
func (c *Comparison) Text(w io.Writer, o CompareOptions) error {
	p := newPrinter(w, o.Options)
	c.legend(&p)
	drawn := c.drawn(o)
	for _, part := range drawn {
		p.line()
		if p.err == nil {
			p.err = c.ladders(w, part, o)
		}
	}
	c.claims(&p, record.JudgedOtherwise)
	c.claims(&p, record.SeenOtherwise)
	for _, l := range c.lists(drawn != nil) {
		p.line()
		p.paragraph(plain, "", bold, l.Title)
		for _, text := range l.Lines {
			p.paragraph(plain, claimIndent, plain, text)
		}
	}
	c.same(&p, o)
	p.line()
	mark, look := "✔ ", green
	switch {
	case c.Incomplete() != nil:
		mark, look = "✘ ", red
	case c.Differs():
		mark, look = "≠ ", bold
	}
	p.paragraph(look, mark, look, c.summary())
	return p.err
}

// legend says what is compared, and what each column is.
func (c *Comparison) legend(p *printer) {
	p.paragraph(plain, "", bold, c.title())
	width := 0
	for i := range c.Columns {
		width = max(width, length(letter(i)))
	}
	for i, column := range c.Columns {
		name := letter(i)
		p.paragraph(bold, name+pad(name, width)+"  ", plain, column.Name)
	}
}

// title says what all columns have in common.
func (c *Comparison) title() string {
	var runs []*record.Run
	for _, column := range c.Columns {
		runs = append(runs, column.Runs...)
	}
	if len(runs) == 0 {
		return "no runs"
	}
	all := func(have func(*record.Run) bool) bool {
		return !slices.ContainsFunc(runs, func(r *record.Run) bool { return !have(r) })
	}
	labs := map[string]bool{}
	for _, row := range c.Rows {
		labs[row.Lab] = true
	}
	text := counted(len(labs), "lab")
	if len(labs) == 1 {
		text = runs[0].Title + ": tcplab " + runs[0].Lab
	}
	for _, flag := range record.CommonFlags(runs) {
		text += " " + shellWord(flag)
	}
	if all(func(r *record.Run) bool { return r.Environment.IPv6 }) {
		text += " --ipv6"
	}
	if all(func(r *record.Run) bool { return r.Environment.Trace != nil }) {
		text += " --trace"
	}
	if all(func(r *record.Run) bool { return r.Environment.Kernel == runs[0].Environment.Kernel }) {
		text += " on Linux " + runs[0].Environment.Kernel
	}
	return text
}

// rowName is the lab, with what tells it from other rows.
func rowName(r *record.Row) string {
	return strings.Join(append([]string{r.Lab}, r.Setting...), " ")
}

// summary is the comparison in one sentence.
func (c *Comparison) summary() string {
	count := map[record.Difference]int{}
	claims, ladders, rows, single := 0, 0, 0, 0
	for i, row := range c.Rows {
		if row.Count() < len(c.Columns) {
			single++
		}
		if row.Count() < 2 {
			continue
		}
		rows++
		for _, claim := range row.Claims {
			count[claim.Differ]++
			if claim.Differ != record.Same || proved(&row, &claim) > 1 {
				claims++
			}
		}
		if c.laddersDiffer(i) {
			ladders++
		}
	}
	text := fmt.Sprintf("%s and %s compared", counted(rows, "lab"), counted(claims, "claim"))
	var words []string
	add := func(n int, what string) {
		if n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(count[record.JudgedOtherwise], "judged otherwise")
	add(count[record.SeenOtherwise], "seen otherwise")
	if ladders > 0 {
		words = append(words, counted(ladders, "ladder")+" otherwise")
	}
	add(single, "not in all columns")
	if words == nil {
		words = []string{"no difference"}
	}
	if n := len(c.Incomplete()); n > 0 {
		words = append(words, counted(n, "run")+" not complete")
	}
	return text + ": " + strings.Join(words, ", ")
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
