// Package labtest tests labs: each one's picture, its claims and their controls.
package labtest

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/internal/need"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/machine"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
	"github.com/tcplab/tcplab/sockopt"
)

var update = flag.Bool("update", false, "write the golden ladders anew")

// Main runs a package's tests, for its TestMain: many side by side, and an ordinary
// user's as the root of a user namespace.
func Main(m *testing.M) int { return need.Main(m) }

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
			t.Parallel()
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
	var missing *machine.MissingError
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
	file := filepath.Join("testdata", name+".ladder")
	r := Punctual(t, file, func() *record.Run { return Run(t, l, o) })
	if r.Outcome != record.Expected {
		t.Errorf("outcome is %s: %s", r.Outcome, r.Error)
		if *update {
			return
		}
	}
	for _, e := range r.Events {
		if c, ok := e.Body.(*record.Call); ok {
			declared(t, l, c)
		}
	}
	standBelow(t, r)
	Golden(t, file, Picture(t, r))
}

// standBelow wants each verdict below the segments that its evidence names: the story
// delivers them, or holds them, before it judges. What a timer has sent it may come upon by
// chance.
func standBelow(t *testing.T, r *record.Run) {
	t.Helper()
	evidence := map[string]record.Evidence{}
	for _, c := range r.Claims {
		evidence[c.ID] = c.Evidence
	}
	drawn := map[int]bool{}
	given := map[string]time.Duration{} // the verdicts so far, and when
	for _, e := range r.Events {
		switch v := e.Body.(type) {
		case *record.VerdictGiven:
			given[v.Claim] = e.At
		case *record.Segment:
			if drawn[v.ID] || v.Forged || v.Cause != "" {
				continue
			}
			drawn[v.ID] = true
			for claim, at := range given {
				if v.SentAt <= at && names(evidence[claim], v.Flags) {
					t.Errorf("the verdict on %s stands above the %s that it is about, seq=%d of the %s's", claim, v.Flags, v.Seq, v.From)
				}
			}
		}
	}
}

// names reports whether evidence says that segments with these flags were sent.
func names(e record.Evidence, flags string) bool {
	return slices.ContainsFunc(e, func(f record.Fact) bool {
		text, _ := f.Value.(string)
		return slices.Contains(strings.Fields(text), flags)
	})
}

// Attempts is how many runs may be held up, one after another, before a test gives
// up: on a machine that does so every time there is nothing to be seen.
const Attempts = 5

// Punctual runs a lab until the machine has not held the story up. A golden ladder
// is of a punctual run; another says so itself: the record tells of a timer that
// ran out unawaited, or what the lab has to be in time for is inapplicable, which it
// is not in the golden ladder.
func Punctual(t testing.TB, golden string, run func() *record.Run) *record.Run {
	t.Helper()
	text, err := os.ReadFile(golden)
	if err != nil && !*update {
		t.Fatalf("%v; %s", err, writes(t))
	}
	for range Attempts - 1 {
		r := run()
		late := slices.DeleteFunc(inapplicable(r), func(claim string) bool {
			return strings.Contains(string(text), "inapplicable: "+claim+"\n")
		})
		if r.Late == nil && (len(late) == 0 || *update) {
			return r
		}
		t.Logf("the story was held up: %+v; inapplicable: %v", r.Late, late)
	}
	return run()
}

// inapplicable returns the claims that a run could not judge.
func inapplicable(r *record.Run) (claims []string) {
	for _, e := range r.Events {
		if v, ok := e.Body.(*record.VerdictGiven); ok && v.Verdict == record.Inapplicable {
			claims = append(claims, v.Claim)
		}
	}
	return claims
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
		t.Fatalf("%v; %s", err, writes(t))
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-golden +got); %s, and `make golden` all of them:\n%s", file, writes(t), diff)
	}
}

// writes says how the golden file of a test is written: of a lab, all its files.
func writes(t testing.TB) string {
	name := strings.Split(t.Name(), "/")
	return fmt.Sprintf("`go test -run %s -update` in this folder writes it", strings.Join(name[:min(2, len(name))], "/"))
}

// declared checks that the lab names a socket option that a call of it is about.
func declared(t *testing.T, l *lab.Lab, c *record.Call) {
	for _, o := range sockopt.All() {
		if slices.Contains(c.Args, o.Name) && !slices.Contains(l.Sockopts, o.Name) {
			t.Errorf("%s is about %s: name it in the lab's Sockopts", c.Call, o.Name)
		}
	}
}

// tellsTimers is how late a look may be that tells what a timer of some 200 ms was set
// to, and not twice that.
const tellsTimers = 50 * time.Millisecond

// control runs the lab sabotaged and wants the claim to come out otherwise. Where
// it is inapplicable the story was held up (see Punctual), and a run that was held up
// for long may have seen too little of a timer to tell.
func control(t *testing.T, l *lab.Lab, c lab.Claim) {
	t.Parallel()
	for attempt := range Attempts {
		r, verdict, err := lab.Sabotage(t.Context(), l, &c, false)
		SkipIfMissing(t, err)
		switch {
		case err == nil:
			return
		case (verdict == record.Inapplicable || r != nil && (r.Late != nil || r.HeldUp.For > tellsTimers)) && attempt < Attempts-1:
			t.Log(err)
		case r != nil:
			t.Fatalf("%v\n%s", err, Picture(t, r))
		default:
			t.Fatal(err)
		}
	}
}

var kebab = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// wellFormed checks what the catalogue asks of every lab.
func wellFormed(t *testing.T, l *lab.Lab) {
	if l.Title == "" || strings.HasSuffix(l.Title, ".") {
		t.Errorf("Title %q: want a sentence without a full stop", l.Title)
	}
	if l.Long == "" || l.Script == nil || len(l.Claims) == 0 {
		t.Error("want a long text, claims and a script")
	}
	if l.Look == "" || strings.HasSuffix(l.Look, ".") || strings.Contains(l.Look, "\n") || len(l.Look) > 90 {
		t.Error("want Look: what to look at in the ladder, in one line of 90 characters at most, without a full stop")
	}
	if len(lab.Paragraphs(l.Why)) == 0 {
		t.Error("want Why, for who has seen the ladder")
	}
	if n := len(l.Try); n < 2 || n > 5 {
		t.Errorf("Try has %d commands, want 2 to 5", n)
	}
	pictures, err := filepath.Glob(filepath.Join("testdata", l.Name+"*.ladder"))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range l.Sockopts {
		if *update || len(pictures) == 0 {
			break // there may be no golden ladder yet
		}
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
			t.Errorf("claim %s: want a sentence with its full stop, and a source", c.ID)
		case c.Myth != (c.Truth != ""):
			t.Errorf("claim %s: a myth, and nothing else, says what is true instead", c.ID)
		case c.Control.Says == "", (c.Control.Segment == "") == (c.Control.Before == ""), c.Control.Before != "" && c.Control.Do == nil:
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
