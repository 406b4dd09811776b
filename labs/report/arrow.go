package report

import (
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

func (d *drawing) arrowStyle(r row) style {
	if r.segment.Fate == record.Dropped {
		return red
	}
	return blue
}

// Marks of an arrow to the right; mirror turns them around.
const (
	lostMark = "╳ lost "
	heldMark = "● held "
	heldTill = "     ●" // where a segment that was held goes on
)

// end is the mark at the head of a segment that does not arrive.
func end(s *record.Segment) string {
	switch s.Fate {
	case record.Dropped:
		return lostMark
	case record.Held:
		return heldMark
	}
	return ""
}

// arrow draws the wire's part of a segment's row, and returns what it has no room
// for.
func (d *drawing) arrow(r row, toRight bool) (drawn, missed string) {
	start, end := "", end(r.segment)
	if r.again {
		start = heldTill
	}
	room := d.mid - length(start) - length(end)
	if end == "" {
		room-- // the head
	}
	label, missed := labelIn(r, room-3)
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
	return d.paint(d.arrowStyle(r), body), missed
}

// center puts a text into the middle of a column.
func center(text string, width int) string {
	before := strings.Repeat(" ", max(0, width-length(text))/2)
	return before + text + pad(before+text, width)
}

// mirror turns a mark around for an arrow to the left: "● held " → " held ●".
func mirror(mark string) string {
	switch mark {
	case lostMark:
		return " lost ╳"
	case heldMark:
		return " held ●"
	case heldTill:
		return "●     "
	}
	return mark
}
