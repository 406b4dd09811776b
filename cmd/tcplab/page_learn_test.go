package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// In predict mode the page asks what happens next, hides it, and then shows it.
func TestPagePredict(t *testing.T) {
	t.Parallel()
	file, _ := savedRun(t, "noaccept")
	b := browse(t, "file://"+file)
	hidden := func() int {
		return evaluate[int](t, b, `[...document.querySelectorAll(".story .wide .row")].filter((r) => getComputedStyle(r).visibility === "hidden").length`)
	}
	b.press(t, kb.Home)
	if n := hidden(); n != 0 {
		t.Errorf("%d rows are hidden without being asked for", n)
	}
	b.press(t, "x")
	before := b.press(t, "s") // a jump asks nothing
	asked := b.press(t, kb.ArrowRight)
	if asked.At != before.At || !strings.Contains(asked.Says, "The server's kernel sends a segment.") || !strings.HasSuffix(asked.Says, "(→ shows it.)") {
		t.Errorf("after →: %+v", asked)
	}
	if n := hidden(); n == 0 {
		t.Error("what is still to come can be seen")
	}
	shown := b.press(t, kb.ArrowRight)
	if shown.At != before.At+1 || !strings.HasPrefix(shown.Says, "The server's SYN,ACK arrives") {
		t.Errorf("after → once more: %+v", shown)
	}
	b.press(t, kb.ArrowRight)
	if back := b.press(t, kb.ArrowLeft); back.At != shown.At || back.Says != shown.Says {
		t.Errorf("← leaves the question for %+v", back)
	}
	b.do(t, chromedp.Click("#predict"))
	if n := hidden(); n != 0 {
		t.Errorf("%d rows are hidden afterwards", n)
	}
	b.clean(t, file)
}

// The page has what the lab says, what ss would print, and counters; and the keyboard
// reaches the system calls.
func TestPageTells(t *testing.T) {
	t.Parallel()
	file, _ := savedRun(t, "backlog", "--n", "2")
	b := browse(t, "file://"+file)
	for _, what := range []string{".why p", ".try dd"} {
		if evaluate[int](t, b, `document.querySelectorAll("`+what+`").length`) < 2 {
			t.Errorf("there is no %s", what)
		}
	}
	b.press(t, kb.Home)
	b.press(t, "d")
	got := evaluate[[]string](t, b, `[...document.querySelectorAll(".machine .ss, .machine .rose")].map((e) => e.textContent)`)
	want := []string{"SYN-SENT 0 1 192.0.2.1:40003 192.0.2.2:80 timer:(on,", "", "LISTEN 3 2 192.0.2.2:80 0.0.0.0:*", "ListenDrops +1, ListenOverflows +1"}
	for i := range want {
		if i >= len(got) || !strings.HasPrefix(got[i], want[i]) || (want[i] == "") != (got[i] == "") {
			t.Errorf("at the first drop the page says %q, want %q", got, want)
			break
		}
	}
	b.do(t, chromedp.Focus(".calls button"))
	if at := b.press(t, kb.Enter); !strings.HasPrefix(at.Says, "The server's program calls socket()") {
		t.Errorf("Enter on the first system call leads to %+v", at)
	}
	b.clean(t, file)
}

// A handout has the ladder, the texts and the verdicts, and nothing to press.
func TestPageOnPaper(t *testing.T) {
	t.Parallel()
	file, _ := savedRun(t, "noaccept")
	b := browse(t, "file://"+file)
	const paper = `(() => { // the rules for paper hold on the screen
	  for (const sheet of document.styleSheets) for (const rule of sheet.cssRules) {
	    if (rule instanceof CSSMediaRule) rule.media.mediaText = rule.media.mediaText === "print" ? "all" : "not all";
	  }
	  return ["aside", ".more", ".story .wide", ".why", ".verdicts", ".try"].map((what) => getComputedStyle(document.querySelector(what)).display !== "none");
	})()`
	got := evaluate[[]bool](t, b, paper)
	for i, want := range []bool{false, false, true, true, true, true} {
		if got[i] != want {
			t.Errorf("what is on paper is %v", got)
			break
		}
	}
	b.clean(t, file)
}
