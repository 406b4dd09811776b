package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// indexFile is the page with the claims of all labs.
const indexFile = "index.html"

// pages are what `tcplab all --html DIR` writes: a page for each lab, as it
// ends, and an index of all claims.
type pages struct{ dir string }

// open makes the directory, and refuses one that can't be written to.
func (p *pages) open() error {
	if p.dir == "" {
		return nil
	}
	err := os.MkdirAll(p.dir, 0o777)
	if err == nil {
		var f *os.File
		if f, err = os.OpenFile(filepath.Join(p.dir, indexFile), os.O_WRONLY|os.O_CREATE, 0o666); err == nil {
			err = f.Close()
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
	return p.write(report.PageFile(r.lab.Name), func(f *os.File) error {
		return report.HTML(f, r.run, report.Options{Times: times, Index: indexFile})
	})
}

func (p *pages) index(results []result, times bool) error {
	if p.dir == "" {
		return nil
	}
	var runs []*record.Run
	var missing []string
	for _, r := range results {
		if r.run != nil {
			runs = append(runs, r.run)
		} else {
			missing = append(missing, r.lab.Name+": "+r.err.Error())
		}
	}
	return p.write(indexFile, func(f *os.File) error {
		return report.Index(f, runs, missing, report.Options{Times: times})
	})
}

func (p *pages) write(name string, write func(*os.File) error) error {
	f, err := os.Create(filepath.Join(p.dir, name))
	if err == nil {
		err = write(f)
		if closed := f.Close(); err == nil {
			err = closed
		}
	}
	if err != nil {
		return fmt.Errorf("--html %s: %w", filepath.Join(p.dir, name), cause(err))
	}
	return nil
}
