package play

import (
	"fmt"
	"reflect"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/tcplab/tcplab/labs/lab"
)

// A Scene is what a story that is typed has come to after one of its entries.
type Scene struct {
	Entry int // which one, from 0
	// Value is what the last entry came to, as Starlark writes it but for what is very
	// long, where it is an expression; "" where it is none, or has no value. Thing is set where the value
	// is a thing of the vocabulary, as a socket is, or a list of such.
	Value string
	Thing bool
	// Waiting names the segments on the wire: see lab.Script.OnTheWire. It is nil
	// before the last entry, and so is what Complete knows of the story's own names.
	Waiting []string
	names   map[string]reflect.Type      // nil for what has no words
	types   map[syntax.Expr]reflect.Type // of expressions that were asked for before; nil where they are not kept
}

// CompileTyped makes a lab of a story that is typed, entry by entry: of a text whose
// lines are those of the entries, one after another. So a typed story is told as one
// in a file is. see is called after each entry, on the story's thread.
func CompileTyped(name string, entries []string, see func(Scene)) (*lab.Lab, error) {
	return compile(name, []byte(Text(entries)), &typing{entries: entries, see: see})
}

// Text is the text of a story that was typed.
func Text(entries []string) string {
	if len(entries) == 0 {
		return ""
	}
	return strings.Join(entries, "\n") + "\n"
}

// A typing knows where the entries of a typed story end.
type typing struct {
	entries []string
	see     func(Scene)
}

// entryEnds is the name of a function that is called after each entry. No story can
// spell it.
const entryEnds = "an entry ends"

// mark puts calls of entryEnds into the text, after each entry. The last one is given
// the value of the entry's last statement, if that is an expression.
func (y *typing) mark(file *syntax.File) {
	var marked []syntax.Stmt
	rest := file.Stmts
	line := 0
	for i, entry := range y.entries {
		line += 1 + strings.Count(entry, "\n")
		n := 0
		for n < len(rest) && startsBy(rest[n], line) {
			n++
		}
		marked = append(marked, rest[:n]...)
		end := syntax.MakePosition(&file.Path, int32(line), 1)
		call := &syntax.CallExpr{Fn: &syntax.Ident{NamePos: end, Name: entryEnds}, Lparen: end, Rparen: end}
		call.Args = []syntax.Expr{&syntax.Literal{Token: syntax.INT, TokenPos: end, Raw: "0", Value: int64(i)}}
		if last, ok := lastExpr(rest[:n]); ok && i == len(y.entries)-1 {
			marked = marked[:len(marked)-1]
			call.Args = append(call.Args, last)
		}
		marked = append(marked, &syntax.ExprStmt{X: call})
		rest = rest[n:]
	}
	file.Stmts = append(marked, rest...)
}

func startsBy(s syntax.Stmt, line int) bool {
	start, _ := s.Span()
	return int(start.Line) <= line
}

func lastExpr(stmts []syntax.Stmt) (syntax.Expr, bool) {
	if len(stmts) == 0 {
		return nil, false
	}
	s, ok := stmts[len(stmts)-1].(*syntax.ExprStmt)
	if !ok {
		return nil, false
	}
	if lit, ok := s.X.(*syntax.Literal); ok && lit.Token == syntax.STRING { // a comment, or the title
		return nil, false
	}
	return s.X, true
}

// ended is entryEnds.
func (y *typing) ended(st *story) *starlark.Builtin {
	return starlark.NewBuiltin(entryEnds, func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		var scene Scene
		if err := starlark.AsInt(args[0], &scene.Entry); err != nil {
			return nil, err
		}
		if len(args) > 1 && args[1] != starlark.None {
			scene.Thing = isThing(args[1])
			scene.Value = inShort(args[1])
		}
		if scene.Entry == len(y.entries)-1 {
			scene.Waiting = st.script.OnTheWire()
			scene.names = map[string]reflect.Type{}
			for name, v := range thread.DebugFrame(1).Callable().(*starlark.Function).Globals() {
				scene.names[name] = typeOf(v)
			}
		}
		y.see(scene)
		return starlark.None, nil
	})
}

// maxWritten is how many bytes of a string, and how many elements of anything else, a
// Scene writes: to write a value of gigabytes takes some more.
const maxWritten = 1 << 10

func inShort(v starlark.Value) string {
	if s, ok := v.(starlark.String); ok && len(s) > maxWritten {
		return starlark.String(strings.ToValidUTF8(string(s[:maxWritten]), "")).String() + "..."
	}
	if n := starlark.Len(v); n > maxWritten {
		return fmt.Sprintf("%s of %d", v.Type(), n)
	}
	return v.String()
}

// isThing reports whether a value is a thing of the vocabulary, or several.
func isThing(v starlark.Value) bool {
	all, ok := v.(starlark.Indexable)
	if _, isString := v.(starlark.String); !ok || isString || all.Len() == 0 || all.Len() > maxWritten {
		_, ok = v.(*object)
		return ok
	}
	for i := range all.Len() {
		if !isThing(all.Index(i)) {
			return false
		}
	}
	return true
}

func typeOf(v starlark.Value) reflect.Type {
	if o, ok := v.(*object); ok {
		return o.value.Type()
	}
	return nil
}
