package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

// Ladder writes the run as a sequence diagram: time runs down, a lifeline for
// each host, system calls and socket states on the outside, segments between.
func Ladder(w io.Writer, r *record.Run, o Options) error {
	d := newDrawing(w, r, o)
	d.header(r)
	rows := rowsOf(r, o)
	if !o.Brief && !o.Whole {
		rows = introduced(rows)
	}
	for _, row := range folded(rows) {
		d.row(row.cleaned(d.clean))
	}
	d.line()
	return d.err
}

// A drawing knows the columns: time, left text, lifeline, wire, lifeline, right
// text. A run with one host has the first lifeline alone.
type drawing struct {
	printer
	times            bool
	narrow           bool // see narrow.go
	left, mid, right int
	sides
}

const (
	timeWidth = 8
	gap       = 1 // between a text and its lifeline
	// What fits at 80 columns: the longest calls of connect and bind on IPv4.
	leastLeft, leastRight = 24, 21
)

// sides say which host stands where: the first of the record on the left, and
// all others on the right.
type sides struct {
	leftHost string
	heads    [2]string // the hosts' names and addresses
	alone    bool      // there is one host, or none
}

func sidesOf(r *record.Run) sides {
	hosts := r.Environment.Hosts
	s := sides{alone: len(hosts) < 2}
	for i, h := range hosts {
		switch i {
		case 0:
			s.leftHost, s.heads[0] = h.Name, hostText(h)
		case 1:
			s.heads[1] = hostText(h)
		default:
			s.heads[1] += "; " + hostText(h)
		}
	}
	return s
}

// isLoop reports whether a segment comes back to the side that it was sent from.
func (s *sides) isLoop(v *record.Segment) bool {
	return v.From == v.To || v.From != s.leftHost && v.To != s.leftHost
}

// hostText is a host's name with its addresses.
func hostText(h record.Host) string {
	return strings.TrimRight(h.Name+" "+addresses(h), " ")
}

func addresses(h record.Host) string {
	var all []string
	for _, a := range h.Addresses {
		all = append(all, a.String())
	}
	return strings.Join(all, ", ")
}

func newDrawing(w io.Writer, r *record.Run, o Options) *drawing {
	d := &drawing{printer: newPrinter(w, o), times: o.Times, sides: sidesOf(r)}
	room := d.width - 2*(gap+1)
	if d.times {
		room -= timeWidth
	}
	if d.narrow = d.width < narrowBelow; d.narrow {
		d.left, d.mid, d.right = room-narrowWire, narrowWire, room-narrowWire
		return d
	}
	d.left, d.right = max(room*34/100, leastLeft), max(room*32/100, leastRight)
	if d.alone { // nothing stands on the right
		d.left, d.right = room*50/100, room*10/100
	}
	d.mid = room - d.left - d.right
	return d
}

func (d *drawing) header(r *record.Run) {
	d.title(r)
	d.command(r)
	d.line()
	d.hosts()
}

func (d *drawing) title(r *record.Run) { d.paragraph(plain, "", bold, r.Title) }

func (d *drawing) command(r *record.Run) {
	d.paragraph(plain, "", dim, commandText(r)+kernelVersion(r))
}

// maxHeads is how many lines the names and addresses of the hosts take at most.
const maxHeads = 3

// hosts names the hosts.
func (d *drawing) hosts() {
	if d.narrow {
		d.narrowHosts()
		return
	}
	left, right := wrap(d.clean(d.heads[0]), d.left), []string(nil)
	if !d.alone {
		right = wrap(d.clean(d.heads[1]), d.right)
	}
	at := func(lines []string, i int) string {
		if i >= len(lines) {
			return ""
		}
		return d.paint(bold, lines[i])
	}
	for i := range min(max(len(left), len(right)), maxHeads) {
		stamp := ""
		if i == 0 {
			stamp = "ms"
		}
		d.columns(d.stamp(stamp), at(left, i), d.lifeline(), strings.Repeat(" ", d.mid), d.lifeline(), at(right, i))
	}
}

func (d *drawing) lifeline() string { return d.paint(dim, "│") }

// columns draws one line.
func (d *drawing) columns(stamp, left, lineL, wire, lineR, right string) {
	if d.alone {
		lineR = ""
	}
	if d.narrow {
		d.line(stamp, lineL, wire, lineR, " ", left, right)
		return
	}
	d.line(stamp, pad(left, d.left), left, " ", lineL, wire, lineR, " ", right)
}

// noTime stands for the time of a line that goes on with what is above it.
const noTime time.Duration = -1

func (d *drawing) time(at time.Duration) string {
	if at < 0 {
		return d.stamp("")
	}
	return d.stamp(stampText(at))
}

// stampText is a time since the start: milliseconds, or from 10 s on seconds.
func stampText(at time.Duration) string {
	if at < 10*time.Second {
		return fmt.Sprintf("%.2f", float64(at.Microseconds())/1000)
	}
	text := fmt.Sprintf("%.3fs", at.Seconds())
	if length(text) >= timeWidth {
		text = fmt.Sprintf("%.0fs", at.Seconds())
	}
	return text
}

// stamp fills the column of times, where there is one.
func (d *drawing) stamp(text string) string {
	if !d.times {
		return ""
	}
	return d.paint(dim, fmt.Sprintf("%*s ", timeWidth-1, cut(text, timeWidth-1)))
}

