package main

import (
	"context"
	"encoding/json"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A browser is a page in a headless Chromium.
type browser struct {
	context.Context
	console iter.Seq2[chromedp.ConsoleMessage, error]
	stop    context.CancelFunc // of the console
}

// chromium is the one that all pages are in, for it takes seconds to start. It ends
// when testMain calls endChromium.
var (
	chromium    = sync.OnceValues(startChromium)
	endChromium = func() {}
)

func startChromium() (context.Context, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, // the tests run as root
		chromedp.ExecPath("chromium"), chromedp.UserDataDir(filepath.Join(filepath.Dir(binary), "chromium")),
		chromedp.WSURLReadTimeout(time.Minute))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closeAll := chromedp.NewContext(ctx)
	endChromium = func() { closeAll(); stop() }
	return ctx, chromedp.Do(ctx)
}

// browse opens a page in Debian's chromium.
func browse(t *testing.T, url string) *browser {
	t.Helper()
	requireProgram(t, "chromium")
	parent, err := chromium()
	if err != nil {
		t.Fatal(err)
	}
	ctx, closePage := chromedp.NewContext(parent)
	t.Cleanup(closePage)
	b := &browser{Context: ctx}
	b.do(t) // the page lives as long as the context of the first call
	listening, stop := context.WithCancel(ctx)
	b.console, b.stop = chromedp.Console(listening), stop
	b.do(t, chromedp.Navigate(url), chromedp.WaitVisible("#slider"))
	return b
}

func (b *browser) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b, steps...); err != nil {
		t.Fatal(err)
	}
}

