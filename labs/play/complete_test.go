package play_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/play"
	"github.com/tcplab/tcplab/labs/record"
)

// sceneOf is what a typed story comes to.
func sceneOf(t *testing.T, entries ...string) (scenes []play.Scene, run *record.Run) {
	t.Helper()
	for range labtest.Attempts {
		scenes = nil
		l, err := play.CompileTyped("typed", entries, func(s play.Scene) { scenes = append(scenes, s) })
		if err != nil {
			t.Fatal(err)
		}
		if run = labtest.Run(t, l, lab.Options{}); run.Late == nil {
			break
		}
	}
	return scenes, run
}

// Each entry of a typed story is told of, with what it came to; the last with all that
// is there then.
func TestTyped(t *testing.T) {
	t.Parallel()
	scenes, run := sceneOf(t,
		`"""A title."""`,
		"# nothing",
		"l = server.listen(80)\nc = client.connect(l)",
		"for i in range(2):\n    print(i)",
		"(c, l)",
		"1 + 1; c.state",
	)
	if run.Outcome != record.Expected || run.Title != "A title" {
		t.Errorf("%s: %s %s", run.Title, run.Outcome, run.Error)
	}
	for i, s := range scenes {
		want := ""
		if i == 5 {
			want = `"SYN_SENT"`
		}
		if s.Entry != i || s.Value != want || s.Thing {
			t.Errorf("entry %d: %+v, want %s", i, s, want)
		}
		if (s.Waiting == nil) != (i < 5) {
			t.Errorf("entry %d: on the wire: %q", i, s.Waiting)
		}
	}
	last := scenes[len(scenes)-1]
	if diff := cmp.Diff([]string{"client:SYN"}, last.Waiting); len(scenes) != 6 || diff != "" {
		t.Errorf("%d scenes (-want +got):\n%s", len(scenes), diff)
	}
	if diff := cmp.Diff([]string{"c (sock)", "i", "l (sock)"}, last.Names()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	scenes, _ = sceneOf(t, "x = client.socket()", "[x, (x,)]")
	if !scenes[1].Thing {
		t.Errorf("a list of sockets is none of things: %+v", scenes[1])
	}
}

// A claim and an error have the place that they have in the file that the entries make.
func TestTypedPlaces(t *testing.T) {
	t.Parallel()
	scenes, run := sceneOf(t, "# 1", "def f():\n    expect(1, 1)", "f()", "[server][0].nix", "x = 1")
	if len(scenes) != 3 || run.Error != "typed:5:12: host has no .nix field or method" || run.Claims[0].ID != "line-3" {
		t.Errorf("%d scenes, %s, %+v", len(scenes), run.Error, run.Claims)
	}
	_, err := play.CompileTyped("typed", []string{"x = 1", "y = z"}, nil)
	if err == nil || err.Error() != "typed:2:5: undefined: z" {
		t.Errorf("%v", err)
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	scenes, _ := sceneOf(t, "l = server.listen(80)\nc = client.connect(l)\nlate = client.connect(l)\nn = 1\nboth = [c, l]")
	s := scenes[0]
	for before, want := range map[string]string{
		"":                          "",
		"las":                       "lasted(",
		"late":                      "late latest_rto(",
		"x = c.sta":                 "state",
		"c.peer.sta":                "state",
		"(c.clo":                    "close()",
		"l.accept().writ":           "write( write_some( writev(",
		`sock("x").dup`:             "dup()",
		`wire.of(c).next("SYN").de`: "deliver()",
		`wire.next(")x")  .dr`:      "",
		`wire.next(")'").dr`:        "drop()",
		"client.conn":               "connect( connect_to(",
		"n.x":                       "",
		"both[0].":                  "",
		"wire.hand":                 "handshake(",
		`wire.next("client:`:        "client:SYN",
		`wire.next("S`:              "SYN",
		`c.write("a \" S`:           "",
		`x  # "S`:                   "",
		"fo":                        "for ",
		"ran":                       "range(",
		"FIN_W":                     "FIN_WAIT1 FIN_WAIT2",
		"nothing.at.all":            "",
	} {
		keep, words := s.Complete(before)
		if want == "" && before != "" && words != nil || want != "" && strings.Join(words, " ") != want {
			t.Errorf("%s: %q, want %s", before, words, want)
		}
		for _, w := range words {
			if !strings.HasPrefix(w, before[keep:]) {
				t.Errorf("%s: %s begins otherwise than %s", before, w, before[keep:])
			}
		}
	}
}

// help tells of every word, and how it is written.
func TestHelp(t *testing.T) {
	t.Parallel()
	scenes, _ := sceneOf(t, "l = server.listen(80)\nc = client.connect(l)\nn = 1")
	s := scenes[0]
	for text, want := range map[string]string{
		"c.write":              "c.write(data) → string",
		"c.state":              "c.state → string",
		"c.set_sysctl":         "c.set_sysctl(key, value)",
		`wire.next("SYN").seq`: `wire.next("SYN").seq → number`,
		`"wire.next"`:          "wire.next(name) → segment",
		"too_big":              "too_big(mtu) → icmp",
		"expect":               "expect(got, want)",
		"c":                    "c",
		"c.peer":               "c.peer",
		"c.nix":                "",
		"n":                    "",
		"n.x":                  "",
		"":                     "",
		"c +":                  "",
	} {
		word, says, words := s.Help(text)
		if word != want || word != "" && (text == word) != (words != nil) || words == nil && word != "" && says == "" {
			t.Errorf("%s: %s: %s %q", text, word, says, words)
		}
	}
	for text, want := range map[string]string{
		"c.nxt":        "sock has no .nxt field or method",
		"c.stat":       "sock has no .stat field or method (did you mean .state?)",
		"late.write":   "the story has no late",
		"late":         "the story has no late",
		"n.x":          "",
		"n":            "",
		"c + 1":        "",
		"connection()": "",
	} {
		if word, says, _ := s.Help(text); word != "" || says != want {
			t.Errorf("%s: %s: %q, want %q", text, word, says, want)
		}
	}
	for _, name := range play.Functions() {
		if word, says, _ := s.Help(name); !strings.HasPrefix(word, name+"(") || says == "" {
			t.Errorf("%s: %s: %s", name, word, says)
		}
	}
	for _, thing := range []string{"client", "c", "c.peer", "wire", `wire.next("SYN")`} {
		_, _, words := s.Help(thing)
		for _, word := range words {
			name := word[:strings.IndexAny(word, "( ")]
			word, says, more := s.Help(thing + "." + name)
			if strings.Contains(word, "...)") && !strings.Contains(word, ", ...") || more == nil && says == "" && word == "" {
				t.Errorf("%s.%s: %s: %s", thing, name, word, says)
			}
		}
	}
}

// Whatever stands before the cursor, there is an answer.
func FuzzComplete(f *testing.F) {
	f.Add(`wire.next(")'").dr`)
	f.Add(`x = [c.peer["`)
	f.Fuzz(func(t *testing.T, before string) {
		keep, words := (&play.Scene{Waiting: []string{"client:SYN again", "server:data seq=1"}}).Complete(before)
		if keep < 0 || keep > len(before) {
			t.Fatalf("%q keeps %d bytes", before, keep)
		}
		for _, w := range words {
			if !strings.HasPrefix(w, before[keep:]) {
				t.Errorf("%q: %q", before, w)
			}
		}
		(&play.Scene{}).Help(before)
	})
}
