package report

import (
	"io"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

// Head draws the hosts' names and lifelines, for a run whose rows Rest draws.
func Head(w io.Writer, r *record.Run, o Options) error {
	d := newDrawing(w, r, o)
	d.hosts()
	return d.err
}

// Rest draws what came of the run's events from one on, as Ladder does, for a run
// that is watched while it grows. Times count from there on. What these events change about a row above stands
// in a row of its own, for that one is drawn already. A verdict that is a surprise
// has its evidence, and a run that was late says so.
func Rest(w io.Writer, r *record.Run, from int, o Options) error {
	d := newDrawing(w, r, o)
	b := newRowBuilder(r, o.Times)
	from = min(from, len(r.Events))
	b.build(r.Events[:from], nil)
	drawn := len(b.rows)
	b.last, b.looked, b.told = -1, drawn, false
	b.build(r.Events[from:], nil)
	b.tally()
	var begin time.Duration
	if len(r.Events) > 0 {
		begin = r.Events[max(0, from-1)].At
	}
	for _, row := range folded(o.shorten(b.rows[drawn:])) {
		row.at -= begin
		d.row(row.cleaned(d.clean))
		if row.claim != nil && row.claim.Surprise {
			d.details(row.claim, o)
		}
	}
	if late := lateText(r, o.Times); late != "" {
		d.paragraph(dim, "· ", plain, late)
	}
	return d.err
}
