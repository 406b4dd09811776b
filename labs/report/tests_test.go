package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/tcplab/tcplab/labs/record"
)

// verdicts are runs that have ended in every way.
func verdicts() []*record.Run {
	none := &record.Run{Lab: "none.star", Outcome: record.Expected}
	interrupted := surprise()
	interrupted.Outcome = record.Interrupted
	runs := []*record.Run{none, handshake(), surprise(), broken(), inapplicable(), interrupted, hostile()}
	for _, r := range runs {
		r.Environment.Start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	}
	return runs
}

var notRun = Missing{Name: `a\b#1.star`, Why: "this machine has\nno /dev/net/tun"}

// Both dialects of TAP name every run and every claim, on a line each.
func TestTAP(t *testing.T) {
	for name, dialect := range map[string]TAPDialect{"tap": TAP13, "ktap": KTAP} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			tap, err := NewTAP(&b, dialect, len(verdicts())+1)
			for _, r := range verdicts() {
				err = errors.Join(err, tap.Add(r))
			}
			if err = errors.Join(err, tap.Missing(notRun)); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".golden", b.Bytes())
			line := regexp.MustCompile(`^ *(` + dialect.version + `|1\.\.\d+|(not )?ok \d+ - .*|# .*)$`)
			for l := range strings.Lines(b.String()) {
				if l = strings.TrimSuffix(l, "\n"); !line.MatchString(l) || strings.ContainsFunc(l, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("%q is no line of TAP", l)
				}
			}
		})
	}
}

// JUnit's XML can be read, whatever is in a record, and adds up.
func TestJUnit(t *testing.T) {
	var b bytes.Buffer
	runs := verdicts()
	for _, some := range [][]*record.Run{runs, runs[:len(runs)-1]} { // all, and but the hostile one
		b.Reset()
		if err := JUnit(&b, some, []Missing{notRun}, Options{Width: 100}); err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(b.String()) {
			if strings.ContainsFunc(strings.TrimSuffix(l, "\n"), func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q holds what a terminal would act on", l)
			}
		}
	}
	golden(t, "junit.golden", b.Bytes())
	var all junitSuites
	if err := xml.Unmarshal(b.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	got := [4]int{}
	for _, s := range all.Suites {
		for _, c := range s.Cases {
			got[0]++
			for i, remark := range []*junitRemark{c.Failure, c.Error, c.Skipped} {
				if remark != nil {
					got[i+1]++
				}
			}
		}
	}
	if want := [4]int{all.Tests, all.Fail, all.Errors, all.Skipped}; got != want || got[1] == 0 || got[2] == 0 || got[3] == 0 {
		t.Errorf("it says %v and has %v", want, got)
	}
}

// What can't be written is an error.
func TestTestsUnwritten(t *testing.T) {
	tap, err := NewTAP(&full{}, TAP13, 1)
	if err == nil || tap.Add(handshake()) == nil || tap.Missing(notRun) == nil || JUnit(&full{}, nil, nil, Options{}) == nil {
		t.Error("no error")
	}
}
