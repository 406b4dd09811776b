// Package labs is the catalogue of labs.
package labs

import (
	"io/fs"
	"strings"

	"github.com/tcplab/tcplab/labs/closing"
	"github.com/tcplab/tcplab/labs/guarding"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/opening"
	"github.com/tcplab/tcplab/labs/ports"
	"github.com/tcplab/tcplab/labs/programs"
	"github.com/tcplab/tcplab/labs/silence"
	"github.com/tcplab/tcplab/labs/transfer"
)

// A Section is a chapter of the catalogue.
type Section struct {
	Name  string // the folder: "opening"
	Title string
	Labs  []*lab.Lab
	// pictures holds the golden ladders, testdata/NAME.ladder.
	pictures fs.FS
}

// Sections are the sections in teaching order. Each lab stands in one of them.
var Sections = []Section{
	{Name: "opening", Title: "Opening a connection", Labs: opening.Labs, pictures: opening.Pictures},
	{Name: "transfer", Title: "Moving data", Labs: transfer.Labs, pictures: transfer.Pictures},
	{Name: "silence", Title: "Peers that say nothing", Labs: silence.Labs, pictures: silence.Pictures},
	{Name: "guarding", Title: "Segments that do not belong", Labs: guarding.Labs, pictures: guarding.Pictures},
	{Name: "ports", Title: "Ports and addresses", Labs: ports.Labs, pictures: ports.Pictures},
	{Name: "closing", Title: "Closing a connection", Labs: closing.Labs, pictures: closing.Pictures},
	{Name: "programs", Title: "What programs see", Labs: programs.Labs, pictures: programs.Pictures},
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

// Ladder returns the golden ladder of the lab NAME: what its run with the
// default knobs draws between the head and the verdicts, 100 columns wide and
// without times. It is the same on every kernel on which nothing surprises.
// Where there is none, it returns "".
func Ladder(name string) string {
	for _, s := range Sections {
		picture, err := fs.ReadFile(s.pictures, "testdata/"+name+".ladder")
		if err == nil {
			return withoutFrame(string(picture))
		}
	}
	return ""
}

// withoutFrame leaves out the head of a picture, which the first empty line ends
// (the lab's title, and the run with the kernel in it), and what follows the last
// two: the verdicts and the summary.
func withoutFrame(picture string) string {
	_, ladder, _ := strings.Cut(picture, "\n\n")
	for range 2 {
		ladder = ladder[:max(0, strings.LastIndex(ladder, "\n\n"))]
	}
	if ladder == "" {
		return ""
	}
	return ladder + "\n"
}

// Judges reports whether a ladder shows the verdict on a claim.
func Judges(ladder, claim string) bool {
	return strings.Contains(ladder, ": "+claim+"\n")
}
