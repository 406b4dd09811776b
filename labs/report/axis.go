package report

import (
	"math"
	"time"
)

// An axis maps values to places in a picture.
type axis struct {
	from, to     float64 // values
	begin, until float64 // places
}

func (a axis) at(v float64) float64 {
	if a.to <= a.from {
		return a.begin
	}
	return a.begin + (v-a.from)/(a.to-a.from)*(a.until-a.begin)
}

// ticks are round values on the axis, at most n and one more.
func (a axis) ticks(n int) []float64 {
	step := (a.to - a.from) / float64(max(n, 1))
	if !(step > 0) || math.IsInf(step, 0) {
		return []float64{a.from}
	}
	unit := math.Pow(10, math.Floor(math.Log10(step)))
	for _, m := range []float64{1, 2, 5, 10} {
		if unit*m >= step {
			step = unit * m
			break
		}
	}
	var all []float64
	for i := math.Ceil(a.from / step); i*step <= a.to; i++ {
		all = append(all, i*step)
	}
	return all
}

func msOf(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// A timeline is an axis of time, in ms, that is broken where nothing happens for long:
// otherwise a wait for a timer would press all the rest together. Within a stretch it is
// true to scale.
type timeline []axis

const (
	longPause = 8.0  // a pause is long from this part of the whole on
	breakGap  = 22.0 // room for the mark of a break
)

// newTimeline makes a timeline of the times, which are in order.
func newTimeline(times []time.Duration, begin, until float64) timeline {
	whole := msOf(times[len(times)-1] - times[0])
	var t timeline
	var events []int
	for _, at := range times {
		v := msOf(at)
		if last := len(t) - 1; last >= 0 && v-t[last].to <= whole/longPause {
			t[last].to = v
			events[last]++
			continue
		}
		t = append(t, axis{from: v, to: v})
		events = append(events, 1)
	}
	room := until - begin - breakGap*float64(len(t)-1)
	share := room / float64(len(times)+8*len(t)) // a stretch of one event has some room, too
	for i := range t {
		t[i].begin = begin
		t[i].until = begin + share*float64(events[i]+8)
		begin = t[i].until + breakGap
	}
	return t
}

// at is the place of a time. One in a break stands at its beginning.
func (t timeline) at(d time.Duration) float64 {
	v := msOf(d)
	for i, a := range t {
		if i == len(t)-1 || v < t[i+1].from {
			return a.at(min(max(v, a.from), a.to))
		}
	}
	return 0
}
