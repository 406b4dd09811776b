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
	segment *record.Segment // nil for a call or a remark
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
	moves []move        // what states have changed
	ends  []End         // what the hosts' sockets were after it
}

// cleaned returns the row with all text from the record made safe to print.
func (r row) cleaned(clean func(string) string) row {
	r.text, r.result, r.label, r.tag = clean(r.text), clean(r.result), clean(r.label), clean(r.tag)
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
		counts[i] = count{c.host, clean(c.text)}
	}
	r.counts = counts
	return r
}

type remarkKind int

const (
	heading remarkKind = iota + 1
	verdict
	waiting
	setting
	tally
	fold
)

// rowsOf turns the events into rows. States belong to the row before them.
func rowsOf(r *record.Run, times bool) []row {
	return build(r, times, nil)
}

// build turns the events into rows, and calls each, if it is not nil, after
// every event with the row that the event belongs to.
func build(r *record.Run, times bool, each func(*rowBuilder, *row)) []row {
	b := &rowBuilder{run: r, times: times, tags: newTags(r), held: map[int]bool{}, sockets: newSockets(r), last: -1, texts: kernelTexts(r.Events)}
	for _, e := range r.Events {
		if k, ok := e.Body.(*record.Kernel); ok {
			b.kernel(e, k)
			continue
		}
		b.before(e)
		b.add(e)
		if last := len(b.rows) - 1; each != nil && last >= 0 {
			each(b, &b.rows[last])
		}
		b.after()
	}
	b.after()
	b.tally()
	return b.rows
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

	texts           map[*record.Kernel]string
	inCall, inTimer []row // what the kernel said, and has no place yet
}

func (b *rowBuilder) add(e record.Event) {
	switch v := e.Body.(type) {
	case *record.Part:
		b.tally()
		b.remark(e, heading, v.Title)
	case *record.Call:
		b.call(e, v)
	case *record.Segment:
		b.follow(v)
		b.rows = append(b.rows, row{at: e.At, host: v.To, segment: v, label: label(v), tag: b.tag(v), again: b.held[v.ID], still: b.still(v)})
		b.held[v.ID] = v.Fate == record.Held
	case *record.State:
		b.state(e, v)
	case *record.Counters:
		b.counters(e, v)
	case *record.Wait:
		text := fmt.Sprintf("waiting for the %s's %s", v.Host, timerOr(v.Timer, "timer"))
		if _, what, ok := strings.Cut(v.For, ":"); ok {
			text += " (" + what + " again)"
		} else if v.For != "" {
			text += " (" + v.For + ")"
		}
		if b.times {
			text = fmt.Sprintf("%s: %d ms left, %d ms passed", text, v.LeftMS, v.WaitedMS)
		}
		b.remark(e, waiting, text)
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

// call adds a system call, as strace would write it but for what is the same
// every time: the arguments of socket, and a result of 0.
func (b *rowBuilder) call(e record.Event, c *record.Call) {
	args := strings.Join(c.Args, ", ")
	switch c.Call {
	case "sysctl":
		b.remark(e, setting, c.Host+": sysctl "+args)
		return
	case "socket":
		args = ""
	}
	b.rows = append(b.rows, row{at: e.At, host: c.Host, call: c, text: fmt.Sprintf("%s(%s)", c.Call, args), result: resultText(c)})
}

// resultText is what a call has returned, where that is worth a word.
func resultText(c *record.Call) string {
	switch {
	case c.Errno != "":
		return " = " + c.Errno
	case c.Result != "0", c.Call == "read": // read returns 0 at the end of the stream
		return " = " + c.Result
	}
	return ""
}

// callText is a call as strace prints it.
func callText(c *record.Call) string {
	text := c.Call + "(" + strings.Join(c.Args, ", ") + ") = " + c.Result
	if c.Errno != "" {
		text += " " + c.Errno
	}
	return text
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
		text = b.ofState(s) + " " + text
	}
	b.told = true
	if last < 0 || b.rows[last].kind != 0 || b.rows[last].host != s.Host {
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

// stateText says what is new about a socket. It is empty where only a timer or
// the retransmit count has changed: other rows tell of these.
func stateText(before, s *record.State) string {
	switch {
	case s.To == record.Listen:
		queue := fmt.Sprintf("queue %d of %d", s.RQueue, s.WQueue)
		if before == nil || before.To != s.To {
			return s.Socket + " LISTEN, " + queue
		}
		return s.Socket + " " + queue
	case before != nil && before.To == record.Listen:
		return s.Socket + " " + s.To
	case before == nil || s.From != s.To:
		if queued(s) {
			return s.To + ", queued"
		}
		return s.To
	}
	var words []string
	if queued(before) && !queued(s) {
		words = append(words, "accepted")
	}
	if s.RQueue != before.RQueue {
		words = append(words, amount(s.RQueue, "to read", "all read"))
	}
	if s.WQueue != before.WQueue {
		words = append(words, amount(s.WQueue, "not acked", "all acked"))
	}
	return strings.Join(words, ", ")
}

// queued reports whether a connection waits for accept: it is established, and
// no program holds it.
func queued(s *record.State) bool { return s.To == record.Established && !s.Descriptor }

func amount(n uint32, some, none string) string {
	if n == 0 {
		return none
	}
	if n == 1 {
		return "1 byte " + some
	}
	return fmt.Sprintf("%d bytes %s", n, some)
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
	for _, s := range sockets {
		name := s.To
		switch {
		case s.To == record.Listen || s.To == record.Close:
			continue
		case queued(s):
			name += " queued"
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
