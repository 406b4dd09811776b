package play

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/tcplab/tcplab/labs/lab"
)

// Has reports whether the story has given something that name.
func (s *Scene) Has(name string) bool {
	_, ok := s.names[name]
	return ok
}

// Complete returns the words that what stands before the cursor may go on to, sorted,
// and how many bytes of it they leave as they are. In a string they are the names of
// segments that wait on the wire; after a dot the words of what stands before it; and
// elsewhere those of the language, of stories, and the story's own. A word that wants
// arguments ends in a parenthesis.
func (s *Scene) Complete(before string) (keep int, words []string) {
	switch text, open := unfinished(before); open {
	case '"', '\'':
		return len(before) - len(text), withPrefix(s.segments(), text)
	case '#':
		return len(before), nil
	}
	word := before[len(strings.TrimRightFunc(before, isWordRune)):]
	keep = len(before) - len(word)
	if rest, ok := strings.CutSuffix(before[:keep], "."); ok {
		return keep, withPrefix(wordsOf(s.typeOf(expressionAt(rest))), word)
	}
	return keep, withPrefix(s.all(), word)
}

func isWordRune(r rune) bool {
	return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

func withPrefix(words []string, prefix string) (some []string) {
	for _, w := range words {
		if strings.HasPrefix(w, prefix) {
			some = append(some, w)
		}
	}
	slices.Sort(some)
	return slices.Compact(some)
}

// unfinished returns what stands in the string, or the comment, that a line ends in,
// and what has begun it; 0 for neither.
func unfinished(line string) (text string, open rune) {
	start := 0
	escaped := false
	for i, r := range line {
		switch {
		case open == 0 && (r == '"' || r == '\'' || r == '#'):
			open, start = r, i+1
		case escaped:
			escaped = false
		case open != 0 && r == '\\':
			escaped = true
		case r == open && r != '#':
			open = 0
		}
	}
	return line[start:], open
}

// segments are the names of the segments on the wire, with their senders and without.
func (s *Scene) segments() (names []string) {
	for _, name := range s.Waiting {
		name = strings.TrimSuffix(name, " again") // the words that take those ask for no other
		names = append(names, name)
		if _, flags, ok := strings.Cut(name, ":"); ok {
			names = append(names, flags)
		}
	}
	return names
}

// all are the words that an expression or a statement begins with.
func (s *Scene) all() []string {
	words := []string{"and", "def ", "elif ", "else:", "for ", "if ", "in ", "not ", "or ", "pass", "return "}
	words = slices.AppendSeq(words, maps.Keys(s.names))
	for _, names := range []starlark.StringDict{starlark.Universe, predeclared(nil)} {
		for name, v := range names {
			if _, ok := v.(starlark.Callable); ok {
				name += "("
			}
			words = append(words, name)
		}
	}
	return words
}

// wordsOf are the words of a type of the vocabulary.
func wordsOf(t reflect.Type) (words []string) {
	if !hasWords(t) {
		return nil
	}
	for name, w := range kindOf(t).words {
		if w.field == nil && !w.looks {
			name += "("
			if t.Method(w.method).Type.NumIn() == 1 {
				name += ")"
			}
		}
		words = append(words, name)
	}
	return words
}

// hasWords reports whether a type is one of the vocabulary.
func hasWords(t reflect.Type) bool {
	if t == nil {
		return false
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && t.PkgPath() != "" && t != addrPortType
}

// expressionAt returns the expression that a text ends with, and nil where it ends
// with none: names, calls and indices, with dots between.
func expressionAt(text string) syntax.Expr {
	expr, err := dialect.ParseExpr("", expressionText(text), 0)
	if err != nil {
		return nil
	}
	return expr
}

// expressionText is where in a text expressionAt finds its expression.
func expressionText(text string) string {
	start := len(text)
scan:
	for depth := 0; start > 0; start-- {
		c := text[start-1]
		switch {
		case c == ')' || c == ']':
			depth++
		case depth > 0 && (c == '(' || c == '['):
			depth--
		case depth > 0 && (c == '"' || c == '\''):
			start = max(1, 1+strings.LastIndexByte(text[:start-1], c))
		case depth == 0 && c != '.' && !isWordRune(rune(c)):
			break scan
		}
	}
	return text[start:]
}

// typeOf is the type of an expression, as far as it can be known without asking the
// kernel; nil where it can't, or has no words.
func (s *Scene) typeOf(expr syntax.Expr) reflect.Type {
	if s.types == nil {
		return s.findType(expr)
	}
	t, ok := s.types[expr]
	if !ok {
		t = s.findType(expr)
		s.types[expr] = t
	}
	return t
}

func (s *Scene) findType(expr syntax.Expr) reflect.Type {
	switch x := expr.(type) {
	case *syntax.Ident:
		if t, ok := s.names[x.Name]; ok {
			return t
		}
		return predeclaredTypes()[x.Name]
	case *syntax.ParenExpr:
		return s.typeOf(x.X)
	case *syntax.DotExpr:
		if t, w, ok := s.word(x); ok {
			if w.field != nil {
				if t.Kind() == reflect.Pointer {
					t = t.Elem()
				}
				return t.FieldByIndex(w.field).Type
			}
			if w.looks {
				return t.Method(w.method).Type.Out(0)
			}
		}
	case *syntax.CallExpr:
		if f := s.called(x); f != nil && f.NumOut() == 1 {
			return f.Out(0)
		}
	case *syntax.IndexExpr:
		if t := s.typeOf(x.X); t != nil && t.Kind() == reflect.Slice {
			return t.Elem()
		}
	}
	return nil
}

// called is the type of the word that a call calls; nil where that is not known.
func (s *Scene) called(call *syntax.CallExpr) reflect.Type {
	switch fn := call.Fn.(type) {
	case *syntax.DotExpr:
		if t, w, ok := s.word(fn); ok && w.field == nil && !w.looks {
			return t.Method(w.method).Type
		}
	case *syntax.Ident:
		if f, ok := functionType(fn.Name); ok && !s.Has(fn.Name) {
			return f
		}
	}
	return nil
}

// predeclaredTypes are the types of what a story begins with, where these have words.
var predeclaredTypes = sync.OnceValue(func() map[string]reflect.Type {
	types := map[string]reflect.Type{}
	for name, v := range predeclared(nil) {
		if t := typeOf(v); t != nil {
			types[name] = t
		}
	}
	return types
})

// functionType is the type of a word that is called by itself, with no receiver.
func functionType(name string) (reflect.Type, bool) {
	if f, ok := functions[name]; ok {
		return reflect.TypeOf(f), true
	}
	if method, ok := ofScript[name]; ok {
		return reflect.ValueOf((*lab.Script)(nil)).MethodByName(method).Type(), true
	}
	return nil, false
}

// word finds the word of a dotted expression.
func (s *Scene) word(x *syntax.DotExpr) (reflect.Type, word, bool) {
	t := s.typeOf(x.X)
	if !hasWords(t) {
		return nil, word{}, false
	}
	w, ok := kindOf(t).words[x.Name.Name]
	return t, w, ok
}
