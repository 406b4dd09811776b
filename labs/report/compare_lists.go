package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

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
