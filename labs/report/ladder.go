package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

// Ladder writes the run as a sequence diagram: time runs down, a lifeline for
// each host, system calls and socket states on the outside, segments between.
func Ladder(w io.Writer, r *record.Run, o Options) error {
	d := newDrawing(w, r, o)
	d.header(r)
	for _, row := range folded(rowsOf(r, o.Times)) {
		d.row(row)
	}
	d.line()
	return d.err
}

// A drawing knows the columns: time, left text, lifeline, wire, lifeline, right
// text. A run with one host has the first lifeline alone.
type drawing struct {
	printer
	times                   bool
	width, left, mid, right int
	leftHost                string
	alone                   bool
}

const (
	timeWidth = 9
	gap       = 1 // between a text and its lifeline
)

func newDrawing(w io.Writer, r *record.Run, o Options) *drawing {
	d := &drawing{printer: printer{w: w, color: o.Color, ascii: o.ASCII}, times: o.Times, width: max(o.Width, minWidth)}
	hosts := slices.Sorted(maps.Keys(r.Environment.Hosts))
	d.alone = len(hosts) < 2
	if len(hosts) > 0 {
		d.leftHost = hosts[0] // the client: it comes first in the alphabet too
	}
	room := min(d.width, 120) - 2*(gap+1)
	if d.times {
		room -= timeWidth
	}
	d.left = room * 34 / 100
	d.right = room * 31 / 100
	d.mid = room - d.left - d.right
	return d
}

func (d *drawing) header(r *record.Run) {
	e := r.Environment
	for _, text := range wrap(clean(r.Title), min(d.width, 120)) {
		d.line(d.paint(bold, text))
	}
	for _, text := range wrap(clean("tcplab "+r.Lab+flags(r)+" on Linux "+e.Kernel), min(d.width, 120)) {
		d.line(d.paint(dim, text))
	}
	d.line()
	var right string
	if !d.alone {
		right = clean("server " + e.Hosts["server"])
	}
	left := clean(d.leftHost + " " + e.Hosts[d.leftHost])
	d.columns(-1, d.paint(bold, left), d.lifeline(), strings.Repeat(" ", d.mid), d.lifeline(), d.paint(bold, right))
}

// flags writes the lab's flags as they were in force.
func flags(r *record.Run) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(r.Args)) {
		if value := r.Args[name]; value != "-1" {
			b.WriteString(" --" + name + " " + value)
		}
	}
	if r.Environment.IPv6 {
		b.WriteString(" --ipv6")
	}
	return b.String()
}

func (d *drawing) lifeline() string { return d.paint(dim, "│") }

// columns draws one line. A time below 0 is left out.
func (d *drawing) columns(at time.Duration, left, lineL, wire, lineR, right string) {
	if d.alone {
		lineR = ""
	}
	d.line(d.time(at), pad(left, d.left), left, " ", lineL, wire, lineR, " ", right)
}

func (d *drawing) time(at time.Duration) string {
	if !d.times {
		return ""
	}
	text := ""
	switch {
	case at < 0:
	case at < 10*time.Second:
		text = fmt.Sprintf("%.2f", float64(at.Microseconds())/1000)
	default:
		text = fmt.Sprintf("%.3fs", at.Seconds())
	}
	return d.paint(dim, fmt.Sprintf("%*s ", timeWidth-1, text))
}

func (d *drawing) row(r row) {
	switch {
	case r.kind != 0:
		d.remark(r)
	case r.segment == nil:
		d.callRow(r)
	case r.segment.From == r.segment.To:
		d.loopRow(r)
	default:
		d.segmentRow(r)
	}
}

// side draws lines of text on a host's side, with the wire empty. The first
// line carries the time.
func (d *drawing) side(at time.Duration, host string, lines []string, s style) {
	for _, text := range lines {
		left, right := d.paint(s, text), ""
		if host != d.leftHost {
			left, right = right, left
		}
		d.columns(at, left, d.lifeline(), strings.Repeat(" ", d.mid), d.lifeline(), right)
		at = -1
	}
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
		lines := wrap(r.text, d.roomOf(r.host))
		if last := len(lines) - 1; length(lines[last]+r.result) <= d.roomOf(r.host) {
			lines[last] += r.result
		} else {
			lines = append(lines, strings.TrimSpace(r.result))
		}
		d.side(at, r.host, lines, plain)
		at = -1
	}
	for _, s := range r.states {
		d.side(at, r.host, wrap(s, d.roomOf(r.host)), bold)
		at = -1
	}
}

// segmentRow draws an arrow, with the receiver's new states beside its head.
func (d *drawing) segmentRow(r row) {
	toRight := r.segment.To != d.leftHost
	var states []string
	for _, s := range r.states {
		states = append(states, wrap(s, d.roomOf(r.host))...)
	}
	first, look := r.still, dim
	if len(states) > 0 {
		first, states, look = states[0], states[1:], bold
	}
	left, right := d.paint(look, first), d.paint(dim, r.port)
	if toRight {
		left, right = right, left
	}
	lineL, lineR := d.lifeline(), d.lifeline()
	wire := d.arrow(r, toRight)
	if !r.again { // it leaves its sender's lifeline
		if toRight {
			lineL = d.paint(d.arrowStyle(r), "├")
		} else {
			lineR = d.paint(d.arrowStyle(r), "┤")
		}
	}
	d.columns(r.at, left, lineL, wire, lineR, right)
	d.side(-1, r.host, states, bold)
}

