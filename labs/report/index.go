package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

//go:embed page/index.tmpl
var indexTemplate string

// PageFile is the name of a lab's page, beside the index.
func PageFile(lab string) string { return strings.ReplaceAll(lab, "/", "--") + ".html" }

// index is what the template shows.
type index struct {
	Style   template.CSS
	First   *record.Run // for the environment, which all runs share
	Summary string
	Odd     bool // there is a surprise, or a run is broken
	Labs    []indexLab
	Missing []string
}

type indexLab struct {
	Run    *record.Run
	File   string
	Claims []indexClaim
}

type indexClaim struct {
	pageClaim
	File string
}

// Index writes a page with the verdicts on all claims of several runs, and a
// link to each run's page (see PageFile). Missing says which labs have no run,
// and why.
func Index(w io.Writer, runs []*record.Run, missing []Missing, o Options) error {
	o.ASCII = false
	clean := newPrinter(nil, o)
	x := index{Style: template.CSS(pageStyle)}
	for _, m := range missing {
		x.Missing = append(x.Missing, clean.clean(m.Name+": "+m.Why))
	}
	claims, surprises, broken, interrupted := 0, 0, 0, 0
	for _, r := range runs {
		l := indexLab{Run: clean.run(r), File: PageFile(clean.clean(r.Lab))}
		for _, c := range r.Claims {
			l.Claims = append(l.Claims, indexClaim{newPageClaim(&clean, &c, o.Times), l.File})
			claims++
			if c.Surprise {
				surprises++
			}
		}
		switch r.Outcome {
		case record.Broken:
			broken++
		case record.Interrupted:
			interrupted++
		}
		x.Labs = append(x.Labs, l)
	}
	if len(x.Labs) > 0 {
		x.First = x.Labs[0].Run
	}
	x.Odd = surprises+broken+interrupted+len(missing) > 0
	x.Summary = fmt.Sprintf("%d labs, %d claims; %d surprises, %d broken, %d not run", len(runs)+len(missing), claims, surprises, broken, len(missing))
	if interrupted > 0 {
		x.Summary += fmt.Sprintf(", %d interrupted", interrupted)
	}
	t, err := template.New("index").Parse(indexTemplate)
	if err != nil {
		return err
	}
	return t.Execute(w, x)
}
