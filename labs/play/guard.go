package play

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// The interpreter counts steps, and one step may make a string of a gigabyte. So what
// makes values out of others is put into words of ours, which count what they make
// before they do: operators, slices, the methods of strings and lists, and the functions
// of the language.

// guarded are the operators that make something larger than their operands.
var guarded = []syntax.Token{syntax.PLUS, syntax.STAR, syntax.PERCENT, syntax.PIPE}

// The names of our words. No story can spell them.
const (
	guardedBinary = "an operator"
	guardedCount  = "what is copied"
	guardedAttr   = "a method"
)

// guard puts our words into a text that was parsed. It refuses what it can't put them
// into.
func (t *text) guard() (err error) {
	edit := func(e syntax.Expr) syntax.Expr {
		switch x := e.(type) {
		case *syntax.BinaryExpr:
			if slices.Contains(guarded, x.Op) {
				return hidden(guardedBinary, x, x.OpPos, &syntax.Literal{Token: syntax.INT, TokenPos: x.OpPos, Raw: "0", Value: int64(x.Op)}, x.X, x.Y)
			}
		case *syntax.SliceExpr:
			x.X = hidden(guardedCount, x.X, x.Lbrack, x.X)
		case *syntax.DotExpr:
			if slices.Contains(methods(), x.Name.Name) {
				return hidden(guardedAttr, x, x.Dot, x.X, &syntax.Literal{Token: syntax.STRING, TokenPos: x.NamePos, Raw: `""`, Value: x.Name.Name})
			}
		}
		return e
	}
	rewrite(reflect.ValueOf(t.file).Elem(), edit, func(a *syntax.AssignStmt) {
		op, ok := assigning[a.Op]
		if a.Op == syntax.PLUS_EQ {
			a.RHS = hidden(guardedCount, a.RHS, a.OpPos, a.RHS)
		}
		if !ok {
			return
		}
		name, plain := a.LHS.(*syntax.Ident)
		if !plain && err == nil {
			err = fmt.Errorf("%s:%d:%d: %v is for a name alone: write x = x %v y", t.name, a.OpPos.Line, a.OpPos.Col, a.Op, op)
		}
		if plain {
			a.Op, a.RHS = syntax.EQ, edit(&syntax.BinaryExpr{X: &syntax.Ident{NamePos: name.NamePos, Name: name.Name}, OpPos: a.OpPos, Op: op, Y: a.RHS})
		}
	})
	return err
}

var (
	exprType = reflect.TypeFor[syntax.Expr]()
	nodeType = reflect.TypeFor[syntax.Node]()
)

// rewrite puts what edit makes of each expression in its place, the inner ones first. v
// is what a node of the tree holds.
func rewrite(v reflect.Value, edit func(syntax.Expr) syntax.Expr, assigned func(*syntax.AssignStmt)) {
	for i := range v.NumField() {
		field := v.Field(i)
		switch {
		case !v.Type().Field(i).IsExported() || v.Type().Field(i).Anonymous:
		case field.Kind() == reflect.Slice && field.Type().Elem().Implements(nodeType):
			for j := range field.Len() {
				rewriteNode(field.Index(j), edit, assigned)
			}
		case field.Type().Implements(nodeType):
			rewriteNode(field, edit, assigned)
		}
	}
}

func rewriteNode(at reflect.Value, edit func(syntax.Expr) syntax.Expr, assigned func(*syntax.AssignStmt)) {
	if at.IsZero() {
		return
	}
	node := at
	if node.Kind() == reflect.Interface {
		node = node.Elem()
	}
	rewrite(node.Elem(), edit, assigned)
	if a, ok := node.Interface().(*syntax.AssignStmt); ok {
		assigned(a)
	}
	e, isExpr := node.Interface().(syntax.Expr)
	if isExpr && at.Type() == exprType {
		at.Set(reflect.ValueOf(edit(e)))
	}
}

// assigning are the assignments that make something larger: += is left, which changes a
// list in place, but what it adds is counted.
var assigning = map[syntax.Token]syntax.Token{
	syntax.STAR_EQ: syntax.STAR, syntax.PERCENT_EQ: syntax.PERCENT, syntax.PIPE_EQ: syntax.PIPE,
}

// hidden is a call of one of our words in place of an expression.
func hidden(word string, e syntax.Expr, at syntax.Position, args ...syntax.Expr) syntax.Expr {
	start, end := span(e)
	end.Col-- // a call's span has its parenthesis in it
	return &syntax.CallExpr{Fn: &syntax.Ident{NamePos: start, Name: word}, Lparen: at, Args: args, Rparen: end}
}

// methods are those of the language's values.
var methods = sync.OnceValue(func() []string {
	var all []string
	for _, v := range []starlark.HasAttrs{starlark.String(""), &starlark.List{}, &starlark.Dict{}, &starlark.Set{}, starlark.Bytes("")} {
		all = append(all, v.AttrNames()...)
	}
	return all
})

// maxMade bounds what a story makes, in bytes: of strings, lists and the like, all in all.
const maxMade = 64 << 20

// makes counts what a story is about to make.
func (st *story) makes(size int) error {
	if size > maxMade || st.made+size > maxMade {
		return fmt.Errorf("a story makes %d MB of strings and lists at most", maxMade>>20)
	}
	st.made += max(size, 0)
	return nil
}

// item is what an item of a list takes.
const item = 16

// flat is the size of a value without what its items hold.
func flat(v starlark.Value) int {
	switch v := v.(type) {
	case starlark.String:
		return len(v)
	case starlark.Bytes:
		return len(v)
	case starlark.Int:
		return v.BigInt().BitLen() / 8
	case starlark.Sequence:
		return item * v.Len()
	}
	return item
}

