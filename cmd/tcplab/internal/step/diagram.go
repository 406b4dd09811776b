package step

import (
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// The state diagram of RFC 9293, figure 5, on a small canvas. CLOSE stands on it
// twice, as in the figure.
const (
	diagramWidth  = 39
	diagramHeight = 11
)

// A point is a row and a column of the canvas.
type point struct{ row, col int }

// boxes are where the states stand: the middle of each.
var boxes = []struct {
	state string
	at    point
}{
	{record.Close, point{0, 18}},
	{record.Listen, point{2, 5}},
	{record.SynSent, point{2, 32}},
	{record.SynRecv, point{4, 5}},
	{record.Established, point{4, 32}},
	{record.FinWait1, point{6, 5}},
	{record.Closing, point{6, 18}},
	{record.CloseWait, point{6, 32}},
	{record.FinWait2, point{8, 5}},
	{record.TimeWait, point{8, 18}},
	{record.LastAck, point{8, 32}},
	{record.Close, point{10, 18}},
}

// A wire is how an edge runs: from a point in its first state's box, which it
// leaves out, by straight lines to its head. Where several edges end in one
// state, the head of one may stand beside the other's.
type wire struct {
	from, to string
	points   []point
}

var wires = []wire{
	{record.Close, record.Listen, []point{{0, 15}, {0, 5}, {1, 5}}},
	{record.Close, record.SynSent, []point{{0, 21}, {0, 32}, {1, 32}}},
	{record.Listen, record.SynRecv, []point{{2, 5}, {3, 5}}},
	{record.Listen, record.SynSent, []point{{2, 8}, {2, 26}}},
	{record.SynSent, record.SynRecv, []point{{2, 28}, {3, 28}, {3, 6}}},
	{record.SynSent, record.Established, []point{{2, 32}, {3, 32}}},
	{record.SynRecv, record.Established, []point{{4, 9}, {4, 25}}},
	{record.SynRecv, record.FinWait1, []point{{4, 5}, {5, 5}}},
	{record.Established, record.FinWait1, []point{{4, 28}, {5, 28}, {5, 6}}},
	{record.Established, record.CloseWait, []point{{4, 32}, {5, 32}}},
	{record.FinWait1, record.FinWait2, []point{{6, 5}, {7, 5}}},
	{record.FinWait1, record.Closing, []point{{6, 10}, {6, 13}}},
	{record.FinWait1, record.TimeWait, []point{{6, 9}, {7, 9}, {7, 17}}},
	{record.FinWait2, record.TimeWait, []point{{8, 10}, {8, 12}}},
	{record.Closing, record.TimeWait, []point{{6, 18}, {7, 18}}},
	{record.CloseWait, record.LastAck, []point{{6, 32}, {7, 32}}},
	{record.LastAck, record.Close, []point{{8, 32}, {9, 32}, {9, 19}}},
	{record.TimeWait, record.Close, []point{{8, 18}, {9, 18}}},
}

// backWires are the edges that go the other way on a wire that is there. They
// are drawn only when they are taken.
var backWires = []wire{
	{record.Listen, record.Close, []point{{2, 5}, {0, 5}, {0, 14}}},
	{record.SynSent, record.Close, []point{{2, 32}, {0, 32}, {0, 22}}},
	{record.SynRecv, record.Listen, []point{{4, 5}, {3, 5}}},
}

// edge finds a transition in RFC 9293's diagram; nil where it has none such.
func edge(from, to string) *report.Edge {
	for i, e := range report.Edges {
		if e.From == from && e.To == to {
			return &report.Edges[i]
		}
	}
	return nil
}

// diagram draws the states and the edges between them: the present state in
// brackets and reversed, the one before in parentheses, and the edge just taken
// heavy.
func diagram(e report.End, p paint) []string {
	var c canvas
	for _, w := range wires {
		c.wire(w.points, light, dim)
	}
	for _, w := range slices.Concat(backWires, wires) {
		if w.from == e.From && w.to == e.State {
			c.wire(w.points, heavy, taken)
		}
	}
	for _, b := range boxes {
		switch b.state {
		case e.State:
			c.box(b.at, "["+b.state+"]", present)
		case e.From:
			c.box(b.at, "("+b.state+")", taken)
		default:
			c.box(b.at, " "+b.state+" ", plain)
		}
	}
	return c.lines(p)
}

// A canvas holds characters and their styles.
type canvas [diagramHeight][diagramWidth]struct {
	char  rune
	style style
}

func (c *canvas) box(middle point, text string, s style) {
	for i, char := range text {
		at := &c[middle.row][middle.col-len(text)/2+i]
		at.char, at.style = char, s
	}
}

// A pen has the characters of a line: across, down, the corners and the heads.
type pen struct {
	across, down rune
	corners      map[[2]point]rune // by the directions before and after
	heads        map[point]rune
}

// The directions on the canvas.
var (
	up    = point{-1, 0}
	down  = point{1, 0}
	left  = point{0, -1}
	right = point{0, 1}
)

var heads = map[point]rune{up: '▲', down: '▼', left: '◀', right: '▶'}

var light = pen{'─', '│', map[[2]point]rune{
	{left, down}: '╭', {up, right}: '╭', {right, down}: '╮', {up, left}: '╮',
	{down, right}: '╰', {left, up}: '╰', {down, left}: '╯', {right, up}: '╯',
}, heads}

var heavy = pen{'━', '┃', map[[2]point]rune{
	{left, down}: '┏', {up, right}: '┏', {right, down}: '┓', {up, left}: '┓',
	{down, right}: '┗', {left, up}: '┗', {down, left}: '┛', {right, up}: '┛',
}, heads}

func (c *canvas) wire(points []point, p pen, s style) {
	at, before := points[0], point{}
	for _, next := range points[1:] {
		way := point{sign(next.row - at.row), sign(next.col - at.col)}
		for at != next {
			if corner, ok := p.corners[[2]point{before, way}]; ok {
				c[at.row][at.col].char = corner
			}
			at = point{at.row + way.row, at.col + way.col}
			c[at.row][at.col].char, c[at.row][at.col].style = p.down, s
			if way.row == 0 {
				c[at.row][at.col].char = p.across
			}
			before = way
		}
	}
	c[at.row][at.col].char = p.heads[before]
}

func sign(n int) int { return min(max(n, -1), 1) }

// lines returns what is drawn, painted in runs of one style.
func (c *canvas) lines(p paint) []string {
	lines := make([]string, diagramHeight)
	for i, row := range c {
		var line, run strings.Builder
		var now style
		for _, cell := range row {
			if cell.char == 0 {
				cell.char, cell.style = ' ', plain
			}
			if cell.style != now {
				line.WriteString(p(now, run.String()))
				run.Reset()
				now = cell.style
			}
			run.WriteRune(cell.char)
		}
		lines[i] = line.String() + p(now, run.String())
	}
	return lines
}
