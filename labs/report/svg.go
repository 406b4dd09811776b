package report

import (
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// SVG writes the ladder as a picture that stands alone: for a page, a README or
// a slide. It follows the reader's choice of a light or dark look.
func SVG(w io.Writer, r *record.Run, o Options) error {
	p := newPicture(r, o, wideLayout)
	p.title(r)
	p.ladder(r)
	p.body.WriteString(p.bodies())
	p.plots(r)
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" role="img" aria-label="%s">`+
		"\n<style>%s%s</style>\n<rect class=\"paper\" width=\"100%%\" height=\"100%%\"/>\n%s</svg>\n",
		p.span, p.y+12, p.span, p.y+12, p.escape(r.Title), svgColors, svgStyle, p.body.String())
	return err
}

// svgColors are for a picture that stands alone. The page has the same, and a
// switch.
const svgColors = `
svg{--paper:#fff;--ink:#1c2024;--dim:#626a77;--line:#c3c9d1;--blue:#0b66c3;--red:#c8102e;--green:#13773a;--now:#eef4fb}
@media(prefers-color-scheme:dark){svg{--paper:#14171a;--ink:#e4e7eb;--dim:#949ca8;--line:#454c55;--blue:#6cb2ff;--red:#ff7b86;--green:#6cc98a;--now:#1f2a36}}`

// svgStyle is how a ladder looks, whatever the colours are.
const svgStyle = `
.ladder text,svg>text,svg>g>text{font:12px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;fill:var(--ink);white-space:pre;paint-order:stroke;stroke:var(--paper);stroke-width:3px}
.paper{fill:var(--paper)}.life{stroke:var(--line);stroke-width:1.5}
text.title{font-weight:700;font-size:15px}text.head,text.state{font-weight:700}
text.dim,text.time{fill:var(--dim)}text.seg{fill:var(--blue)}text.lost,text.bad{fill:var(--red)}text.good{fill:var(--green)}text.bad{font-weight:700}
.arrow{stroke:var(--blue);stroke-width:1.6;fill:none}.arrow.lost{stroke:var(--red)}
.tip{fill:var(--blue);stroke:none}.dot{fill:var(--blue)}.cross{stroke:var(--red);stroke-width:2;fill:none}
.plot text{font:12px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;fill:var(--ink);white-space:pre}.plot text.dim{fill:var(--dim)}.plot text.head,.plot text.again{font-weight:700}
.plot .frame{stroke:var(--line);fill:none}.plot .break{stroke:var(--dim);fill:none}.plot .data{stroke:var(--blue);stroke-width:2.5}.plot .again{stroke:var(--ink)}.plot text.again{stroke:none}.plot .acks{stroke:var(--green);stroke-width:1.5;fill:none}.plot .window{stroke:var(--dim);stroke-dasharray:4 3;fill:none}.plot .sack{stroke:var(--green);stroke-width:5;opacity:.45}.plot .cwnd{stroke:var(--blue);fill:none}
.rule{stroke:var(--line)}.under{fill:transparent}`

// A layout says where things stand: lifelines, and the texts beside them.
type layout struct {
	span        float64
	left, right float64 // the lifelines
	inside      bool    // texts stand between the lifelines, for a narrow screen
}

var (
	wideLayout   = layout{span: 960, left: 366, right: 646}
	narrowLayout = layout{span: 420, left: 16, right: 404, inside: true}
)

const (
	em        = 7.24 // a character of the font
	lineStep  = 17.0
	textGap   = 10.0 // between a text and its lifeline
	slant     = 11.0 // how far down a segment is when it arrives
	timeRight = 64.0
	heldAt    = 0.55  // how far along the wire a segment is held
	loopReach = 200.0 // how far out a host's segment to itself goes
)

// A picture is an SVG ladder that is being drawn, from the top down.
type picture struct {
	printer // for its clean
	layout
	options Options
	body    strings.Builder
	out     strings.Builder // of the row that is being drawn
	y       float64         // top of what comes next
	bands   []band          // the ladder, which a page shows one by one
	times   bool            // the ladder has a column of times
	timed   bool            // times may be shown
	sides
	held     map[held]float64 // y of the place where a segment is held
	versions bool             // rows may be of one of two versions
}

// held is a segment, of one of two versions or of both.
type held struct {
	version string
	id      int
}

