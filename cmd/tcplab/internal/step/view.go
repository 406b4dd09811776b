package step

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// A view is what the terminal shows: a run, at one of its steps. It is drawn by
// lines alone, which asks nothing but what is here.
type view struct {
	run     *record.Run
	options report.Options
	paint   paint
	title   []string // these three stand above the ladder
	command []string
	hosts   []string
	steps   []report.Step
	saying  int // the lines that a sentence gets, the same at all steps
	headers int // those that a segment's header gets among the details
	now     int // the step that is shown
	note    string
	help    bool
	// predict is set where the next step is asked for before it is shown, and asking
	// while it is.
	predict, asking bool
	hidden          bool // the details are not shown, though there is room
	wanted          bool // they are, though there is little

	width, height int // of the window
}

const (
	margin      = 2  // before the ladder, for the mark of the present step
	tall        = 34 // rows from which on there is room for the diagrams
	taller      = 44 // and for the details as well
	mostSaying  = 5
	mostHeaders = 4
	headerAt    = 9 // where the text of the details begins
)

func newView(run *record.Run, o report.Options) *view {
	return &view{run: run, options: o, paint: painter(o.Color)}
}

// resize makes the view as large as the window, and draws the ladder anew when
// it gets another width. There is nothing to be seen before.
func (v *view) resize(width, height int) {
	v.height = height
	if width == v.width {
		return
	}
	v.width = width
	o := v.options
	o.Width = width - margin
	v.title, v.command, v.hosts = report.Header(v.run, o)
	v.steps = report.Steps(v.run, o)
	v.saying, v.headers = 2, 1
	for i := range v.steps {
		v.saying = max(v.saying, len(report.Wrap(v.steps[i].Says, width)), len(report.Wrap(v.steps[i].Asks, width)))
		v.headers = max(v.headers, len(report.Wrap(v.steps[i].HeaderText(), width-headerAt)))
	}
	v.saying, v.headers = min(v.saying, mostSaying), min(v.headers, mostHeaders)
}

// lines are the screen: as many as it has rows.
func (v *view) lines() []string {
	lines := v.screen()
	if v.help {
		lines = append(helpText(v.paint), "")
	}
	if len(lines) > v.height { // too low a window: the end is what counts
		lines = lines[len(lines)-v.height:]
	}
	for len(lines) < v.height {
		lines = append(lines, "")
	}
	for i, l := range lines {
		if v.options.ASCII {
			l = report.ASCII(strings.ReplaceAll(l, "…", "~")) // no wider than before
		}
		lines[i] = strings.TrimRight(l, " ")
	}
	return lines
}

func (v *view) screen() []string {
	if len(v.steps) == 0 {
		return slices.Concat(v.title, v.command, v.hosts, []string{"", "Nothing has happened in this run.", "", "q leaves"})
	}
	header := slices.Concat(v.title, v.command, v.hosts)
	if v.height < tall {
		header = slices.Concat(v.title, v.hosts)
	}
	bottom := slices.Concat([]string{v.rule()}, v.ends(), v.details(), []string{v.rule()}, v.says(), []string{v.status()})
	room := max(3, v.height-len(header)-len(bottom))
	var lines []string
	for _, l := range header {
		lines = append(lines, strings.Repeat(" ", margin)+l)
	}
	return slices.Concat(lines, v.ladder(room), bottom)
}

func (v *view) rule() string { return v.paint(dim, strings.Repeat("─", v.width)) }

// ladder is the end of the ladder up to the present step, on so many lines.
func (v *view) ladder(room int) []string {
	var lines []string // from the last one upwards
	for i := v.now; i >= 0 && len(lines) < room; i-- {
		drawn := v.steps[i].Lines
		for j := len(drawn) - 1; j >= 0; j-- {
			switch {
			case i == v.now && drawn[j] != "":
				lines = append(lines, v.paint(taken, "▶ ")+v.paint.embolden(drawn[j]))
			default:
				lines = append(lines, strings.Repeat(" ", margin)+drawn[j])
			}
		}
	}
	lines = lines[:min(len(lines), room)]
	slices.Reverse(lines)
	for len(lines) < room {
		lines = append(lines, "")
	}
	return lines
}

// ends are what both ends are now, side by side, with their diagrams where there
// is room for them.
func (v *view) ends() []string {
	const gap = 2
	ends := v.steps[v.now].Ends
	if len(ends) == 0 {
		return nil
	}
	width := (v.width - gap*(len(ends)-1)) / len(ends)
	var all []string
	for i, e := range ends {
		for j, l := range v.end(e, width) {
			if i == 0 {
				all = append(all, l)
				continue
			}
			fill := i*(width+gap) - columns(all[j])
			all[j] += strings.Repeat(" ", max(gap, fill)) + l
		}
	}
	return all
}