func (d *drawing) row(r row) {
	switch {
	case r.kind != 0:
		d.remark(r)
	case r.segment == nil && r.icmp == nil:
		d.callRow(r)
	case d.narrow:
		d.narrowMessage(r)
	case r.icmp != nil:
		d.icmpRow(r)
	case d.isLoop(r.segment):
		d.loopRow(r)
	default:
		d.segmentRow(r)
	}
	d.kernel(r)
	d.counts(r)
}

// side draws lines of text on a host's side, with the wire empty. The first
// line carries the time.
func (d *drawing) side(at time.Duration, host string, lines []string, s style) {
	for _, text := range lines {
		if d.narrow {
			d.narrowSide(at, host, d.paint(s, text))
		} else {
			d.sideLine(at, host, d.paint(s, text), "")
		}
		at = noTime
	}
}

// sideLine draws a line on a host's side, with a text in the middle of the wire.
func (d *drawing) sideLine(at time.Duration, host, text, wire string) {
	left, right := text, ""
	if host != d.leftHost {
		left, right = right, left
	}
	fill := strings.Repeat(" ", (d.mid-length(wire))/2)
	wire = fill + d.paint(dim, wire) + pad(fill+wire, d.mid)
	d.columns(d.time(at), left, d.lifeline(), wire, d.lifeline(), right)
}

// below draws what an arrow had no room for, beside the receiver's new states, and
// returns those that are still to be drawn.
func (d *drawing) below(host, missed string, states []string, look style) []string {
	if missed == "" {
		return states
	}
	for _, wire := range wrap(missed, d.mid) {
		text := ""
		if len(states) > 0 {
			text, states = states[0], states[1:]
		}
		d.sideLine(noTime, host, d.paint(look, text), wire)
	}
	return states
}

// roomOf is the width of a host's side.
func (d *drawing) roomOf(host string) int {
	if host == d.leftHost {
		return d.left
	}
	return d.right
}

func (d *drawing) callRow(r row) {
	at := r.at
	if r.text != "" {
		d.side(at, r.host, r.callLines(d.roomOf(r.host)), plain)
		at = noTime
	}
	for _, s := range r.states {
		d.side(at, r.host, wrap(s, d.roomOf(r.host)), bold)
		at = noTime
	}
}

// arrival is what a segment did at its receiver, and how that is painted.
func (d *drawing) arrival(r row) ([]string, style) {
	var lines []string
	texts, look := r.states, bold
	if len(texts) == 0 {
		texts, look = r.unchanged(), dim
	}
	if r.dropped() != "" {
		look = red
	}
	for _, s := range texts {
		lines = append(lines, wrap(s, d.roomOf(r.host))...)
	}
	return lines, look
}

// segmentRow draws an arrow, with the receiver's new states beside its head.
func (d *drawing) segmentRow(r row) {
	toRight := r.segment.To != d.leftHost
	states, look := d.arrival(r)
	left, right := d.paint(look, states[0]), d.paint(dim, cut(r.tag, d.roomOf(r.segment.From)))
	if toRight {
		left, right = right, left
	}
	lineL, lineR := d.lifeline(), d.lifeline()
	if !r.again { // it leaves its sender's lifeline
		if toRight {
			lineL = d.paint(d.arrowStyle(r), "├")
		} else {
			lineR = d.paint(d.arrowStyle(r), "┤")
		}
	}
	if r.dropped() != "" { // it goes no further
		if toRight {
			lineR = d.paint(red, "╳")
		} else {
			lineL = d.paint(red, "╳")
		}
	}
	arrow, missed := d.arrow(r, toRight)
	d.columns(d.time(r.at), left, lineL, arrow, lineR, right)
	d.side(noTime, r.host, d.below(r.host, missed, states[1:], look), look)
}

// remark draws what is about both hosts.
func (d *drawing) remark(r row) {
	switch r.kind {
	case heading:
		d.heading(r.remark)
	case verdict:
		d.indented(r.at, r.mark+" ", r.style, r.remark)
	case setting:
		d.indented(r.at, "* ", plain, r.remark)
	case note:
		d.indented(r.at, "· ", plain, r.remark)
	case waiting, pause:
		d.indented(r.at, "… ", dim, r.remark)
	case tally:
		d.indented(noTime, "= ", dim, listed(r.remark)...)
	case fold:
		if d.narrow {
			d.columns(d.time(noTime), d.paint(dim, r.remark), d.lifeline(), d.paint(dim, center("⋮", d.mid)), d.lifeline(), "")
			return
		}
		d.columns(d.time(noTime), "", d.lifeline(), d.paint(dim, center("⋮  "+r.remark, d.mid)), d.lifeline(), "")
	}
}

// heading draws the title of a part, with a line after it.
func (d *drawing) heading(title string) {
	d.line()
	before := "── "
	lines := wrap(title, d.width-length(before))
	for i, text := range lines {
		text = before + text
		if i == len(lines)-1 && d.width > length(text) {
			text += " " + strings.Repeat("─", d.width-length(text)-1)
		}
		d.line(d.paint(bold, text))
		before = "   "
	}
}

// indented draws a remark after the time, on as many lines as it takes. One that is
// given in parts is broken between them.
func (d *drawing) indented(at time.Duration, mark string, s style, parts ...string) {
	for _, text := range wrapList(parts, d.width-length(d.time(at)+mark)) {
		d.line(d.time(at), d.paint(s, mark+text))
		at, mark = noTime, "  "
	}
}
