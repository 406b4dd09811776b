package step

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

// saved is a record that --json has printed.
func saved(t *testing.T, lab string) *record.Run {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", lab+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var r record.Run
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

// hostile is a record that somebody has made to upset a terminal.
func hostile() *record.Run {
	evil := "\x1b[2J\x1b]0;pwned\a\r\n\tx\u009b1m\u202e日本\xff" + strings.Repeat("long", 60)
	r := &record.Run{
		Lab: evil, Title: evil, Error: evil, States: record.Stepped, Args: map[string]string{evil: evil},
		Environment: record.Environment{Kernel: evil, Hosts: []record.Host{
			{Name: evil, Addresses: []netip.Addr{netip.MustParseAddr("fe80::1").WithZone(evil)}}, {Name: "server"},
		}},
		Claims: []record.Claim{{ID: evil, Text: evil, Truth: evil, Verdict: record.Refuted}},
	}
	here, there := netip.MustParseAddrPort("192.0.2.1:80"), netip.MustParseAddrPort("192.0.2.2:40000")
	for _, host := range []string{evil, "server"} {
		for _, body := range []record.Body{
			&record.Part{Title: evil},
			&record.Call{Host: host, Call: evil, Args: []string{evil}, Errno: evil},
			&record.State{Host: host, Socket: evil, From: evil, To: evil + "now", Timer: evil},
			&record.State{Host: host, Socket: "80->40000", Local: here, Remote: there, From: evil, To: evil, Timer: evil},
			&record.Segment{From: host, To: evil, Flags: evil, Src: here, Dst: there, Fate: record.Delivered},
			&record.VerdictGiven{Claim: evil},
		} {
			r.Events = append(r.Events, record.Event{Body: body})
		}
	}
	return r
}

// presses presses keys, whose names stand between spaces.
func presses(v *view, keys string) {
	for _, key := range strings.Fields(keys) {
		v.press(key)
	}
}

// A low window has the whole title and nothing of the command, however many lines
// they take.
func TestLowWindow(t *testing.T) {
	r := saved(t, "lostack")
	r.Args["also"] = strings.Repeat("1 ", 60)
	v := newView(r, report.Options{})
	v.resize(80, 24)
	all := strings.Join(v.lines()[:3], "\n")
	if title := strings.Join(strings.Fields(all), " "); !strings.HasPrefix(title, r.Title+" client ") {
		t.Errorf("the screen begins with\n%s", all)
	}
}

// The screen, after some keys.
func TestGolden(t *testing.T) {
	for _, test := range []struct {
		name, lab, keys string
		width, height   int
		color, ascii    bool
	}{
		{name: "first", lab: "noaccept", width: 100, height: 40},
		{name: "established", lab: "noaccept", keys: "n n", width: 100, height: 40},
		{name: "established-color", lab: "noaccept", keys: "n n", width: 100, height: 40, color: true},
		{name: "established-small", lab: "noaccept", keys: "n n", width: 80, height: 24},
		{name: "established-large", lab: "noaccept", keys: "n n", width: 120, height: 50},
		{name: "established-ascii", lab: "noaccept", keys: "n n", width: 80, height: 34, ascii: true},
		{name: "verdict", lab: "noaccept", keys: "end", width: 80, height: 34},
		{name: "lost", lab: "lostack", keys: "d", width: 100, height: 40},
		{name: "no-more", lab: "lostack", keys: "d d d", width: 80, height: 24},
		{name: "one-host", lab: "selfconnect", keys: "n n", width: 80, height: 34},
		{name: "help", lab: "noaccept", keys: "?", width: 80, height: 30},
		{name: "details", lab: "noaccept", keys: "n n", width: 100, height: 50},
		{name: "details-small", lab: "lostack", keys: "n n i", width: 80, height: 24},
		{name: "predict", lab: "noaccept", keys: "n x right", width: 80, height: 24},
		{name: "predict-answer", lab: "noaccept", keys: "n x right right", width: 80, height: 24},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newView(saved(t, test.lab), report.Options{Times: true, Color: test.color, ASCII: test.ascii})
			v.resize(test.width, test.height)
			presses(v, test.keys)
			got := strings.Join(v.lines(), "\n") + "\n"
			file := filepath.Join("testdata", test.name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v (make it with -update)", err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// Whatever the record and the window, the screen has as many lines as the
// window, of 80 columns or more none is wider, and none has a control character.
func TestEverySize(t *testing.T) {
	for name, run := range map[string]*record.Run{
		"noaccept": saved(t, "noaccept"), "selfconnect": saved(t, "selfconnect"), "hostile": hostile(), "empty": {},
	} {
		for _, width := range []int{0, 20, 80, 81, 100, 120, 200} {
			for _, height := range []int{0, 1, 5, 24, tall, 60} {
				for bits := range 4 {
					o := report.Options{Times: true, Color: bits&1 != 0, ASCII: bits&2 != 0}
					v := newView(run, o)
					v.resize(width, height)
					for _, keys := range []string{"g", "n", "l", "l", "l", "v", "i", "x", "p", "l", "l", "G", "l", "?"} {
						presses(v, keys)
						if bad := wrong(v); bad != "" {
							t.Fatalf("%s at %dx%d with %+v, step %d: %s", name, width, height, o, v.now+1, bad)
						}
					}
				}
			}
		}
	}
}

// wrong says what is wrong with a screen, or "".
func wrong(v *view) string {
	lines := v.lines()
	if len(lines) != v.height {
		return fmt.Sprintf("%d lines", len(lines))
	}
	for _, l := range lines {
		bare := l
		if v.options.Color {
			bare = styled.Replace(l)
		}
		switch {
		case v.width >= 80 && utf8.RuneCountInString(bare) > v.width:
			return fmt.Sprintf("%d columns: %q", utf8.RuneCountInString(bare), l)
		case strings.ContainsFunc(bare, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e' || r == '日' }):
			return fmt.Sprintf("it has a control character: %q", l)
		case !utf8.ValidString(bare), v.options.ASCII && strings.ContainsFunc(bare, func(r rune) bool { return r > '~' }):
			return fmt.Sprintf("it has a wrong character: %q", l)
		}
	}
	return ""
}

// styled takes away the styles that this package and the ladder use.
var styled = strings.NewReplacer("\x1b[0m", "", "\x1b[1m", "", "\x1b[2m", "", "\x1b[1;7m", "", "\x1b[1;35m", "",
	"\x1b[1;31m", "", "\x1b[32m", "", "\x1b[36m", "")

func TestKeys(t *testing.T) {
	for _, test := range []struct {
		lab, keys string
		want      int // the step, from 1
		note      string
	}{
		{"noaccept", "right l space enter", 5, ""},
		{"noaccept", "right right left", 2, ""},
		{"noaccept", "l l l h backspace", 2, ""},
		{"noaccept", "left", 1, ""},
		{"noaccept", "down", 11, ""},
		{"noaccept", "pgdown pgdown pgdown", 23, ""},
		{"noaccept", "pgdown pgdown up", 11, ""},
		{"noaccept", "pgup", 1, ""},
		{"noaccept", "end", 23, ""},
		{"noaccept", "G home", 1, ""},
		{"noaccept", "G g", 1, ""},
		{"noaccept", "n", 8, ""},
		{"noaccept", "n n n p N", 8, ""},
		{"noaccept", "p", 1, "no segment before this one"},
		{"noaccept", "d", 1, "no drop after this one"},
		{"noaccept", "d right", 2, ""},
		{"noaccept", "v", 12, ""},
		{"noaccept", "v v V", 12, ""},
		{"noaccept", "G v", 23, "no verdict after this one"},
		{"lostack", "d", 10, ""},
		{"lostack", "d d", 24, ""},
		{"lostack", "G D", 36, ""},
		{"lostack", "G D D", 24, ""},
		{"noaccept", "x up", 1, ""},
		{"noaccept", "? right right", 2, ""}, // the first takes the help away
		{"noaccept", "l l x l", 3, ""},       // the question comes first
		{"noaccept", "l l x l l", 4, ""},
		{"noaccept", "l l x l left", 3, ""},
		{"noaccept", "l l x l x l", 4, ""},
		{"noaccept", "x G l l", 23, ""}, // there is nothing to ask for
		{"noaccept", "l i l", 3, ""},
	} {
		v := newView(saved(t, test.lab), report.Options{})
		v.resize(100, 40)
		presses(v, test.keys)
		if v.now+1 != test.want || v.note != test.note {
			t.Errorf("%s: %s leads to step %d (%q), want %d (%q)", test.lab, test.keys, v.now+1, v.note, test.want, test.note)
		}
	}
	for _, key := range []string{"q", "esc", "ctrl+c"} {
		for _, run := range []*record.Run{saved(t, "noaccept"), {}} {
			v := newView(run, report.Options{})
			v.resize(100, 40)
			if !v.press(key) || v.press("right") {
				t.Errorf("%s does not leave, or → does", key)
			}
		}
	}
}

// Every edge of RFC 9293's diagram is drawn, and nothing else.
func TestEdges(t *testing.T) {
	all := slices.Concat(wires, backWires)
	if len(all) != len(report.Edges) {
		t.Errorf("%d edges are drawn, and the diagram has %d", len(all), len(report.Edges))
	}
	for _, w := range all {
		if edge(w.from, w.to) == nil {
			t.Errorf("%s to %s is drawn, and not in the diagram", w.from, w.to)
		}
		end := report.End{From: w.from, State: w.to}
		lines := strings.Join(diagram(end, painter(true)), "\n")
		for _, want := range []string{"\x1b[1;7m[" + w.to + "]", "\x1b[1;35m"} {
			if !strings.Contains(lines, want) {
				t.Errorf("%s to %s has no %q:\n%s", w.from, w.to, want, lines)
			}
		}
	}
	if got := cause(report.End{From: record.Established, State: record.Close}); got != "not in RFC 9293's diagram" {
		t.Errorf("a reset is %q", got)
	}
}
