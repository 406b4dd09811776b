package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// Whatever a file of records holds, it is refused, or compared with itself and with the
// other half of it: as text, as JSON and as a page.
func FuzzCompare(f *testing.F) {
	one := &record.Run{Lab: "a", Outcome: record.Expected, States: record.Stepped}
	one.Events = []record.Event{{Body: &record.Part{Title: "x"}}, {Body: &record.Call{Host: "client", Call: "close", Args: []string{"3"}}}}
	one.Claims = []record.Claim{{ID: "c", Verdict: record.Confirmed, Evidence: record.Evidence{{Name: "n", Value: int64(1)}}}}
	other := *one
	other.Events, other.Given = one.Events[:1], []string{"--n=1"}
	var text bytes.Buffer
	for _, r := range []*record.Run{one, &other, one} {
		if err := r.WriteJSON(&text); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(text.String())
	f.Add(strings.ReplaceAll(text.String(), "client", "\\u001b[2J"))
	f.Add(strings.ReplaceAll(text.String(), "expected", "broken"))
	f.Add(" \n{}")
	f.Fuzz(func(t *testing.T, data string) {
		runs, err := readRecords(strings.NewReader(data), "records")
		if err != nil {
			return
		}
		half := len(runs) / 2
		for _, c := range []*report.Comparison{report.Compare(runs), report.Compare(runs[:half], runs[half:]), report.Compare(runs, runs)} {
			o := report.CompareOptions{Options: report.Options{Width: 60}, Ladders: true}
			var out bytes.Buffer
			if err := c.Text(&out, o); err != nil {
				t.Fatal(err)
			}
			if strings.ContainsAny(out.String(), "\x1b\r\a") {
				t.Errorf("the text has a control character: %q", out.String())
			}
			if err := c.HTML(io.Discard, o); err != nil {
				t.Fatal(err)
			}
			out.Reset()
			if err := c.JSON(&out); err != nil {
				t.Fatal(err)
			}
			if !json.Valid(out.Bytes()) || strings.Contains(out.String(), ":null") && !strings.Contains(data, "null") {
				t.Errorf("the JSON is %s", out.String())
			}
		}
	})
}
