package report

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

// A plot has a bar for each segment with data, a cross for each that is lost and a mark
// for each that is sent again; its times are the record's. Without times there is none.
func TestPlot(t *testing.T) {
	run := transfer()
	flows := flowsOf(run)
	if len(flows) != 1 || flows[0].from != "client" || len(flows[0].sends) != 12 || len(flows[0].windows) != 4 {
		t.Fatalf("flows %+v", flows)
	}
	var sent []time.Duration
	for _, e := range run.Events {
		if s, ok := e.Body.(*record.Segment); ok && s.Len > 0 {
			sent = append(sent, s.SentAt)
		}
	}
	for i, s := range flows[0].sends {
		if s.at != sent[i] {
			t.Errorf("segment %d stands at %v, and was sent at %v", i, s.at, sent[i])
		}
	}
	var b bytes.Buffer
	if err := SVG(&b, run, with); err != nil {
		t.Fatal(err)
	}
	_, plot, _ := strings.Cut(b.String(), `<g class="plot">`)
	for mark, n := range map[string]int{`class="data"`: 11 + 1, `class="data again"`: 1 + 1, `class="cross"`: 1 + 1, ">R<": 1, `class="sack"`: 7 + 1, `class="dot"`: 3, `class="window"`: 1 + 1} { // one in the legend
		if got := strings.Count(plot, mark); got != n {
			t.Errorf("%d of %s, want %d", got, mark, n)
		}
	}
	b.Reset()
	if err := SVG(&b, run, Options{}); err != nil || strings.Contains(b.String(), `class="plot"`) {
		t.Errorf("a plot without times; %v", err)
	}
}

// A flow of few segments has no plot: the ladder shows it better.
func TestPlotOfFew(t *testing.T) {
	for name, run := range everyRun() {
		if flows := flowsOf(run); len(flows) > 0 && name != "transfer" && name != "causes" {
			t.Errorf("%s has a plot of %d segments", name, len(flows[0].sends))
		}
	}
}

// Time never goes back on a timeline, and within a stretch it is true to scale.
func TestTimeline(t *testing.T) {
	times := []time.Duration{time.Millisecond, 2 * time.Millisecond, 4 * time.Millisecond, time.Second, time.Second + time.Millisecond}
	line := newTimeline(times, 100, 900)
	if len(line) != 2 {
		t.Fatalf("%d stretches, want 2", len(line))
	}
	var places []float64
	for _, at := range times {
		places = append(places, line.at(at))
	}
	if !slices.IsSorted(places) || places[0] != 100 || math.Abs(places[4]-900) > 0.01 {
		t.Errorf("places %v", places)
	}
	if one, two := places[1]-places[0], places[2]-places[1]; two < 1.999*one || two > 2.001*one {
		t.Errorf("1 ms is %v wide, and 2 ms %v", one, two)
	}
	if between := line.at(500 * time.Millisecond); between != places[2] {
		t.Errorf("a time in the break stands at %v", between)
	}
}

// Ticks are round, and few.
func TestTicks(t *testing.T) {
	for _, a := range []axis{{from: 0, to: 10}, {from: 3, to: 9500}, {from: 0.2, to: 0.9}, {from: 1e9, to: 1e9 + 7}} {
		got := a.ticks(5)
		if len(got) < 2 || len(got) > 7 || got[0] < a.from || got[len(got)-1] > a.to {
			t.Errorf("from %v to %v: %v", a.from, a.to, got)
		}
	}
	if got := (axis{from: 5, to: 5}).ticks(3); !slices.Equal(got, []float64{5}) {
		t.Errorf("of one value: %v", got)
	}
}
