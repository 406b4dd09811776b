package prompt

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// unfinished stands before an entry that may go on.
const unfinished = "unfinished: "

// entriesOf are the entries of a text that is typed line by line.
func entriesOf(text string, blankEnds bool) (all []string) {
	var g gatherer
	for line := range strings.SplitSeq(text, "\n") {
		all = append(all, g.add(line, blankEnds)...)
	}
	if g.open() {
		all = append(all, unfinished+g.take())
	}
	return all
}

func TestGatherer(t *testing.T) {
	for _, test := range []struct {
		text      string
		blankEnds bool
		want      []string
	}{
		{"a = 1\nb = 2", true, []string{"a = 1", "b = 2"}},
		{"f(1,\n  2)\ng()", true, []string{"f(1,\n  2)", "g()"}},
		{"\"\"\"A title.\n\nMore.\"\"\"\ng()", true, []string{"\"\"\"A title.\n\nMore.\"\"\"", "g()"}},
		{"for i in x:\n  f()\n\ng()", true, []string{"for i in x:\n  f()", "g()"}},
		{"for i in x:\n  f()\ng()", true, []string{"for i in x:\n  f()", "g()"}},
		{"for i in x:\n  f()\n\n  g()\nh()", false, []string{"for i in x:\n  f()\n\n  g()", "h()"}},
		{"if x:\n  f()\nelse:\n  g()\nh()", false, []string{"if x:\n  f()\nelse:\n  g()", "h()"}},
		{"if x:\n  f()\nelif y:\n  g()\n\n", true, []string{"if x:\n  f()\nelif y:\n  g()", ""}},
		{"def f():\n  # why\n# here\n  g()\nf()", false, []string{"def f():\n  # why\n# here\n  g()", "f()"}},
		{"for i in x: f()\n\ng()", true, []string{"for i in x: f()", "g()"}},
		{"a = \\\n1\nb", true, []string{"a = \\\n1", "b"}},
		{"# a comment\n\na", true, []string{"# a comment", "", "a"}},
		{"f(]\ng()", true, []string{"f(]", "g()"}},
		{"for i in x:\n  f(\n\n  1)\n\n", true, []string{"for i in x:\n  f(\n\n  1)", ""}},
		{"  f()\ng()", true, []string{"  f()", "g()"}},
		{"def f():", true, []string{unfinished + "def f():"}},
		{"x = '''", true, []string{unfinished + "x = '''"}},
	} {
		if diff := cmp.Diff(test.want, entriesOf(test.text, test.blankEnds)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.text, diff)
		}
	}
}

// Whatever is typed, nothing of it is lost: the entries are the text.
func FuzzGatherer(f *testing.F) {
	f.Add("for i in x:\n  f(\n\n  1)\n\nelse:\n", true)
	f.Add("a = '''\n\n\\\n'''\n\tx", false)
	f.Fuzz(func(t *testing.T, text string, blankEnds bool) {
		var g gatherer
		var got, want []string
		for line := range strings.SplitSeq(text, "\n") {
			want = append(want, strings.TrimSuffix(line, "\r"))
			got = append(got, g.add(line, blankEnds)...)
		}
		if g.open() {
			got = append(got, g.take())
		}
		keep := func(lines []string) string {
			return strings.Join(slices.DeleteFunc(strings.Split(strings.Join(lines, "\n"), "\n"), func(s string) bool { return strings.TrimSpace(s) == "" }), "\n")
		}
		if diff := cmp.Diff(keep(want), keep(got)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	})
}

// Whatever is entered, the prompt knows whether it is a word of its own.
func FuzzCommand(f *testing.F) {
	f.Add(`save("x.star")  # (so far)`)
	f.Add("help(c.\n\u00e4)")
	f.Fuzz(func(t *testing.T, text string) {
		_, ok := newDesk().command(text)
		if named := strings.ContainsFunc(text, func(r rune) bool { return strings.ContainsRune("hsluqe", r) }); ok && !named {
			t.Errorf("%q is a word of the prompt's", text)
		}
	})
}
