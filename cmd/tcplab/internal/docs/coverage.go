package main

import (
	"fmt"
	"strings"

	"github.com/tcplab/tcplab/labs/coverage"
)

// coveragePage tells what the labs have witnessed, and why not the rest.
func coveragePage(c *coverage.Coverage) string {
	var b strings.Builder
	b.WriteString("<!-- `make coverage` makes this page, by running the labs. Do not edit it here. -->\n\n")
	b.WriteString("# What the labs witness\n\n")
	fmt.Fprintf(&b, "Computed from a run of all labs on Linux %s, with IPv4 and IPv6, each with its default flags. `tcplab coverage` shows it for the running kernel. A sysctl is witnessed where a lab turns it, or reads it because what it shows depends on it.\n\n",
		strings.Join(c.Kernels, ", "))
	b.WriteString(row("what", "witnessed", "of") + row("---", "---", "---"))
	for _, p := range c.Parts {
		b.WriteString(row(escape(p.Title), fmt.Sprint(p.Witnessed()), fmt.Sprint(len(p.Items))))
	}
	for _, p := range c.Parts {
		fmt.Fprintf(&b, "\n## %s\n\n", escape(p.Title))
		said := false
		for _, i := range p.Items {
			said = said || i.Says != ""
		}
		head, line := []string{"", "witnessed by"}, []string{"---", "---"}
		if said {
			head, line = []string{"", "when", "witnessed by"}, append(line, "---")
		}
		b.WriteString(row(head...) + row(line...))
		for _, i := range p.Items {
			cells := []string{escape(i.Name)}
			if said {
				cells = append(cells, escape(i.Says))
			}
			b.WriteString(row(append(cells, witnesses(i))...))
		}
	}
	return b.String()
}

// mostLabs is how many labs are named for one item.
const mostLabs = 5

// witnesses names labs, or says why there are none.
func witnesses(i coverage.Item) string {
	if len(i.Labs) == 0 {
		return "– " + escape(i.Why)
	}
	var names []string
	for _, name := range i.Labs[:min(mostLabs, len(i.Labs))] {
		names = append(names, fmt.Sprintf("[%s](labs/%s.md)", code(name), name))
	}
	text := strings.Join(names, ", ")
	if rest := len(i.Labs) - len(names); rest > 0 {
		text += fmt.Sprintf(" and %d more", rest)
	}
	return text
}
