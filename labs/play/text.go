package play

import (
	"strings"

	"go.starlark.net/syntax"
)

// A text is a story as it was written.
type text struct {
	name  string
	lines []string
	calls map[syntax.Position]*syntax.CallExpr // by the position that a running call has
	// unasked are the calls whose results nothing is done with.
	unasked map[syntax.Position]bool
	file    *syntax.File
}

func newText(name, source string, file *syntax.File) *text {
	t := &text{name: name, lines: strings.Split(source, "\n"), calls: map[syntax.Position]*syntax.CallExpr{}, unasked: map[syntax.Position]bool{}, file: file}
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CallExpr:
			t.calls[at(n.Lparen)] = n
		case *syntax.ExprStmt:
			if call, ok := n.X.(*syntax.CallExpr); ok {
				t.unasked[at(call.Lparen)] = true
			}
		}
		return true
	})
	return t
}

// at is a position without the file, whose name is kept by reference.
func at(p syntax.Position) syntax.Position { return syntax.Position{Line: p.Line, Col: p.Col} }

// source is what stands in the text for a node, on one line.
func (t *text) source(n syntax.Node) string {
	start, end := span(n)
	if start.Line < 1 || int(end.Line) > len(t.lines) {
		return "?"
	}
	var b strings.Builder
	for i := start.Line; i <= end.Line; i++ {
		line := []rune(t.lines[i-1])
		from, to := 0, len(line)
		if i == end.Line {
			to = min(int(end.Col)-1, to)
		}
		if i == start.Line {
			from = min(int(start.Col)-1, to)
		}
		b.WriteString(string(line[from:to]) + " ")
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// span is where a node begins, and where what follows it does. Starlark's own Span leaves out
// the bracket that ends an index or a slice, also where such an expression is a node's last.
func span(n syntax.Node) (start, end syntax.Position) {
	start, end = n.Span()
	var last syntax.Expr
	switch n := n.(type) {
	case *syntax.IndexExpr, *syntax.SliceExpr:
		end.Col++
	case *syntax.BinaryExpr:
		last = n.Y
	case *syntax.UnaryExpr:
		last = n.X
	case *syntax.CondExpr:
		last = n.False
	case *syntax.LambdaExpr:
		last = n.Body
	}
	if last != nil {
		_, end = span(last)
	}
	return start, end
}

// arg is the text of a call's nth argument, or of the one that is given by its name.
func (t *text) arg(call syntax.Position, n int, name string) string {
	c := t.calls[at(call)]
	if c == nil {
		return "?"
	}
	for i, a := range c.Args {
		given, value := named(a)
		if given == name || given == "" && i == n {
			return t.source(value)
		}
	}
	return "?"
}

// named is an argument's name, if it is given by that, and its value.
func named(arg syntax.Expr) (name string, value syntax.Expr) {
	if b, ok := arg.(*syntax.BinaryExpr); ok && b.Op == syntax.EQ {
		return b.X.(*syntax.Ident).Name, b.Y
	}
	return "", arg
}
