package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

// A Step is one row of the ladder, for the views that go through a run step by
// step: what happened, and what both ends of the connection were after it.
type Step struct {
	At      time.Duration
	Kind    Kind
	Says    string   // what happened, in a sentence or two
	Asks    string   // what a reader may guess before; "" where there is nothing to guess
	Lines   []string // the ladder's
	Ends    []End    // of each host, in the order of the record
	Segment *record.Segment
	Call    *record.Call
	Claim   *record.Claim // of a verdict
	Dropped bool          // the segment has arrived, and its receiver has thrown it away
}

// A Kind says what a step is about.
type Kind string

// The kinds of steps.
const (
	CallStep    Kind = "call"
	SegmentStep Kind = "segment"
	VerdictStep Kind = "verdict"
	PartStep    Kind = "part"
	OtherStep   Kind = "other" // a wait, a sysctl, what is folded away
)

// Lost reports whether the step is about a segment that is lost on its way, or that
// its receiver drops.
func (s *Step) Lost() bool { return s.Dropped || s.Segment != nil && s.Segment.Fate == record.Dropped }

// Steps takes a run apart into the steps of its ladder. What repeats is folded
// as it is there.
func Steps(r *record.Run, o Options) []Step {
	var lines bytes.Buffer
	d := newDrawing(&lines, r, o)
	var steps []Step
	for _, row := range stepRows(r, o) {
		lines.Reset()
		row = row.cleaned(d.clean)
		d.row(row)
		drawn := strings.Split(strings.TrimSuffix(lines.String(), "\n"), "\n")
		if row.kind == tally && len(steps) > 0 { // it sums up what is above it
			last := &steps[len(steps)-1]
			last.Lines = append(last.Lines, drawn...)
			continue
		}
		steps = append(steps, Step{
			At: row.at, Kind: kindOf(&row), Says: d.clean(says(&row)), Asks: d.clean(asks(&row)), Lines: drawn, Ends: d.cleanedEnds(row.ends),
			Segment: row.segment, Call: row.call, Claim: row.claim, Dropped: row.dropped() != "",
		})
	}
	return steps
}

// Header are the lines above the ladder: the title, the command, the hosts.
func Header(r *record.Run, o Options) (title, command, hosts []string) {
	var text bytes.Buffer
	d := newDrawing(&text, r, o)
	lines := func(draw func(*record.Run)) []string {
		text.Reset()
		draw(r)
		return strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	}
	return lines(d.title), lines(d.command), lines(func(*record.Run) { d.hosts() })
}

// cleanedEnds are ends whose text from the record is safe to print.
func (p *printer) cleanedEnds(ends []End) []End {
	safe := make([]End, len(ends))
	for i, e := range ends {
		safe[i] = End{p.clean(e.Host), p.clean(e.Socket), p.clean(e.State), p.clean(e.From), p.clean(e.Detail), p.clean(e.SS), p.clean(e.Rose)}
	}
	return safe
}

// stepRows are the ladder's rows with what the hosts' sockets were after each.
func stepRows(r *record.Run, o Options) []row {
	rows := build(r, o.Times, func(b *rowBuilder, last *row) { last.ends = b.ends(b.leftBy(len(b.rows) - 1)) })
	rows = folded(o.shorten(rows))
	for i := range rows { // a fold stands for the last row in it
		if rows[i].ends == nil && i > 0 {
			rows[i].ends = still(rows[i-1].ends)
		}
		if rows[i].ends == nil {
			rows[i].ends = newSockets(r).ends(nil)
		}
	}
	return rows
}

// still are the same ends one step later, when nothing has happened to them.
func still(ends []End) []End {
	later := make([]End, len(ends))
	for i, e := range ends {
		e.From = ""
		later[i] = e
	}
	return later
}

func kindOf(r *row) Kind {
	switch {
	case r.segment != nil:
		return SegmentStep
	case r.kind == verdict:
		return VerdictStep
	case r.kind == heading:
		return PartStep
	case r.icmp != nil:
		return OtherStep
	case r.kind == 0 && !r.isKernel() && !r.isCount():
		return CallStep
	}
	return OtherStep
}

