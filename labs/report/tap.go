package report

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/tcplab/tcplab/labs/record"
)

// A TAPDialect is a form of the Test Anything Protocol.
type TAPDialect struct {
	version string
	indent  string // of a subtest
	hash    string // stands for # in a name, where it would begin a directive
	// nested is set where a subtest begins with the version, and remarked where
	// remarks stand before their test.
	nested, remarked bool
}

// The dialects.
var (
	// TAP13 has subtests as version 14 describes them, and Perl's Test::More writes
	// them: a reader of version 13 passes them by. (Perl's prove refuses version 14.)
	TAP13 = TAPDialect{version: "TAP version 13", indent: "    ", hash: `\#`}
	// KTAP is the kernel's: Documentation/dev-tools/ktap.rst.
	KTAP = TAPDialect{version: "KTAP version 1", indent: "  ", hash: "_", nested: true, remarked: true}
)

// A TAP writes how runs have ended for programs that run tests: a test for each run,
// and in it one for each claim. A test is ok where the run says what the catalogue
// expects, so a myth that is refuted is. What does not apply is skipped.
type TAP struct {
	w       io.Writer
	dialect TAPDialect
	n       int // how many runs were written
	err     error
}

// NewTAP begins with the plan: how many runs are to come.
func NewTAP(w io.Writer, d TAPDialect, runs int) (*TAP, error) {
	t := &TAP{w: w, dialect: d}
	t.line("", d.version)
	t.line("", fmt.Sprintf("1..%d", runs))
	return t, t.err
}

// Add writes a run.
func (t *TAP) Add(r *record.Run) error {
	in := t.dialect.indent
	if len(r.Claims) > 0 {
		if t.dialect.nested {
			t.line(in, t.dialect.version)
		}
		t.line(in, "# Subtest: "+tapText(r.Lab))
		t.line(in, fmt.Sprintf("1..%d", len(r.Claims)))
	}
	for i := range r.Claims {
		t.claim(i+1, &r.Claims[i])
	}
	ok := r.Outcome == record.Expected
	var remarks []string
	if !ok {
		remarks = []string{summaryText(r)}
	}
	t.n++
	t.test("", t.n, ok, r.Lab, "", remarks...)
	return t.err
}

// Missing writes a run that did not come about, and why.
func (t *TAP) Missing(m Missing) error {
	t.n++
	t.test("", t.n, false, m.Name, "", m.Why)
	return t.err
}

func (t *TAP) claim(n int, c *record.Claim) {
	ok := !c.Surprise && c.Verdict != record.VerdictBroken
	skip := ""
	var remarks []string
	switch {
	case c.Verdict == record.Inapplicable:
		skip = " # SKIP " + tapText(c.Reason)
	case !ok:
		remarks = append(remarks, headline(c)+": "+c.Text)
		if seen := evidenceText(c, false); seen != "" {
			remarks = append(remarks, "seen: "+seen)
		}
		if c.Reason != "" {
			remarks = append(remarks, "because: "+c.Reason)
		}
	}
	t.test(t.dialect.indent, n, ok, c.ID, skip, remarks...)
}

func (t *TAP) test(indent string, n int, ok bool, name, directive string, remarks ...string) {
	lines := make([]string, len(remarks))
	for i, r := range remarks {
		lines[i] = "# " + tapText(r)
	}
	result := "ok"
	if !ok {
		result = "not ok"
	}
	name = strings.NewReplacer(`\`, `\\`, "#", t.dialect.hash).Replace(tapText(name))
	line := fmt.Sprintf("%s %d - %s%s", result, n, name, directive)
	if t.dialect.remarked {
		lines = append(lines, line)
	} else {
		lines = append([]string{line}, lines...)
	}
	for _, l := range lines {
		t.line(indent, l)
	}
}

func (t *TAP) line(indent, text string) {
	if t.err == nil {
		_, t.err = io.WriteString(t.w, indent+text+"\n")
	}
}

// tapText keeps a text on its line.
func tapText(text string) string {
	return Escape(strings.Join(strings.Fields(text), " "), unicode.IsPrint)
}
