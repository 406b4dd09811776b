package report

import (
	"math"

	"github.com/tcplab/tcplab/labs/record"
)

// segment draws an arrow; what it leads to stands beside its head.
func (p *picture) segment(r row) {
	s := r.segment
	from, to := p.left, p.right
	if s.To == p.leftHost {
		from, to = to, from
	}
	y := p.y + lineStep + 3 // the label stands above
	p.stamp(r, y+4)
	lost := s.Fate == record.Dropped
	class := "arrow"
	if lost {
		class += " lost"
	}
	start, startY := from, y
	for _, version := range []string{"", r.version} {
		if heldY, ok := p.held[held{version, s.ID}]; ok && r.again {
			start, startY = from+(to-from)*heldAt, heldY
		}
	}
	end, endY := to, y+slant
	switch s.Fate {
	case record.Dropped:
		end, endY = from+(to-from)*0.72, y+slant*0.72
	case record.Held:
		end, endY = from+(to-from)*heldAt, y+slant*heldAt
		p.held[held{r.version, s.ID}] = endY
	}
	p.printf(`<path class="%s" d="M%.5g %.6gL%.5g %.6g"/>`, class, start, startY, end, endY)
	switch s.Fate {
	case record.Dropped:
		p.cross(end, endY)
	case record.Held:
		p.printf(`<circle class="dot" cx="%.5g" cy="%.6g" r="4"/>`, end, endY)
	default:
		p.tip(start, startY, end, endY)
		if r.dropped() != "" {
			p.cross(end, endY)
		}
	}
	p.labels(r, from, to, y)
	p.y = y + slant + 7
	if lost || s.Fate == record.Held {
		p.undelivered(r)
		return
	}
	p.arrived(r, y+slant+4, p.y)
}

// arrived draws what came of a segment or a message at its receiver: from below on
// beside the lifeline, and a line lower where the arrow is. The row ends no higher than
// least.
func (p *picture) arrived(r row, below, least float64) {
	texts, look := p.arrival(r)
	if p.inside {
		below += 12
	}
	below = p.beside(r.host, look, below, texts...)
	p.y = max(least, p.notes(r, below)-lineStep+8)
}

// arrival is what a segment or a message did at its receiver, and its look.
func (p *picture) arrival(r row) ([]string, string) {
	switch {
	case len(r.states) > 0:
		return r.states, "state"
	case r.dropped() != "":
		return r.unchanged(), "bad"
	}
	return r.unchanged(), "dim"
}

// cross marks where a segment goes no further.
func (p *picture) cross(x, y float64) {
	p.printf(`<path class="cross" d="M%.5g %.6gl10 10m0 -10l-10 10"/>`, x-5, y-5)
}

// labels writes what a segment says above its arrow, and its tag at its end.
func (p *picture) labels(r row, from, to, y float64) {
	s := r.segment
	class, end := "seg", ""
	switch s.Fate {
	case record.Dropped:
		class, end = "lost", ", lost"
	case record.Held:
		end = ", held"
	}
	room := int(math.Abs(to-from)/em) - 2
	tag := cut(r.tag, room/3)
	if tag != "" && p.inside {
		room -= 2 * (length(tag) + 1)
	}
	label := cut(shorten(labelOf(r), room-length(end))+end, room)
	middle := (from + to) / 2
	if r.again { // it comes from where it was held
		beyond := math.Abs(to-from)/2 - float64(length(label))*em/2
		middle += math.Copysign(min(beyond, 80), to-from)
	}
	p.text(middle, y-3, "middle", class, label)
	if r.tag == "" {
		return
	}
	if p.inside { // above the arrow's beginning
		x, anchor := from+4, "start"
		if from > to {
			x, anchor = from-4, "end"
		}
		p.text(x, y-3, anchor, "dim", tag)
		return
	}
	p.beside(s.From, "dim", y+4, r.tag)
}

// tip draws the head of an arrow that ends at x, y.
func (p *picture) tip(fromX, fromY, x, y float64) {
	p.printf(`<path class="tip" d="%s"/>`, tipAt(fromX, fromY, x, y))
}

// loop draws a segment that a host sends to itself: out and back again.
func (p *picture) loop(r row) {
	s := r.segment
	x, side := p.left, 1.0
	if r.host != p.leftHost {
		x, side = p.right, -1.0
	}
	y := p.y + lineStep + 3
	p.stamp(r, y+4)
	far := x + side*loopReach
	class := "arrow"
	if s.Fate == record.Dropped {
		class += " lost"
	}
	p.labels(r, x, far, y)
	switch s.Fate {
	case record.Dropped:
		p.printf(`<path class="%s" d="M%g %gH%g"/><path class="cross" d="M%g %gl10 10m0 -10l-10 10"/>`, class, x, y, far, far-5, y-5)
		p.y = y + 14
		p.undelivered(r)
		return
	case record.Held:
		p.printf(`<path class="%s" d="M%g %gH%g"/><circle class="dot" cx="%g" cy="%g" r="4"/>`, class, x, y, far, far, y)
		p.y = y + 14
		p.undelivered(r)
		return
	}
	p.printf(`<path class="%s" d="M%g %gH%gq%g 0 %g 11q0 11 %g 11H%g"/>`, class, x, y, far, side*11, side*11, -side*11, x+side*2)
	p.tip(far, y+22, x, y+22)
	p.arrived(r, y+26, y+30)
}
