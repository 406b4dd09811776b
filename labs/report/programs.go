package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// program adds what a user's program has done, on its host's side.
func (b *rowBuilder) program(e record.Event, p *record.Program) {
	if p.Does == record.Fails {
		b.remark(e, note, "FAILED: "+p.Why)
		return
	}
	b.rows = append(b.rows, row{at: e.At, host: p.Host, text: programText(p), sentence: programSentence(p)})
}

func programText(p *record.Program) string {
	switch p.Does {
	case record.Starts:
		return "$ " + p.Command
	case record.Exits:
		return fmt.Sprintf("(exits %d)", p.Status)
	}
	return "(killed by " + p.Signal + ")"
}

func programSentence(p *record.Program) string {
	switch p.Does {
	case record.Starts:
		return fmt.Sprintf("The %s's program starts: %s", p.Host, p.Command)
	case record.Exits:
		return fmt.Sprintf("The %s's program ends with the exit status %d.", p.Host, p.Status)
	}
	return fmt.Sprintf("The %s's program is killed by %s.", p.Host, p.Signal)
}

// bulkText says what was only counted.
func (b *rowBuilder) bulkText(v *record.Bulk) string {
	text := fmt.Sprintf("%d more segments from the %s, %s", v.Segments, v.From, sizeText(v.Bytes))
	if b.many {
		text = b.of[connectionOf(v.Src, v.Dst)] + " " + text
	}
	switch {
	case v.BackBytes > 0:
		text += fmt.Sprintf(", and %d back, %s", v.Back, sizeText(v.BackBytes))
	case v.Back > 0:
		text += fmt.Sprintf(", and %d ACKs", v.Back)
	}
	return text
}

// sizeText is a number of bytes in the unit that suits it.
func sizeText(n int64) string {
	switch {
	case n >= 10e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 10e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 10e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}

// ofPrograms reports whether the user's own programs were run.
func ofPrograms(r *record.Run) bool {
	return slices.ContainsFunc(r.Events, func(e record.Event) bool { _, ok := e.Body.(*record.Program); return ok })
}

// ofRun reports whether a claim is one of a run of programs: that a rule has acted, or
// what was expected. Its name is all that it says.
func ofRun(c *record.Claim) bool { return c.Source == "--rule" || c.Source == "--expect" }

// runHeadline is what became of a rule or an expectation; "" for another claim.
func runHeadline(c *record.Claim) string {
	switch {
	case !ofRun(c):
		return ""
	case c.Verdict == record.VerdictBroken:
		return "broken"
	case c.Source == "--rule" && c.Surprise:
		return "NEVER ACTED"
	case c.Source == "--rule":
		for _, f := range c.Evidence {
			if n, ok := f.Value.(int64); ok && f.Name == "acted" && n != 1 {
				return fmt.Sprintf("acted %d times", n)
			}
		}
		return "acted"
	case c.Surprise:
		return "NOT MET"
	}
	return "met"
}

// failureText says which programs have failed, and how; "" for none.
func failureText(r *record.Run) string {
	var all []string
	for _, e := range r.Events {
		if p, ok := e.Body.(*record.Program); ok && p.Does == record.Fails {
			all = append(all, p.Why)
		}
	}
	return strings.Join(all, "; ")
}

// liveSummary is a run of programs in one sentence.
func liveSummary(r *record.Run) string {
	text := r.Lab + ": "
	if r.Outcome == record.Broken {
		return text + "BROKEN: " + r.Error
	}
	var words []string
	for _, kind := range []struct{ source, what, did, not string }{
		{"--rule", "rule", "acted", "never acted"}, {"--expect", "expectation", "met", "not met"},
	} {
		n, not := ofSource(r, kind.source)
		if n > len(not) {
			words = append(words, plural(n-len(not), kind.what)+" "+kind.did)
		}
		if len(not) > 0 {
			words = append(words, plural(len(not), kind.what)+" "+kind.not+" ("+strings.Join(not, "; ")+")")
		}
	}
	if words == nil {
		words = []string{"no rule, nothing expected"}
	}
	text += strings.Join(words, ", ")
	if failed := failureText(r); failed != "" {
		text += "; FAILED: " + failed
	}
	if r.Outcome == record.Interrupted {
		return text + "; interrupted before its end"
	}
	return text
}

// ofSource counts the claims of a source, and names those that came out otherwise.
func ofSource(r *record.Run, source string) (n int, not []string) {
	for _, c := range r.Claims {
		if c.Source != source {
			continue
		}
		if n++; c.Surprise {
			not = append(not, c.ID)
		}
	}
	return n, not
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// isBareState reports whether nothing happens in the row but that sockets change.
func (r *row) isBareState() bool {
	return r.kind == 0 && r.segment == nil && r.icmp == nil && r.text == "" && len(r.moves) > 0
}

// isApart reports whether a row is nothing but states that nothing before has led to.
func (b *rowBuilder) isApart(i int) bool {
	r := &b.rows[i]
	return r.isBareState() && r.moves[0].now.Apart
}