func (d *drawing) arrowStyle(r row) style {
	if r.segment.Fate == record.Dropped {
		return red
	}
	return blue
}

// arrow draws the wire's part of a segment's row.
func (d *drawing) arrow(r row, toRight bool) string {
	label := r.label
	end := "" // drawn at the head's side, where the segment does not arrive
	switch r.segment.Fate {
	case record.Dropped:
		end = "╳ lost "
	case record.Held:
		end = "● held "
	case record.Injected:
		label += " copy"
	}
	start := ""
	if r.again {
		start = "     ●"
	}
	room := d.mid - length(start) - length(end)
	if end == "" {
		room-- // the head
	}
	label = " " + shorten(label, room-4) + " "
	dashes := max(0, room-length(label))
	body := strings.Repeat("─", dashes/2) + label + strings.Repeat("─", dashes-dashes/2)
	switch {
	case toRight && end == "":
		body = start + body + "▶"
	case toRight:
		body = start + body + end
	case end == "":
		body = "◀" + body + mirror(start)
	default:
		body = mirror(end) + body + mirror(start)
	}
	return d.paint(d.arrowStyle(r), body)
}

// shorten leaves out of a label what can best be missed until it fits: the
// sequence number of a SYN, which is 0; then the acknowledgement number.
func shorten(label string, room int) string {
	words := strings.Fields(label)
	drop := func(prefix string) {
		if length(strings.Join(words, " ")) > room {
			words = slices.DeleteFunc(words, func(w string) bool { return strings.HasPrefix(w, prefix) })
		}
	}
	drop("seq=0")
	drop("ack=")
	label = strings.Join(words, " ")
	return string([]rune(label)[:min(max(room, 0), length(label))])
}

// center puts a text into the middle of a column.
func center(text string, width int) string {
	before := strings.Repeat(" ", max(0, width-length(text))/2)
	return before + text + pad(before+text, width)
}

// mirror turns a mark around for an arrow to the left: "● held " → " held ●".
func mirror(mark string) string {
	if strings.TrimLeft(mark, " ") != mark { // a start: the mark is its last character
		return "●     "
	}
	if mark == "" {
		return ""
	}
	glyph := []rune(mark)[0]
	return " " + strings.TrimSpace(string([]rune(mark)[1:])) + " " + string(glyph)
}

// loopRow draws a segment that a host sends to itself.
func (d *drawing) loopRow(r row) {
	s := d.arrowStyle(r)
	label := "── " + r.label + " "
	out := label + strings.Repeat("─", max(0, d.mid-1-length(label)))
	if r.segment.Fate == record.Dropped || r.segment.Fate == record.Held {
		mark := "╳ lost"
		if r.segment.Fate == record.Held {
			mark = "● held"
		}
		d.columns(r.at, "", d.paint(s, "├"), d.paint(s, out[:len(out)-3*len([]rune(mark))]+mark), "", "")
		return
	}
	d.columns(r.at, "", d.paint(s, "├"), d.paint(s, out+"╮"), "", "")
	first, look := r.still, dim
	if len(r.states) > 0 {
		first, look = r.states[0], bold
	}
	d.columns(-1, d.paint(look, first), d.lifeline(), d.paint(s, "◀"+strings.Repeat("─", d.mid-2)+"╯"), "", "")
	if len(r.states) > 1 {
		d.side(-1, r.host, r.states[1:], bold)
	}
}

// remark draws what is about both hosts.
func (d *drawing) remark(r row) {
	width := min(d.width, 120)
	switch r.kind {
	case heading:
		d.line()
		d.line(d.paint(bold, "── "+r.remark+" "+strings.Repeat("─", max(0, width-length(r.remark)-4))))
	case verdict:
		d.indented(r, r.mark+" ", r.style)
	case setting:
		d.indented(r, "* ", plain)
	case waiting:
		d.indented(r, "… ", dim)
	case tally:
		d.indented(row{at: -1, remark: r.remark}, "= ", dim)
	case fold:
		d.columns(-1, "", d.lifeline(), d.paint(dim, center("⋮  "+r.remark, d.mid)), d.lifeline(), "")
	}
}

// indented draws a remark after the time, on as many lines as it takes.
func (d *drawing) indented(r row, mark string, s style) {
	indent := 0
	if d.times {
		indent = timeWidth
	}
	at := r.at
	for _, text := range wrap(r.remark, min(d.width, 120)-indent-length(mark)) {
		d.line(d.time(at), d.paint(s, mark+text))
		at, mark = -1, "  "
	}
}
