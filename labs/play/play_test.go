package play_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/play"
	"github.com/tcplab/tcplab/labs/record"
)

func TestMain(m *testing.M) { os.Exit(labtest.Main(m)) }

const first = `"""A FIN that is lost is sent again, and arrives.

Told in a file.
"""
n = knob(help="how often", max=3, name="n", default=2)
listener = server.listen(80)
c = client.connect(listener)
wire.handshake(c)
s = listener.accept()

part("The client closes, and its FIN is lost")
c.close()
wire.next("client:FIN,ACK").drop()
expect(c.state, FIN_WAIT1)

part("Its timer sends it again")
wire.retransmission("client:FIN,ACK").deliver()
show("read", s.read())
claim("fin-again", "A lost FIN is sent again.",
    check("server", s.state, CLOSE_WAIT), source="RFC 9293 §3.10.8")
myth("fin-once", "A FIN is sent once.", check("client", c.state, ESTABLISHED), truth="It is sent until it is acknowledged.")
for i in range(n):
    expect(s.received, between(0, 9))
expect(s.write("late"), one_of("EPIPE", OK))
`

// told tells a story that compiles, and tells it again where it was held up.
func told(t *testing.T, source string, o lab.Options) *record.Run {
	t.Helper()
	l, err := play.Compile("mine.star", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	for range labtest.Attempts - 1 {
		if r := labtest.Run(t, l, o); r.Late == nil {
			return r
		}
	}
	return labtest.Run(t, l, o)
}

// A story in a file is a lab: its claims are judged, and told by its own text.
func TestStory(t *testing.T) {
	l, err := play.Compile("mine.star", []byte(first))
	if err != nil {
		t.Fatal(err)
	}
	if l.Title != "A FIN that is lost is sent again, and arrives" || l.Long != "Told in a file." {
		t.Errorf("title %q, long %q", l.Title, l.Long)
	}
	for _, ipv6 := range []bool{false, true} {
		r := told(t, first, lab.Options{IPv6: ipv6, Args: lab.Args{"n": "3"}})
		var got []string
		for _, c := range r.Claims {
			got = append(got, fmt.Sprintf("%s: %s %v: %s", c.ID, c.Verdict, c.Evidence, c.Text))
		}
		want := []string{
			"line-14: confirmed [{c.state FIN_WAIT1}]: c.state is FIN_WAIT1",
			"fin-again: confirmed [{server CLOSE_WAIT}]: A lost FIN is sent again.",
			"fin-once: refuted [{client FIN_WAIT1}]: A FIN is sent once.",
			"line-23: confirmed [{s.received 0}]: s.received is 0 to 9",
			"line-23.2: confirmed [{s.received 0}]: s.received is 0 to 9",
			"line-23.3: confirmed [{s.received 0}]: s.received is 0 to 9",
			`line-24: confirmed [{s.write("late") ok}]: s.write("late") is EPIPE or ok`,
		}
		if diff := cmp.Diff(want, got); diff != "" || r.Outcome != record.Expected {
			t.Errorf("%s %s; claims (-want +got):\n%s", r.Outcome, r.Error, diff)
		}
	}
}

// A mistake is told in one line with its place.
func TestMistakes(t *testing.T) {
	for source, want := range map[string]string{
		"server.listen(80":                 "mine.star:1:17: got end of file",
		"x = lisen(80)":                    "mine.star:1:5: undefined: lisen",
		"while True:\n  pass":              "mine.star:1:1: this Starlark dialect does not support while loops",
		`knob("n", 1+1, "how many")`:       "mine.star:1:1: knob is written ",
		`knob("n", 9, "how many", max=3)`:  "mine.star:1:1: the knob n is 9, and 0 to 3 are allowed",
		`knob("N", 9, "how many")`:         "mine.star:1:1: knob is written ",
		strings.Repeat("#", 1<<20) + "\n1": "mine.star: it has more than 1048576 bytes",
		"import os":                        "mine.star:1:1: the language has no import",
		"x = 1\ntry:\n  x = 2":             "mine.star:2:1: the language has no try",
		"c.await(1)":                       "mine.star:1:8: await is a word of the language: write await_",
		"\ufeffx = y":                      "mine.star:1:5: undefined: y",
		"x = 1\r\nx = y\r\n":               "mine.star:2:5: undefined: y",
		"x = 1\n#\x00\nexpect(1, 2)":       "mine.star:2:2: this is no text: there is a NUL in it",
		"x = 1\nx = 'é\xff'":               "mine.star:2:7: this is no text in UTF-8",
		"\xff\xfex\x00":                    "mine.star:1:1: this is no text in UTF-8",
		`load("os.star", "system")`:        "",
	} {
		_, err := play.Compile("mine.star", []byte(source))
		if want == "" {
			if err != nil {
				t.Errorf("%.40s: %v", source, err)
			}
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.40s: %v, want %s", source, err, want)
		}
	}
}

// What goes wrong while a story is told breaks it, and says where.
func TestBreaks(t *testing.T) {
	t.Parallel()
	begin := "l = server.listen(80)\nc = client.connect(l); c = [c][0]; w = [wire][0]\n" // the text does not say what c and w are
	for source, want := range map[string]string{
		`wire.next("SYN,ACK")`: `mine.star:3:10: wire: no SYN,ACK came`,
		"wire.handshake(c); c.write('a'); wire.next('client:data').hold(); c.write('b'); wire.next('client:data')":   ` (1 byte is held back); server: nothing`,
		"wire.handshake(c); c.write('a'); wire.next('client:data').hold(); c.write('bcd'); wire.next('client:data')": ` (3 bytes are held back); server: nothing`,
		`w.next("SIN")`:                              `mine.star:3:7: segment "SIN"`,
		`w.nxt("SYN")`:                               `mine.star:3:2: wire has no .nxt field or method`,
		`w.next(5)`:                                  `mine.star:3:7: wire.next: argument 1: it is int, want a string`,
		`w.next()`:                                   `mine.star:3:7: wire.next: it takes 1 argument (name), not 0`,
		`c.write("x", mode="w")`:                     `mine.star:3:8: sock.write: it takes no argument "mode"`,
		`client.socket().queue`:                      `mine.star:3:16: sock.queue: the socket has no address yet`,
		`c.bind("nowhere")`:                          `mine.star:3:7: sock.bind: argument 1: "nowhere" is not an address with a port, as `,
		`expect(c.close, 1)`:                         `mine.star:3:7: expect: c.close is a word that does something`,
		`claim("a", "b")`:                            `mine.star:3:6: claim: it takes a name`,
		`claim("a", "b", 1)`:                         `mine.star:3:6: claim: argument 3 is int`,
		`show("x", c.close)`:                         `mine.star:3:5: show: c.close is a word that does something: write it with parentheses`,
		`expect(1, at_least("x"))`:                   `mine.star:3:19: at_least: it takes numbers, and "x" is string`,
		`expect(c.state, between(1, 2))`:             `mine.star:3:7: expect: c.state is string, want a number`,
		"def f(): f()\nf()":                          `mine.star:3:10: function f called recursively`,
		"for i in range(1000000000):\n  pass":        `mine.star:3:1: Starlark computation cancelled: it does not end`,
		`load("/etc/passwd", "root")`:                `mine.star:3:1: load not implemented by this application`,
		`x = "x" * 10000000000`:                      `mine.star:3:9: a story makes 64 MB`,
		`c.peer.craft(flags="RST", sequence=1)`:      `mine.star:3:13: end.craft: it takes no argument "sequence"`,
		`c.peer.craft(flags="NONSENSE").deliver()`:   `mine.star:3:13: `,
		"[client.socket() for _ in range(10000000)]": `mine.star:3:15: a story makes 10000 sockets at most`,
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			r := told(t, begin+source, lab.Options{Patience: 50e6})
			if r.Outcome != record.Broken || !strings.Contains(r.Error, want) { // it may have been late as well
				t.Errorf("%s: %s, want %s", r.Outcome, r.Error, want)
			}
		})
	}
}

