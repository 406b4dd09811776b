package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// A plot shows a flow as Wireshark's tcptrace graph does: sequence numbers over time, as
// the sender saw them. Below stands the congestion window, where the story has looked
// at it. All times are the record's.
const (
	plotHeight = 240.0
	cwndHeight = 80.0
	plotLeft   = 76.0 // room for the numbers of the axis
	plotRight  = 14.0
)

// plots draws a plot for each flow that is worth one. Without times there is none.
func (p *picture) plots(r *record.Run) {
	if !p.timed {
		return
	}
	for _, f := range flowsOf(r) {
		p.plot(f)
	}
}

// plot draws one flow.
func (p *picture) plot(f *flow) {
	low, high, edges := f.numbers()
	p.y += 34
	what := "Sequence numbers of what the " + f.from + " sends, over time"
	if f.tag != "" {
		what += " (" + f.tag + ")"
	}
	p.printf(`<g class="plot">`)
	p.text(12, p.y, "start", "head", cut(what, int((p.span-24)/em)))
	times := newTimeline(f.times(), plotLeft+8, p.span-plotRight-8)
	p.legend(f, edges, len(times) > 1)
	top := p.y + 26
	seq := axis{float64(low), float64(high), top + plotHeight, top}
	p.frame(seq, "bytes")
	p.stamps(times, seq.begin)
	p.staircase("acks", times, seq, f.acks, func(a acked) int64 { return a.ack })
	if edges {
		p.staircase("window", times, seq, f.acks, func(a acked) int64 { return a.edge })
	}
	for _, a := range f.acks {
		for _, b := range a.sack {
			p.bar("sack", times.at(a.at), seq.at(float64(b[0])), seq.at(float64(b[1])))
		}
	}
	for _, s := range f.sends {
		x, y := times.at(s.at), seq.at(float64(s.end))
		p.bar(map[bool]string{false: "data", true: "data again"}[s.again], x, seq.at(float64(s.seq)), y)
		if s.lost {
			p.cross(x, (y+seq.at(float64(s.seq)))/2)
		}
		if s.again {
			p.text(x, y-4, "middle", "again", "R")
		}
	}
	p.y = top + plotHeight + 20
	if len(f.windows) > 0 {
		p.congestion(f, times)
	}
	p.printf("</g>\n")
	p.body.WriteString(p.out.String())
	p.out.Reset()
}

// frame draws the axes, with round numbers on the one that goes up.
func (p *picture) frame(y axis, unit string) {
	p.printf(`<path class="frame" d="M%.5g %.6gV%.6gH%.5g"/>`, plotLeft, y.until, y.begin, p.span-plotRight)
	for _, v := range y.ticks(5) {
		p.printf(`<path class="frame" d="M%.5g %.6gh-4"/>`, plotLeft, y.at(v))
		p.text(plotLeft-7, y.at(v)+4, "end", "dim", strconv.FormatFloat(v, 'f', -1, 64))
	}
	p.text(plotLeft-7, y.until-8, "end", "dim", unit)
}

// stamps writes the times below, and marks the breaks.
func (p *picture) stamps(t timeline, y float64) {
	free := 0.0
	for i, a := range t {
		if i > 0 {
			p.printf(`<path class="break" d="M%.5g %.6gl6 -12m5 0l-6 12"/>`, a.begin-breakGap/2-5, y+6)
		}
		ticks := a.ticks(int((a.until - a.begin) / 90))
		if len(ticks) == 0 {
			ticks = []float64{a.from}
		}
		for n, v := range ticks {
			text := strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64) + " ms"
			half := float64(len(text)) * em / 2
			x := a.at(v)
			p.printf(`<path class="frame" d="M%.5g %.6gv4"/>`, x, y)
			middle := max(x, half)
			if i > 0 && n == 0 { // when it goes on after a pause is said in any case
				middle = max(middle, free+half)
			}
			middle = min(middle, p.span-half-2)
			if middle-half < free {
				continue
			}
			p.text(middle, y+17, "middle", "dim", text)
			free = middle + half + 8
		}
	}
}

