package prompt

import (
	"errors"
	"strings"

	"go.starlark.net/syntax"
)

// An entry is what is told at once: a statement, or a block (for, if, def) with all
// of its lines.
//
// A gatherer puts lines together until they are an entry.
type gatherer struct{ lines []string }

// open reports whether an entry was begun and goes on.
func (g *gatherer) open() bool { return g.lines != nil }

// add takes the next line, and returns the entries that are whole by it: a line of
// code that is not indented ends a block, and may be an entry of its own. blankEnds
// says that an empty line ends a block too: where nobody knows yet which line is next.
func (g *gatherer) add(line string, blankEnds bool) (whole []string) {
	line = strings.TrimSuffix(line, "\r")
	empty := strings.TrimSpace(line) == ""
	if g.open() && (beginsAnother(line) || empty && blankEnds) && isWhole(g.lines, true) {
		whole = append(whole, g.take())
		if empty {
			return whole
		}
	}
	g.lines = append(g.lines, line)
	if isWhole(g.lines, false) {
		whole = append(whole, g.take())
	}
	return whole
}

// take ends the entry, and returns it; "" where none was begun.
func (g *gatherer) take() string {
	text := strings.Join(g.lines, "\n")
	g.lines = nil
	return text
}

// beginsAnother reports whether a line can't be of a block that stands above it.
func beginsAnother(line string) bool {
	if line == "" || strings.ContainsAny(line[:1], " \t\f#") {
		return false
	}
	for _, word := range []string{"else", "elif"} {
		if after, ok := strings.CutPrefix(line, word); ok && (after == "" || strings.ContainsAny(after[:1], " \t:(")) {
			return false
		}
	}
	return true
}

var errNoMore = errors.New("no more lines")

// isWhole reports whether the parser asks for no more lines: they are an entry, or
// are no Starlark whatever follows. A block may always go on, unless it has ended.
func isWhole(lines []string, ended bool) bool {
	var code []string
	for _, line := range lines {
		if !isComment(line) || strings.Contains(line, `"""`) || strings.Contains(line, "'''") { // to the parser it would end the block
			code = append(code, line+"\n")
		}
	}
	if code == nil {
		return true
	}
	if strings.HasSuffix(code[len(code)-1], "\\\n") { // the parser knows that in files alone
		return false
	}
	if ended {
		code = append(code, "\n")
	}
	asked := false
	_, _ = (&syntax.FileOptions{}).ParseCompoundStmt("", func() ([]byte, error) {
		if len(code) == 0 {
			asked = true
			return nil, errNoMore
		}
		line := code[0]
		code = code[1:]
		return []byte(line), nil
	})
	return !asked
}

// isComment reports whether an entry says nothing to the story.
func isComment(entry string) bool {
	for line := range strings.Lines(entry) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return false
		}
	}
	return true
}
