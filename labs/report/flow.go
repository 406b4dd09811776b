package report

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

// A flow is what one side of a connection has sent, as that side saw it: its segments
// when they left, and the other side's acknowledgements when they arrived.
type flow struct {
	from     string // the host
	src, dst netip.AddrPort
	tag      string // tells the connection apart, where there are several
	sends    []sent
	acks     []acked
	windows  []window
	shift    int // of the receiver's window; it counts if both SYNs offer one
	offers   [2]bool
}

// A sent is a segment with data.
type sent struct {
	at          time.Duration
	id          int
	seq, end    int64
	again, lost bool
}

// An acked is an acknowledgement that has arrived.
type acked struct {
	at   time.Duration
	ack  int64
	edge int64 // where the window ends
	sack [][2]int64
}

// A window is a congestion window, in segments.
type window struct {
	at   time.Duration
	cwnd uint32
}

// leastToPlot is how many segments a plot has at least: fewer the ladder shows better.
const leastToPlot = 6

// flowsOf returns the flows of a run that are worth a plot, in the order in which they
// began.
func flowsOf(r *record.Run) []*flow {
	of := map[[2]netip.AddrPort]*flow{}
	var all []*flow
	tags := newTags(r, false)
	get := func(src, dst netip.AddrPort, from string) *flow {
		f := of[[2]netip.AddrPort{src, dst}]
		if f == nil {
			f = &flow{from: from, src: src, dst: dst}
			of[[2]netip.AddrPort{src, dst}] = f
			all = append(all, f)
		}
		return f
	}
	for _, e := range r.Events {
		switch v := e.Body.(type) {
		case *record.Segment:
			if v.Forged {
				continue
			}
			f := get(v.Src, v.Dst, v.From)
			if tags.many {
				f.tag = tags.ofSegment(v)
			}
			f.sent(v)
			get(v.Dst, v.Src, v.To).heard(e.At, v)
		case *record.Window:
			f := get(v.Local, v.Remote, v.Host)
			f.windows = append(f.windows, window{e.At, v.Cwnd})
		}
	}
	return slices.DeleteFunc(all, func(f *flow) bool { return len(f.sends) < leastToPlot })
}

// sent takes in a segment of the flow's.
func (f *flow) sent(s *record.Segment) {
	if _, ok := wscaleOf(s); ok {
		f.offers[0] = true
	}
	if s.Len == 0 || s.Fate == record.Injected {
		return
	}
	if i := slices.IndexFunc(f.sends, func(x sent) bool { return x.id == s.ID }); i >= 0 {
		f.sends[i].lost = s.Fate == record.Dropped
		return
	}
	f.sends = append(f.sends, sent{s.SentAt, s.ID, int64(s.Seq), int64(s.Seq) + int64(s.Len), s.Retransmission, s.Fate == record.Dropped})
}

// heard takes in a segment that the flow's sender may have received.
func (f *flow) heard(at time.Duration, s *record.Segment) {
	if shift, ok := wscaleOf(s); ok {
		f.shift, f.offers[1] = shift, true
	}
	if s.Fate != record.Delivered || !strings.Contains(s.Flags, "ACK") || strings.Contains(s.Flags, "RST") {
		return
	}
	a := acked{at: at, ack: int64(s.Ack)}
	win := int64(s.Win)
	if f.offers[0] && f.offers[1] && !strings.Contains(s.Flags, "SYN") {
		win <<= f.shift
	}
	a.edge = a.ack + win
	for block := range strings.SplitSeq(s.SACK, ",") {
		left, right, ok := strings.Cut(block, "-")
		l, err1 := strconv.ParseUint(left, 10, 32)
		r, err2 := strconv.ParseUint(right, 10, 32)
		if ok && err1 == nil && err2 == nil && l < r {
			a.sack = append(a.sack, [2]int64{int64(l), int64(r)})
		}
	}
	f.acks = append(f.acks, a)
}

// wscaleOf is the shift that a SYN offers.
func wscaleOf(s *record.Segment) (shift int, ok bool) {
	if !strings.Contains(s.Flags, "SYN") {
		return 0, false
	}
	for one := range strings.SplitSeq(s.Options, ",") {
		if n, err := fmt.Sscanf(one, "wscale %d", &shift); n == 1 && err == nil && shift >= 0 && shift <= 14 {
			return shift, true
		}
	}
	return 0, false
}

// times are the times of all that a plot of the flow shows, in order.
func (f *flow) times() []time.Duration {
	first := slices.MinFunc(f.sends, func(a, b sent) int { return cmp.Compare(a.at, b.at) }).at
	var all []time.Duration
	for _, s := range f.sends {
		all = append(all, s.at)
	}
	for _, a := range f.acks {
		all = append(all, a.at)
	}
	for _, w := range f.windows {
		all = append(all, w.at)
	}
	slices.Sort(all)
	return slices.DeleteFunc(all, func(at time.Duration) bool { return at < first })
}

// numbers are the sequence numbers that a plot of the flow shows, and whether the end of
// the window is among them: where it lies far above the data it would press that flat.
func (f *flow) numbers() (from, to int64, edges bool) {
	from, to = f.sends[0].seq, f.sends[0].end
	for _, s := range f.sends {
		from, to = min(from, s.seq), max(to, s.end)
	}
	top := to
	for _, a := range f.acks {
		if a.ack >= from {
			top = max(top, a.edge)
		}
	}
	if top-from <= 2*(to-from) {
		return from, top, true
	}
	return from, to, false
}
