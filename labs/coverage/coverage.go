// Package coverage tells what of TCP a set of runs has witnessed: the edges of
// RFC 9293's state diagram, Linux's own transitions, sysctls, socket options, the
// kernel's counters, and the errnos of system calls.
package coverage

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// Schema names the JSON form of a Coverage.
const Schema = "tcplab.coverage/1"

// A Coverage is what some runs have witnessed, and what none of them has.
type Coverage struct {
	Kernels []string // that the runs were on: "6.18.44"
	Parts   []Part
}

// A Part is a list of what there is to be witnessed.
type Part struct {
	Title string `json:"title"`
	Items []Item `json:"items"`
}

// An Item is one thing that a run can witness.
type Item struct {
	Name string   `json:"name"`
	Says string   `json:"says,omitempty"`   // what it is
	Labs []string `json:"labs"`             // those that have witnessed it, by name
	Why  string   `json:"reason,omitempty"` // why none has
}

// Witnessed counts the items that a lab has witnessed.
func (p Part) Witnessed() (n int) {
	for _, i := range p.Items {
		if len(i.Labs) > 0 {
			n++
		}
	}
	return n
}

// notYet is why nothing has witnessed what could be witnessed.
const notYet = "no lab shows it yet"

// A candidate is an item before the runs are looked at.
type candidate struct {
	name, says string
	seen       func(*facts) bool // nil where nothing can witness it
	why        string            // why nothing does, where that is known
}

// Of returns what runs have witnessed. sysctls returns the sysctls that the lab of a
// name turns or reads: those in a record are for the most part pinned in all labs.
func Of(runs []*record.Run, sysctls func(lab string) []string) *Coverage {
	var all []*facts
	c := &Coverage{}
	for _, r := range runs {
		if r.Outcome == record.Expected { // the others prove nothing
			all = append(all, factsOf(r, sysctls(r.Lab)))
			kernel, _, _ := strings.Cut(r.Environment.Kernel, "-")
			if !slices.Contains(c.Kernels, kernel) {
				c.Kernels = append(c.Kernels, kernel)
			}
		}
	}
	for _, p := range parts() {
		part := Part{Title: p.title}
		for _, k := range p.candidates {
			part.Items = append(part.Items, k.item(all))
		}
		c.Parts = append(c.Parts, part)
	}
	return c
}

func (k candidate) item(all []*facts) Item {
	labs := map[string]bool{}
	for _, f := range all {
		if k.seen != nil && k.seen(f) {
			labs[f.lab] = true
		}
	}
	i := Item{Name: k.name, Says: k.says, Labs: slices.AppendSeq([]string{}, maps.Keys(labs))}
	slices.Sort(i.Labs)
	if len(labs) == 0 {
		i.Why = k.why
		if i.Why == "" {
			i.Why = notYet
		}
	}
	return i
}

// Counters is the title of the part about the kernel's counters.
const Counters = "Counters: TcpExt"

type part struct {
	title      string
	candidates []candidate
}

func parts() []part {
	return []part{
		{"RFC 9293: the edges of figure 5, and of the text", edges()},
		{"Linux's own transitions", transitions()},
		{"Sysctls: net.ipv4.tcp_*", sysctlCandidates()},
		{"Socket options: TCP_* and SO_*", optionCandidates()},
		{Counters, counterCandidates()},
		{"The errnos of connect, accept, read, write and close", errnoCandidates()},
	}
}

type document struct {
	Schema  string   `json:"schema"`
	Kernels []string `json:"kernels"`
	Parts   []Part   `json:"parts"`
}

// JSON writes the coverage as a document.
func (c *Coverage) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(document{Schema, c.Kernels, c.Parts})
}

//go:embed kept.json
var kept []byte

// Kept returns what the labs had witnessed when "make coverage" was run last: what
// docs/coverage.md shows.
func Kept() (*Coverage, error) {
	var d document
	if err := json.Unmarshal(kept, &d); err != nil {
		return nil, fmt.Errorf("kept.json: %w", err)
	}
	return &Coverage{d.Kernels, d.Parts}, nil
}
