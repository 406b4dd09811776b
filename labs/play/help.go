package play

import (
	_ "embed"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.starlark.net/syntax"
)

// wordTexts has a line for each word that package lab has: its name with its thing's,
// its parameters, and what its comment says. make docs makes it.
//
//go:embed words.txt
var wordTexts string

// wordText finds the line of the first of some words that has one.
func wordText(keys ...string) (params, says string, ok bool) {
	for _, key := range keys {
		for line := range strings.Lines(wordTexts) {
			if rest, ok := strings.CutPrefix(line, key+"\t"); ok {
				params, says, _ = strings.Cut(strings.TrimSuffix(rest, "\n"), "\t")
				return params, says, true
			}
		}
	}
	return "", "", false
}

// paramsOf are the names of a word's parameters, but for one that takes any number of
// arguments. A socket has the words of its end of the connection, and of its host.
func paramsOf(word string) []string {
	keys := []string{word}
	if name, ok := strings.CutPrefix(word, "sock."); ok {
		keys = append(keys, "end."+name, "host."+name)
	}
	params, _, _ := wordText(keys...)
	var names []string
	for param := range strings.SplitSeq(strings.Trim(params, "()"), ", ") {
		if name, _, _ := strings.Cut(param, "="); name != "" {
			names = append(names, name)
		}
	}
	if n := len(names); n > 0 && names[n-1] == "..." {
		names = names[:n-2]
	}
	return names
}

// Help says what a text stands for: a name, or what is told of it by dots and calls,
// as in c.peer.state. For a word that is how it is written, and what it does; for a
// thing its words, as they are written. Where nothing is known of it, word is empty, and
// says what is wrong, if that is known.
func (s *Scene) Help(text string) (word, says string, words []string) {
	text = strings.TrimSpace(strings.Trim(text, `"'`))
	if usage, ok := usages[text]; ok && !s.Has(text) {
		word, says, _ := strings.Cut(usage, "): ")
		return word + ")", says, nil
	}
	if f, ok := functionType(text); ok && !s.Has(text) {
		params, says, _ := wordText(text)
		return text + params + gives(f), says, nil
	}
	expr := expressionAt(text)
	if expr == nil || expressionText(text) != text {
		return "", "", nil
	}
	if name := begins(expr); name != "" && !s.Has(name) && predeclaredTypes()[name] == nil {
		if _, ok := functionType(name); !ok {
			return "", "the story has no " + name, nil
		}
	}
	if t := s.typeOf(expr); hasWords(t) {
		for _, name := range kindOf(t).names {
			word, _ := help(t, name)
			words = append(words, word)
		}
		return text, "", words
	}
	if dot, ok := expr.(*syntax.DotExpr); ok {
		if t, _, ok := s.word(dot); ok {
			word, says = help(t, dot.Name.Name)
			return strings.TrimSuffix(text, dot.Name.Name) + word, says, nil
		}
		if t := s.typeOf(dot.X); hasWords(t) {
			return "", noWord(t, dot.Name.Name), nil
		}
	}
	return "", "", nil
}

// begins is the name that an expression of dots, calls and indices begins with; "" where
// it begins with none.
func begins(expr syntax.Expr) string {
	for {
		switch x := expr.(type) {
		case *syntax.Ident:
			return x.Name
		case *syntax.DotExpr:
			expr = x.X
		case *syntax.CallExpr:
			expr = x.Fn
		case *syntax.IndexExpr:
			expr = x.X
		case *syntax.ParenExpr:
			expr = x.X
		default:
			return ""
		}
	}
}

// help says how a word of a thing is written, and what it does.
func help(t reflect.Type, name string) (word, says string) {
	k := kindOf(t)
	keys := []string{k.name + "." + name}
	if k.name == "sock" { // it has the words of its end of the connection too, and those of its host
		keys = append(keys, "end."+name, "host."+name)
	}
	params, says, known := wordText(keys...)
	w := k.words[name]
	if w.field != nil {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		return name + " → " + plainType(t.FieldByIndex(w.field).Type), says
	}
	f := t.Method(w.method).Type
	if !known && !w.looks {
		params = "(...)"
	}
	return name + params + gives(f), says
}

// gives says what a function returns.
func gives(f reflect.Type) string {
	if f.NumOut() == 0 {
		return ""
	}
	return " → " + plainType(f.Out(0))
}

// plainType names a type of values as help does.
func plainType(t reflect.Type) string {
	switch {
	case t == durationType:
		return "seconds"
	case t == addrPortType:
		return "address"
	case t.Kind() == reflect.Slice:
		return "list of " + plainType(t.Elem())
	case t.Kind() == reflect.Func:
		return "change"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "True or False"
	case reflect.String:
		return "string"
	case reflect.Pointer:
		t = t.Elem()
	case reflect.Struct:
	default:
		return "number"
	}
	return strings.ToLower(t.Name())
}

// usages are how the words are written that a story in a file has beside those of
// package lab.
var usages = map[string]string{
	"part":         `part(title): begins a part of the ladder`,
	"knob":         `knob(name, default, help, min=0, max=65536): a number that --set turns; or a switch, where the default is False; or a sysctl's value, with sysctl="server:net.core.somaxconn"`,
	"hosts":        `hosts(addresses=1, both_families=False, alone=False): what the hosts have; read before the story is told`,
	"expect":       `expect(got, want): a claim of its own, called by its line`,
	"claim":        `claim(name, sentence, check, ..., source=string): a claim with a name`,
	"myth":         `myth(name, sentence, check, ..., source=string, truth=string): a claim that is expected to be refuted`,
	"inapplicable": `inapplicable(name, sentence, why, source=string): a claim that this kernel or these settings lack the conditions for`,
	"check":        `check(name, got, want): one of the checks of a claim`,
	"seen":         `seen(name, got): a piece of a claim's evidence that nothing hangs on`,
	"show":         `show(name, value): shows a value, and judges nothing`,
	"at_least":     `at_least(number): stands for a value in expect and check`,
	"between":      `between(least, most): stands for a value in expect and check`,
	"one_of":       `one_of(value, ...): stands for a value in expect and check`,
	"setsockopt":   `setsockopt(sock, option, value): sets a socket option, and gives "ok" or the name of the errno; a value of several parts is given by their names`,
	"getsockopt":   `getsockopt(sock, option): a socket option's value, or the name of the errno`,
}

// Functions are the words of stories that are called by themselves, sorted.
func Functions() []string {
	names := slices.Collect(maps.Keys(own))
	names = slices.AppendSeq(names, maps.Keys(functions))
	names = slices.AppendSeq(names, maps.Keys(ofScript))
	slices.Sort(names)
	return names
}

// Names are what the story has given a name, each with what it is: "c sock".
func (s *Scene) Names() (all []string) {
	for _, name := range slices.Sorted(maps.Keys(s.names)) {
		text := name
		if t := s.names[name]; hasWords(t) {
			text = fmt.Sprintf("%s (%s)", name, kindOf(t).name)
		}
		all = append(all, text)
	}
	return all
}

// elsewhere says, for an error, where a word is that a thing does not have: it stands by
// itself, or other things have it.
func elsewhere(name string) string {
	if usage := usages[name]; usage != "" {
		form, _, _ := strings.Cut(usage, ": ")
		return ": it is written " + form
	}
	var things []string
	for line := range strings.Lines(wordTexts) {
		word, _, _ := strings.Cut(line, "\t")
		if thing, of, dotted := strings.Cut(word, "."); dotted && of == name {
			things = append(things, thing)
		}
	}
	if things == nil {
		return ""
	}
	return ": it is a word of " + strings.Join(things, ", ")
}
