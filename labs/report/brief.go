package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// briefed puts each set-up of a connection that has gone as it always does into one
// row: the calls that lead to it, the three segments, and accept. Where a verdict, a
// counter or anything else comes in between, the rows stay.
func briefed(rows []row) []row {
	var out []row
	for i := 0; i < len(rows); {
		u, n := setUpAt(rows[i:])
		if n == 0 {
			out = append(out, rows[i])
			i++
			continue
		}
		out = append(out, u)
		i += n
	}
	return out
}

// introduced does so where a part of the story holds nothing but set-ups, up to
// accept: such a part only leads to what the story is about.
func introduced(rows []row) []row {
	var out []row
	for len(rows) > 0 {
		end := 1 // of a part, whose first row is its heading
		for end < len(rows) && rows[end].kind != heading {
			end++
		}
		part := rows[:end]
		rows = rows[end:]
		if short := briefed(part); part[0].kind == heading && len(rows) > 0 && allSetUp(short[1:]) {
			part = short
		}
		out = append(out, part...)
	}
	return out
}

func allSetUp(rows []row) bool {
	found := false
	for _, r := range rows {
		isSetUp := r.label == handshakeLabel && len(r.states) > 0 && strings.HasPrefix(r.states[0], accepted)
		if !isSetUp && r.kind != tally {
			return false
		}
		found = found || isSetUp
	}
	return found
}

// handshakeLabel stands on the arrow of a set-up.
const handshakeLabel = "SYN, SYN,ACK, ACK"

// setUpAt returns the row that stands for the set-up of a connection that begins with
// the first of the rows, and how many it stands for: 0 where none begins there.
func setUpAt(rows []row) (row, int) {
	c := rowCursor{rows: rows}
	if c.call("socket") && c.call("bind") && c.call("listen") {
		if !c.call("socket") { // the listener alone
			return row{}, 0
		}
	} else {
		c = rowCursor{rows: rows}
		if !c.call("socket") {
			return row{}, 0
		}
	}
	c.call("bind")
	if !c.call("connect") || c.last().call.Errno != "EINPROGRESS" {
		return row{}, 0
	}
	client, at := c.last().host, c.last().at
	connects := c.last().call
	for _, flags := range []string{"SYN", "SYN,ACK", "ACK"} {
		if !c.segment(client, flags) {
			return row{}, 0
		}
	}
	syn, ack := c.rows[c.n-3], c.rows[c.n-1]
	if connectionOf(syn.segment.Src, syn.segment.Dst) != connectionOf(ack.segment.Src, ack.segment.Dst) {
		return row{}, 0
	}
	asks := func(r *row) bool { return r.host == client && slices.Contains(r.call.Args, "SO_ERROR") }
	if c.n < len(rows) && rows[c.n].call != nil && asks(&rows[c.n]) {
		c.call("getsockopt")
	}
	states := slices.Clone(ack.states[:min(1, len(ack.states))])
	if c.n < len(rows) && rows[c.n].host == ack.host && c.call("accept") {
		if c.last().call.Errno == "" {
			states = []string{accepted + c.last().call.Result}
		} else {
			c.n--
		}
	}
	if listens := rows[2].call; listens != nil && listens.Call == "listen" {
		states = append(states, "listener "+fd+listens.Args[0])
	}
	last := c.last()
	u := row{
		at: at, host: ack.host, segment: syn.segment, label: handshakeLabel, states: states,
		tag: strings.TrimSpace(syn.tag + " " + fd + connects.Args[0] + ", " + record.Established), ends: last.ends, moves: last.moves,
	}
	u.sentence = fmt.Sprintf("The %s's program connects to the %s: three segments go over the wire, and both ends are ESTABLISHED.", client, ack.host)
	return u, c.n
}

// A set-up names descriptors, for the calls that the story goes on with.
const (
	fd       = "fd "
	accepted = record.Established + ", " + fd
)

// A rowCursor goes through rows that are to stand one after the other.
type rowCursor struct {
	rows []row
	n    int // how many it has taken
}

func (c *rowCursor) last() *row { return &c.rows[c.n-1] }

// call takes the next row if it is such a call and nothing unusual came of it.
func (c *rowCursor) call(name string) bool {
	if c.n == len(c.rows) {
		return false
	}
	r := &c.rows[c.n]
	if r.kind != 0 || r.call == nil || r.call.Call != name || len(r.counts)+len(r.kernel) > 0 {
		return false
	}
	c.n++
	return true
}

// segment takes the next row if it is such a segment of a handshake, which arrives for
// the first time and changes a state.
func (c *rowCursor) segment(client, flags string) bool {
	if c.n == len(c.rows) {
		return false
	}
	r := &c.rows[c.n]
	s := r.segment
	if r.kind != 0 || s == nil || s.Flags != flags || (s.From == client) != (flags != "SYN,ACK") || s.From == s.To ||
		s.Fate != record.Delivered || r.again || s.Retransmission || s.Forged || s.Cause != "" || s.Len > 0 ||
		len(r.states) == 0 || len(r.counts)+len(r.kernel) > 0 {
		return false
	}
	c.n++
	return true
}
