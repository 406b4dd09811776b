package play

import (
	"maps"
	"reflect"

	"go.starlark.net/syntax"
)

// rounds is how long the longest chain of names is that inferred follows: s is what l
// accepts, l is what server has listening.
const rounds = 8

// inferred says what the names of a text are: those that are given a value by plain
// assignments alone, which all give it the same type of the vocabulary. All others are
// known to be names, of which nothing is known.
func inferred(file *syntax.File) *Scene {
	given := givenTo(file)
	s := &Scene{names: map[string]reflect.Type{}}
	for name := range given {
		s.names[name] = nil
	}
	for range rounds { // each knows what the one before has found, and nothing else
		next := map[string]reflect.Type{}
		s.types = map[syntax.Expr]reflect.Type{}
		for name, all := range given {
			next[name] = s.oneType(all)
		}
		if maps.Equal(next, s.names) {
			break
		}
		s.names = next
	}
	s.types = map[syntax.Expr]reflect.Type{}
	return s
}

// A giving is what gives a name its value: an expression, or one of the values that it
// has. Nothing is known of it where it has none.
type giving struct {
	expr syntax.Expr
	nth  int // of these values; -1 for the expression itself
	of   int
}

func (s *Scene) oneType(all []giving) (one reflect.Type) {
	for _, g := range all {
		t := s.given(g)
		if t == nil || one != nil && t != one {
			return nil
		}
		one = t
	}
	return one
}

func (s *Scene) given(g giving) reflect.Type {
	var t reflect.Type
	switch call, ok := g.expr.(*syntax.CallExpr); {
	case g.expr == nil:
	case g.nth < 0:
		t = s.typeOf(g.expr)
	case ok:
		if f := s.called(call); f != nil && f.NumOut() == g.of {
			t = f.Out(g.nth)
		}
	}
	if !hasWords(t) {
		return nil
	}
	return t
}

// givenTo are the names that a text gives values, with all that gives them.
func givenTo(file *syntax.File) map[string][]giving {
	all := map[string][]giving{}
	var give func(to syntax.Expr, g giving)
	give = func(to syntax.Expr, g giving) {
		switch x := to.(type) {
		case *syntax.Ident:
			all[x.Name] = append(all[x.Name], g)
		case *syntax.ParenExpr:
			give(x.X, g)
		case *syntax.TupleExpr:
			for i, one := range x.List {
				give(one, nthOf(g, i, len(x.List)))
			}
		case *syntax.ListExpr:
			for i, one := range x.List {
				give(one, nthOf(g, i, len(x.List)))
			}
		case *syntax.UnaryExpr: // *rest, of parameters
			give(x.X, giving{})
		case *syntax.BinaryExpr: // name=default
			give(x.X, giving{})
		}
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.AssignStmt:
			g := giving{expr: n.RHS, nth: -1}
			if n.Op != syntax.EQ {
				g = giving{}
			}
			give(n.LHS, g)
		case *syntax.DefStmt:
			give(n.Name, giving{})
			for _, p := range n.Params {
				give(p, giving{})
			}
		case *syntax.LambdaExpr:
			for _, p := range n.Params {
				give(p, giving{})
			}
		case *syntax.ForStmt:
			give(n.Vars, giving{})
		case *syntax.ForClause:
			give(n.Vars, giving{})
		case *syntax.LoadStmt:
			for _, to := range n.To {
				give(to, giving{})
			}
		}
		return true
	})
	return all
}

// nthOf is the nth of the values of a giving that has so many.
func nthOf(g giving, n, of int) giving {
	if g.expr == nil || g.nth >= 0 {
		return giving{}
	}
	if t, ok := unwrapped(g.expr).(*syntax.TupleExpr); ok && len(t.List) == of {
		return giving{expr: t.List[n], nth: -1}
	}
	return giving{g.expr, n, of}
}
