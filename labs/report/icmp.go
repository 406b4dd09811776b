package report

import (
	"fmt"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// icmp adds an error message that a host has received.
func (b *rowBuilder) icmp(e record.Event, m *record.ICMP) {
	about := &record.Segment{From: m.From.Addr().String(), To: m.To, Src: m.Dest, Dst: m.From, Fate: record.Delivered}
	b.follow(about)
	b.rows = append(b.rows, row{at: e.At, host: m.To, icmp: m, label: "ICMP " + m.Says, still: strings.TrimSpace(b.tag(about) + " " + b.still(about))})
}

// saysICMP tells it in a sentence.
func saysICMP(r *row) string {
	return fmt.Sprintf("An ICMP message from %v reaches the %s, about a segment that it has sent: %s.", r.icmp.Src, r.host, r.icmp.Says)
}

// icmpRow draws an error message as an arrow that begins on the wire, where a router
// would be. What it says stands on the arrow or, where it does not fit, at its head.
func (d *drawing) icmpRow(r row) {
	texts, look := d.arrival(r)
	label, room := r.label, d.mid-6 // without head, tail, dashes and spaces
	if length(label) > room {
		texts = append(wrap(strings.TrimPrefix(label, "ICMP "), d.roomOf(r.host)), texts...)
		label = "ICMP"
	}
	dashes := strings.Repeat("─", min(2, room-length(label)))
	wire := "◀─" + dashes + " " + label + " ─●"
	wire += pad(wire, d.mid)
	if r.host != d.leftHost {
		wire = "●─ " + label + " " + dashes + "─▶"
		wire = pad(wire, d.mid) + wire
	}
	left, right := d.paint(look, texts[0]), ""
	if r.host != d.leftHost {
		left, right = right, left
	}
	d.columns(d.time(r.at), left, d.lifeline(), d.paint(blue, wire), d.lifeline(), right)
	d.side(noTime, r.host, texts[1:], look)
}

// icmp draws an error message as icmpRow does.
func (p *picture) icmp(r row) {
	from, to := (p.left+p.right)/2, p.left
	if r.host != p.leftHost {
		to = p.right
	}
	y := p.y + lineStep + 3
	p.stamp(r, y+4)
	p.printf(`<circle class="dot" cx="%.5g" cy="%.6g" r="4"/><path class="arrow" d="M%.5g %.6gL%.5g %.6g"/>`, from, y, from, y, to, y+slant)
	p.tip(from, y, to, y+slant)
	p.text((p.left+p.right)/2, y-6, "middle", "seg", cut(p.clean(r.label), int((p.right-p.left)/em)-2))
	p.arrived(r, y+slant+4, y+slant+7)
}
