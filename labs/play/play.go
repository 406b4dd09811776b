// Package play makes a lab of a story that is written in Starlark, a language that
// looks like Python. The story's words are those of package lab, in Python's spelling:
// what is s.Wire.Next("SYN").Deliver() in Go is wire.next("SYN").deliver() here.
package play

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	_ "github.com/tcplab/tcplab/labs/internal/quiet" // before Starlark
	"github.com/tcplab/tcplab/labs/lab"
)

// MaxText is how many bytes a story has at most.
const MaxText = 1 << 20

// The limits of a story: what a text that somebody else wrote may cost.
const (
	maxSteps   = 5_000_000 // of the interpreter: some seconds
	maxSockets = 10_000    // that it makes, open or not
	maxWords   = 200_000   // that act: each may be an event of the record
)

// Patience is how long a story waits for a segment that the kernel sends at once, or
// not at all. Labs wait longer: their segments come. An author's mistake, such as
// wire.next("SNY,ACK") for "SYN,ACK", is to be told soon.
const Patience = 2 * time.Second

// dialect is Starlark with what a script needs beside what a configuration does. A
// story always ends: there is no while, and no recursion.
var dialect = syntax.FileOptions{TopLevelControl: true, GlobalReassign: true, Set: true}

// Compile makes a lab of a story's text. name is that of its file, which errors begin
// with. The errors are for the author: one line each, with the file's line and column.
func Compile(name string, text []byte) (*lab.Lab, error) { return compile(name, text, nil) }

// compile is Compile, and CompileTyped where y is not nil.
func compile(name string, text []byte, y *typing) (*lab.Lab, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("%s: it has more than %d bytes, and a story has that at most", name, MaxText)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // which some editors begin a file with
	if err := isText(name, text); err != nil {
		return nil, err
	}
	file, err := dialect.Parse(name, text, 0)
	if err != nil {
		return nil, plainer(err, text)
	}
	t := newText(name, string(text), file)
	wrong := t.check()
	l := &lab.Lab{Name: name, Title: filepath.Base(name)}
	if err := t.declare(l); err != nil {
		return nil, err
	}
	words := predeclared(nil)
	maps.Copy(words, (*story)(nil).guards())
	if y != nil {
		y.mark(file)
		words[entryEnds] = y.ended(nil)
	}
	if err := t.guard(); err != nil {
		return nil, err
	}
	program, err := starlark.FileProgram(file, words.Has)
	var unknown resolve.ErrorList
	switch {
	case errors.As(err, &unknown):
		return nil, append(wrong, resolved(unknown)...)
	case err != nil:
		return nil, err
	case wrong != nil:
		return nil, wrong
	}
	if doc := docstring(file); doc != "" {
		title, long, _ := strings.Cut(doc, "\n")
		l.Title, l.Long = strings.TrimSuffix(strings.TrimSpace(title), "."), strings.TrimSpace(long)
	}
	l.Script = func(s *lab.Script) { tell(s, t, program, y) }
	return l, nil
}

// tell tells the story.
func tell(s *lab.Script, t *text, program *starlark.Program, y *typing) {
	st := newStory(s, t)
	words := predeclared(st)
	maps.Copy(words, st.guards())
	if y != nil {
		words[entryEnds] = y.ended(st)
	}
	if _, err := program.Init(st.thread, words); err != nil {
		st.fail(err)
	}
}

// isText refuses what is no text. At a NUL the parser would end, as if the file did.
func isText(name string, text []byte) error {
	line, col := 1, 1
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == 0:
			return fmt.Errorf("%s:%d:%d: this is no text: there is a NUL in it", name, line, col)
		case r == utf8.RuneError && size == 1:
			return fmt.Errorf("%s:%d:%d: this is no text in UTF-8", name, line, col)
		case r == '\n':
			line, col = line+1, 0
		}
		col++
		text = text[size:]
	}
	return nil
}

// plainer says in other words what the parser says of a word that is one of its own, or
// of Python's.
func plainer(err error, source []byte) error {
	wrong, ok := err.(syntax.Error)
	if word, is := strings.CutSuffix(strings.TrimPrefix(wrong.Msg, "got "), ", want primary expression"); is && slices.Contains(pythons, word) {
		wrong.Msg = "the language has no " + word
		return wrong
	}
	if !ok || wrong.Msg != "not an identifier" {
		return err
	}
	lines := strings.Split(string(source), "\n")
	if int(wrong.Pos.Line) > len(lines) {
		return err
	}
	line := []rune(lines[wrong.Pos.Line-1])
	before := strings.TrimRight(string(line[:min(len(line), int(wrong.Pos.Col)-1)]), " ")
	word := before[strings.LastIndexFunc(before, func(r rune) bool { return !isWordRune(r) })+1:]
	if isKeyword(word) {
		wrong.Msg = fmt.Sprintf("%s is a word of the language: write %s_", word, word)
	}
	return wrong
}

// pythons are the words of Python that the language keeps free, and does not have.
var pythons = []string{"as", "assert", "async", "await", "class", "del", "except", "finally", "from", "global", "import", "is", "nonlocal", "raise", "try", "with", "yield"}

// docstring is the text that a file begins with.
func docstring(f *syntax.File) string {
	if len(f.Stmts) == 0 {
		return ""
	}
	if expr, ok := f.Stmts[0].(*syntax.ExprStmt); ok {
		if lit, ok := expr.X.(*syntax.Literal); ok && lit.Token == syntax.STRING {
			return strings.TrimSpace(lit.Value.(string))
		}
	}
	return ""
}
