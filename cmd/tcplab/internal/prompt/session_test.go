package prompt

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/play"
	"github.com/tcplab/tcplab/labs/report"
)

func TestMain(m *testing.M) { os.Exit(labtest.Main(m)) }

// A desk is a session that nobody sits at.
type desk struct {
	*session
	out, errs bytes.Buffer
	saved     string
}

func newDesk() *desk {
	d := &desk{}
	d.session = &session{
		Config: Config{
			Report: func() report.Options { return report.Options{} },
			Save:   func(_, text string) error { d.saved = text; return nil },
		},
		console: newPlain(strings.NewReader(""), &d.out, false),
		out:     &d.out, errs: &d.errs,
	}
	return d
}

// enterAll enters some text, entry by entry.
func (d *desk) enterAll(t *testing.T, entries ...string) {
	t.Helper()
	for _, e := range entries {
		if err := d.enter(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

// late reports whether the machine has held a line up.
func (d *desk) late() bool { return strings.Contains(d.out.String()+d.errs.String(), "held up") }

// The stories in the documents are typed, entry by entry. What is kept and saved is
// their text, and the ladder is that of the file; so it is when the last entries have
// been taken back and typed again.
func TestStories(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../../docs/stories/*.star")
	if err != nil || len(files) < 4 {
		t.Fatalf("%v, %v", files, err)
	}
	const again = 3 // entries
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			entries := entriesOf(strings.TrimSuffix(string(text), "\n"), false)
			last := len(entries) - 1
			entries[last] = strings.TrimPrefix(entries[last], unfinished)
			l, err := play.Compile(Name, text)
			if err != nil {
				t.Fatal(err)
			}
			for try := range labtest.Attempts {
				run := labtest.Run(t, l, lab.Options{})
				d := newDesk()
				d.enterAll(t, entries...)
				kept := len(d.entries)
				for range again {
					d.enterAll(t, "undo()")
				}
				d.enterAll(t, entries[len(d.entries):]...)
				if len(d.entries) != kept {
					t.Fatalf("%d entries instead of %d:\n%s%s", len(d.entries), kept, &d.out, &d.errs)
				}
				if err := d.retell(t.Context()); err != nil {
					t.Fatal(err)
				}
				if (run.Late != nil || d.late()) && try+1 < labtest.Attempts {
					continue
				}
				if d.errs.Len() > 0 {
					t.Fatalf("%s", &d.errs)
				}
				d.enterAll(t, `save("x.star")`)
				if diff := cmp.Diff(string(text), d.saved); diff != "" {
					t.Errorf("the text (-typed +saved):\n%s", diff)
				}
				var want, got strings.Builder
				if err := report.Ladder(&want, run, report.Options{}); err != nil {
					t.Fatal(err)
				}
				if err := report.Ladder(&got, d.last.run, report.Options{}); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want.String(), got.String()); diff != "" {
					t.Errorf("the ladder (-file +typed):\n%s", diff)
				}
				return
			}
		})
	}
}

// skipUntold skips a test where no story can be told.
func skipUntold(t *testing.T) {
	t.Helper()
	labtest.Run(t, &lab.Lab{Name: "test", Title: "A test", Script: func(*lab.Script) {}}, lab.Options{})
}

// What comes out otherwise when it is told again is said.
func TestToldAgain(t *testing.T) {
	t.Parallel()
	skipUntold(t)
	for range labtest.Attempts {
		d := newDesk()
		d.enterAll(t, "l = server.listen(80)")
		d.entries[0].drawn++ // as if it had drawn another ladder
		d.enterAll(t, "l.queue")
		if d.late() {
			continue
		}
		const want = "told again, the lines before this one led to something else: ladder() shows the whole story\n"
		if d.errs.String() != want || len(d.entries) != 2 {
			t.Errorf("%s, %d entries", &d.errs, len(d.entries))
		}
		return
	}
}

// A session is bounded, whatever is typed.
func TestBounds(t *testing.T) {
	t.Parallel()
	skipUntold(t)
	d := newDesk()
	d.enterAll(t, `"`+strings.Repeat("x", maxLine)+`"`)
	if want := "prompt: it has more than 1048576 bytes, and a story has that at most\n"; d.errs.String() != want {
		t.Errorf("%.200s, want %s", &d.errs, want)
	}
	d.errs.Reset()
	d.enterAll(t, `"x" * 100000`)
	if got := d.out.String(); len(got) > maxValue+10 || !strings.HasSuffix(got, "x...\n") {
		t.Errorf("%d bytes: %.100s", len(got), got)
	}
	d.out.Reset()
	d.enterAll(t, `"x" * 10000000 + "y"`, `[0] * 5000`)
	if got := d.out.String(); len(got) > maxValue+30 || !strings.HasSuffix(got, "x...\nlist of 5000\n") {
		t.Errorf("%d bytes: %.100s", len(got), got)
	}
	d.out.Reset()
	d.enterAll(t, `"\033[2J\u202e" + ""`)
	if got, want := d.out.String(), `"\x1b[2J\u202e"`+"\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for range maxEntries {
		d.entries = append(d.entries, entry{text: "x = 1"})
	}
	d.enterAll(t, "x")
	if got := d.errs.String(); !strings.Contains(got, "a story by hand has 1000 entries at most") {
		t.Errorf("%s", got)
	}
}

func TestColumns(t *testing.T) {
	words := []string{"a", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "c", "dddddddddddddddddddddddddddddddddddddddddddddddddd", "e"}
	const want = `a                   bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
c
dddddddddddddddddddddddddddddddddddddddddddddddddd
e`
	if got := columns(words, 50); got != want {
		t.Errorf("%s", got)
	}
	if got := columns([]string{"a", "b", "cc"}, 80); got != "a   b   cc" {
		t.Errorf("%q", got)
	}
}

// What is refused is told to somebody who types within the window, at spaces.
func TestRefusedWithinWindow(t *testing.T) {
	d := newDesk()
	d.Asking = true
	d.Report = func() report.Options { return report.Options{Width: 40} }
	d.refuse(&d.outcome.Mistakes, "prompt:1:10: wire: no SYN came; on the wire: client: nothing\nsecond")
	const want = "prompt:1:10: wire: no SYN came; on the\nwire: client: nothing\nsecond\n"
	if got := d.errs.String(); got != want {
		t.Errorf("%q", got)
	}
}