func (v *view) end(e report.End, width int) []string {
	p := v.paint
	socket := "no socket"
	if e.Socket != "" {
		socket = "socket " + e.Socket
	}
	lines := []string{p(bold, cut(e.Host, width)) + p(plain, cut("  "+socket, width-utf8.RuneCountInString(e.Host)))}
	switch {
	case e.State == "":
		lines = append(lines, "", "")
	case e.From == "":
		lines = append(lines, p(present, cut("["+e.State+"]", width)), "")
	default:
		from := cut(e.From, width/2)
		lines = append(lines,
			from+p(taken, " ━▶ ")+p(present, cut("["+e.State+"]", width-utf8.RuneCountInString(from)-4)),
			p(taken, cut(cause(e), width)))
	}
	lines = append(lines, p(dim, cut(e.Detail, width)))
	if v.height < tall {
		return lines
	}
	indent := strings.Repeat(" ", max(0, (width-diagramWidth)/2))
	lines = append(lines, "")
	for _, l := range diagram(e, p) {
		lines = append(lines, indent+l)
	}
	return lines
}

// details are what ss would print of both ends, the counters that have risen so far, and
// what else a segment's header says. They have as many lines at every step.
func (v *view) details() []string {
	if len(v.steps) == 0 || v.height < taller && !v.wanted || v.hidden {
		return nil
	}
	s := &v.steps[v.now]
	lines := []string{v.rule()}
	name := 0
	for _, e := range s.Ends {
		name = max(name, utf8.RuneCountInString(e.Host))
	}
	name = min(name, v.width/4)
	add := func(what, host, text string) {
		if text == "" {
			text = "(nothing)"
		}
		head := fmt.Sprintf("%-8s %-*s  ", what, name, cut(host, name))
		lines = append(lines, v.paint(dim, head)+cut(text, v.width-utf8.RuneCountInString(head)))
	}
	for _, e := range s.Ends {
		add("ss -tano", e.Host, e.SS)
	}
	for _, e := range s.Ends {
		add("counters", e.Host, e.Rose)
	}
	header := report.Wrap(s.HeaderText(), v.width-headerAt)
	for i := range v.headers {
		head, text := "", ""
		if i == 0 {
			head = "segment"
		}
		if i < len(header) {
			text = header[i]
		}
		lines = append(lines, v.paint(dim, fmt.Sprintf("%-*s", headerAt, head))+cut(text, v.width-headerAt))
	}
	return lines
}

// cause says what RFC 9293 has beside the edge just taken.
func cause(e report.End) string {
	known := edge(e.From, e.State)
	if known == nil {
		return "not in RFC 9293's diagram"
	}
	on, sends, found := strings.Cut(known.On, " / ")
	if !found {
		return "on " + on
	}
	return "on " + on + ", sends " + sends
}

// says is the sentence of the present step.
func (v *view) says() []string {
	text := v.steps[v.now].Says
	if v.asking {
		text = v.steps[v.now+1].Asks
	}
	lines := report.Wrap(text, v.width)
	if len(lines) > v.saying {
		lines = lines[:v.saying]
		lines[v.saying-1] = cut(lines[v.saying-1]+" …", v.width)
	}
	for i, l := range lines {
		lines[i] = v.paint(bold, l)
	}
	for len(lines) < v.saying {
		lines = append(lines, "")
	}
	return lines
}

// status says where this is in the run, and the keys.
func (v *view) status() string {
	where := fmt.Sprintf("step %d of %d", v.now+1, len(v.steps))
	keys := "←→  n segment  d drop  v verdict  i ss  x predict  ? help  q"
	switch {
	case v.note != "":
		keys = v.note
	case v.asking:
		keys = "what happens next?  → shows it  x ends predicting"
	case v.predict:
		keys = "→ asks what happens next  x ends predicting  ? help  q leave"
	}
	return v.paint(present, where) + v.paint(dim, cut("  "+keys, v.width-utf8.RuneCountInString(where)))
}

func helpText(p paint) []string {
	return []string{
		p(bold, "Keys"), "",
		"  →  l  space  enter     next step",
		"  ←  h  backspace        back",
		"  ↓  PgDn   ↑  PgUp      ten steps on, ten back",
		"  n   p  N               next segment, the one before",
		"  d   D                  next segment that is lost, the one before",
		"  v   V                  next verdict, the one before",
		"  Home  g   End  G       first step, last step",
		"  i                      details: the line of ss, counters, a segment's header",
		"  x                      predict: be asked what happens before it is shown",
		"  q  Esc  Ctrl-C         leave", "",
		p(bold, "What is shown"), "",
		"  Above, the ladder up to the present step, which is marked.",
		"  Below, both ends: the socket, its state, and what else is known of it.",
		"  " + p(present, "[STATE]") + " is the state now, and " + p(taken, "━▶") + " the way there, with what RFC 9293 says",
		"  brings it about. Figure 5 of RFC 9293 is drawn below, in a window of",
		fmt.Sprintf("  %d rows or more.", tall), "",
		"  Any key goes back.",
	}
}

// columns is the width of a line, styles aside.
func columns(line string) int {
	n := 0
	for line != "" {
		text, rest, styled := strings.Cut(line, "\x1b[")
		n += utf8.RuneCountInString(text)
		if styled {
			_, rest, _ = strings.Cut(rest, "m")
		}
		line = rest
	}
	return n
}