func evaluate[T any](t *testing.T, b *browser, script string) T {
	t.Helper()
	v, err := chromedp.Run(b, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return v
}

// A shown is what the page shows of a step.
type shown struct {
	At     int
	Steps  int
	States map[string]string // host → the state that is lit
	Edges  map[string]string // host → the edge that is lit, "extra" for one that RFC 9293's figure leaves out
	Says   string
	Fields bool // the segment's fields are shown
	Row    bool // the present row of the ladder is marked, and is in view
	Panel  bool // so are the slider and the machines
}

const look = `(() => {
  const one = (host, what) => [...document.querySelectorAll('.machine[data-host="' + host + '"] ' + what)];
  const s = {At: Number(document.getElementById("slider").value), Steps: Number(document.getElementById("slider").max) + 1,
    States: {}, Edges: {}, Says: document.getElementById("says").textContent, Fields: !document.getElementById("fields").hidden};
  for (const m of document.querySelectorAll(".machine")) {
    const host = m.dataset.host;
    s.States[host] = one(host, ".node.now").map((n) => n.dataset.state).join();
    s.Edges[host] = one(host, ".edge.now").map((e) => e.dataset.edge).concat(one(host, ".extra.now").map(() => "extra")).join();
  }
  const seen = (e) => {
    const box = e.getBoundingClientRect();
    if (box.height === 0 || box.top < 0 || box.bottom > innerHeight) return false;
    const there = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
    return (e.ownerSVGElement || e).contains(there); // and is not covered
  };
  s.Row = [...document.querySelectorAll("svg .row.now")].some(seen);
  s.Panel = seen(document.getElementById("slider")) && [...document.querySelectorAll(".machine")].every(seen);
  return s;
})()`

func (b *browser) look(t *testing.T) shown {
	t.Helper()
	return evaluate[shown](t, b, look)
}

func (b *browser) press(t *testing.T, key string) shown {
	t.Helper()
	b.do(t, chromedp.KeyEvent(key))
	return b.look(t)
}

// clean fails the test where the page has complained, or has asked for anything
// but itself.
func (b *browser) clean(t *testing.T, file string) {
	t.Helper()
	if asked := evaluate[[]string](t, b, `performance.getEntriesByType("resource").map((e) => e.name)`); len(asked) > 0 {
		t.Errorf("%s asks for %q", file, asked)
	}
	evaluate[chromedp.Void](t, b, `console.log("that is all")`)
	defer b.stop()
	for m, err := range b.console {
		if err != nil {
			t.Fatal(err)
		}
		if m.Text == "that is all" {
			return
		}
		t.Errorf("%s: %v", file, m)
	}
}

// saved is what the test needs of a record.
type saved struct {
	Events []struct {
		Kind, Host, Socket, From, To, Fate string
	}
	Claims []struct{ ID string }
}

// lastState is the state that a host's connection had at last, by the record.
func (r *saved) lastState(host string) string {
	state := ""
	for _, e := range r.Events {
		if e.Kind == "state" && e.Host == host && e.To != "LISTEN" {
			state = e.To
		}
	}
	return state
}

// path are the states that a host's connection went through, by the record.
func (r *saved) path(host string) []string {
	var path []string
	for _, e := range r.Events {
		if e.Kind == "state" && e.Host == host && e.From != e.To && e.To != "LISTEN" {
			path = append(path, e.To)
		}
	}
	return path
}

// savedRun runs a lab, and keeps its record and its page.
func savedRun(t *testing.T, args ...string) (file string, r *saved) {
	t.Helper()
	labs.orSkip(t)
	dir := t.TempDir()
	file = filepath.Join(dir, "run.html")
	out, err := tell(append(args, "--json", "--html", file)...)
	if err != nil {
		t.Fatal(err)
	}
	r = &saved{}
	if err := json.Unmarshal(out, r); err != nil {
		t.Fatal(err)
	}
	record := filepath.Join(dir, "run.json")
	if err := os.WriteFile(record, out, 0o666); err != nil {
		t.Fatal(err)
	}
	again := filepath.Join(dir, "again.html")
	if out, err := exec.Command(binary, "show", record, "--quiet", "--html", again).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if a, b := contents(t, file), contents(t, again); a != b {
		t.Error("the page of the saved record is not that of the live run")
	}
	return file, r
}

func contents(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The page steps, and shows at each step the state that the record has.
func TestPage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"simclose"}, {"lifecycle", "--ipv6"}, {"selfconnect"}} {
		t.Run(args[0], func(t *testing.T) {
			t.Parallel()
			file, r := savedRun(t, args...)
			b := browse(t, "file://"+file)
			at := b.press(t, kb.ArrowRight) // from the whole run to its beginning
			if at.At != 0 || at.Steps < 10 {
				t.Fatalf("after the first →: %+v", at)
			}
			paths := map[string][]string{}
			for i := 0; ; i++ {
				if at.At != i || !at.Row || at.Says == "" {
					t.Fatalf("step %d: %+v", i, at)
				}
				for host, state := range at.States {
					p := paths[host]
					if state != "" && state != "LISTEN" && (len(p) == 0 || p[len(p)-1] != state) {
						paths[host] = append(p, state)
						if at.Edges[host] == "" {
							t.Errorf("step %d: the %s is %s, and no edge led there", i, host, state)
						}
					}
				}
				if i == at.Steps-1 {
					break
				}
				at = b.press(t, kb.ArrowRight)
			}
			for host, path := range paths {
				if want := r.path(host); strings.Join(path, " ") != strings.Join(want, " ") {
					t.Errorf("the page shows the %s as %v; the record has %v", host, path, want)
				}
				if got, want := at.States[host], r.lastState(host); got != want {
					t.Errorf("at the end the page shows the %s as %s; the record has %s", host, got, want)
				}
			}
			if back := b.press(t, kb.ArrowLeft); back.At != at.At-1 {
				t.Errorf("after ←: %+v", back)
			}
			b.clean(t, file)
		})
	}
}

// Jumps go to what they are named for; the mouse works as the keys do.
func TestPageJumps(t *testing.T) {
	t.Parallel()
	file, r := savedRun(t, "lostack")
	b := browse(t, "file://"+file)
	b.press(t, kb.Home)
	drops, verdicts := 0, 0
	for _, e := range r.Events {
		if e.Fate == "dropped" {
			drops++
		}
		if e.Kind == "verdict" {
			verdicts++
		}
	}
	jump := func(key string, want int, is func(shown) bool) {
		t.Helper()
		b.press(t, kb.Home)
		n, last := 0, 0
		for at := b.press(t, key); at.At != last; at = b.press(t, key) {
			n, last = n+1, at.At
			if !is(at) {
				t.Errorf("%s came to %+v", key, at)
			}
		}
		if n != want {
			t.Errorf("%s came to %d steps, want %d", key, n, want)
		}
	}
	jump("d", drops, func(s shown) bool {
		return (strings.Contains(s.Says, "is lost") || strings.Contains(s.Says, "drops it")) && s.Fields
	})
	jump("v", verdicts, func(s shown) bool { return strings.HasPrefix(s.Says, "Confirmed: ") && !s.Fields })
	b.do(t, chromedp.Click(`[data-go="first"]`))
	b.do(t, chromedp.Click(`[data-go="segment"]`))
	if at := b.look(t); !strings.HasPrefix(at.Says, "The client's SYN arrives") || !at.Fields || at.Edges["server"] != "LISTEN>SYN_RECV" {
		t.Errorf("the first segment: %+v", at)
	}
	b.clean(t, file)
}

