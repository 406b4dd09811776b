// Package labtest tests labs: each one's picture, its claims and their controls.
package labtest

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
	"github.com/tcplab/tcplab/sockopt"
)

var update = flag.Bool("update", false, "write the golden ladders anew")

// A Variant is a way to run a lab that has a golden ladder of its own.
type Variant struct {
	Lab  string
	Name string // the golden file is LAB-NAME.ladder
	Args lab.Args
}

// Section tests a section's labs: that each is well formed, that a run on IPv4
// and on IPv6, and each variant, gives its golden ladder without a surprise, and
// that every claim's control refutes it.
func Section(t *testing.T, labs []*lab.Lab, variants ...Variant) {
	for _, l := range labs {
		t.Run(l.Name, func(t *testing.T) {
			wellFormed(t, l)
			t.Run("ipv4", func(t *testing.T) { golden(t, l, l.Name, lab.Options{}) })
			t.Run("ipv6", func(t *testing.T) { golden(t, l, l.Name+"-ipv6", lab.Options{IPv6: true}) })
			for _, v := range variants {
				if v.Lab == l.Name {
					t.Run(v.Name, func(t *testing.T) { golden(t, l, l.Name+"-"+v.Name, lab.Options{Args: v.Args}) })
				}
			}
			for _, c := range l.Claims {
				t.Run("control/"+c.ID, func(t *testing.T) { control(t, l, c) })
			}
		})
	}
}

// Run runs a lab. Where this machine does not allow it the test is skipped, or
// fails if TCPLAB_REQUIRE_PRIV is 1.
func Run(t testing.TB, l *lab.Lab, o lab.Options) *record.Run {
	t.Helper()
	r, err := lab.Run(t.Context(), l, o)
	SkipIfMissing(t, err)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// SkipIfMissing skips the test where err is that this machine does not allow a
// run, or fails it if TCPLAB_REQUIRE_PRIV is 1.
func SkipIfMissing(t testing.TB, err error) {
	t.Helper()
	var missing *lab.MissingError
	if !errors.As(err, &missing) {
		return
	}
	if os.Getenv("TCPLAB_REQUIRE_PRIV") == "1" {
		t.Fatalf("TCPLAB_REQUIRE_PRIV=1: %v", err)
	}
	t.Skipf("needs root: %v", err)
}

// Picture is what must be the same in every run on a kernel: the ladder and the
// verdicts, without times and without the kernel's name.
func Picture(t testing.TB, r *record.Run) string {
	t.Helper()
	var b bytes.Buffer
	o := report.Options{Width: 100}
	shown := *r
	shown.Environment.Kernel = "KERNEL"
	if err := errors.Join(report.Ladder(&b, &shown, o), report.Verdicts(&b, &shown, o)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func golden(t *testing.T, l *lab.Lab, name string, o lab.Options) {
	t.Parallel()
	r := Run(t, l, o)
	if r.Outcome != record.Expected {
		t.Errorf("outcome is %s: %s", r.Outcome, r.Error)
	}
	for _, e := range r.Events {
		if c, ok := e.Body.(*record.Call); ok {
			declared(t, l, c)
		}
	}
	Golden(t, filepath.Join("testdata", name+".ladder"), Picture(t, r))
}

// Golden compares a text with that of a file or, with -update, writes it.
func Golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-golden +got); `make golden` writes it anew:\n%s", file, diff)
	}
}

// declared checks that the lab names a socket option that a call of it is about.
func declared(t *testing.T, l *lab.Lab, c *record.Call) {
	for _, o := range sockopt.All() {
		if slices.Contains(c.Args, o.Name) && !slices.Contains(l.Sockopts, o.Name) {
			t.Errorf("%s is about %s: name it in the lab's Sockopts", c.Call, o.Name)
		}
	}
}

// patience is how long a sabotaged run waits for what its sabotage keeps from
// coming, once the claim is judged.
const patience = 3 * time.Second

// control runs the lab sabotaged and wants the claim to come out otherwise.
func control(t *testing.T, l *lab.Lab, c lab.Claim) {
	t.Parallel()
	act := c.Control // a copy: it remembers whether it has acted
	r := Run(t, l, lab.Options{Args: act.Args, Control: &act, Patience: patience})
	if !act.Acted() {
		t.Errorf("the control never acts: nothing is %s%s (run: %s %s)", act.Segment, act.Before, r.Outcome, r.Error)
	}
	want := record.Refuted
	if c.Myth {
		want = record.Confirmed
	}
	// The event, and not the record's claim: a sabotage may break the story
	// later, and then the claim itself is broken.
	for _, e := range r.Events {
		judged, ok := e.Body.(*record.VerdictGiven)
		if !ok || judged.Claim != c.ID {
			continue
		}
		if judged.Verdict != want || !judged.Surprise {
			t.Errorf("though %s, the claim is %s (run: %s %s)\n%s",
				c.Control.Says, judged.Verdict, r.Outcome, r.Error, Picture(t, r))
		}
		return
	}
	t.Errorf("in the control's run the claim is not judged (run: %s %s)\n%s", r.Outcome, r.Error, Picture(t, r))
}

var kebab = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// wellFormed checks what the catalogue asks of every lab.
func wellFormed(t *testing.T, l *lab.Lab) {
	if l.Title == "" || strings.HasSuffix(l.Title, ".") || l.Long == "" || l.Script == nil || len(l.Claims) == 0 {
		t.Error("want a title without a full stop, a long text, claims and a script")
	}
	if len(lab.Paragraphs(l.Why)) == 0 || len(l.Try) == 0 {
		t.Error("want Why, for who has seen the ladder, and something to Try")
	}
	pictures, err := filepath.Glob(filepath.Join("testdata", l.Name+"*.ladder"))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range l.Sockopts {
		if !slices.ContainsFunc(pictures, func(file string) bool { return shows(t, file, o) }) {
			t.Errorf("Sockopts: no golden ladder shows %s", o)
		}
	}
	seen := map[string]bool{}
	for _, c := range l.Claims {
		switch {
		case !kebab.MatchString(c.ID), seen[c.ID]:
			t.Errorf("claim %q: want a kebab-case ID that no other claim has", c.ID)
		case !strings.HasSuffix(c.Text, "."), c.Source == "":
			t.Errorf("claim %s: want a sentence and a source", c.ID)
		case c.Myth != (c.Truth != ""):
			t.Errorf("claim %s: a myth, and nothing else, says what is true instead", c.ID)
		case c.Control.Says == "", (c.Control.Segment == "") == (c.Control.Do == nil):
			t.Errorf("claim %s: want one control, on a segment or before a call, and what it does in words", c.ID)
		}
		seen[c.ID] = true
	}
}

func shows(t *testing.T, file, text string) bool {
	picture, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(picture, []byte(text))
}
