package play_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/play"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// Labs that are told again in a file draw the same ladder, byte for byte, and judge their
// claims by the same evidence.
func TestLabsToldAgain(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/stories/labs/*.star")
	if err != nil || len(files) < 8 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".star")
		for family, ipv6 := range map[string]bool{"/ipv4": false, "/ipv6": true} {
			t.Run(name+family, func(t *testing.T) {
				t.Parallel()
				l := labs.Find(name)
				if l == nil {
					t.Fatal("there is no such lab")
				}
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				o := lab.Options{IPv6: ipv6}
				again, err := play.Compile(file, text)
				if err != nil {
					t.Fatal(err)
				}
				want, got := punctual(t, l, o), punctual(t, again, o)
				got.Lab = want.Lab
				got.Args, got.Given = want.Args, want.Given // a knob may be left out
				if diff := cmp.Diff(ladder(t, want), ladder(t, got)); diff != "" {
					t.Errorf("(-lab +story):\n%s", diff)
				}
				facts := map[string]record.Claim{}
				for _, c := range want.Claims {
					facts[c.ID] = c
				}
				for _, c := range got.Claims {
					w, ok := facts[c.ID]
					if !ok || c.Text != w.Text || c.Source != w.Source || c.Truth != w.Truth || c.Verdict != w.Verdict {
						t.Errorf("%+v, want %+v", c, w)
					}
				}
			})
		}
	}
}

// punctual tells a story until the machine has not held it up: one that is says so by
// itself, or says that a claim is inapplicable.
func punctual(t *testing.T, l *lab.Lab, o lab.Options) *record.Run {
	t.Helper()
	late := func(c record.Claim) bool { return c.Verdict == record.Inapplicable }
	for range labtest.Attempts - 1 {
		if r := labtest.Run(t, l, o); r.Late == nil && !slices.ContainsFunc(r.Claims, late) {
			return r
		}
	}
	return labtest.Run(t, l, o)
}

func ladder(t *testing.T, r *record.Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Ladder(&b, r, report.Options{Width: 100}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
