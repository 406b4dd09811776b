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

// claims writes the claims that differ so much: the verdicts side by side, where there
// is room, and what was said of it where.
func (c *Comparison) claims(p *printer, differ record.Difference) {
	title := differTitles[differ]
	for i := range c.Rows {
		row := &c.Rows[i]
		named := false
		for j := range row.Claims {
			claim := &row.Claims[j]
			if claim.Differ != differ {
				continue
			}
			if title != "" {
				p.line()
				p.paragraph(plain, "", bold, title)
				c.heads(p)
				title = ""
			}
			if !named && len(c.Rows) > 1 {
				p.paragraph(plain, "", plain, rowName(row))
				named = true
			}
			c.claim(p, row, claim)
		}
	}
}

// differTitles are the headings above claims that differ in the same way.
var differTitles = map[record.Difference]string{
	record.JudgedOtherwise: "Other verdicts",
	record.SeenOtherwise:   "The same verdicts, but other things were seen",
	record.Same:            "The same verdicts, and the same was seen",
}

const (
	claimIndent = "  "
	markWidth   = 3 // of a column of marks
)

// marksWidth is how wide all columns of marks are; 0 where there is no room for them.
func (c *Comparison) marksWidth(p *printer) int {
	width := markWidth
	if len(c.Columns) > 26 { // AA
		width++
	}
	if width *= len(c.Columns); width > p.width/2 {
		return 0
	}
	return width
}

// heads writes the columns' letters above the marks.
func (c *Comparison) heads(p *printer) {
	width := c.marksWidth(p)
	if width == 0 {
		return
	}
	text := ""
	for i := range c.Columns {
		text += fmt.Sprintf("%*s", width/len(c.Columns), letter(i))
	}
	p.line(pad("", p.width-width), p.paint(bold, text))
}

func (c *Comparison) claim(p *printer, row *record.Row, claim *record.ClaimRow) {
	width := c.marksWidth(p)
	marks := ""
	for _, one := range claim.Claims {
		mark, look := " ", plain
		if one != nil {
			mark, look = markOf(one)
		}
		if width > 0 {
			marks += strings.Repeat(" ", width/len(c.Columns)-1) + p.paint(look, mark)
		}
	}
	lines := wrap(p.clean(claim.ID), p.width-width-length(claimIndent))
	for i, l := range lines {
		l = claimIndent + l
		if i == 0 && marks != "" {
			p.line(p.paint(bold, l), pad(l, p.width-width), marks)
		} else {
			p.line(p.paint(bold, l))
		}
	}
	p.paragraph(plain, claimIndent+"  ", dim, textOf(claim))
	for _, g := range said(row, claim) {
		head := claimIndent + "  " + letters(g.columns) + ": "
		if length(head) > p.width/3 {
			p.paragraph(plain, claimIndent+"  ", bold, letters(g.columns)+":")
			head = claimIndent + "    "
		}
		p.paragraph(bold, head, plain, g.text)
	}
}

// textOf is what is claimed.
func textOf(claim *record.ClaimRow) string {
	for _, c := range claim.Claims {
		if c != nil {
			return c.Text
		}
	}
	return ""
}

// kindsText says which columns of a row have the same ladder: "A, B | C".
func (c *Comparison) kindsText(row int) string {
	texts := make([]string, len(c.Columns))
	for i, kind := range c.kinds[row] {
		if r := c.Rows[row].Runs[i]; r != nil && punctual(r) {
			texts[i] = fmt.Sprint(kind)
		}
	}
	var words []string
	for _, g := range grouped(texts) {
		words = append(words, letters(g.columns))
	}
	return strings.Join(words, " | ")
}

// lists are what is to be told beside the claims. drawn says that the ladders that
// differ were drawn.
func (c *Comparison) lists(drawn bool) []compareList {
	var all []compareList
	ladders := c.otherLadders()
	if drawn {
		ladders = nil
	}
	for _, l := range []compareList{
		{"Other sysctls", c.settings()},
		{"Other ladders (tcplab compare --ladders draws them)", ladders},
		{"Not in all columns", c.missing()},
		{"Held up by the machine, so the ladder is not compared", c.late()},
		{"Not complete, so it is not compared", c.incomplete()},
	} {
		if l.Lines != nil {
			all = append(all, l)
		}
	}
	return all
}