func newPicture(r *record.Run, o Options, l layout) *picture {
	p := &picture{printer: newPrinter(nil, o), layout: l, times: o.Times && !l.inside, sides: sidesOf(r), held: map[held]float64{}}
	p.ascii = false
	p.options = o
	p.options.Times, p.timed = p.times, o.Times
	return p
}

// escape makes any text of a record safe in a picture.
func (p *picture) escape(text string) string { return html.EscapeString(p.clean(text)) }

func (p *picture) printf(format string, args ...any) { fmt.Fprintf(&p.out, format, args...) }

// text draws one line; its anchor is start, middle or end.
func (p *picture) text(x, y float64, anchor, class, text string) {
	if text == "" {
		return
	}
	p.printf(`<text x="%.4g" y="%.5g" text-anchor="%s" class="%s">%s</text>`, x, y, anchor, class, p.escape(text))
}

func (p *picture) title(r *record.Run) {
	p.y = 26
	p.text(12, p.y, "start", "title", r.Title)
	p.text(12, p.y+19, "start", "dim", commandText(r)+kernelVersion(r))
	p.y += 32
	p.body.WriteString(p.out.String() + "\n")
	p.out.Reset()
}

// ladder draws the lifelines, and all rows between them.
func (p *picture) ladder(r *record.Run) { p.draw(stepRows(r, p.options)) }

// A band is a stretch of a ladder's rows: a part of the story, or a piece of one that is
// taller than tall. On a page each is an element of its own, and between two of them a
// printer may begin a new sheet.
type band struct {
	title       string  // the part's heading, if it has one
	top, bottom float64 // its y in the whole ladder
	body        string
}

// bodies are all bands in one.
func (p *picture) bodies() string {
	var all strings.Builder
	for _, b := range p.bands {
		all.WriteString(b.body)
	}
	return all.String()
}

// tall is how tall a band becomes before the next row begins another: a fifth of a
// printed sheet.
const tall = 280

// draw draws the lifelines, and these rows between them.
func (p *picture) draw(all []row) {
	from := p.y
	life := p.hosts(p.y+lineStep) + 8
	p.y = life + 4
	var title string
	rows := p.out.String() + "\n"
	p.out.Reset()
	end := func() {
		p.bands = append(p.bands, band{title, from, p.y, fmt.Sprintf("<g class=\"ladder\">\n%s%s</g>\n", p.lifelines(life), rows)})
		from, life, rows = p.y, p.y, ""
	}
	step := -1
	for _, row := range all {
		// The first heading stays with the hosts, and a tally with the row above it.
		if row.kind == heading && step >= 0 || row.kind != tally && p.y-from > tall {
			end()
		}
		if row.kind == heading {
			title = row.remark
		}
		if row.kind != tally || step < 0 { // a tally belongs to the step above it
			step++
		}
		rows += p.row(row.cleaned(p.clean), step)
	}
	end()
}

// lifelines draws the hosts' lines, from y down to what comes next.
func (p *picture) lifelines(y float64) string {
	const line = `<line class="life" x1="%[1]g" x2="%[1]g" y1="%[2]g" y2="%[3]g"/>`
	both := fmt.Sprintf(line, p.left, y, p.y)
	if !p.alone {
		both += fmt.Sprintf(line, p.right, y, p.y)
	}
	return both
}

// hosts names the hosts, from y on, and returns where their last line stands.
func (p *picture) hosts(y float64) float64 {
	room := int(min(p.right-p.left, 2*(p.span-p.right)) / em)
	xl, xr, anchorL, anchorR := p.left, p.right, "middle", "middle"
	if p.inside {
		xl, xr, anchorL, anchorR = p.left-8, p.right+8, "start", "end"
		room = int((xr-xl)/2/em) - 1
	}
	left, right := wrap(p.clean(p.heads[0]), room), []string(nil)
	if !p.alone {
		right = wrap(p.clean(p.heads[1]), room)
	}
	count := min(max(len(left), len(right)), maxHeads)
	for i := range count {
		at := y + float64(i)*lineStep
		if i < len(left) {
			p.text(xl, at, anchorL, "head", left[i])
		}
		if i < len(right) {
			p.text(xr, at, anchorR, "head", right[i])
		}
	}
	return y + float64(count-1)*lineStep
}

