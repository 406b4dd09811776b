package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
)

// notice is the first line of a page.
const notice = "<!-- `make docs` makes this page of %s. Do not edit it here. -->\n\n"

// indexPage lists the labs, in teaching order.
func indexPage() string {
	var b strings.Builder
	fmt.Fprintf(&b, notice, "labs/")
	b.WriteString("# The labs\n\nA page for each lab: what it shows, why Linux behaves this way, its claims and their sources, its flags, and what to try next. `tcplab explain LAB` shows the same in the terminal. [All claims in one table](../claims.md).\n")
	for _, s := range labs.Sections {
		fmt.Fprintf(&b, "\n## %s\n\n", escape(s.Title))
		b.WriteString(row("lab", "what it shows") + row("---", "---"))
		for _, l := range s.Labs {
			b.WriteString(row(fmt.Sprintf("[%s](%s.md)", code(l.Name), l.Name), escape(l.Title)))
		}
	}
	b.WriteString("\n## Questions that people ask\n\nEach was asked in public. `tcplab explain` finds the answers by their words, too: `tcplab explain FIN is not sent`.\n\n")
	b.WriteString(row("question", "answered by", "claims") + row("---", "---", "---"))
	for _, q := range labs.Questions {
		var claims []string
		for _, id := range q.Claims {
			claims = append(claims, fmt.Sprintf("[%s](%s.md#%s)", code(id), q.Lab, id))
		}
		b.WriteString(row(escape(q.Asks), fmt.Sprintf("[%s](%s.md)", code(q.Lab), q.Lab), strings.Join(claims, ", ")))
	}
	return b.String()
}

// labPage is what tcplab explain shows, and the claims' controls.
func labPage(s labs.Section, l *lab.Lab) string {
	var b strings.Builder
	fmt.Fprintf(&b, notice, "labs/"+s.Name+"/"+l.Name+".go")
	fmt.Fprintf(&b, "# %s: %s\n", escape(l.Name), escape(l.Title))
	paragraphs(&b, l.Long)
	ladder := labs.Ladder(l.Name)
	if ladder != "" {
		fmt.Fprintf(&b, "\n## The ladder\n\nWhat %s draws:\n\n%s", code("tcplab "+l.Name+" --no-times"), fenced(ladder))
	}
	if l.Why != "" {
		b.WriteString("\n## Why Linux behaves this way\n")
		paragraphs(&b, l.Why)
	}
	b.WriteString("\n## What it claims\n")
	for i := range l.Claims {
		claim(&b, &l.Claims[i], labs.Judges(ladder, l.Claims[i].ID))
	}
	if len(l.Knobs) > 0 {
		b.WriteString("\n## Its own flags\n\n" + row("flag", "what it does", "default") + row("---", "---", "---"))
		for _, k := range l.Knobs {
			b.WriteString(row(code("--"+k.Name), escape(k.Help), escape(k.DefaultText())))
		}
	}
	if len(l.Try) > 0 {
		b.WriteString("\n## What to try next\n\n")
		for _, t := range l.Try {
			fmt.Fprintf(&b, "- %s: %s\n", code("tcplab "+t.Command), escape(t.Says))
		}
	}
	return b.String()
}

func paragraphs(b *strings.Builder, text string) {
	for _, p := range lab.Paragraphs(text) {
		fmt.Fprintf(b, "\n%s\n", escape(p))
	}
}

func claim(b *strings.Builder, c *lab.Claim, judged bool) {
	fmt.Fprintf(b, "\n### %s\n\n%s\n\n", code(c.ID), escape(c.Text))
	if c.Myth {
		fmt.Fprintf(b, "- A myth. Instead: %s\n", escape(c.Truth))
	}
	fmt.Fprintf(b, "- Source: %s\n", escape(c.Source))
	fmt.Fprintf(b, "- Control: %s\n", control(c))
	if !judged {
		b.WriteString("- It is not part of the run above: other flags ask for it.\n")
	}
}

// control says what the tests do to have the claim come out the other way.
func control(c *lab.Claim) string {
	way := "refuted"
	if c.Myth {
		way = "confirmed"
	}
	with := ""
	for _, name := range slices.Sorted(maps.Keys(c.Control.Args)) {
		with += " " + code("--"+name+"="+c.Control.Args[name])
	}
	if with != "" {
		with = ", with" + with
	}
	return fmt.Sprintf("%s when %s%s", way, escape(c.Control.Says), with)
}

// claimsPage is the table of all claims.
func claimsPage() string {
	total, myths := 0, 0
	var table strings.Builder
	table.WriteString(row("lab", "claim", "what it says", "source", "fact or myth", "control") + row("---", "---", "---", "---", "---", "---"))
	for _, l := range labs.All() {
		page := "labs/" + l.Name + ".md"
		for i := range l.Claims {
			c := &l.Claims[i]
			kind := "fact"
			if c.Myth {
				kind = "myth: " + escape(c.Truth)
				myths++
			}
			total++
			table.WriteString(row(fmt.Sprintf("[%s](%s)", code(l.Name), page), fmt.Sprintf("[%s](%s#%s)", code(c.ID), page, c.ID),
				escape(c.Text), escape(c.Source), kind, control(c)))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, notice, "labs/")
	fmt.Fprintf(&b, "# The claims\n\n%d labs make %d claims. %d of them are myths: widespread statements that are not true of Linux. Each run judges all of them by what the kernel does. The control is a sabotage under which the claim must come out the other way: a claim that nothing can refute is not a claim.\n\n",
		len(labs.All()), total, myths)
	return b.String() + table.String()
}
