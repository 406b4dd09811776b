package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

// A row is one step of the ladder: a system call or a segment, with the states
// that it led to, or a remark across all columns.
type row struct {
	at      time.Duration
	host    string          // of the call; of the receiver, for a segment
	text    string          // the call, as strace prints it
	result  string          // of the call: " = 3", or "" for a plain 0
	means   string          // of the call: what its result means to the program
	segment *record.Segment // nil for a call or a remark
	icmp    *record.ICMP    // nil for anything else
	label   string          // on the segment's arrow
	tag     string          // tells the segment's connection apart, where there are several
	again   bool            // the segment was held, and is on its way now
	states  []string        // what became of the host's sockets
	kernel  []string        // what the kernel itself said of it
	counts  []count         // which of the kernel's counters it made rise
	still   string          // what the receiver's socket was, shown where no state has changed
	remark  string
	kind    remarkKind
	mark    string // before a verdict
	style   style

	call  *record.Call  // nil for a segment or a remark
	claim *record.Claim // of a verdict
	// sentence says what happened, for a row that stands for several.
	sentence string
	moves    []move // what states have changed
	ends     []End  // what the hosts' sockets were after it
	event    int    // the index of the event that it began with
	version  string // of two runs that are compared, the one that it is of; "" for both
}

// cleaned returns the row with all text from the record made safe to print.
func (r row) cleaned(clean func(string) string) row {
	r.text, r.result, r.means, r.label, r.tag = clean(r.text), clean(r.result), clean(r.means), clean(r.label), clean(r.tag)
	r.still, r.remark = clean(r.still), clean(r.remark)
	states := make([]string, len(r.states))
	for i, s := range r.states {
		states[i] = clean(s)
	}
	r.states = states
	kernel := make([]string, len(r.kernel))
	for i, s := range r.kernel {
		kernel[i] = clean(s)
	}
	r.kernel = kernel
	counts := make([]count, len(r.counts))
	for i, c := range r.counts {
		counts[i] = count{c.host, clean(c.text), c.names}
	}
	r.counts = counts
	return r
}

type remarkKind int

const (
	heading remarkKind = iota + 1
	verdict
	waiting // for a timer of the kernel
	pause   // time that the story lets pass: no timer is waited for
	setting
	tally
	fold
	note
)

// rowsOf turns the events into rows. States belong to the row before them.
func rowsOf(r *record.Run, o Options) []row {
	return o.shorten(build(r, o.Times, nil))
}

// build turns the events into rows, and calls each, if it is not nil, after
// every event with the row that the event belongs to.
func build(r *record.Run, times bool, each func(*rowBuilder, *row)) []row {
	b := newRowBuilder(r, times)
	b.build(r.Events, each)
	b.tally()
	b.begun()
	return b.rows
}

func newRowBuilder(r *record.Run, times bool) *rowBuilder {
	b := &rowBuilder{
		run: r, times: times, tags: newTags(r, false), held: map[int]bool{}, sockets: newSockets(r), last: -1, offered: offered{},
		showOffers: offersDiffer(r), texts: kernelTexts(r.Events),
	}
	b.sockets.times = times
	return b
}

// build goes on with more events: see the function.
func (b *rowBuilder) build(events []record.Event, each func(*rowBuilder, *row)) {
	for _, e := range events {
		if k, ok := e.Body.(*record.Kernel); ok {
			b.kernel(e, k)
			b.events++
			continue
		}
		b.before(e)
		b.add(e)
		if last := len(b.rows) - 1; each != nil && last >= 0 {
			each(b, &b.rows[last])
		}
		b.after()
		b.begun()
		b.events++
	}
	b.after()
	b.begun()
}

// begun notes of new rows with which event they have begun.
func (b *rowBuilder) begun() {
	for ; b.noted < len(b.rows); b.noted++ {
		b.rows[b.noted].event = b.events
	}
}

