package main

import (
	"fmt"
	"strings"

	"github.com/tcplab/tcplab/labs"
)

// readme is the one file of which only a part is generated: what stands between
// these two lines.
const (
	readme     = "README.md"
	labsBegin  = "<!-- `make docs` makes the tables from here on of labs/. -->\n"
	labsAreAll = "<!-- That was the last of them. -->\n"
)

// withLabs returns the README's text with the tables of all labs in it.
func withLabs(text string) (string, error) {
	before, rest, begins := strings.Cut(text, labsBegin)
	_, after, ends := strings.Cut(rest, labsAreAll)
	if !begins || !ends {
		return "", fmt.Errorf("%s: want the lines %q and then %q, with the tables of the labs between them", readme, labsBegin, labsAreAll)
	}
	return before + labsBegin + labTables() + labsAreAll + after, nil
}

// labTables lists the labs with their own flags, a table for each section.
func labTables() string {
	var b strings.Builder
	for _, s := range labs.Sections {
		fmt.Fprintf(&b, "\n%s:\n\n", escape(s.Title))
		b.WriteString(row("command", "what it shows", "its own flags") + row("---", "---", "---"))
		for _, l := range s.Labs {
			var flags []string
			for _, k := range l.Knobs {
				flags = append(flags, code("--"+k.Name))
			}
			page := fmt.Sprintf("[%s](%s/%s.md)", code("tcplab "+l.Name), labPages, l.Name)
			b.WriteString(row(page, escape(l.Title), strings.Join(flags, ", ")))
		}
	}
	return b.String() + "\n"
}
