package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// Verdicts writes what the run says of each claim, with the evidence.
func Verdicts(w io.Writer, r *record.Run, o Options) error {
	p := &printer{w: w, color: o.Color, ascii: o.ASCII}
	width := min(max(o.Width, minWidth), 120)
	for _, c := range r.Claims {
		mark, s := markOf(&c)
		p.line(p.paint(s, mark+" "+headline(&c)+": "), p.paint(bold, clean(c.ID)))
		p.block(c.Text, width)
		if seen := evidenceText(&c, o.Times); seen != "" {
			p.block("seen: "+seen, width)
		}
		if c.Reason != "" {
			p.block("because: "+c.Reason, width)
		}
		if c.Truth != "" && c.Verdict == record.Refuted {
			p.block("instead: "+c.Truth, width)
		}
		p.faint("source: "+c.Source, width)
	}
	p.line()
	p.summary(r)
	return p.err
}

// Brief writes a line for each claim, and one for the run.
func Brief(w io.Writer, r *record.Run, o Options) error {
	p := &printer{w: w, color: o.Color, ascii: o.ASCII}
	for _, c := range r.Claims {
		mark, s := markOf(&c)
		p.line(p.paint(s, mark+" "+headline(&c)+": "), clean(c.ID))
	}
	p.summary(r)
	return p.err
}

func markOf(c *record.Claim) (string, style) {
	switch {
	case c.Surprise:
		return "‼", red
	case c.Verdict == record.Confirmed:
		return "✔", green
	case c.Verdict == record.Refuted:
		return "✘", green // a myth: this is what was to be shown
	default:
		return "·", dim
	}
}

// headline is the verdict in words.
func headline(c *record.Claim) string {
	text := string(c.Verdict)
	if c.Myth {
		text = "myth " + text
	}
	if c.Surprise {
		text = "SURPRISE: " + text
	}
	return text
}

// block writes a paragraph under a claim.
func (p *printer) block(text string, width int) {
	for _, l := range wrap(clean(text), width-4) {
		p.line("    ", l)
	}
}

func (p *printer) faint(text string, width int) {
	for _, l := range wrap(clean(text), width-4) {
		p.line("    ", p.paint(dim, l))
	}
}

// evidenceText lists what was seen and, where that was something else, what the
// claim says. Times differ from run to run, so they stand beside what they are
// nominally, and are left out where times are.
func evidenceText(c *record.Claim, times bool) string {
	expected := map[string]any{}
	for _, f := range c.Expected {
		expected[f.Name] = f.Value
	}
	var words []string
	for _, f := range c.Evidence {
		name, isTime := strings.CutSuffix(f.Name, "_ms")
		if isTime && !times {
			continue
		}
		text := fmt.Sprintf("%s %v", name, f.Value)
		want, ok := expected[f.Name]
		switch {
		case isTime && ok:
			text += fmt.Sprintf(" ms (nominally %v)", want)
		case isTime:
			text += " ms"
		case ok && c.Verdict == record.Refuted && want != f.Value:
			text += fmt.Sprintf(" (the claim says %v)", want)
		}
		words = append(words, text)
	}
	return strings.Join(words, ", ")
}

func (p *printer) summary(r *record.Run) {
	count := map[record.Verdict]int{}
	var surprises []string
	myths := 0
	for _, c := range r.Claims {
		count[c.Verdict]++
		if c.Surprise {
			surprises = append(surprises, clean(c.ID))
		} else if c.Myth && c.Verdict == record.Refuted {
			myths++
		}
	}
	var words []string
	for _, v := range []record.Verdict{record.Confirmed, record.Refuted, record.Inapplicable, record.VerdictBroken} {
		if n := count[v]; n > 0 {
			text := fmt.Sprintf("%d %s", n, v)
			if v == record.Refuted && myths == n {
				text += " (as myths)"
			}
			words = append(words, text)
		}
	}
	text := fmt.Sprintf("%s: %d claims, %s", clean(r.Lab), len(r.Claims), strings.Join(words, ", "))
	switch r.Outcome {
	case record.Surprise:
		p.line(p.paint(red, "‼ "+text+"; SURPRISE: "+strings.Join(surprises, ", ")))
	case record.Broken:
		p.line(p.paint(red, "‼ "+text+"; BROKEN: "+clean(r.Error)))
	default:
		p.line(p.paint(green, "✔ "+text+"; no surprise"))
	}
}
