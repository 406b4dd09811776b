package labs_test

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tcplab/tcplab/labs"
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
