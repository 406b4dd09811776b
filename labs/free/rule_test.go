package free

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestGrammarIsRead(t *testing.T) {
	for _, g := range Grammar {
		r, err := ParseRule(g.Example)
		if err != nil {
			t.Errorf("%s: %v", g.Form, err)
			continue
		}
		if r.String() != g.Example {
			t.Errorf("%q is read as %q", g.Example, r)
		}
		if verb, _, _ := strings.Cut(g.Form, " "); !strings.HasPrefix(g.Example, verb) {
			t.Errorf("%s: %q is no example of it", g.Form, g.Example)
		}
	}
	for _, g := range Expectations {
		if _, err := ParseExpectation(g.Example); err != nil {
			t.Errorf("%s: %v", g.Form, err)
		}
	}
}

func TestWrongRules(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "there is nothing in it",
		"lose SYN":                      "nothing is called \"lose\"; want\n  drop SEGMENT",
		"latency both 10ms":             "what others call \"latency\" is \"delay\" here; want\n  delay SEGMENT TIME",
		"bandwidth both 1mbit":          "is \"rate\" here; want\n  rate SIDE RATE",
		"delay both 10ms jitter 3ms":    `"10ms jitter 3ms": a side's packets are all as late`,
		"reorder both 25%":              `"both" is a side, and no segment`,
		"drop client data":              `"client" is a side, and no segment`,
		"drop":                          "want flags",
		"drop SYNACK":                   `no flag is called "SYNACK"`,
		"drop sever:SYN":                `no host is called "sever"`,
		"drop SYN#0":                    "want #1 or more",
		"hold SYN":                      "until when?",
		"hold SYN for ever":             `"ever" is no time`,
		"hold SYN for 2h":               "up to 1h",
		"hold SYN for -1s":              "is no time",
		"hold SYN until sometime":       `no flag is called "sometime"`,
		"delay 10ms":                    "of what, and for how long?",
		"delay both soon":               `"soon" is no time`,
		"loss both":                     "how much",
		"loss both 0%":                  "above 0%",
		"loss both 101%":                "up to 100%",
		"loss both NaN%":                "a percentage",
		"loss both 1":                   "a percentage",
		"loss all 1%":                   `"all" is no side`,
		"loss both 1% seed x":           "seed x",
		"rate both 10":                  "want a rate",
		"rate both 1bit":                "want a rate from 1kbit",
		"rate both NaNmbit":             "want a rate",
		"reset after 0 data":            "want a number from 1",
		"reset after data":              "want a number from 1",
		"reset after 3 data#2":          "takes no #n",
		"reorder each":                  `no flag is called "each"`,
		"duplicate client:SYN for good": "for: want seq=N",
	} {
		r, err := ParseRule(text)
		switch {
		case err == nil:
			t.Errorf("%q is read as %+v", text, r)
		case !readable(err) || !strings.Contains(err.Error(), want):
			t.Errorf("%q: %v, want %q in it", text, err, want)
		}
	}
}

// Where another program's name is told to be one of ours there is such a rule.
func TestNamesElsewhere(t *testing.T) {
	for name, here := range othersNames {
		if _, err := ParseRule(name); err == nil || len(formsOf(here)) == len(Grammar) {
			t.Errorf("%q is to be %q: %v", name, here, err)
		}
	}
}

// What docs/run.md says to those who know other programs are rules.
func TestRulesForOthers(t *testing.T) {
	page, err := os.ReadFile("../../docs/run.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n| there | here |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	n := 0
	for row := range strings.Lines(table) {
		here := strings.Split(row, "|")[2]
		for i, text := range strings.Split(here, "`") {
			if i%2 == 0 || !strings.Contains(text, " ") {
				continue
			}
			if _, err := ParseRule(text); err != nil {
				t.Error(err)
			}
			n++
		}
	}
	if n < 10 {
		t.Errorf("the table has %d rules", n)
	}
}

// readable reports whether an error has the grammar, in lines for a narrow terminal.
func readable(err error) bool {
	var wrong *GrammarError
	for line := range strings.Lines(err.Error()) {
		if len(line) > 80 && strings.HasPrefix(line, "  ") {
			return false
		}
	}
	return errors.As(err, &wrong) && strings.Contains(err.Error(), "\n  ")
}

func TestWrongExpectations(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "too little",
		"client":                       "too little",
		"seen":                         "too little",
		"client is FINISHED at end":    `no state is called "FINISHED"; there are LISTEN, SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSING, TIME_WAIT, CLOSE_WAIT, LAST_ACK, CLOSE and gone`,
		"client is CLOSE_WAIT":         "none of these",
		"proxy is CLOSE_WAIT at end":   `"proxy" is no host`,
		"client has some CLOSE at end": `"some" is no number`,
		"client has 3-2 CLOSE at end":  `"3-2" is no number`,
		"client exits 256":             "is no exit status",
		"client exits":                 "none of these",
		"server:RTS seen":              `no flag is called "RTS"`,
		"not seen":                     "want flags",
	} {
		e, err := ParseExpectation(text)
		switch {
		case err == nil:
			t.Errorf("%q is read as %+v", text, e)
		case !readable(err) || !strings.Contains(err.Error(), want):
			t.Errorf("%q: %v, want %q in it", text, err, want)
		}
	}
}

// What is read is written as it was, but for spaces, and means the same.
func FuzzRule(f *testing.F) {
	for _, g := range Grammar {
		f.Add(g.Example)
	}
	f.Add("drop each client:data len=1-5 sack again #2")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRule(text)
		if err != nil {
			return
		}
		again, err := ParseRule(r.String())
		if err != nil || again.do != r.do || again.on != r.on || again.time != r.time || again.loss != r.loss || again.rate != r.rate {
			t.Errorf("%q is %+v, and written again %+v, %v", text, r, again, err)
		}
	})
}

func FuzzExpectation(f *testing.F) {
	for _, g := range Expectations {
		f.Add(g.Example)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseExpectation(text)
		if err != nil {
			return
		}
		again, err := ParseExpectation(e.String())
		if err != nil || *again != *e {
			t.Errorf("%q is %+v, and written again %+v, %v", text, e, again, err)
		}
		e.judge(outcome{})
	})
}