// question is what the stories of the documents are.
var question = regexp.MustCompile(`(?s)\A"""[^"]*\?"""\n.*\nshow\("answer", "[^"]*"\)\n\z`)

// The stories of the documents come true, on both families.
func TestStories(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/stories/*.star")
	if err != nil || len(files) < 16 {
		t.Fatalf("%v, %v", files, err)
	}
	guide, err := os.ReadFile("../../docs/stories.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for family, ipv6 := range map[string]bool{"/ipv4": false, "/ipv6": true} {
			t.Run(filepath.Base(file)+family, func(t *testing.T) {
				t.Parallel()
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if filepath.Base(file) == "unread.star" && !strings.Contains(string(guide), string(text)) {
					t.Error("the guide has another story")
				}
				if !question.Match(text) {
					t.Error("it does not begin with a question, or not end with an answer")
				}
				r := told(t, string(text), lab.Options{IPv6: ipv6})
				if r.Outcome != record.Expected || len(r.Claims) == 0 {
					t.Errorf("%s: %s %+v", r.Outcome, r.Error, r.Claims)
				}
			})
		}
	}
}

// No text crashes the front end.
func FuzzCompile(f *testing.F) {
	f.Add([]byte(first))
	f.Add([]byte("knob(\"n\", min=1)\nexpect(a, b)"))
	f.Add([]byte("x = [1] * 2 % 3\nx += x[:]\nx *= 2\nfor i in x.items() | y: x[0] *= 1\nhosts(addresses=2)\nf = lambda x: x.join(x)\nc.await(1)"))
	f.Add([]byte("knob(**x)\nknob(*y)\nknob(1=2)"))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := play.Compile("mine.star", text)
		if (l == nil) == (err == nil) {
			t.Errorf("%v, %v", l, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "mine.star:") {
			t.Errorf("no place: %v", err)
		}
	})
}

// A claim without a text of its own has that of its arguments, to their last character.
func TestExpectText(t *testing.T) {
	for expect, want := range map[string]string{
		`expect(2, n + 1)`:                      "2 is n + 1",
		`expect(len(l) + 1, -n)`:                "len(l) + 1 is -n",
		`expect(l[0] , [7, 8][0])`:              "l[0] is [7, 8][0]",
		`expect("ab"[0:1], "a" + "b"[1:])`:      `"ab"[0:1] is "a" + "b"[1:]`,
		`expect(1, 2 if n else l[0])`:           "1 is 2 if n else l[0]",
		`expect("", one_of("", "EPIPE"))`:       `"" is "" or EPIPE`,
		`expect((n + 1), not n)`:                "(n + 1) is not n",
		"expect(\n\tn *\n\t2, at_least(3 * n))": "n * 2 is at least 3",
	} {
		r := told(t, "n = 1\nl = [0]\n"+expect+"\n", lab.Options{})
		got := ""
		for _, c := range r.Claims {
			got += c.Text
		}
		if got != want {
			t.Errorf("%s: %q (%s), want %q", expect, got, r.Error, want)
		}
	}
}