type rowBuilder struct {
	run   *record.Run
	rows  []row
	times bool
	tags  // where there are many connections they say which one is meant
	held  map[int]bool
	told  bool // something has changed since the last tally
	*sockets

	left   left // what sockets have left in the row leftIn
	leftIn int
	last   int // see lastRow
	looked int // how many rows it has looked at

	events, noted int // how many it has taken in, and of how many rows it is known with which they began

	showOffers bool // see offersDiffer
	offered

	waits
	calls

	texts           map[*record.Kernel]string
	inCall, inTimer []row // what the kernel said, and has no place yet
}

func (b *rowBuilder) add(e record.Event) {
	switch v := e.Body.(type) {
	case *record.Part:
		b.tally()
		b.remark(e, heading, v.Title)
	case *record.Note:
		b.remark(e, note, v.Text)
	case *record.Program:
		b.program(e, v)
	case *record.Bulk:
		b.remark(e, note, b.bulkText(v))
	case *record.Call:
		b.call(e, v)
	case *record.Segment:
		b.follow(v)
		b.delayed(e, v)
		b.offers(e, v)
		b.rows = append(b.rows, row{at: e.At, host: v.To, segment: v, label: b.labelOf(v), tag: b.tag(v), again: b.held[v.ID], still: b.still(v)})
		b.held[v.ID] = v.Fate == record.Held
		b.waits.arrives(e, v)
	case *record.ICMP:
		b.icmp(e, v)
	case *record.State:
		b.state(e, v)
	case *record.Counters:
		b.rises.add(v)
		b.counters(e, v)
	case *record.Window:
		b.window(e, v)
	case *record.Wait:
		b.wait(e, v)
	case *record.VerdictGiven:
		b.verdict(e, v)
	}
}

func (b *rowBuilder) remark(e record.Event, kind remarkKind, text string) {
	b.rows = append(b.rows, row{at: e.At, kind: kind, remark: text})
}

func (b *rowBuilder) verdict(e record.Event, v *record.VerdictGiven) {
	i := slices.IndexFunc(b.run.Claims, func(c record.Claim) bool { return c.ID == v.Claim })
	if i < 0 {
		return
	}
	c := &b.run.Claims[i]
	mark, s := markOf(c)
	b.rows = append(b.rows, row{at: e.At, kind: verdict, claim: c, mark: mark, style: s, remark: headline(c) + ": " + v.Claim})
}

// label writes what a segment says, as Wireshark does, and why it is sent again.
func label(s *record.Segment) string {
	words := []string{s.Flags}
	probes := s.Cause == record.ByKeepalive || s.Cause == record.ByWindowProbe // by its sequence number
	if s.Flags != "ACK" || s.Len > 0 || probes {
		words = append(words, fmt.Sprintf("seq=%d", s.Seq))
	}
	if strings.Contains(s.Flags, "ACK") {
		words = append(words, fmt.Sprintf("ack=%d", s.Ack))
	}
	if s.Len > 0 {
		words = append(words, fmt.Sprintf("len=%d", s.Len))
	}
	if s.SACK != "" {
		words = append(words, "sack="+s.SACK)
	}
	if s.Urgent != 0 {
		words = append(words, fmt.Sprintf("urg=%d", s.Urgent))
	}
	if s.Win == 0 && s.Flags == "ACK" && s.Len == 0 { // the window is closed
		words = append(words, "win=0")
	}
	if s.ECN != "" {
		words = append(words, s.ECN)
	}
	if why := causeLabel(s); why != "" {
		words = append(words, why)
	}
	return strings.Join(words, " ")
}

func (b *rowBuilder) tag(s *record.Segment) string {
	if !b.many {
		return ""
	}
	return b.ofSegment(s)
}

// still says what the receiver's socket was when a segment arrived that changed
// nothing: the connection's, or else the listener.
func (b *rowBuilder) still(v *record.Segment) string {
	if v.Fate != record.Delivered && v.Fate != record.Injected {
		return ""
	}
	if s := b.receiver(v); s != nil {
		return "(still " + s.To + ")"
	}
	return "(no socket)"
}

