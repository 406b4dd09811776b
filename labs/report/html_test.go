package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tcplab/tcplab/labs/record"
)

func TestHTML(t *testing.T) {
	for name, run := range everyRun() {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := HTML(&b, run, with); err != nil {
				t.Fatal(err)
			}
			ownScripts(t, b.String())
			for _, c := range run.Claims {
				if !strings.Contains(b.String(), `id="claim-`) || !strings.Contains(b.String(), string(c.Verdict)) {
					t.Errorf("the page lacks the verdict on %q", c.ID)
				}
			}
		})
	}
}

var (
	scripts  = regexp.MustCompile(`(?i)<script[^>]*>`)
	outside  = regexp.MustCompile(`(?i)(src|href|action|data|poster|srcset)\s*=|url\(|@import`)
	handlers = regexp.MustCompile(`(?i)<[^>]*\son\w+\s*=`)
)

// ownScripts checks that a page has the scripts that it is meant to have, and
// asks for nothing.
func ownScripts(t *testing.T, html string) {
	t.Helper()
	got := scripts.FindAllString(html, -1)
	if len(got) != 2 || got[0] != `<script type="application/json" id="steps">` || got[1] != `<script>` {
		t.Errorf("the page's scripts are %q", got)
	}
	_, body, _ := strings.Cut(html, "<body>")
	body, _, _ = strings.Cut(body, got[0])
	body = regexp.MustCompile(`"[^"]*"`).ReplaceAllString(body, `""`)
	if found := handlers.FindString(body); found != "" {
		t.Errorf("the page has a handler: %s", found)
	}
	if found := outside.FindString(regexp.MustCompile(`>[^<]*<`).ReplaceAllString(body, "><")); found != "" {
		t.Errorf("the page asks for something: %s", found)
	}
}

// The page's policy names its script.
func TestScriptHash(t *testing.T) {
	hash := sha256.Sum256([]byte(pageScript))
	if want := "sha256-" + base64.StdEncoding.EncodeToString(hash[:]); scriptHash != want {
		t.Errorf("scriptHash is %s, want %s", scriptHash, want)
	}
}

// Without its script, and on paper, the page shows how both ends are at the end.
func TestHTMLWithoutScript(t *testing.T) {
	var b bytes.Buffer
	run := fates()
	if err := HTML(&b, run, with); err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, m := range regexp.MustCompile(`class="node now" data-state="([A-Z_0-9]+)"`).FindAllStringSubmatch(b.String(), -1) {
		got = append(got, m[1])
	}
	steps := Steps(run, with)
	for _, e := range steps[len(steps)-1].Ends {
		want = append(want, e.State)
	}
	if len(want) != 2 || !slices.Equal(got, want) {
		t.Errorf("the states that are lit are %q, want %q", got, want)
	}
}

func TestHTMLWithoutTimes(t *testing.T) {
	for _, times := range []bool{true, false} {
		var b bytes.Buffer
		if err := HTML(&b, handshake(), Options{Times: times}); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"sent at", ">ms<", "Duration"} {
			if strings.Contains(b.String(), text) != times {
				t.Errorf("times %t, and %q: %t", times, text, !times)
			}
		}
	}
}

// The page says how late a run was, and how its states were read.
func TestHTMLLate(t *testing.T) {
	for name, run := range map[string]*record.Run{"late": late(), "handshake": handshake()} {
		var b bytes.Buffer
		if err := HTML(&b, run, with); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"This run was held up for 3012 ms", "(states as seen just after)"} {
			if strings.Contains(b.String(), text) != (name == "late") {
				t.Errorf("%s: %q", name, text)
			}
		}
	}
}

// A record's strings are text in the page, whatever they hold.
func TestHTMLEscapes(t *testing.T) {
	const evil = `</script><script>alert(1)</script><img src=x onerror=alert(2)>"'`
	run := handshake()
	run.Lab, run.Title, run.Error, run.Outcome = evil, evil, evil, record.Broken
	run.Environment.Kernel, run.Environment.Tcplab, run.Environment.Privilege = evil, evil, evil
	run.Environment.Sysctls = map[string]map[string]string{evil: {evil: evil}}
	run.Counters = map[string]map[string]int64{evil: {evil: 1}}
	run.Args, run.Given = map[string]string{evil: evil}, []string{evil}
	run.Claims = append(run.Claims, record.Claim{
		ID: evil, Text: evil, Source: evil, Reason: evil, Verdict: record.Refuted, Myth: true, Truth: evil,
		Evidence: record.Evidence{{Name: evil, Value: evil}},
	})
	for _, e := range run.Events {
		switch v := e.Body.(type) {
		case *record.Segment:
			v.Flags, v.Options = evil, evil
		case *record.Call:
			v.Call, v.Args, v.Result, v.Errno = evil, []string{evil}, evil, evil
		case *record.State:
			v.Socket, v.To, v.Timer = evil, evil, evil
		case *record.Part:
			v.Title = evil
		}
	}
	var b bytes.Buffer
	if err := HTML(&b, run, with); err != nil {
		t.Fatal(err)
	}
	ownScripts(t, b.String())
	b.Reset()
	if err := Index(&b, []*record.Run{run}, []Missing{{evil, evil}}, with); err != nil {
		t.Fatal(err)
	}
	if found := scripts.FindString(b.String()) + handlers.FindString(b.String()); found != "" {
		t.Errorf("the index has %s", found)
	}
	b.Reset()
	if err := SVG(&b, run, with); err != nil {
		t.Fatal(err)
	}
	wellFormed(t, b.Bytes())
}

// The index has every claim, and links to each lab's page.
func TestIndex(t *testing.T) {
	var b bytes.Buffer
	runs := []*record.Run{handshake(), surprise()}
	if err := Index(&b, runs, []Missing{{"other", "could not be run"}}, with); err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		for _, c := range r.Claims {
			if !strings.Contains(b.String(), "<code>"+c.ID+"</code>") {
				t.Errorf("no claim %s", c.ID)
			}
		}
	}
	for _, text := range []string{`href="example.html"`, "other: could not be run", "SURPRISE"} {
		if !strings.Contains(b.String(), text) {
			t.Errorf("no %q in the index", text)
		}
	}
}

// The hostile record is kept as JSON as well, for what reads saved records.
func TestHostileGolden(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, hostile()); err != nil {
		t.Fatal(err)
	}
	golden(t, "hostile.json", b.Bytes())
}
