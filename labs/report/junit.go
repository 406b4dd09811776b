package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

// A Missing is a run that did not come about, and why.
type Missing struct{ Name, Why string }

// The elements of JUnit's XML, as Jenkins, GitLab and GitHub's actions read it: a test
// suite for each run, and in it a test case for each claim.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Name    string       `xml:"name,attr"`
		Tests   int          `xml:"tests,attr"`
		Fail    int          `xml:"failures,attr"`
		Errors  int          `xml:"errors,attr"`
		Skipped int          `xml:"skipped,attr"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Fail       int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr,omitempty"` // seconds
		Timestamp  string          `xml:"timestamp,attr,omitempty"`
		Properties *[]junitSetting `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
		Output     *junitText      `xml:"system-out"`
	}
	junitText struct {
		Text string `xml:",cdata"`
	}
	junitSetting struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Class   string       `xml:"classname,attr"`
		Name    string       `xml:"name,attr"`
		Failure *junitRemark `xml:"failure"`
		Error   *junitRemark `xml:"error"`
		Skipped *junitRemark `xml:"skipped"`
	}
	junitRemark struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes runs as JUnit's XML. What the catalogue did not expect is a failure,
// with the run's ladder in the suite's output; what broke is an error.
func JUnit(w io.Writer, runs []*record.Run, missing []Missing, o Options) error {
	o.Color = false
	j := junit{o, newPrinter(nil, o)}
	all := junitSuites{Name: "tcplab"}
	for _, r := range runs {
		s, err := j.suite(r)
		if err != nil {
			return err
		}
		all.Suites = append(all.Suites, s)
	}
	for _, m := range missing {
		s := junitSuite{Name: j.clean(m.Name)}
		s.add(junitCase{Class: s.Name, Name: wholeStory, Error: &junitRemark{Message: j.clean(m.Why)}})
		all.Suites = append(all.Suites, s)
	}
	for _, s := range all.Suites {
		all.Tests += s.Tests
		all.Fail += s.Fail
		all.Errors += s.Errors
		all.Skipped += s.Skipped
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}

// wholeStory is the test case that a run has where it has no claim, or did not come to
// its end.
const wholeStory = "the story is told to its end"

// junit makes the elements, of strings that are safe to print.
type junit struct {
	options Options
	printer
}

func (j *junit) suite(r *record.Run) (junitSuite, error) {
	s := junitSuite{Name: j.clean(r.Lab)}
	if j.options.Times {
		s.Time = fmt.Sprintf("%.3f", r.Duration.Seconds())
		if start := r.Environment.Start; !start.IsZero() {
			s.Timestamp = start.Format(time.RFC3339)
		}
	}
	s.Properties = &[]junitSetting{{"kernel", j.clean(r.Environment.Kernel)}, {"tcplab", j.clean(r.Environment.Tcplab)}}
	for i := range r.Claims {
		s.add(j.claim(s.Name, &r.Claims[i]))
	}
	whole := junitCase{Class: s.Name, Name: wholeStory}
	switch r.Outcome {
	case record.Broken:
		whole.Error = &junitRemark{Message: j.clean(r.Error)}
	case record.Interrupted:
		whole.Error = &junitRemark{Message: "interrupted"}
	}
	if whole.Error != nil || len(r.Claims) == 0 {
		s.add(whole)
	}
	if r.Outcome != record.Expected {
		var ladder bytes.Buffer
		if err := Ladder(&ladder, r, j.options); err != nil {
			return s, err
		}
		s.Output = &junitText{ladder.String()}
	}
	return s, nil
}

func (j *junit) claim(class string, c *record.Claim) junitCase {
	t := junitCase{Class: class, Name: j.clean(c.ID + ": " + c.Text)}
	seen := evidenceText(c, false)
	switch {
	case c.Surprise:
		t.Failure = &junitRemark{j.clean(headline(c) + ": " + seen), j.clean("source: " + c.Source)}
	case c.Verdict == record.VerdictBroken:
		t.Error = &junitRemark{j.clean(c.Reason), j.clean(seen)}
	case c.Verdict == record.Inapplicable:
		t.Skipped = &junitRemark{Message: j.clean(c.Reason)}
	}
	return t
}

func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Fail++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}
