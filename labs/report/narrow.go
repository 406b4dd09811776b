package report

import (
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

// A narrow ladder has its lifelines beside each other and all texts on their right,
// so that nothing is broken for want of room:
//
//	0.17 ●     │ connect(3, 192.0.2.2:80) = EINPROGRESS
//	     ●     │ SYN_SENT
//	0.23 │────▶│ SYN seq=0
//	     │     ● SYN_RECV
const (
	narrowBelow = 78 // a terminal's 80, less the margin of a view that marks lines
	narrowWire  = 5
)

func (d *drawing) narrowHosts() {
	at := d.stamp("ms")
	for i, text := range d.heads {
		if i == 1 && d.alone {
			return
		}
		for _, text := range wrap(d.clean(text), d.left) {
			d.narrowLine(at, i == 0, d.paint(bold, text))
			at = d.stamp("")
		}
	}
}

// narrowSide draws a line of text that is about a host.
func (d *drawing) narrowSide(at time.Duration, host, text string) {
	d.narrowLine(d.time(at), host == d.leftHost, text)
}

// narrowLine draws a line of text with a mark on the lifeline that it is about.
func (d *drawing) narrowLine(stamp string, left bool, text string) {
	lineL, lineR := "●", d.lifeline()
	if !left {
		lineL, lineR = lineR, lineL
	}
	d.columns(stamp, text, lineL, strings.Repeat(" ", narrowWire), lineR, "")
}

// narrowArrows are the wire's part of a message's row, as wide as narrowWire: to the
// right and to the left, and where the segment comes back to its sender.
var narrowArrows = map[string]struct{ right, left, loopRight, loopLeft string }{
	"":        {"────▶", "◀────", " ╭──▶", "◀──╮ "},
	lostMark:  {"──╳  ", "  ╳──", "  ╳──", "──╳  "},
	heldMark:  {"──●  ", "  ●──", "  ●──", "──●  "},
	heldTill:  {"  ●─▶", "◀─●  ", "  ●─▶", "◀─●  "},
	againLost: {"  ●─╳", "╳─●  ", "  ●─╳", "╳─●  "},
	stillMark: {"  ●  ", "  ●  ", "  ●  ", "  ●  "},
}

// What becomes of a segment that was held before.
const (
	againLost = "lost after all"
	stillMark = "held on"
)

// narrowArrow is the wire's part of a segment's row.
func (d *drawing) narrowArrow(r row) string {
	mark, loop, toRight := heldTill, false, r.host != d.leftHost
	if r.segment != nil { // an ICMP message begins on the wire
		mark, loop, toRight = end(r.segment), d.isLoop(r.segment), r.segment.To != d.leftHost
		if r.again {
			mark = map[string]string{"": heldTill, lostMark: againLost, heldMark: stillMark}[mark]
		}
	}
	a := narrowArrows[mark]
	switch {
	case loop && toRight:
		return a.loopRight
	case loop:
		return a.loopLeft
	case toRight:
		return a.right
	}
	return a.left
}

// narrowMessage draws a segment, or an ICMP message.
func (d *drawing) narrowMessage(r row) {
	text, s := r.label, blue
	if r.segment != nil {
		text, s = labelOf(r), d.arrowStyle(r)
		switch r.segment.Fate {
		case record.Dropped:
			text += " lost"
		case record.Held:
			text += " held"
		}
	}
	if r.tag != "" {
		text = r.tag + " " + text
	}
	at, wire, lineL, lineR := r.at, d.narrowArrow(r), d.lifeline(), d.lifeline()
	switch {
	case r.dropped() == "":
	case r.host == d.leftHost:
		lineL = d.paint(red, "╳")
	default:
		lineR = d.paint(red, "╳")
	}
	for _, l := range wrap(text, d.left) {
		d.columns(d.time(at), d.paint(s, l), lineL, d.paint(s, wire), lineR, "")
		at, wire, lineL, lineR = noTime, strings.Repeat(" ", narrowWire), d.lifeline(), d.lifeline()
	}
	if states, look := d.arrival(r); states[0] != "" {
		d.side(noTime, r.host, states, look)
	}
}
