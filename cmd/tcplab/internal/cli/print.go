package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/tcplab/tcplab/labs/report"
)

// printer writes texts for people to read. Write errors are left to the buffer
// behind w.
type printer struct {
	w     io.Writer
	width int
	color bool
	ascii bool
}

// newPrinter returns a printer to w, for the terminal that out is.
func newPrinter(w, out io.Writer) printer {
	return printer{w: w, width: columns(out), color: colored(out), ascii: !utf8Locale(os.Getenv)}
}

// The styles, ANSI's (ECMA-48 SGR).
const (
	bold   = "1"
	dim    = "2"
	yellow = "33"
)

func (p *printer) paint(style, text string) string {
	if !p.color || style == "" || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// text makes a text what the terminal can show, before its width is measured.
func (p *printer) text(s string) string {
	if p.ascii {
		return report.ASCII(s)
	}
	return s
}

// wrapped writes a text in lines that begin after indent.
func (p *printer) wrapped(indent int, style, text string) {
	for _, line := range report.Wrap(p.text(text), p.width-indent) {
		fmt.Fprintln(p.w, strings.Repeat(" ", indent)+p.paint(style, line))
	}
}

// A cell is a column's part of a row.
type cell struct {
	width       int
	style, text string
}

// row writes cells side by side, two spaces between them, each in as many lines
// as it takes.
func (p *printer) row(cells ...cell) {
	var columns [][]string
	height := 0
	for _, c := range cells {
		lines := report.Wrap(p.text(c.text), c.width)
		columns = append(columns, lines)
		height = max(height, len(lines))
	}
	for i := range height {
		line, blank := "", ""
		for j, c := range cells {
			text := ""
			if i < len(columns[j]) {
				text = columns[j][i]
			}
			if text != "" {
				line += blank + p.paint(c.style, text)
				blank = ""
			}
			blank += strings.Repeat(" ", c.width-utf8.RuneCountInString(text)+2)
		}
		fmt.Fprintln(p.w, line)
	}
}
