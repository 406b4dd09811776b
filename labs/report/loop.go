package report

import "strings"

// loopRow draws a segment that a host sends to itself: out and back again.
func (d *drawing) loopRow(r row) {
	before, after := "── ", " ──" // the label, on the left and on the right side
	if r.again {                  // it was held before it came back
		before, after = "  ●── ", " ──●  "
	}
	turn, mirrored := "╮", "╭"
	lost := end(r.segment)
	if lost != "" {
		turn, mirrored = lost, mirror(lost)
	}
	room := d.mid - length(before+turn)
	label, missed := labelIn(r, room-3)
	label = strings.TrimSpace(label)
	dashes := strings.Repeat("─", room-length(label)-1)
	back := strings.Repeat("─", d.mid-2)

	states, look := d.arrival(r)
	if r.host == d.leftHost {
		d.loopLine(r, "", before+label+" "+dashes+turn)
		back = "◀" + back + "╯"
	} else {
		d.loopLine(r, "", mirrored+dashes+" "+label+after)
		back = "╰" + back + "▶"
	}
	r.at = noTime
	d.below(r.host, missed, nil, plain)
	if lost != "" {
		return
	}
	r.again = true // the way back leaves nothing
	d.loopLine(r, d.paint(look, states[0]), back)
	d.side(noTime, r.host, states[1:], look)
}

// loopLine draws one line of a loop at its host's side.
func (d *drawing) loopLine(r row, state, wire string) {
	s := d.arrowStyle(r)
	left, lineL, lineR, right := state, d.lifeline(), d.lifeline(), ""
	if r.host != d.leftHost {
		left, right = right, left
	}
	switch {
	case r.again:
	case r.host == d.leftHost:
		lineL = d.paint(s, "├")
	default:
		lineR = d.paint(s, "┤")
	}
	d.columns(d.time(r.at), left, lineL, d.paint(s, wire), lineR, right)
}
