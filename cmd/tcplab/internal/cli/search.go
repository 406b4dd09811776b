package cli

import (
	"fmt"

	"github.com/tcplab/tcplab/labs"
)

// A finding is what explain has found of a question.
type finding struct {
	question string
	hits     []labs.Hit
}

func search(question string) finding { return finding{question, labs.Search(question)} }

// mostClaims is how many claims of a lab are told.
const mostClaims = 2

// finding writes which labs tell of a question, the best first, with their claims.
func (p *explainPrinter) finding(f finding) {
	p.wrapped(0, bold, f.question)
	p.heading("Labs about it")
	for _, h := range f.hits {
		p.wrapped(2, bold, "tcplab "+h.Lab.Name)
		p.wrapped(6, "", h.Lab.Title)
		for _, c := range h.Claims[:min(mostClaims, len(h.Claims))] {
			mark, text := "✔", c.Text
			if c.Myth {
				mark, text = "≠", "A myth: “"+c.Text+"” "+c.Truth
			}
			p.row(cell{4, "", ""}, cell{1, "", mark}, cell{p.width - 9, "", text})
		}
	}
	fmt.Fprintln(p.w)
	p.wrapped(0, dim, "tcplab explain "+f.hits[0].Lab.Name+" tells all of the first, and why Linux does so.")
}
