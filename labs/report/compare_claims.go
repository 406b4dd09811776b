package report

import (
	"fmt"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

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
