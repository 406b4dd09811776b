// Docs writes what is generated of the documentation: a page for each lab, the
// table of all claims, what the labs have witnessed, the man pages, and the README's tables of the labs.
//
//	docs DIR   where DIR is the project's top folder
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tcplab/tcplab/cmd/tcplab/internal/cli"
	"github.com/tcplab/tcplab/cmd/tcplab/internal/seen"
	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/coverage"
)

// The folders that hold nothing but what is generated, besides Go files.
const (
	labPages = "docs/labs"
	manPages = "cmd/tcplab/internal/man" // where tcplab embeds them
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: docs DIR")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

// write makes the files under top what pages says, and removes what is left of
// labs that are gone.
func write(top string) error {
	files, err := pages(top)
	if err != nil {
		return err
	}
	old, err := generated(top)
	if err != nil {
		return err
	}
	for _, name := range old {
		if _, ok := files[name]; !ok {
			err = errors.Join(err, os.Remove(filepath.Join(top, name)))
		}
	}
	for name, text := range files {
		file := filepath.Join(top, name)
		err = errors.Join(err, os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644))
	}
	return err
}

// pages returns all that is generated: texts by file names, from the project's
// folder top. Of the README that is there, all but the tables stays. Nothing else
// depends on what is there, on the machine or on the time.
func pages(top string) (map[string]string, error) {
	main, err := os.ReadFile(filepath.Join(top, readme))
	if err != nil {
		return nil, err
	}
	text, err := withLabs(string(main))
	if err != nil {
		return nil, err
	}
	files := map[string]string{
		labPages + "/README.md": indexPage(),
		"docs/claims.md":        claimsPage(),
		readme:                  text,
	}
	kernels, err := seen.Kept()
	if err != nil {
		return nil, err
	}
	files["docs/kernels.md"] = kernelsPage(kernels)
	for _, s := range labs.Sections {
		for _, l := range s.Labs {
			files[labPages+"/"+l.Name+".md"] = labPage(s, l) + onKernels(kernels, l.Name)
		}
	}
	covered, err := coverage.Kept()
	if err != nil {
		return nil, err
	}
	files["docs/coverage.md"] = coveragePage(covered)
	if files[wordsFile], files[wordTexts], err = wordFiles(top); err != nil {
		return nil, err
	}
	manuals, err := manuals(cli.Command())
	for name, text := range manuals {
		files[manPages+"/"+name] = text
	}
	return files, err
}

// generated returns the names of the files that are there of what is generated,
// or have no business to be there.
func generated(top string) ([]string, error) {
	var names []string
	for _, pattern := range []string{labPages + "/*", manPages + "/*.1"} {
		files, err := filepath.Glob(filepath.Join(top, pattern))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			name, err := filepath.Rel(top, file)
			if err != nil {
				return nil, err
			}
			names = append(names, filepath.ToSlash(name))
		}
	}
	return names, nil
}
