package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// Verdicts writes what the run says of each claim, with the evidence.
func Verdicts(w io.Writer, r *record.Run, o Options) error {
	p := newPrinter(w, o)
	for _, c := range r.Claims {
		p.headed(&c, bold)
		p.details(&c, o)
	}
	if len(r.Claims) > 0 {
		p.line()
	}
	if late := lateText(r, o.Times); late != "" {
		p.paragraph(dim, "· ", plain, late)
	}
	p.summary(r)
	return p.err
}

// details writes what a claim says, what was seen, and why that is the verdict.
func (p *printer) details(c *record.Claim, o Options) {
	if ofRun(c) && !c.Surprise {
		return // its name says it all
	}
	const indent = "    "
	p.paragraph(plain, indent, plain, c.Text)
	if seen := evidenceOf(c, o.Times); seen != nil {
		p.list(indent, "seen: ", seen)
	}
	if c.Reason != "" {
		p.paragraph(plain, indent, plain, "because: "+c.Reason)
	}
	if c.Truth != "" && c.Verdict == record.Refuted {
		p.paragraph(plain, indent, plain, "instead: "+c.Truth)
	}
	if !ofRun(c) {
		p.paragraph(plain, indent, dim, "source: "+c.Source)
	}
}

// Brief writes a line for each claim, and one for the run.
func Brief(w io.Writer, r *record.Run, o Options) error {
	p := newPrinter(w, o)
	for _, c := range r.Claims {
		p.headed(&c, plain)
	}
	p.summary(r)
	return p.err
}

// headed writes the verdict on a claim, and its name.
func (p *printer) headed(c *record.Claim, s style) {
	mark, headStyle := markOf(c)
	p.paragraph(headStyle, mark+" "+p.clean(headline(c))+": ", s, c.ID)
}

func markOf(c *record.Claim) (string, style) {
	switch {
	case c.Surprise:
		return "✘", red
	case c.Verdict == record.Confirmed:
		return "✔", green
	case c.Verdict == record.Refuted:
		return "≠", green // a myth: this is what was to be shown
	default:
		return "·", dim
	}
}

// headline is the verdict in words.
func headline(c *record.Claim) string {
	if text := runHeadline(c); text != "" {
		return text
	}
	text := string(c.Verdict)
	if c.Myth {
		text = "myth " + text
	}
	if c.Surprise {
		text = "SURPRISE: " + text
	}
	return text
}

// evidenceText is evidenceOf as one text.
func evidenceText(c *record.Claim, times bool) string {
	return strings.Join(evidenceOf(c, times), "; ")
}

// evidenceOf lists what was seen: "client = ESTABLISHED", "queued = 1". Where that was
// something else, what the claim says stands behind it. Times differ from run to run, so
// they stand beside what they are nominally; where times are left out, "…" stands for them.
func evidenceOf(c *record.Claim, times bool) (words []string) {
	expected := map[string]any{}
	for _, f := range c.Expected {
		expected[f.Name] = f.Value
	}
	for _, f := range c.Evidence {
		name, isTime := strings.CutSuffix(f.Name, "_ms")
		text := name + " = " + valueText(f.Value)
		want, ok := expected[f.Name]
		switch {
		case isTime && !times:
			text = name + " = … ms"
		case isTime && ok && c.Verdict == record.Refuted:
			text += " ms (the claim says " + valueText(want) + ")"
		case isTime && ok:
			text += " ms (nominally " + valueText(want) + ")"
		case isTime:
			text += " ms"
		case ok && c.Verdict == record.Refuted && want != f.Value:
			text += " (the claim says " + valueText(want) + ")"
		}
		words = append(words, text)
	}
	return words
}

func valueText(v any) string {
	switch v {
	case "":
		return `""`
	case true:
		return "yes"
	case false:
		return "no"
	}
	return fmt.Sprint(v)
}

func (p *printer) summary(r *record.Run) {
	mark, look := "✔ ", green
	switch {
	case r.Outcome == record.Expected && failureText(r) == "":
	case r.Outcome == record.Interrupted:
		mark, look = "· ", bold
	default:
		mark, look = "✘ ", red
	}
	p.paragraph(look, mark, look, summaryText(r))
}

// lateText says of a run that was late when and by what, and what that means for
// its verdicts. It is empty for one that was punctual.
func lateText(r *record.Run, times bool) string {
	l := r.Late
	if l == nil {
		return ""
	}
	text := "This run was held up"
	switch longest := r.HeldUp; {
	case !times:
	case longest.Before == l.Before:
		text += fmt.Sprintf(" for %d ms", longest.For.Milliseconds())
	case l.By > 0:
		text += fmt.Sprintf(" for at least %d ms", l.By.Milliseconds())
	}
	if l.Before != "" {
		text += " before " + l.Before
	}
	if l.Timer == "idle" {
		text += fmt.Sprintf("; meanwhile the %s's %s was idle for as long as a retransmission timeout", l.Host, l.Socket)
	} else {
		text += fmt.Sprintf("; meanwhile the %s's %s ran out", l.Host, timerOr(l.Timer, "timer"))
	}
	return text + ". What was judged after that counts only where it agrees with the catalogue."
}

// summaryText is the run in one sentence.
func summaryText(r *record.Run) string {
	count := map[record.Verdict]int{}
	var surprises []string
	myths := 0
	for _, c := range r.Claims {
		count[c.Verdict]++
		if c.Surprise {
			surprises = append(surprises, c.ID)
		} else if c.Myth && c.Verdict == record.Refuted {
			myths++
		}
	}
	if ofPrograms(r) {
		return liveSummary(r)
	}
	text := r.Lab + ": " + plural(len(r.Claims), "claim")
	count[record.Refuted] -= myths
	for _, v := range []record.Verdict{record.Confirmed, record.Refuted, record.Inapplicable, record.VerdictBroken} {
		if n := count[v]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, v)
		}
		if v == record.Refuted && myths > 0 {
			text += ", " + plural(myths, "myth") + " refuted"
		}
	}
	switch r.Outcome {
	case record.Surprise:
		return text + "; SURPRISE: " + strings.Join(surprises, ", ")
	case record.Broken:
		return text + "; BROKEN: " + r.Error
	case record.Interrupted:
		if surprises != nil {
			text += "; SURPRISE: " + strings.Join(surprises, ", ")
		}
		return text + "; interrupted before its end"
	}
	return text + "; no surprise"
}