// row draws a row and returns it as a group that carries its step's number.
func (p *picture) row(r row, step int) string {
	top := p.y
	class := "row"
	if r.version != "" {
		class += " version"
		p.text(2, top+14, "start", "head", r.version)
	}
	switch {
	case r.kind == heading:
		p.y += 14
		p.across("head", "", r.remark)
		p.printf(`<line class="rule" x1="0" x2="%g" y1="%g" y2="%g"/>`, p.span, p.y+2, p.y+2)
		p.y += 8
	case r.kind == fold:
		p.text((p.left+p.right)/2, p.y+15, "middle", "dim", r.remark)
		p.y += lineStep + 6
	case r.kind == verdict:
		look := map[style]string{red: "bad", green: "good"}[r.style]
		if look == "" {
			look = "dim"
		}
		p.stamp(r, p.y+13)
		p.across(look, r.mark+" ", r.remark)
	case r.kind != 0:
		p.stamp(r, p.y+13)
		p.across("dim", map[remarkKind]string{waiting: "… ", pause: "… ", setting: "* ", tally: "= ", note: "· "}[r.kind], r.remark)
	case r.icmp != nil:
		p.icmp(r)
	case r.segment == nil:
		p.call(r)
	case p.isLoop(r.segment):
		p.loop(r)
	default:
		p.segment(r)
	}
	group := fmt.Sprintf("<g class=\"%s\" data-step=\"%d\"><rect class=\"under\" x=\"0\" y=\"%g\" width=\"%g\" height=\"%g\"/>%s</g>\n",
		class, step, top, p.span, p.y-top, p.out.String())
	p.out.Reset()
	return group
}

// stamp writes when it was.
func (p *picture) stamp(r row, y float64) {
	if p.times && r.at >= 0 && r.kind != tally {
		p.text(timeRight, y, "end", "time", cut(stampText(r.at), timeWidth-1))
	}
}

// across draws a remark over all columns, with a mark of ours before it.
func (p *picture) across(class, mark, text string) {
	x := 4.0
	if p.times && class != "head" {
		x = timeRight + textGap
	}
	if p.versions {
		x = 20
	}
	indent := float64(length(mark)) * em
	if mark != "" {
		p.printf(`<text x="%.4g" y="%.5g" class="%s">%s</text>`, x, p.y+13, class, mark)
	}
	for _, l := range wrap(p.clean(text), int((p.span-x-indent-4)/em)) {
		p.text(x+indent, p.y+13, "start", class, l)
		p.y += lineStep
	}
}

// room is how many characters fit beside a host's lifeline.
func (p *picture) room(host string) int {
	switch {
	case p.inside:
		return int((p.right - p.left - 2*textGap) / em)
	case host == p.leftHost && (p.times || p.versions):
		return int((p.left - textGap - timeRight - textGap) / em)
	case host == p.leftHost:
		return int((p.left - textGap) / em)
	}
	return int((p.span - p.right - textGap) / em)
}

// beside draws lines of text at a host's lifeline, from y on, and returns where
// they end.
func (p *picture) beside(host, class string, y float64, texts ...string) float64 {
	x, anchor := p.left-textGap, "end"
	if host != p.leftHost {
		x, anchor = p.right+textGap, "start"
	}
	if p.inside {
		x, anchor = p.left+textGap, "start"
		if host != p.leftHost {
			x, anchor = p.right-textGap, "end"
		}
	}
	for _, text := range texts {
		for _, l := range wrap(p.clean(text), p.room(host)) {
			p.text(x, y, anchor, class, l)
			y += lineStep
		}
	}
	return y
}

func (p *picture) call(r row) {
	y := p.y + 13
	p.stamp(r, y)
	if r.text != "" {
		y = p.beside(r.host, "call", y, r.callLines(p.room(r.host))...)
	}
	y = p.beside(r.host, "state", y, r.states...)
	p.y = p.notes(r, y) - 13
}

// notes draws what the kernel says, and what counters have risen by, from y on.
func (p *picture) notes(r row, y float64) float64 {
	y = p.beside(r.host, "dim", y, glossed(r.kernel)...)
	for _, c := range r.counts {
		y = p.beside(c.host, "dim", y, c.lines(p.room(c.host))...)
	}
	return y
}

// undelivered draws the notes on a segment that does not arrive, below what is
// drawn of it.
func (p *picture) undelivered(r row) {
	if len(r.kernel)+len(r.counts) > 0 {
		p.y = p.notes(r, p.y+textGap) - lineStep + 8
	}
}
