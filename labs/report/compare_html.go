package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"github.com/tcplab/tcplab/labs/record"
)

var (
	//go:embed page/compare.tmpl
	compareTemplate string
	//go:embed page/compare.css
	compareStyle string
)

// comparePage is what the template shows. All text in it is made safe by clean.
type comparePage struct {
	Title, Summary, Class string
	Style                 template.CSS
	Columns               []compareColumn
	Span                  int // of all columns of the table
	Ladders               []compareLadder
	Parts                 []comparePart
	Lists                 []compareList
}

type compareColumn struct{ Letter, Name string }

type compareLadder struct {
	Title        string
	Wide, Narrow template.HTML
}

// A comparePart has the claims that differ in the same way.
type comparePart struct {
	Title string
	Labs  []compareLab
}

type compareLab struct {
	Name   string
	Claims []compareClaim
}

type compareClaim struct {
	ID, Text string
	Marks    []compareMark
	Groups   []compareGroup
}

type compareMark struct{ Mark, Class, Verdict string }

type compareGroup struct{ Columns, Text string }

type compareList struct {
	Title string
	Lines []string
}

// HTML writes the comparison as a page: one file that asks for nothing else. It lists
// all claims, and draws the same ladders as Text does.
func (c *Comparison) HTML(w io.Writer, o CompareOptions) error {
	o.ASCII = false // a page says that it is UTF-8
	t, err := template.New("compare").Parse(compareTemplate)
	if err != nil {
		return err
	}
	return t.Execute(w, c.page(o))
}

func (c *Comparison) page(o CompareOptions) *comparePage {
	clean := newPrinter(nil, o.Options)
	p := &comparePage{
		Title: clean.clean(c.title()), Summary: clean.clean(c.summary()), Style: template.CSS(svgStyle + pageStyle + compareStyle),
		Span: len(c.Columns) + 2,
	}
	if c.Incomplete() != nil {
		p.Class = "broken"
	} else if !c.Differs() {
		p.Class = "expected"
	}
	for i, column := range c.Columns {
		p.Columns = append(p.Columns, compareColumn{letter(i), clean.clean(column.Name)})
	}
	for _, part := range c.drawn(o) {
		p.Ladders = append(p.Ladders, c.pageLadder(&clean, part, o))
	}
	for _, differ := range []record.Difference{record.JudgedOtherwise, record.SeenOtherwise, record.Same} {
		if labs := c.pageLabs(&clean, differ); labs != nil {
			p.Parts = append(p.Parts, comparePart{differTitles[differ], labs})
		}
	}
	for _, l := range c.lists(p.Ladders != nil) {
		for i := range l.Lines {
			l.Lines[i] = clean.clean(l.Lines[i])
		}
		p.Lists = append(p.Lists, l)
	}
	return p
}

func (c *Comparison) pageLadder(p *printer, part parting, o CompareOptions) compareLadder {
	row := &c.Rows[part.row]
	a, b := row.Runs[part.a], row.Runs[part.b]
	rows := merged(a, b, letter(part.a), letter(part.b), o.All)
	draw := func(l layout) template.HTML {
		picture := newPicture(a, Options{}, l)
		picture.versions = true
		picture.draw(rows)
		return picture.inline(a)
	}
	return compareLadder{
		Title: p.clean(fmt.Sprintf("%s: where the ladders of %s and %s part", rowName(row), letter(part.a), letter(part.b))),
		Wide:  draw(wideLayout), Narrow: draw(narrowLayout),
	}
}

func (c *Comparison) pageLabs(p *printer, differ record.Difference) []compareLab {
	var labs []compareLab
	for i := range c.Rows {
		row := &c.Rows[i]
		l := compareLab{Name: p.clean(rowName(row))}
		for j := range row.Claims {
			claim := &row.Claims[j]
			if claim.Differ != differ || differ == record.Same && proved(row, claim) < 2 {
				continue
			}
			one := compareClaim{ID: p.clean(claim.ID), Text: p.clean(textOf(claim))}
			for _, cl := range claim.Claims {
				one.Marks = append(one.Marks, pageMark(cl))
			}
			if differ != record.Same {
				for _, g := range said(row, claim) {
					one.Groups = append(one.Groups, compareGroup{letters(g.columns), p.clean(g.text)})
				}
			}
			l.Claims = append(l.Claims, one)
		}
		if l.Claims != nil {
			labs = append(labs, l)
		}
	}
	return labs
}

func pageMark(c *record.Claim) compareMark {
	if c == nil {
		return compareMark{}
	}
	mark, look := markOf(c)
	return compareMark{mark, map[style]string{red: "bad", green: "good"}[look], headline(c)}
}
