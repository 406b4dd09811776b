package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs"
)

const top = "../../../.."

// What is generated stands in the repository, so that it can be read there; this
// keeps it what the labs say.
func TestGenerated(t *testing.T) {
	files, err := pages(top)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(top, name))
		if err != nil {
			t.Errorf("%v; `make docs` makes it", err)
			continue
		}
		if diff := cmp.Diff(string(got), want); diff != "" {
			t.Errorf("%s is out of date (-there +generated); `make docs` fixes it:\n%s", name, diff)
		}
	}
	there, err := generated(top)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range there {
		if _, ok := files[name]; !ok {
			t.Errorf("%s belongs to no lab or command; `make docs` removes it", name)
		}
	}
}

func TestPagesAreTheSameEachTime(t *testing.T) {
	one, err := pages(top)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "86400")
	other, err := pages(top)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(one, other); diff != "" {
		t.Error(diff)
	}
}

func TestWriteRemovesWhatBelongsToNothing(t *testing.T) {
	dir := t.TempDir()
	stray := []string{filepath.Join(dir, labPages, "gone.md"), filepath.Join(dir, manPages, "tcplab-gone.1")}
	source := filepath.Join(dir, manPages, "man.go")
	if err := os.WriteFile(filepath.Join(dir, readme), []byte(labsBegin+labsAreAll), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, file := range append(stray, source) {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// The comments of the words of stories are read there, and their list is written.
	if err := os.CopyFS(filepath.Join(dir, "labs"), os.DirFS(filepath.Join(top, "labs"))); err != nil {
		t.Fatal(err)
	}
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	for _, file := range stray {
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", file, err)
		}
	}
	if _, err := os.Stat(source); err != nil {
		t.Error(err)
	}
	if files, err := generated(dir); err != nil || len(files) < len(labs.All()) {
		t.Errorf("%d files are there: %v", len(files), err)
	}
}

func TestEscape(t *testing.T) {
	for text, want := range map[string]string{
		"80<-40000":            `80\<-40000`,
		"SYN_SENT | __sys_x":   `SYN\_SENT \| \_\_sys\_x`,
		"- no list":            `\- no list`,
		"a - b":                "a - b",
		"*[a](b)* `c` ~~d~~ #": "\\*\\[a\\](b)\\* \\`c\\` \\~\\~d\\~\\~ \\#",
		`\ & <b>`:              `\\ \& \<b\>`,
	} {
		if got := escape(text); got != want {
			t.Errorf("escape(%q) is %s, want %s", text, got, want)
		}
	}
}

// A table with a cell too many or too few is no table.
func TestTablesAreWhole(t *testing.T) {
	files, err := pages(top)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		cells := 0
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "| ") {
				cells = 0
				continue
			}
			n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
			if cells != 0 && n != cells {
				t.Errorf("%s: %d cells, not %d: %s", name, n-1, cells-1, line)
			}
			cells = n
		}
	}
}