// deep is about the length of a value as it is written. It is more than maxMade for one
// that never ends.
func deep(v starlark.Value) int { return deepTo(v, 0) }

func deepTo(v starlark.Value, depth int) int {
	it, ok := v.(starlark.Iterable)
	if v.Type() == "range" {
		return item
	}
	if !ok {
		return item + flat(v)
	}
	const deepest = 500
	if depth > deepest {
		return maxMade + 1
	}
	size := item
	d, isDict := v.(*starlark.Dict)
	i := it.Iterate()
	defer i.Done()
	for e := (starlark.Value)(nil); size <= maxMade && i.Next(&e); {
		size += deepTo(e, depth+1)
		if isDict {
			value, _, _ := d.Get(e)
			size += deepTo(value, depth+1)
		}
	}
	return size
}

// guards are our words, for the text of a story.
func (st *story) guards() starlark.StringDict {
	names := starlark.StringDict{
		guardedBinary: starlark.NewBuiltin(guardedBinary, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			op, err := starlark.AsInt32(args[0])
			if err == nil {
				err = st.makes(result(syntax.Token(op), args[1], args[2]))
			}
			if err != nil {
				return nil, err
			}
			return starlark.Binary(syntax.Token(op), args[1], args[2])
		}),
		guardedCount: starlark.NewBuiltin(guardedCount, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			return args[0], st.makes(flat(args[0]))
		}),
		guardedAttr: starlark.NewBuiltin(guardedAttr, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			return st.attr(args[0], string(args[1].(starlark.String)))
		}),
	}
	for name, v := range starlark.Universe {
		if b, ok := v.(*starlark.Builtin); ok {
			names[name] = st.counted(b, nil)
		}
	}
	names["getattr"] = starlark.NewBuiltin("getattr", func(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		v, err := starlark.Universe["getattr"].(*starlark.Builtin).CallInternal(thread, args, kwargs)
		if m, ok := v.(*starlark.Builtin); ok && len(args) > 0 && m.Receiver() != nil {
			return st.counted(m, args[0]), err
		}
		return v, err
	})
	return names
}

// attr is what a dot gives, of a value of the language's with its methods counted.
func (st *story) attr(v starlark.Value, name string) (starlark.Value, error) {
	has, ok := v.(starlark.HasAttrs)
	if !ok {
		return nil, fmt.Errorf("%s has no .%s field or method", v.Type(), name)
	}
	found, err := has.Attr(name)
	if err == nil && found == nil {
		err = fmt.Errorf("%s has no .%s field or method", v.Type(), name)
	}
	if err != nil {
		return nil, err
	}
	if m, ok := found.(*starlark.Builtin); ok && m.Receiver() != nil {
		return st.counted(m, v), nil
	}
	return found, nil
}

// counted is a function of the language's, or a method of receiver, that counts what it
// makes.
func (st *story) counted(b *starlark.Builtin, receiver starlark.Value) *starlark.Builtin {
	return starlark.NewBuiltin(b.Name(), func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		err := st.makes(cost(b.Name(), receiver, args, kwargs))
		if err == nil && b.Name() == "print" { // an event of the record
			err = st.here()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.Name(), err)
		}
		return b.CallInternal(thread, args, kwargs)
	})
}

// cost is about what a function of the language's makes, and no less.
func cost(name string, receiver starlark.Value, args starlark.Tuple, kwargs []starlark.Tuple) int {
	values := slices.Clone(args)
	for _, kw := range kwargs {
		values = append(values, kw[1])
	}
	switch name {
	case "append", "add", "pop", "get", "len", "type", "clear", "insert", "setdefault", "bool", "range", "hasattr":
		return item
	}
	size := 0
	if receiver != nil {
		size = flat(receiver)
	}
	text, _ := starlark.AsString(receiverOr(receiver))
	longest := 0
	for _, v := range values {
		d := 0
		switch name {
		case "str", "repr", "print", "fail", "join", "format":
			d = deep(v)
		default:
			d = flat(v)
		}
		longest = max(longest, d)
		size = bounded(size + d)
	}
	switch {
	case name == "join" && len(args) == 1:
		if s, ok := args[0].(starlark.Sequence); ok {
			size = bounded(size + len(text)*s.Len())
		}
	case name == "format":
		size = bounded(size + strings.Count(text, "{")*longest)
	case name == "replace" && len(args) > 1:
		from, _ := starlark.AsString(args[0])
		to, _ := starlark.AsString(args[1])
		size = bounded(size + strings.Count(text, from)*len(to))
	case name == "split" || name == "rsplit" || name == "splitlines":
		size = bounded(size + item*size)
	}
	return size
}

func receiverOr(v starlark.Value) starlark.Value {
	if v == nil {
		return starlark.None
	}
	return v
}

// bounded keeps a size from overflowing.
func bounded(size int) int {
	if size < 0 {
		return maxMade + 1
	}
	return min(size, maxMade+1)
}

// result is about what an operator makes, and no less.
func result(op syntax.Token, x, y starlark.Value) int {
	switch op {
	case syntax.STAR:
		for _, pair := range [][2]starlark.Value{{x, y}, {y, x}} {
			n, isInt := pair[1].(starlark.Int)
			if _, other := pair[0].(starlark.Int); !isInt || other {
				continue
			}
			times, ok := n.Int64()
			if !ok || times > maxMade {
				return maxMade + 1
			}
			return bounded(flat(pair[0]) * max(0, int(times)))
		}
	case syntax.PERCENT:
		if text, ok := x.(starlark.String); ok {
			return bounded(len(text) + strings.Count(string(text), "%")*bounded(deep(y)))
		}
	}
	return bounded(flat(x) + flat(y))
}
