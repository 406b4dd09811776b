package labs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
)

func TestMain(m *testing.M) { os.Exit(labtest.Main(m)) }

func TestLadder(t *testing.T) {
	for _, l := range labs.All() {
		ladder := labs.Ladder(l.Name)
		if !strings.HasSuffix(ladder, "\n") || strings.HasSuffix(ladder, "\n\n") || !strings.Contains(ladder, "── ") {
			t.Errorf("%s: no ladder:\n%s", l.Name, ladder)
		}
		for _, frame := range []string{"KERNEL", l.Title, "tcplab ", "\n    seen: ", "\n    source: ", "no surprise"} {
			if strings.Contains(ladder, frame) {
				t.Errorf("%s: the ladder has %q", l.Name, frame)
			}
		}
		for line := range strings.Lines(ladder) {
			if n := utf8.RuneCountInString(line) - 1; n > 100 {
				t.Errorf("%s: %d columns: %s", l.Name, n, line)
			}
		}
		judged := 0
		for _, c := range l.Claims {
			if labs.Judges(ladder, c.ID) {
				judged++
			}
		}
		if judged == 0 {
			t.Errorf("%s: the ladder judges nothing", l.Name)
		}
	}
	if ladder := labs.Ladder("nonsense"); ladder != "" {
		t.Error(ladder)
	}
}

// A lab that stands in no section's list, or in a file of another name, is found by nobody.
func TestListed(t *testing.T) {
	named := regexp.MustCompile(`= lab\.Lab\{\n\tName:\s+"([^"]*)"`)
	for _, section := range labs.Sections {
		files, err := filepath.Glob(filepath.Join(section.Name, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range named.FindAllStringSubmatch(string(text), -1) {
				if want := filepath.Join(section.Name, m[1]+".go"); file != want {
					t.Errorf("%s holds the lab %s: want it in %s", file, m[1], want)
				}
				if !slices.ContainsFunc(section.Labs, func(l *lab.Lab) bool { return l.Name == m[1] }) {
					t.Errorf("%s: the lab %s is not in %s.Labs", file, m[1], section.Name)
				}
			}
		}
	}
}
