package report

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/record"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

func name(port uint16, after string) string { return fmt.Sprint(port) + after }

// all writes all that is made of a record.
func all(w io.Writer, r *record.Run, o Options) error {
	if err := Ladder(w, r, o); err != nil {
		return err
	}
	if err := Verdicts(w, r, o); err != nil {
		return err
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return err
	}
	return Brief(w, r, o)
}

var with = Options{Width: 100, Times: true}

func TestGolden(t *testing.T) {
	for _, test := range []struct {
		name string
		run  *record.Run
		Options
	}{
		{"handshake", handshake(), with},
		{"handshake-no-times", handshake(), Options{Width: 100}},
		{"handshake-80", handshake(), Options{Width: 80, Times: true}},
		{"handshake-60", handshake(), Options{Width: 60, Times: true}},
		{"fates-60", fates(), Options{Width: 60}},
		{"self-loop-of-two-60", selfLoop("client", "server"), Options{Width: 60}},
		{"counts-60", counts(), Options{Width: 60}},
		{"handshake-120", handshake(), Options{Width: 120, Times: true}},
		{"handshake-ascii", handshake(), Options{Width: 80, Times: true, ASCII: true}},
		{"handshake-color", handshake(), Options{Width: 100, Times: true, Color: true}},
		{"handshake-brief", handshake(), Options{Width: 80, Brief: true}},
		{"repetition-brief", repetition15(), Options{Width: 80, Brief: true}},
		{"counts-brief", counts(), Options{Width: 80, Brief: true}},
		{"fates", fates(), with},
		{"fates-ascii", fates(), Options{Width: 80, ASCII: true}},
		{"listener", listener(), with},
		{"self-loop", selfLoop("client"), with},
		{"self-loop-of-two", selfLoop("client", "server"), Options{Width: 80}},
		{"two-connections", twoConnections(), with},
		{"repetition", repetition15(), with},
		{"wait", wait(), with},
		{"wait-no-times", wait(), Options{Width: 100}},
		{"causes", causes(), with},
		{"causes-80", causes(), Options{Width: 80, Times: true}},
		{"icmp", icmp(), with},
		{"icmp-80", icmp(), Options{Width: 80, Times: true, ASCII: true}},
		{"icmp-60", icmp(), Options{Width: 60}},
		{"counts", counts(), with},
		{"counts-80", counts(), Options{Width: 80}},
		{"other-names", otherNames(), with},
		{"three-hosts", threeHosts(), with},
		{"late", late(), with},
		{"late-no-times", late(), Options{Width: 100}},
		{"surprise", surprise(), with},
		{"broken", broken(), with},
		{"inapplicable", inapplicable(), with},
		{"hostile", hostile(), Options{Width: 80, Times: true}},
		{"hostile-ascii", hostile(), Options{Width: 80, ASCII: true}},
		{"empty", &record.Run{Lab: "example", Outcome: record.Expected}, with},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := all(&b, test.run, test.Options); err != nil {
				t.Fatal(err)
			}
			inspect(t, b.String(), test.Options)
			golden(t, test.name+".golden", b.Bytes())
		})
	}
}

// golden compares with a file in testdata, or writes it anew.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (make it with -update)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// Every record is shown at every width, with and without everything.
func TestWidths(t *testing.T) {
	for i, run := range []*record.Run{
		handshake(), fates(), listener(), selfLoop("client"), selfLoop("client", "server"), selfLoop("server"),
		twoConnections(), repetition15(), wait(), surprise(), broken(), inapplicable(), hostile(), {},
		causes(), counts(), icmp(), otherNames(), threeHosts(), late(), kernelStory(),
	} {
		for _, width := range []int{-1, 0, 40, 47, 60, 77, 78, 80, 81, 99, 100, 119, 120, 200} {
			for bits := range 8 {
				o := Options{Width: width, Times: bits&1 != 0, Color: bits&2 != 0, ASCII: bits&4 != 0}
				var b bytes.Buffer
				if err := all(&b, run, o); err != nil {
					t.Fatal(err)
				}
				if !inspect(t, b.String(), o) {
					t.Fatalf("record %d with %+v", i, o)
				}
			}
		}
	}
}

var sgr = regexp.MustCompile("\x1b\\[[0-9;]*m")

// inspect checks what holds of all output: it is no wider than asked, has no
// control character, ends no line with spaces, and is ASCII where that is asked.
func inspect(t testing.TB, text string, o Options) (ok bool) {
	t.Helper()
	ok = true
	width := min(max(o.Width, 40), 1000)
	if o.Width == 0 {
		width = 100
	}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		bare := line
		if o.Color {
			bare = sgr.ReplaceAllString(line, "")
		}
		switch {
		case utf8.RuneCountInString(bare) > width:
			t.Errorf("line %d has %d columns of %d: %s", i+1, utf8.RuneCountInString(bare), width, line)
		case strings.ContainsFunc(bare, func(r rune) bool { return !shown(r) }) || !utf8.ValidString(bare):
			t.Errorf("line %d has a character that is not to be shown: %q", i+1, line)
		case o.ASCII && strings.ContainsFunc(bare, func(r rune) bool { return r > 0x7e }):
			t.Errorf("line %d is not ASCII: %q", i+1, line)
		case !o.Color && strings.HasSuffix(bare, " "): // what is painted may
			t.Errorf("line %d ends with a space: %q", i+1, line)
		default:
			continue
		}
		ok = false
	}
	return ok
}

// shown reports whether a character may be in the output.
func shown(r rune) bool {
	return printable(r) || strings.ContainsRune("─│├┤▶◀╳●╮╯╭╰⋮✔✘‼…·", r)
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestWriteFails(t *testing.T) {
	for name, write := range map[string]func(io.Writer, *record.Run, Options) error{
		"Ladder": Ladder, "Verdicts": Verdicts, "Brief": Brief, "SVG": SVG, "HTML": HTML,
		"JSON": func(w io.Writer, r *record.Run, _ Options) error { return JSON(w, r) },
	} {
		if err := write(failingWriter{}, handshake(), with); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s to a file that is closed: %v", name, err)
		}
	}
}
