package report

import (
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/tcplab/tcplab/labs/record"
)

// Options say how a record is shown on a terminal.
type Options struct {
	Width int  // columns, from MinWidth to MaxWidth; 0 is a hundred
	Times bool // show when things happened; without, every run looks the same
	Color bool // ANSI colours
	ASCII bool // no character outside ASCII
	Brief bool // the set-up of a connection takes one row
	Whole bool // and in Ladder none does, not even where a part of the story holds nothing else
	// Index is where a page finds the list of all labs; empty where there is none.
	Index string
	// Why and Try are what a lab says of its run, for a page: see lab.Lab. A record does
	// not hold them.
	Why []string
	Try []Try

	margin string // before every line, within the width
}

// A Try is a command that shows more.
type Try struct{ Command, Says string }

// The bounds of Options.Width.
const (
	MinWidth = 40
	MaxWidth = 1000
	// standardWidth is that of what is no terminal.
	standardWidth = 100
)

// shorten makes rows as brief as they are to be.
func (o Options) shorten(rows []row) []row {
	if o.Brief {
		return briefed(rows)
	}
	return rows
}

func (o Options) width() int {
	if o.Width == 0 {
		return standardWidth
	}
	return min(max(o.Width, MinWidth), MaxWidth)
}

// A style is an ANSI colour or weight (ECMA-48 SGR).
type style string

const (
	plain style = ""
	bold  style = "1"
	dim   style = "2"
	red   style = "1;31"
	green style = "32"
	blue  style = "36"
)

// printer writes lines, and remembers the first error.
type printer struct {
	w      io.Writer
	width  int
	margin string // before every line; the width is without it
	color  bool
	ascii  bool
	err    error
}

func newPrinter(w io.Writer, o Options) printer {
	return printer{w: w, width: o.width() - length(o.margin), margin: o.margin, color: o.Color, ascii: o.ASCII}
}

func (p *printer) line(parts ...string) {
	if p.err != nil {
		return
	}
	text := strings.TrimRight(p.margin+strings.Join(parts, ""), " ")
	if p.ascii {
		text = drawnInASCII.Replace(text)
	}
	_, p.err = io.WriteString(p.w, text+"\n")
}

// paragraph writes a text on as many lines as it takes, the later ones as far
// to the right as the text begins after head.
func (p *printer) paragraph(headStyle style, head string, s style, text string) {
	indent := length(head)
	for _, l := range wrap(p.clean(text), p.width-indent) {
		p.line(p.paint(headStyle, head), p.paint(s, l))
		head = strings.Repeat(" ", indent)
	}
}

// list writes items after a head and indented, with semicolons between them, on as many
// lines as they take.
func (p *printer) list(indent, head string, items []string) {
	for i, item := range items {
		items[i] = p.clean(item)
		if i < len(items)-1 {
			items[i] += "; "
		}
	}
	items[0] = head + items[0]
	for _, l := range wrapList(items, p.width-length(indent)) {
		p.line(indent, l)
	}
}

