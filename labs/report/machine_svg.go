package report

import (
	"fmt"
	"html"
	"math"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

const (
	nodeHeight = 34.0
	apart      = 5.0 // between the edges of two states that lead to each other
)

func (n Node) halfWidth() float64 { return float64(len(n.State))*11.5/2 + 7 }

func node(state string) Node {
	for _, n := range Machine {
		if n.State == state {
			return n
		}
	}
	return Node{}
}

// machineSVG draws the state diagram, with the state that an end is in, and the
// edge that it has just taken, lit.
func machineSVG(e End) string {
	var b strings.Builder
	b.WriteString(`<svg viewBox="-22 4 540 396" role="img" aria-label="RFC 9293's state diagram">`)
	taken := e.From + ">" + e.State
	// The edges come after the nodes, for their labels may reach over one.
	for _, n := range Machine {
		class := "node"
		if n.State == e.State {
			class += " now"
		}
		title := ""
		if n.RFC != "" {
			title = "<title>" + n.RFC + " in RFC 9293</title>"
		}
		half := n.halfWidth()
		fmt.Fprintf(&b, `<g class="%s" data-state="%s" data-x="%g" data-y="%g">%s<rect x="%.4g" y="%g" width="%.4g" height="%g" rx="7"/><text x="%g" y="%g" text-anchor="middle">%s</text></g>`,
			class, n.State, n.x, n.y, title, n.x-half, n.y-nodeHeight/2, 2*half, nodeHeight, n.x, n.y+6.5, n.State)
	}
	for _, edge := range Edges {
		name := edge.From + ">" + edge.To
		class := "edge"
		if name == taken {
			class += " now"
		}
		path, tip, x, y := edge.route()
		anchor := "middle"
		switch from, to := node(edge.From), node(edge.To); { // not onto the line
		case from.y == to.y:
			y -= nodeHeight/2 + 8
		case from.x != to.x:
		case from.x > 300:
			anchor, x = "end", x-9
		default:
			anchor, x = "start", x+9
		}
		fmt.Fprintf(&b, `<g class="%s" data-edge="%s"><path d="%s"/><path class="tip" d="%s"/><text x="%.4g" y="%.4g" text-anchor="%s">%s</text></g>`,
			class, html.EscapeString(name), path, tip, x, y, anchor, html.EscapeString(edge.On))
	}
	b.WriteString(`<g class="extra"><path d=""/></g>`)
	b.WriteString(`</svg>`)
	return b.String()
}

// route returns an edge's path, the head of its arrow, and where its label is.
func (e Edge) route() (path, tip string, x, y float64) {
	from, to := node(e.From), node(e.To)
	switch {
	case e.From == record.LastAck && e.To == record.Close: // around, on the right
		side := from.x + 86
		endX := to.x + to.halfWidth() + 2
		path = fmt.Sprintf("M%g %gH%gV%gH%g", from.x+from.halfWidth(), from.y, side, to.y, endX)
		return path, tipAt(side, to.y, endX, to.y), (side + endX) / 2, to.y + 18
	case e.From == record.TimeWait && e.To == record.Close: // around, on the left
		side, under := -14.0, from.y+34
		endX := to.x - to.halfWidth() - 2
		path = fmt.Sprintf("M%g %gV%gH%gV%gH%g", from.x, from.y+nodeHeight/2, under, side, to.y, endX)
		return path, tipAt(side, to.y, endX, to.y), (side + endX) / 2, to.y + 18
	}
	dx, dy := to.x-from.x, to.y-from.y
	long := math.Hypot(dx, dy)
	shiftX, shiftY := 0.0, 0.0
	if e.twoWay() {
		shiftX, shiftY = -dy/long*apart, dx/long*apart
	}
	startX, startY := from.leave(dx, dy)
	endX, endY := to.leave(-dx, -dy)
	startX, startY, endX, endY = startX+shiftX, startY+shiftY, endX+shiftX, endY+shiftY
	path = fmt.Sprintf("M%.5g %.5gL%.5g %.5g", startX, startY, endX, endY)
	return path, tipAt(startX, startY, endX, endY), (startX + endX) / 2, (startY+endY)/2 + 4
}

// twoWay reports whether there is an edge back.
func (e Edge) twoWay() bool {
	for _, other := range Edges {
		if other.From == e.To && other.To == e.From {
			return true
		}
	}
	return false
}

// leave is where a line that goes off in a direction crosses the node's box.
func (n Node) leave(dx, dy float64) (x, y float64) {
	scale := math.Inf(1)
	if dx != 0 {
		scale = math.Abs((n.halfWidth() + 1) / dx)
	}
	if dy != 0 {
		scale = min(scale, math.Abs((nodeHeight/2+1)/dy))
	}
	return n.x + dx*scale, n.y + dy*scale
}

// tipAt is the head of an arrow that ends at x, y.
func tipAt(fromX, fromY, x, y float64) string {
	angle := math.Atan2(y-fromY, x-fromX)
	corner := func(turn float64) (float64, float64) {
		return x - 10*math.Cos(angle+turn), y - 10*math.Sin(angle+turn)
	}
	aX, aY := corner(0.35)
	bX, bY := corner(-0.35)
	return fmt.Sprintf("M%.5g %.6gL%.5g %.6gL%.5g %.6gz", x, y, aX, aY, bX, bY)
}
