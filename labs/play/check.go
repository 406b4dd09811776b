package play

import (
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/tcplab/tcplab/labs/internal/pattern"
	"github.com/tcplab/tcplab/labs/lab"
)

// A story is checked before it is told, as far as its text alone says what its words
// are called on. What this does not see, as the words of what a function is given,
// shows when it is told.

// check returns the mistakes that the text shows.
func (t *text) check() (wrong mistakes) {
	c := &checker{text: t, scene: inferred(t.file)}
	syntax.Walk(t.file, func(n syntax.Node) bool {
		if !c.enough() {
			c.node(n)
		}
		return !c.enough()
	})
	return c.wrong
}

// A mistake is what is wrong at a place of a text.
type mistake struct {
	at  syntax.Position
	msg string
}

func (m mistake) Error() string { return place(m.at) + ": " + m.msg }

type mistakes []mistake

// resolved are the mistakes that Starlark's resolver has found.
func resolved(err resolve.ErrorList) (all mistakes) {
	for _, e := range err {
		all = append(all, mistake{e.Pos, e.Msg})
	}
	return all
}

// Error tells each mistake on a line of its own, in the order of the text.
func (m mistakes) Error() string {
	slices.SortStableFunc(m, func(a, b mistake) int {
		if d := a.at.Line - b.at.Line; d != 0 {
			return int(d)
		}
		return int(a.at.Col - b.at.Col)
	})
	var lines []string
	for i, one := range m {
		if i == maxMistakes {
			lines = append(lines, fmt.Sprintf("%s: and there are more mistakes", one.at.Filename()))
			break
		}
		lines = append(lines, one.Error())
	}
	return strings.Join(slices.Compact(lines), "\n")
}

// maxMistakes is how many of a text are told.
const maxMistakes = 20

type checker struct {
	text  *text
	scene *Scene // what the text's names are, where that is known
	wrong mistakes
}

func (c *checker) fault(at syntax.Position, format string, args ...any) {
	c.wrong = append(c.wrong, mistake{at, fmt.Sprintf(format, args...)})
}

// enough reports whether more mistakes than are told were found: to tell of one takes a
// look at its line, which may be the whole text.
func (c *checker) enough() bool { return len(c.wrong) > maxMistakes }

func (c *checker) node(n syntax.Node) {
	switch n := n.(type) {
	case *syntax.DotExpr:
		if t := c.scene.typeOf(n.X); hasWords(t) {
			if _, ok := kindOf(t).words[n.Name.Name]; !ok {
				c.fault(n.Dot, "%s", noWord(t, n.Name.Name))
			}
		}
	case *syntax.ExprStmt:
		c.asked(n.X)
	case *syntax.BinaryExpr:
		if n.Op != syntax.EQ { // of an argument: name=value
			c.asked(n.X)
			c.asked(n.Y)
		}
	case *syntax.CallExpr:
		c.call(n)
	}
}

// noWord says that a type has no such word, and which one may be meant, as Starlark does
// when a story is told.
func noWord(t reflect.Type, name string) string {
	thing := &object{nil, reflect.Zero(t)}
	_, err := starlark.EvalOptions(&dialect, &starlark.Thread{}, "", "x."+name, starlark.StringDict{"x": thing})
	return fmt.Sprint(err)
}

// asked refuses a word that does something where what it comes to is meant.
func (c *checker) asked(e syntax.Expr) {
	x, ok := unwrapped(e).(*syntax.DotExpr)
	if !ok {
		return
	}
	if _, w, ok := c.scene.word(x); ok && w.field == nil && !w.looks {
		c.fault(x.Dot, "%s is a word that does something: write it with parentheses", c.text.source(x))
	}
}

func unwrapped(e syntax.Expr) syntax.Expr {
	for {
		p, ok := e.(*syntax.ParenExpr)
		if !ok {
			return e
		}
		e = p.X
	}
}

// call checks the arguments of a word.
func (c *checker) call(n *syntax.CallExpr) {
	args, kwargs, ok := c.arguments(n)
	if !ok {
		return
	}
	switch fn := n.Fn.(type) {
	case *syntax.DotExpr:
		t, w, ok := c.scene.word(fn)
		switch {
		case !ok:
		case w.field != nil || w.looks:
			c.fault(n.Lparen, "%s is written without parentheses", c.text.source(fn))
		default:
			f := reflect.Zero(t).Method(w.method).Type() // without a receiver
			if c.arity(n.Lparen, kindOf(t).name+"."+fn.Name.Name, f, args, kwargs) && t == reflect.TypeFor[*lab.Wire]() {
				c.patterns(n.Lparen, args, kwargs)
			}
		}
	case *syntax.Ident:
		if c.scene.Has(fn.Name) {
			return
		}
		if f, ok := functionType(fn.Name); ok {
			c.arity(n.Lparen, fn.Name, f, args, kwargs)
		}
		if _, ok := own[fn.Name]; ok {
			c.own(n, fn.Name, args, kwargs)
		}
	}
}

