// Package labs is the catalogue of labs.
package labs

import (
	"github.com/tcplab/tcplab/labs/closing"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/opening"
)

// A Section is a chapter of the catalogue.
type Section struct {
	Name  string // the folder: "opening"
	Title string
	Labs  []*lab.Lab
}

// Sections are the sections in teaching order. Each lab stands in one of them.
var Sections = []Section{
	{Name: "opening", Title: "Opening a connection", Labs: opening.Labs},
	{Name: "closing", Title: "Closing a connection", Labs: closing.Labs},
}

// All returns every lab, in teaching order.
func All() []*lab.Lab {
	var all []*lab.Lab
	for _, s := range Sections {
		all = append(all, s.Labs...)
	}
	return all
}

// Find returns the lab of that name, or nil.
func Find(name string) *lab.Lab {
	for _, l := range All() {
		if l.Name == name {
			return l
		}
	}
	return nil
}