// bar draws a range of sequence numbers.
func (p *picture) bar(class string, x, low, high float64) {
	if low-high < 1.5 {
		high = low - 1.5
	}
	p.printf(`<path class="%s" d="M%.5g %.6gV%.6g"/>`, class, x, low, high)
}

// staircase draws a number that each acknowledgement sets anew. What lies beyond the
// picture is left out.
func (p *picture) staircase(class string, x timeline, y axis, acks []acked, of func(acked) int64) {
	var d strings.Builder
	for _, a := range acks {
		v := float64(of(a))
		switch at := x.at(a.at); {
		case v < y.from || v > y.to:
			continue
		case d.Len() == 0:
			fmt.Fprintf(&d, "M%.5g %.6g", at, y.at(v))
		default:
			fmt.Fprintf(&d, "H%.5gV%.6g", at, y.at(v))
		}
	}
	if d.Len() > 0 {
		p.printf(`<path class="%s" d="%sH%.5g"/>`, class, d.String(), x[len(x)-1].until)
	}
}

// legend says what is drawn how, as far as it is drawn.
func (p *picture) legend(f *flow, edges, broken bool) {
	again, lost, sack := false, false, false
	for _, s := range f.sends {
		again, lost = again || s.again, lost || s.lost
	}
	for _, a := range f.acks {
		sack = sack || len(a.sack) > 0
	}
	p.y += 17
	x := 18.0
	for _, l := range []struct {
		show       bool
		class, say string
	}{
		{true, "data", "a segment"}, {lost, "cross", "lost"}, {again, "data again", "sent again"},
		{true, "acks", "acknowledged"}, {sack, "sack", "by SACK"}, {edges, "window", "end of the window"},
		{broken, "break", "a pause, cut short"},
	} {
		if !l.show {
			continue
		}
		width := 26 + float64(len(l.say))*em
		if x+width > p.span {
			x, p.y = 18, p.y+17
		}
		switch l.class {
		case "acks", "window":
			p.printf(`<path class="%s" d="M%.5g %.6gh14"/>`, l.class, x-4, p.y-4)
		case "break":
			p.printf(`<path class="break" d="M%.5g %.6gl6 -12m5 0l-6 12"/>`, x-3, p.y+1)
		case "cross":
			p.cross(x+2, p.y-4)
		default:
			p.bar(l.class, x+2, p.y+1, p.y-10)
		}
		p.text(x+14, p.y, "start", "dim", l.say)
		x += width + 8
	}
}

// congestion draws the congestion window: a dot where the story has looked at it.
func (p *picture) congestion(f *flow, x timeline) {
	most := uint32(1)
	for _, w := range f.windows {
		most = max(most, w.cwnd)
	}
	p.y += 26
	p.text(12, p.y, "start", "head", cut("The congestion window, where the story has looked at it", int((p.span-24)/em)))
	y := axis{0, float64(most), p.y + 26 + cwndHeight, p.y + 26}
	p.frame(y, "segments")
	p.stamps(x, y.begin)
	var d, dots strings.Builder
	for _, w := range f.windows {
		at, v := x.at(w.at), y.at(float64(w.cwnd))
		if msOf(w.at) < x[0].from { // it has had that since before
			d.Reset()
			fmt.Fprintf(&d, "M%.5g %.6g", x[0].begin, v)
			continue
		}
		if d.Len() == 0 {
			fmt.Fprintf(&d, "M%.5g %.6g", at, v)
		}
		fmt.Fprintf(&d, "H%.5gV%.6g", at, v)
		fmt.Fprintf(&dots, `<circle class="dot" cx="%.5g" cy="%.6g" r="2.5"/>`, at, v)
	}
	p.printf(`<path class="cwnd" d="%sH%.5g"/>%s`, d.String(), x[len(x)-1].until, dots.String())
	p.y += cwndHeight + 46
}
