package report

import (
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Options say how a record is shown on a terminal.
type Options struct {
	Width int  // columns; less than minWidth counts as minWidth
	Times bool // show when things happened; without, every run looks the same
	Color bool // ANSI colours
	ASCII bool // no character outside ASCII
}

const minWidth = 80

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
	w     io.Writer
	color bool
	ascii bool
	err   error
}

func (p *printer) line(parts ...string) {
	if p.err != nil {
		return
	}
	text := strings.TrimRight(strings.Join(parts, ""), " ")
	if p.ascii {
		text = toASCII.Replace(text)
	}
	_, p.err = io.WriteString(p.w, text+"\n")
}

// paint gives a text a style where there is colour.
func (p *printer) paint(s style, text string) string {
	if !p.color || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// toASCII has a stand-in of one character for all that the ladder is drawn with.
var toASCII = strings.NewReplacer(
	"─", "-", "│", "|", "├", "+", "┤", "+", "▶", ">", "◀", "<", "╳", "X", "●", "o", "╮", ".", "╯", "'",
	"⋮", ":", "×", "x", "✔", "+", "✘", "-", "‼", "!", "…", "...", "·", "*", "→", "->", "§", "section ",
	"“", `"`, "”", `"`, "≥", ">=", "≤", "<=", "–", "-", "µ", "u",
)

// ASCII returns a text without any character that the reports, or the manual of
// the socket options, have from outside of ASCII.
func ASCII(text string) string { return toASCII.Replace(text) }

// clean makes any text safe to print: what a terminal would act on is escaped.
func clean(text string) string {
	if !strings.ContainsFunc(text, unprintable) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unprintable(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// Wrap breaks a text at spaces into lines of at most width characters; a word
// that is longer is cut.
func Wrap(text string, width int) []string { return wrap(text, width) }

// wrap breaks a text at spaces into lines of at most width characters; a word
// that is longer is cut.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		for {
			sep := ""
			if line != "" {
				sep = " "
			}
			if length(line)+len(sep)+length(word) <= width {
				line += sep + word
				break
			}
			if line != "" {
				lines, line = append(lines, line), ""
				continue
			}
			head := string([]rune(word)[:width])
			lines = append(lines, head)
			word = word[len(head):]
		}
	}
	if line != "" || lines == nil {
		lines = append(lines, line)
	}
	return lines
}

// length is the number of columns that a text takes, styles aside.
func length(text string) int { return utf8.RuneCountInString(escape.ReplaceAllString(text, "")) }

var escape = regexp.MustCompile("\x1b\\[[0-9;]*m")

// pad returns spaces that fill text up to width.
func pad(text string, width int) string { return strings.Repeat(" ", max(0, width-length(text))) }