// otherLadders says which runs have different ladders.
func (c *Comparison) otherLadders() []string {
	var lines []string
	for i := range c.Rows {
		if c.laddersDiffer(i) {
			lines = append(lines, rowName(&c.Rows[i])+": "+c.kindsText(i))
		}
	}
	return lines
}

// missing says which labs were not run in all columns.
func (c *Comparison) missing() []string {
	where := make([]string, len(c.Rows))
	for i := range c.Rows {
		if row := &c.Rows[i]; row.Count() < len(c.Columns) {
			where[i] = "only in " + letters(c.columnsOf(row, func(*record.Run) bool { return true }))
		}
	}
	var lines []string
	for _, g := range grouped(where) { // here, of rows
		var names []string
		for _, i := range g.columns {
			names = append(names, rowName(&c.Rows[i]))
		}
		lines = append(lines, g.text+": "+strings.Join(names, ", "))
	}
	return lines
}

// late says which ladders prove nothing, where they are not the same all the same.
func (c *Comparison) late() []string {
	var lines []string
	for i := range c.Rows {
		row := &c.Rows[i]
		columns := c.columnsOf(row, func(r *record.Run) bool { return complete(r) && !punctual(r) })
		if columns != nil && slices.Max(c.kinds[i]) > 0 {
			lines = append(lines, rowName(row)+" in "+letters(columns))
		}
	}
	return lines
}

// incomplete says which runs prove nothing.
func (c *Comparison) incomplete() []string {
	var lines []string
	for _, row := range c.Rows {
		for column, r := range row.Runs {
			if r == nil || complete(r) {
				continue
			}
			text := fmt.Sprintf("%s in %s is %s", rowName(&row), letter(column), r.Outcome)
			if r.Error != "" {
				text += ": " + r.Error
			}
			lines = append(lines, text)
		}
	}
	return lines
}

// columnsOf are the columns of a row that have such a run.
func (c *Comparison) columnsOf(row *record.Row, is func(*record.Run) bool) []int {
	var columns []int
	for column, r := range row.Runs {
		if r != nil && is(r) {
			columns = append(columns, column)
		}
	}
	return columns
}

// same lists what is the same in all columns: with all, or where there is but one lab,
// each claim; otherwise how many claims of which lab.
func (c *Comparison) same(p *printer, o CompareOptions) {
	title := differTitles[record.Same]
	var counts []string
	for i := range c.Rows {
		row := &c.Rows[i]
		var lines []*record.ClaimRow
		for j := range row.Claims {
			if claim := &row.Claims[j]; claim.Differ == record.Same && proved(row, claim) > 1 {
				lines = append(lines, &row.Claims[j])
			}
		}
		if lines == nil {
			continue
		}
		if title != "" {
			p.line()
			p.paragraph(plain, "", bold, title)
			title = ""
		}
		if len(c.Rows) > 1 && !o.All {
			counts = append(counts, fmt.Sprintf("%s %d", rowName(row), len(lines)))
			continue
		}
		if len(c.Rows) > 1 {
			p.paragraph(plain, "", plain, rowName(row))
		}
		for _, line := range lines {
			mark, look := markOf(soundOf(row, line))
			p.paragraph(look, claimIndent+mark+" ", plain, line.ID)
		}
	}
	if counts != nil {
		p.paragraph(plain, claimIndent, plain, strings.Join(counts, ", "))
	}
}

// soundOf is a claim of the first run that proves something; nil for none.
func soundOf(row *record.Row, claim *record.ClaimRow) *record.Claim {
	for i, c := range claim.Claims {
		if c != nil && row.Runs[i].Proves(c) {
			return c
		}
	}
	return nil
}

// proved is how many runs prove something of a claim.
func proved(row *record.Row, claim *record.ClaimRow) int {
	n := 0
	for i, c := range claim.Claims {
		if c != nil && row.Runs[i].Proves(c) {
			n++
		}
	}
	return n
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
