package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// indexFile is the page with the claims of all labs.
const indexFile = "index.html"

// pages are what `tcplab all --html DIR` writes: a page for each lab, as it
// ends, and an index of all claims.
type pages struct {
	dir   string
	given func() bool // also where it is empty
}

func (p *pages) flag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.dir, "html", "", helpText("write a page for each lab to the directory `DIR`, and an index of all claims; with --sweep, the comparison to a file of this name"))
	p.given = func() bool { return cmd.Flags().Changed("html") }
}

// check refuses what is no directory's name.
func (p *pages) check() error {
	if p.given() && (p.dir == "" || p.dir == "-") {
		return usageError{fmt.Errorf("--html %s: want a directory, for a page for each lab", p.dir)}
	}
	return nil
}

// open makes the directory, and refuses one that can't be written to.
func (p *pages) open() error {
	if p.dir == "" {
		return nil
	}
	err := os.MkdirAll(p.dir, 0o777)
	if err == nil {
		var f *newFile
		if f, err = openNew(filepath.Join(p.dir, indexFile)); err == nil {
			f.abandon()
		}
	}
	if err != nil {
		return usageError{fmt.Errorf("--html %s: want a directory that can be written to: %w", p.dir, cause(err))}
	}
	return nil
}

func (p *pages) add(r result, times bool) error {
	if p.dir == "" || r.run == nil {
		return nil
	}
	return p.write(report.PageFile(r.lab.Name), func(f io.Writer) error {
		o := report.Options{Times: times, Index: indexFile}
		lesson(&o, r.lab)
		return report.HTML(f, r.run, o)
	})
}

// lesson gives a page what its lab says; the lab is nil where the record is of none.
func lesson(o *report.Options, l *lab.Lab) {
	if l == nil {
		return
	}
	o.Why = lab.Paragraphs(l.Why)
	for _, t := range l.Try {
		o.Try = append(o.Try, report.Try(t))
	}
}

func (p *pages) index(runs []*record.Run, missing []report.Missing, o report.Options) error {
	if p.dir == "" {
		return nil
	}
	return p.write(indexFile, func(f io.Writer) error { return report.Index(f, runs, missing, o) })
}

func (p *pages) write(name string, write func(io.Writer) error) error {
	path := filepath.Join(p.dir, name)
	if err := writeFile(path, write); err != nil {
		return fmt.Errorf("--html %s: %w", path, cause(err))
	}
	return nil
}