// paint gives a text a style where there is colour.
func (p *printer) paint(s style, text string) string {
	if !p.color || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// ASCII returns a text without any character that the reports, or the manual of
// the socket options, have from outside of ASCII.
func ASCII(text string) string { return drawnInASCII.Replace(saidInASCII.Replace(text)) }

// drawnInASCII has a stand-in of the same width for all that is drawn.
var drawnInASCII = strings.NewReplacer(
	"─", "-", "│", "|", "├", "+", "┤", "+", "▶", ">", "◀", "<", "╳", "X", "●", "o",
	"╮", ".", "╯", "'", "╭", ".", "╰", "'", "⋮", ":", "✔", "+", "≠", "-", "✘", "!", "…", "~", "·", "*",
	"━", "=", "┃", "#", "┏", "#", "┓", "#", "┗", "#", "┛", "#", "▼", "v", "▲", "^", "↓", "v", "↑", "^",
)

// saidInASCII has a stand-in for what the labs' texts use outside ASCII. It is
// put in before lines are broken, so that it may be longer.
var saidInASCII = strings.NewReplacer(
	"→", "->", "←", "<-", "§", "section ", "“", `"`, "”", `"`, "‘", "'", "’", "'", "≥", ">=", "≤", "<=",
	"–", "-", "—", "-", "…", "...", "×", "x", "µ", "u", "·", "*",
)

// clean makes any text safe to print: what a terminal would act on is escaped,
// and so is all that it may not draw from left to right and one column wide.
func (p *printer) clean(text string) string {
	safe := printable
	if p.ascii {
		text, safe = saidInASCII.Replace(text), isASCII
	}
	if !strings.ContainsFunc(text, func(r rune) bool { return !safe(r) }) && utf8.ValidString(text) {
		return text
	}
	return Escape(text, safe)
}

// Escape returns a text with every character that is not safe as an escape
// sequence of Go's, in ASCII.
func Escape(text string, safe func(rune) bool) string {
	var b strings.Builder
	for _, r := range text {
		if safe(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}

// run returns a copy of what a page shows of a run as it is, made safe to print.
func (p *printer) run(r *record.Run) *record.Run {
	c := *r
	c.Lab, c.Title, c.Error = p.clean(r.Lab), p.clean(r.Title), p.clean(r.Error)
	e := &c.Environment
	e.Kernel, e.Tcplab, e.Privilege = p.clean(e.Kernel), p.clean(e.Tcplab), p.clean(e.Privilege)
	e.Sysctls = cleanKeys(p, e.Sysctls)
	for host, all := range e.Sysctls {
		all = cleanKeys(p, all)
		for key, value := range all {
			all[key] = p.clean(value)
		}
		e.Sysctls[host] = all
	}
	c.Counters = cleanKeys(p, c.Counters)
	for host, all := range c.Counters {
		c.Counters[host] = cleanKeys(p, all)
	}
	return &c
}

// cleanKeys returns a copy of a map with its keys made safe to print.
func cleanKeys[V any](p *printer, m map[string]V) map[string]V {
	safe := make(map[string]V, len(m))
	for key, value := range m {
		safe[p.clean(key)] = value
	}
	return safe
}

func isASCII(r rune) bool { return r >= ' ' && r <= '~' }

func printable(r rune) bool { return unicode.Is(oneColumn, r) && unicode.IsPrint(r) }

// oneColumn are letters from left to right, punctuation, arrows and mathematical
// signs. It leaves out what combines, what is wide, and what is joined.
var oneColumn = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x20, Hi: 0x7e, Stride: 1},
		{Lo: 0xa1, Hi: 0xac, Stride: 1},
		{Lo: 0xae, Hi: 0xff, Stride: 1},
		{Lo: 0x100, Hi: 0x24f, Stride: 1},
		{Lo: 0x370, Hi: 0x482, Stride: 1},
		{Lo: 0x48a, Hi: 0x52f, Stride: 1},
		{Lo: 0x2010, Hi: 0x2027, Stride: 1},
		{Lo: 0x2030, Hi: 0x205e, Stride: 1},
		{Lo: 0x2190, Hi: 0x22ff, Stride: 1},
	},
	LatinOffset: 3,
}

// Wrap breaks a text at spaces into lines of at most width characters; a word
// that is longer is cut.
func Wrap(text string, width int) []string { return wrap(text, width) }

// wrap breaks a text at spaces into lines of at most width characters; a word
// that is longer is cut where one of its parts ends.
func wrap(text string, width int) []string {
	width = max(width, 1)
	var lines []string
	rest := []rune(strings.Trim(text, " "))
	for len(rest) > width {
		end := partOf(rest, width)
		for i := width; i > 0; i-- {
			if rest[i] == ' ' {
				end = i
				break
			}
		}
		lines = append(lines, strings.TrimRight(string(rest[:end]), " "))
		for rest = rest[end:]; rest[0] == ' '; { // it does not end in a space
			rest = rest[1:]
		}
	}
	return append(lines, string(rest))
}

// wrapList breaks lines between the items, each of which brings what stands between it
// and the next, and within one only where that is longer than a line.
func wrapList(items []string, width int) (lines []string) {
	line := ""
	for _, item := range items {
		switch longer := line + item; {
		case line == "" || length(strings.TrimRight(longer, " ")) <= width:
			line = longer
		default:
			lines = append(lines, wrap(line, width)...)
			line = item
		}
	}
	return append(lines, wrap(line, width)...)
}

// listed splits a text after each semicolon and comma.
func listed(text string) (items []string) {
	for _, part := range strings.SplitAfter(text, "; ") {
		items = append(items, strings.SplitAfter(part, ", ")...)
	}
	return items
}

// partOf is how much of a word that is longer than a line stands on that line: a call's
// name with its bracket, a part of a list, an address without its port, a part of a name like
// TCPAbortOnData or SO_REUSEPORT. Where it has no such parts the line is filled.
func partOf(word []rune, width int) int {
	ends := []func(before, after rune) bool{
		func(before, _ rune) bool { return before == '(' || before == ',' },
		func(before, after rune) bool { return before == ']' && after == ':' },
		func(before, after rune) bool { return unicode.IsLower(before) && unicode.IsUpper(after) },
		func(before, _ rune) bool { return before == '_' },
	}
	for _, ends := range ends {
		for i := width; i > width/3; i-- {
			if ends(word[i-1], word[i]) {
				return i
			}
		}
	}
	return width
}

// cut leaves out what is beyond width.
func cut(text string, width int) string {
	return string([]rune(text)[:min(length(text), max(width, 0))])
}

// length is the number of columns that a text takes, styles aside.
func length(text string) int {
	if strings.Contains(text, "\x1b") {
		text = escape().ReplaceAllString(text, "")
	}
	return utf8.RuneCountInString(text)
}

// escape is compiled when there is colour for the first time.
var escape = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("\x1b\\[[0-9;]*m") })

// pad returns spaces that fill text up to width.
func pad(text string, width int) string { return strings.Repeat(" ", max(0, width-length(text))) }