// says tells a row in words.
func says(r *row) string {
	switch {
	case r.sentence != "":
		return r.sentence
	case r.kind == heading:
		return r.remark + "."
	case r.kind == verdict:
		text := capital(headline(r.claim)) + ": " + r.claim.Text
		if r.claim.Truth != "" && r.claim.Verdict == record.Refuted {
			text += " Instead: " + r.claim.Truth
		}
		return text
	case r.kind == setting:
		return "On the " + r.remark + "."
	case r.kind != 0:
		return capital(r.remark) + "."
	case r.segment != nil:
		return joined(saysSegment(r), saysMoves(r), saysKernel(r), saysCounts(r))
	case r.icmp != nil:
		return joined(saysICMP(r), saysMoves(r), saysKernel(r), saysCounts(r))
	case r.call != nil:
		return joined(saysCall(r), saysMoves(r), saysKernel(r), saysCounts(r))
	case len(r.states) == 0:
		return joined(saysKernel(r), saysCounts(r))
	}
	why := "Something has changed that no call or segment shows: a timer of the kernel has run out."
	if len(r.moves) > 0 && r.moves[0].now.Apart {
		why = "" // most often a program has made a call, which nobody has seen
	}
	return joined(why, saysMoves(r), saysKernel(r), saysCounts(r))
}

// joined puts sentences together.
func joined(sentences ...string) string {
	return strings.Join(slices.DeleteFunc(sentences, func(s string) bool { return s == "" }), " ")
}

// saysKernel tells what the kernel's own account adds.
func saysKernel(r *row) string {
	var all []string
	for _, text := range glossed(r.kernel) {
		all = append(all, fmt.Sprintf("The %s's %s.", r.host, text))
	}
	return strings.Join(all, " ")
}

func saysSegment(r *row) string {
	s := r.segment
	what := fmt.Sprintf("The %s's %s", s.From, s.Flags)
	if s.Len > 0 {
		what += fmt.Sprintf(" with %s of data", bytesText(uint32(s.Len)))
	}
	if why := saysWhy(s); why != "" {
		what += ", " + why + ","
	}
	switch {
	case s.Forged:
		what = fmt.Sprintf("A forged %s that looks like the %s's", s.Flags, s.From)
		if s.Timestamp != "" {
			what += ", " + timestampMeans[s.Timestamp] + ","
		}
	case s.Fate == record.Injected:
		what = fmt.Sprintf("A copy of the %s's %s", s.From, s.Flags)
	}
	switch s.Fate {
	case record.Dropped:
		return what + fmt.Sprintf(" is lost on its way to the %s.", s.To)
	case record.Held:
		return what + " is held on the wire."
	}
	what += fmt.Sprintf(" arrives at the %s.", s.To)
	if len(r.states) > 0 {
		return what
	}
	if drop := saysDrop(r); drop != "" {
		return what + " " + drop
	}
	switch state := strings.TrimSuffix(strings.TrimPrefix(r.still, "(still "), ")"); {
	case state == record.Listen:
		return what + " It finds only the listening socket, and changes nothing."
	case strings.HasPrefix(r.still, "(still "):
		return what + fmt.Sprintf(" The socket there is still %s.", state)
	}
	return what + " There is no socket for it."
}

func saysCall(r *row) string {
	text := fmt.Sprintf("The %s's program calls %s", r.host, r.text)
	switch c := r.call; {
	case c.Errno == "EINPROGRESS":
		return text + "; it is under way (EINPROGRESS)."
	case c.Errno != "":
		return text + ", which fails with " + c.Errno + "."
	case r.means != "":
		return text + ": " + r.means + "."
	case r.result != "":
		return text + ", which returns " + c.Result + "."
	}
	return text + "."
}

// saysMoves tells what became of sockets.
func saysMoves(r *row) string {
	var all []string
	for i, m := range r.moves {
		whose := fmt.Sprintf("The %s's socket %s", m.now.Host, m.now.Socket)
		switch {
		case m.now.To == record.Listen && (m.before == nil || m.before.To != record.Listen):
			all = append(all, fmt.Sprintf("%s is LISTEN now, with room for %d in its queue.", whose, m.now.WQueue))
		case m.now.To == record.Listen:
			all = append(all, fmt.Sprintf("%s has %d of %d in its queue.", whose, m.now.RQueue, m.now.WQueue))
		case !m.changed():
			all = append(all, fmt.Sprintf("%s: %s.", whose, stateText(m.before, m.now)))
		case m.now.From == "":
			all = append(all, fmt.Sprintf("%s is new, and %s.", whose, m.now.To))
		case m.now.To == record.Close:
			all = append(all, fmt.Sprintf("%s is gone (it was %s).", whose, m.now.From))
		default:
			all = append(all, fmt.Sprintf("%s goes from %s to %s.", whose, m.now.From, m.now.To))
		}
		if i == 2 && len(r.moves) > 4 {
			return strings.Join(all, " ") + fmt.Sprintf(" And %d more.", len(r.moves)-3)
		}
	}
	return strings.Join(all, " ")
}

func capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