// arity holds arguments against a function that takes them.
func (c *checker) arity(at syntax.Position, name string, f reflect.Type, args starlark.Tuple, kwargs []starlark.Tuple) bool {
	var st story // of no script: it only counts
	_, err := st.arguments(name, f, args, kwargs)
	if err != nil {
		c.fault(at, "%s: %v", name, err)
	}
	return err == nil
}

// patterns checks the names of segments: a word of the wire takes no other strings.
func (c *checker) patterns(at syntax.Position, args starlark.Tuple, kwargs []starlark.Tuple) {
	for _, kw := range kwargs {
		args = append(args, kw[1])
	}
	for _, a := range args {
		name, ok := starlark.AsString(a)
		if !ok {
			continue
		}
		p, err := pattern.Parse(name)
		if err == nil && p.From != "" && p.From != "client" && p.From != "server" {
			err = fmt.Errorf("segment %q: no host is called %q", name, p.From)
		}
		if err != nil {
			c.fault(at, "%v", err)
		}
	}
}

// takes are the arguments of words that take these and no others.
var takes = map[string][]string{
	"expect": {"got", "want"}, "check": {"name", "got", "want"}, "seen": {"name", "got"}, "show": {"name", "value"}, "part": {"title"},
	"at_least": {"number"}, "between": {"least", "most"},
}

func (c *checker) own(n *syntax.CallExpr, name string, args starlark.Tuple, kwargs []starlark.Tuple) {
	if names, ok := takes[name]; ok {
		var pairs []any
		for _, n := range names {
			pairs = append(pairs, n, new(starlark.Value))
		}
		if err := starlark.UnpackArgs(name, args, kwargs, pairs...); err != nil {
			usage, _, _ := strings.Cut(usages[name], "): ")
			c.fault(n.Lparen, "%v: it is written %s)", err, usage)
			return
		}
		for _, a := range n.Args {
			_, value := named(a)
			c.asked(value)
		}
	}
	if option, ok := starlark.AsString(at1(args)); ok && strings.HasSuffix(name, "sockopt") {
		if _, err := optionNamed(option); err != nil {
			c.fault(n.Lparen, "%s: %v", name, err)
		}
	}
}

func at1(args starlark.Tuple) starlark.Value {
	if len(args) > 1 {
		return args[1]
	}
	return starlark.None
}

// arguments are those of a call, as far as they are written out: anything stands for
// the others. It reports false where it can't be known how many there are.
func (c *checker) arguments(n *syntax.CallExpr) (args starlark.Tuple, kwargs []starlark.Tuple, ok bool) {
	for _, a := range n.Args {
		if u, isUnary := a.(*syntax.UnaryExpr); isUnary && (u.Op == syntax.STAR || u.Op == syntax.STARSTAR) {
			return nil, nil, false
		}
		name, value := named(a)
		if name != "" {
			kwargs = append(kwargs, starlark.Tuple{starlark.String(name), c.value(value)})
			continue
		}
		args = append(args, c.value(value))
	}
	return args, kwargs, true
}

// value is what an argument is, where it is written out.
func (c *checker) value(e syntax.Expr) starlark.Value {
	switch x := unwrapped(e).(type) {
	case *syntax.Literal:
		switch v := x.Value.(type) {
		case string:
			if x.Token == syntax.BYTES {
				return starlark.Bytes(v)
			}
			return starlark.String(v)
		case int64:
			return starlark.MakeInt64(v)
		case *big.Int:
			return starlark.MakeBigInt(v)
		case float64:
			return starlark.Float(v)
		}
	case *syntax.UnaryExpr:
		if n, ok := c.value(x.X).(starlark.Int); ok && x.Op == syntax.MINUS {
			return starlark.MakeInt(0).Sub(n)
		}
	case *syntax.DotExpr, *syntax.CallExpr, *syntax.Ident:
		if t := c.scene.typeOf(x); hasWords(t) {
			return anything{t}
		}
	}
	return anything{}
}

// anything stands for a value that is not known before the story is told.
type anything struct{ t reflect.Type } // nil where that is unknown, too

func (a anything) String() string        { return "anything" }
func (a anything) Freeze()               {}
func (a anything) Truth() starlark.Bool  { return true }
func (a anything) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: anything") }
func (a anything) Type() string {
	if a.t == nil {
		return "anything"
	}
	return kindOf(a.t).name
}

// golang is the value of Go's type want that stands for it, if it can be one.
func (a anything) golang(want reflect.Type) (reflect.Value, bool) {
	isEnd := a.t == sockType && want == reflect.TypeFor[*lab.End]()
	return reflect.Zero(want), a.t == nil || a.t.AssignableTo(want) || isEnd
}