// state adds what became of a socket to the row that led to it.
func (b *rowBuilder) state(e record.Event, s *record.State) {
	before := b.see(s)
	last := b.lastRow()
	text := stateText(before, s)
	if text == "" {
		return // only a timer: the row above says nothing new
	}
	if s.Remote.IsValid() && b.many && !b.namesIt(last, s) {
		text = tagged(b.ofState(s), text)
	}
	b.told = b.told || s.Remote.IsValid()
	if last < 0 || b.rows[last].kind != 0 || b.rows[last].host != s.Host || s.Apart && !b.isApart(last) {
		b.rows = append(b.rows, row{at: e.At, host: s.Host})
		last = len(b.rows) - 1
	}
	b.rows[last].states = append(b.rows[last].states, text)
	b.rows[last].moves = append(b.rows[last].moves, move{before, s})
	if b.left == nil || b.leftIn != last {
		b.left, b.leftIn = left{}, last
	}
	b.left.add(move{before, s})
}

// tagged puts a connection's tag before a text: apart from a number that follows it.
func tagged(tag, text string) string {
	if text[0] >= '0' && text[0] <= '9' {
		tag += ":"
	}
	return tag + " " + text
}

// window adds a congestion window to the row that led to it.
func (b *rowBuilder) window(e record.Event, w *record.Window) {
	last := b.lastRow()
	if last < 0 || b.rows[last].kind != 0 || b.rows[last].host != w.Host {
		b.rows = append(b.rows, row{at: e.At, host: w.Host})
		last = len(b.rows) - 1
	}
	b.rows[last].states = append(b.rows[last].states, fmt.Sprintf("cwnd %d", w.Cwnd))
}

// lastRow is the row that a change belongs to: the latest that is more than what
// the kernel said by itself; -1 where there is none.
func (b *rowBuilder) lastRow() int {
	for i := len(b.rows) - 1; i >= b.looked; i-- {
		if !b.rows[i].isKernel() {
			b.last = i
			break
		}
	}
	b.looked = len(b.rows)
	return b.last
}

// leftBy are the states that sockets have left in a row.
func (b *rowBuilder) leftBy(row int) left {
	if b.leftIn != row {
		return nil
	}
	return b.left
}

// namesIt reports whether a row is about a segment of the socket's connection.
func (b *rowBuilder) namesIt(i int, s *record.State) bool {
	if i < 0 || b.rows[i].segment == nil || b.rows[i].host != s.Host {
		return false
	}
	v := b.rows[i].segment
	return connectionOf(s.Local, s.Remote) == connectionOf(v.Src, v.Dst)
}

// tally says how many sockets are in which state, where there are several.
func (b *rowBuilder) tally() {
	if !b.many || !b.told {
		return
	}
	b.told = false
	var words []string
	add := func(host string) { words = append(words, host+": "+tallyOf(b.now[host])) }
	for _, host := range b.hosts {
		if b.now[host] != nil {
			add(host)
		}
	}
	for _, host := range slices.Sorted(maps.Keys(b.now)) { // nor does a record of anybody's hide a socket
		if !slices.Contains(b.hosts, host) {
			add(host)
		}
	}
	b.rows = append(b.rows, row{kind: tally, remark: strings.Join(words, "; ")})
}

func tallyOf(sockets map[socket]*record.State) string {
	count := map[string]int{}
	var names []string
	several := severalListen(sockets)
	for _, s := range sockets {
		name := s.To
		switch {
		case s.To == record.Listen || s.To == record.Close:
			continue
		case queued(s):
			name += " queued"
		}
		if several && passive(s.Socket) && (queued(s) || s.To == record.SynRecv) { // in a listener's queue
			name += fmt.Sprintf(" at :%d", s.Local.Port())
		}
		if count[name] == 0 {
			names = append(names, name)
		}
		count[name]++
	}
	if names == nil {
		return "no connection"
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] = fmt.Sprintf("%d %s", count[name], name)
	}
	return strings.Join(names, ", ")
}

// severalListen reports whether sockets listen on more than one port.
func severalListen(sockets map[socket]*record.State) bool {
	ports := map[uint16]bool{}
	for _, s := range sockets {
		if s.To == record.Listen {
			ports[s.Local.Port()] = true
		}
	}
	return len(ports) > 1
}
