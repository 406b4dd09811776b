package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// around is how many rows that are the same are shown before and after those in which
// ladders part.
const around = 6

// ladders draws two ladders as one: where they part each has its own rows, with the
// column's letter before them.
func (c *Comparison) ladders(w io.Writer, part parting, o CompareOptions) error {
	a, b := c.Rows[part.row].Runs[part.a], c.Rows[part.row].Runs[part.b]
	o.Times = false
	draw := func(r *record.Run, margin string) *drawing {
		o := o.Options
		o.margin = margin
		return newDrawing(w, r, o)
	}
	room := max(length(letter(part.a)), length(letter(part.b))) + 1
	both := draw(a, strings.Repeat(" ", room))
	named := func(r *record.Run, name string) *drawing { return draw(r, both.paint(bold, name)+pad(name, room)) }
	one, other := named(a, letter(part.a)), named(b, letter(part.b))
	if len(c.Rows) > 1 || len(c.Columns) > 2 {
		both.paragraph(plain, "", bold, fmt.Sprintf("%s in %s and in %s", rowName(&c.Rows[part.row]), letter(part.a), letter(part.b)))
	}
	if one.heads == other.heads {
		both.hosts()
	} else {
		one.hosts()
		other.hosts()
	}
	for _, row := range merged(a, b, letter(part.a), letter(part.b), o.All) {
		d := both
		switch row.version {
		case letter(part.a):
			d = one
		case letter(part.b):
			d = other
		}
		d.row(row.cleaned(d.clean))
		if d.err != nil {
			return d.err
		}
	}
	return nil
}

// merged are the rows of two ladders as one: those that are the same once, and where
// they part those of each, which say whose they are. What is long and the same is left
// out, unless all is to be seen; what repeats is folded.
func merged(a, b *record.Run, nameA, nameB string, all bool) []row {
	versions := versionsOf([]*record.Run{a, b})
	one, other := &versions[0], &versions[1]
	parts := stretches(one, other)
	var rows []row
	for i, s := range parts {
		if s.same {
			rows = append(rows, sameRows(one.rows[s.fromA:s.toA], i == 0, i == len(parts)-1, all)...)
			continue
		}
		rows = append(rows, versionRows(one.rows[s.fromA:s.toA], nameA)...)
		rows = append(rows, versionRows(other.rows[s.fromB:s.toB], nameB)...)
	}
	return folded(rows)
}

// versionRows are rows of one version.
func versionRows(rows []row, name string) []row {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].version = name
	}
	return rows
}

// sameRows are rows that two ladders have in common: the first and last of them, and
// in between a row that says how many were left out. first and last say that nothing
// comes before or after them.
func sameRows(rows []row, first, last, all bool) []row {
	before, after := around, around
	if first {
		before = 0
	}
	if last {
		after = 0
	}
	out := len(rows) - before - after
	if all || out < 3 { // the line takes one itself
		return rows
	}
	kept := append([]row{}, rows[:before]...)
	kept = append(kept, row{kind: fold, remark: fmt.Sprintf("%d rows are the same", out)})
	return append(kept, rows[len(rows)-after:]...)
}
