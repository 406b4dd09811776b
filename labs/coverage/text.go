package coverage

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Text writes the coverage as tables of a width.
func (c *Coverage) Text(w io.Writer, width int) error {
	var b strings.Builder
	for i, p := range c.Parts {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s: %d of %d\n", p.Title, p.Witnessed(), len(p.Items))
		widest := 0
		for _, i := range p.Items {
			widest = max(widest, utf8.RuneCountInString(i.Name))
		}
		for _, i := range p.Items {
			mark, text := "✔", ""
			if len(i.Labs) == 0 {
				mark, text = "·", i.Why
			}
			indent := widest + 6 // what stands before the text
			if len(i.Labs) > 0 {
				text = i.labs(width - indent)
			}
			fmt.Fprintf(&b, "  %s %-*s  %s\n", mark, widest, i.Name, wrapped(text, width-indent, indent))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// labs names as many labs as there is room for, and counts the rest.
func (i Item) labs(room int) string {
	for n := len(i.Labs); n > 0; n-- {
		text := strings.Join(i.Labs[:n], ", ")
		if rest := len(i.Labs) - n; rest > 0 {
			text += fmt.Sprintf(" and %d more", rest)
		}
		if n == 1 || len(text) <= room {
			return text
		}
	}
	return ""
}

// wrapped breaks a text into lines, of which all but the first are indented.
func wrapped(text string, width, indent int) string {
	var b strings.Builder
	used := 0
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case used == 0:
		case used+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			used = 0
		default:
			b.WriteString(" ")
			used++
		}
		b.WriteString(word)
		used += n
	}
	return b.String()
}