// On a phone the page fits the screen's width, and what steps and what is stepped
// through are in sight together.
func TestPageOnPhone(t *testing.T) {
	t.Parallel()
	file, _ := savedRun(t, "noaccept")
	b := browse(t, "file://"+file)
	b.do(t, chromedp.EmulateViewport(390, 800, chromedp.EmulateMobile))
	width := evaluate[int](t, b, `document.documentElement.scrollWidth`)
	display := func(which string) string {
		return evaluate[string](t, b, `getComputedStyle(document.querySelector(".story .`+which+`")).display`)
	}
	wide, narrow := display("wide"), display("narrow")
	if width > 390 || wide != "none" || narrow != "block" {
		t.Errorf("the page is %d wide; the wide ladder is %s, the narrow one %s", width, wide, narrow)
	}
	if high := evaluate[int](t, b, `document.querySelector("aside").getBoundingClientRect().height`); high > 400 {
		t.Errorf("the panel takes %d of 800 rows", high)
	}
	for at := b.press(t, kb.Home); ; at = b.press(t, kb.ArrowRight) {
		if !at.Row || !at.Panel {
			t.Errorf("out of sight at a step: %+v", at)
		}
		if at.At == at.Steps-1 {
			break
		}
	}
	b.clean(t, file)
}

// A record from elsewhere can't act in the browser.
func TestPageOfHostileRecord(t *testing.T) {
	t.Parallel()
	record := contents(t, "../../labs/report/testdata/hostile.json")
	evil := `</script><script>document.title=\"pwned\"</script><img src=x onerror='document.title=\"pwned\"'>`
	record = strings.Replace(record, `"title":"`, `"title":"`+evil, 1)
	file := filepath.Join(t.TempDir(), "run.html")
	cmd := exec.Command(binary, "show", "-", "--quiet", "--html", file)
	cmd.Stdin = strings.NewReader(record)
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 3 { // that run is broken
		t.Fatalf("%v: %s", err, out)
	}
	b := browse(t, "file://"+file)
	for at := b.press(t, kb.Home); at.At < at.Steps-1; at = b.press(t, kb.ArrowRight) {
		if at.Says == "" {
			t.Errorf("nothing is said of step %d", at.At)
		}
	}
	if title := evaluate[string](t, b, "document.title"); !strings.Contains(title, "<img src=x") {
		t.Errorf("the title is %q", title)
	}
	b.clean(t, file)
}

// The page of a run in which nothing has happened does not complain.
func TestPageOfNothing(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "run.html")
	cmd := exec.Command(binary, "show", "-", "--quiet", "--html", file)
	cmd.Stdin = strings.NewReader(`{"schema":"tcplab.run/2","outcome":"expected","states":"stepped"}`)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b := browse(t, "file://"+file)
	for _, key := range []string{kb.ArrowRight, kb.ArrowLeft, kb.Home, "d"} {
		b.press(t, key)
	}
	b.clean(t, file)
}

// The index's links lead to the labs' pages and their claims.
func TestPages(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	dir := t.TempDir()
	if _, err := tell("all", "--filter", "*close", "--html", dir); err != nil {
		t.Fatal(err)
	}
	index := contents(t, filepath.Join(dir, "index.html"))
	links := regexp.MustCompile(`href="([^"#]+)#([^"]+)"`).FindAllStringSubmatch(index, -1)
	if len(links) < 10 {
		t.Fatalf("the index has %d links to claims", len(links))
	}
	for _, l := range links {
		if page := contents(t, filepath.Join(dir, l[1])); !strings.Contains(page, `id="`+l[2]+`"`) {
			t.Errorf("%s has no %s", l[1], l[2])
		}
	}
}
