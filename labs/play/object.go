package play

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/tcplab/tcplab/labs/lab"
)

// An object is a thing of the vocabulary: a host, a socket, a segment. Its attributes
// are the words that package lab has for it.
type object struct {
	story *story
	value reflect.Value
}

var _ starlark.HasSetField = (*object)(nil)

func (o *object) String() string        { return o.text() }
func (o *object) Type() string          { return kindOf(o.value.Type()).name }
func (o *object) Freeze()               {}
func (o *object) Truth() starlark.Bool  { return true }
func (o *object) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: %s", o.Type()) }
func (o *object) AttrNames() []string   { return kindOf(o.value.Type()).names }

// text is the thing as it is shown: its values, where it is made of such.
func (o *object) text() string {
	switch v := o.value.Interface().(type) {
	case fmt.Stringer:
		return v.String()
	case lab.Check:
		return "<check>"
	case lab.TimeLeft:
		return fmt.Sprintf("%v s left", v.Left.Seconds())
	}
	if o.value.Kind() != reflect.Struct {
		return "<" + o.Type() + ">"
	}
	var parts []string
	for _, f := range reflect.VisibleFields(o.value.Type()) {
		if f.IsExported() {
			parts = append(parts, fmt.Sprintf("%s=%v", snake(f.Name), o.value.FieldByIndex(f.Index)))
		}
	}
	if parts == nil {
		return "<" + o.Type() + ">"
	}
	return o.Type() + "(" + strings.Join(parts, ", ") + ")"
}

// Attr returns an attribute: of one that only looks its value, and of any other word a
// function.
func (o *object) Attr(name string) (starlark.Value, error) {
	k := kindOf(o.value.Type())
	w, ok := k.words[name]
	if !ok {
		return nil, starlark.NoSuchAttrError(fmt.Sprintf("%s has no .%s field or method%s", k.name, name, elsewhere(name))) // Starlark says what is near
	}
	switch {
	case w.field != nil:
		return o.story.value(reflect.Indirect(o.value).FieldByIndex(w.field))
	case w.looks:
		return o.story.call(k.name+"."+name, o.value.Method(w.method), nil, nil)
	}
	return starlark.NewBuiltin(name, func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := o.story.here(); err != nil {
			return nil, err
		}
		result, err := o.story.call(k.name+"."+name, o.value.Method(w.method), args, kwargs)
		if read, ok := result.(starlark.Tuple); ok && name == "read" { // the data, or the errno
			if result = read[0]; read[1] != starlark.String(lab.OK) {
				result = read[1]
			}
		}
		o.story.outcome(result)
		return result, err
	}), nil
}

// SetField changes a field of what Segment.Forge gives to a change, and of nothing else.
func (o *object) SetField(name string, v starlark.Value) error {
	w, ok := kindOf(o.value.Type()).words[name]
	if o.value.Type() != tcpType || !ok || w.field == nil {
		return starlark.NoSuchAttrError(fmt.Sprintf("%s has no .%s that can be set", o.Type(), name))
	}
	field := o.value.Elem().FieldByIndex(w.field)
	if n, ok := v.(starlark.Int); ok && field.Kind() == reflect.Uint32 { // sequence numbers wrap
		v = n.And(starlark.MakeUint64(math.MaxUint32))
	}
	made, err := o.story.golang(v, field.Type())
	if err != nil {
		return fmt.Errorf("%s.%s: %w", o.Type(), name, err)
	}
	field.Set(made)
	return nil
}

// A kind is a type of the vocabulary.
type kind struct {
	name  string
	words map[string]word
	names []string
}

// A word is an attribute: a field, or a method.
type word struct {
	field  []int
	method int
	looks  bool // it takes nothing and changes nothing: it is written without parentheses
}

// looks are the methods that are written without parentheses.
var looks = []string{
	"State", "Queue", "Limit", "Held", "Received", "Unacknowledged", "Peer", "Timer", "RunsTimer", "TimeLeft", "RTO", "Name",
}

// spelled are the methods whose word is another than their own name: a story in a file
// takes the outcome of a call that may fail, and does not end with it.
var spelled = map[string]string{
	"TryWrite": "write", "TryRead": "read", "TryBind": "bind", "Write": "", "Read": "", "Reads": "", "Bind": "",
}

var (
	kindsMu sync.Mutex
	kinds   = map[reflect.Type]*kind{}
)

func kindOf(t reflect.Type) *kind {
	kindsMu.Lock()
	defer kindsMu.Unlock()
	if k := kinds[t]; k != nil {
		return k
	}
	k := &kind{name: strings.ToLower(reflect.New(t).Elem().Type().String()), words: map[string]word{}}
	elem := t
	if t.Kind() == reflect.Pointer {
		elem = t.Elem()
	}
	k.name = strings.ToLower(elem.Name())
	if elem.Kind() == reflect.Struct {
		for _, f := range reflect.VisibleFields(elem) {
			if f.IsExported() && !f.Anonymous {
				k.words[snake(f.Name)] = word{field: f.Index}
			}
		}
	}
	for i := range t.NumMethod() {
		m := t.Method(i)
		name, other := spelled[m.Name]
		if !other {
			name = snake(m.Name)
		}
		if name == "" || name == "string" {
			continue
		}
		k.words[name] = word{method: i, looks: slices.Contains(looks, m.Name) && m.Type.NumIn() == 1}
	}
	for name := range k.words {
		k.names = append(k.names, name)
	}
	slices.Sort(k.names)
	kinds[t] = k
	return k
}

// snake spells a name of Go's as Python does: SetSysctl is set_sysctl, and SYNSchedule
// is syn_schedule. A keyword ends in an underscore, as Python has it: pass_.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	if isKeyword(b.String()) {
		b.WriteByte('_')
	}
	return b.String()
}

// isKeyword reports whether a word is one of the language, or of Python, which Starlark
// keeps free.
func isKeyword(word string) bool {
	for t := syntax.AND; t <= syntax.YIELD; t++ {
		if t.String() == word {
			return true
		}
	}
	return false
}
