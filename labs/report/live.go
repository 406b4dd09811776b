package report

import (
	"bufio"
	"io"
	"net/netip"

	"github.com/tcplab/tcplab/labs/record"
)

// A LiveLadder draws a run while it goes on. A row is drawn when the next one begins, or
// by Flush. What repeats is not folded: nobody knows yet.
type LiveLadder struct {
	out   *bufio.Writer
	d     *drawing
	b     *rowBuilder
	drawn int // rows that are
	// shown is how many states of the last row are, where it is drawn.
	shown int
	seeds []record.Event // the first event of each connection: they name it
	known map[seed]bool
}

// A seed is a connection, and whether a socket of it was seen.
type seed struct {
	connection
	socket bool
}

// NewLiveLadder draws what stands above the ladder. It takes the command and the
// environment from r, and no events.
func NewLiveLadder(w io.Writer, r *record.Run, o Options) (*LiveLadder, error) {
	out := bufio.NewWriter(w)
	l := &LiveLadder{out: out, d: newDrawing(out, r, o), b: newRowBuilder(r, o.Times), known: map[seed]bool{}}
	l.d.header(r)
	return l, l.flush()
}

// Add draws what an event has completed.
func (l *LiveLadder) Add(e record.Event) error {
	l.name(e)
	rows := len(l.b.rows)
	l.b.build([]record.Event{e}, nil)
	if rows > 0 && l.drawn == rows { // the row is drawn, and has gone on
		l.goOn(e, &l.b.rows[rows-1])
	}
	for l.drawn < len(l.b.rows)-1 {
		l.draw()
	}
	return l.flush()
}

// Flush draws what there is of the last row.
func (l *LiveLadder) Flush() error {
	if l.drawn < len(l.b.rows) {
		l.draw()
	}
	return l.flush()
}

// Close ends the ladder.
func (l *LiveLadder) Close() error {
	l.b.after()
	l.b.tally()
	for l.drawn < len(l.b.rows) {
		l.draw()
	}
	l.d.line()
	return l.flush()
}

func (l *LiveLadder) draw() {
	r := &l.b.rows[l.drawn]
	l.d.row(r.cleaned(l.d.clean))
	l.shown = len(r.states)
	l.drawn++
}

// goOn draws what has come to a row that is drawn.
func (l *LiveLadder) goOn(e record.Event, r *row) {
	if len(r.states) == l.shown {
		return
	}
	rest := row{at: e.At, host: r.host, states: r.states[l.shown:]}
	l.shown = len(r.states)
	l.d.row(rest.cleaned(l.d.clean))
}

// name gives the connections of a run names as soon as there are several.
func (l *LiveLadder) name(e record.Event) {
	var a, b netip.AddrPort
	switch v := e.Body.(type) {
	case *record.State:
		a, b = v.Local, v.Remote
	case *record.Segment:
		a, b = v.Src, v.Dst
	}
	if !a.IsValid() || !b.IsValid() {
		return
	}
	_, isState := e.Body.(*record.State)
	one := seed{connectionOf(a, b), isState}
	if l.known[one] {
		return
	}
	l.known[one] = true
	l.seeds = append(l.seeds, e)
	l.b.tags = newTags(&record.Run{Environment: l.b.run.Environment, Events: l.seeds}, false)
}

func (l *LiveLadder) flush() error {
	if l.d.err != nil {
		return l.d.err
	}
	return l.out.Flush()
}
