package play

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"go.starlark.net/starlark"

	"github.com/tcplab/tcplab/labs/lab"
)

// own are the words that a story in a file has beside those of package lab.
var own = map[string]func(*story, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error){
	"part":     part,
	"knob":     knob,
	"expect":   expect,
	"claim":    claim,
	"myth":     claim,
	"check":    check,
	"seen":     seen,
	"show":     show,
	"at_least": atLeast,
	"between":  between,
	"one_of":   oneOf,

	"hosts":        hosts,
	"inapplicable": unmet,

	"setsockopt": setsockopt,
	"getsockopt": getsockopt,
}

func part(st *story, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var title string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "title", &title); err != nil {
		return nil, err
	}
	st.script.Part(title)
	return starlark.None, nil
}

// knob returns the value of a knob. What else is said of it was read beforehand.
func knob(st *story, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	var def, help, least, most starlark.Value
	var sysctl string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name, "default?", &def, "help?", &help, "min?", &least, "max?", &most, "sysctl?", &sysctl); err != nil {
		return nil, err
	}
	if side, key, ok := strings.Cut(sysctl, ":"); ok {
		host := st.script.Client
		if side == "server" {
			host = st.script.Server
		}
		return starlark.MakeInt(host.Sysctl(key)), nil
	}
	if _, isSwitch := def.(starlark.Bool); isSwitch {
		return starlark.Bool(st.script.On(name)), nil
	}
	return starlark.MakeInt(st.script.Int(name)), nil
}

// hosts was read beforehand: see text.hosts.
func hosts(*story, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
	return starlark.None, nil
}

// A matcher is what a value is held against where it is not one value.
type matcher struct {
	says string
	make func(name string, got starlark.Value) (lab.Check, error)
}

func (m *matcher) String() string        { return m.says }
func (m *matcher) Type() string          { return "matcher" }
func (m *matcher) Freeze()               {}
func (m *matcher) Truth() starlark.Bool  { return true }
func (m *matcher) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: matcher") }

func atLeast(_ *story, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var least starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "number", &least); err != nil {
		return nil, err
	}
	return number(b, func(name string, n []starlark.Value) lab.Check {
		if whole, ok := ints(n); ok {
			return lab.AtLeast(name, whole[0], whole[1])
		}
		f := floats(n)
		return lab.AtLeast(name, f[0], f[1])
	}, "at least "+least.String(), least)
}

func between(_ *story, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var least, most starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "least", &least, "most", &most); err != nil {
		return nil, err
	}
	return number(b, func(name string, n []starlark.Value) lab.Check {
		if whole, ok := ints(n); ok {
			return lab.Between(name, whole[0], whole[1], whole[2])
		}
		f := floats(n)
		return lab.Between(name, f[0], f[1], f[2])
	}, least.String()+" to "+most.String(), least, most)
}

// number makes a matcher of numbers, which check is given after the one that is held
// against them.
func number(b *starlark.Builtin, check func(name string, n []starlark.Value) lab.Check, says string, bounds ...starlark.Value) (starlark.Value, error) {
	for _, v := range bounds {
		if _, ok := starlark.AsFloat(v); !ok {
			return nil, fmt.Errorf("%s: it takes numbers, and %v is %s", b.Name(), v, v.Type())
		}
	}
	return &matcher{says, func(name string, got starlark.Value) (lab.Check, error) {
		if _, ok := starlark.AsFloat(got); !ok {
			return lab.Check{}, fmt.Errorf("%s is %s, want a number", name, got.Type())
		}
		return check(name, append([]starlark.Value{got}, bounds...)), nil
	}}, nil
}

// ints are some numbers, if all of them are whole, and not too large.
func ints(values []starlark.Value) ([]int, bool) {
	var all []int
	for _, v := range values {
		n, err := starlark.AsInt32(v)
		if err != nil {
			return nil, false
		}
		all = append(all, n)
	}
	return all, true
}

func floats(values []starlark.Value) (all []float64) {
	for _, v := range values {
		f, _ := starlark.AsFloat(v) // number has seen that they are
		all = append(all, f)
	}
	return all
}

func oneOf(_ *story, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 0 || len(kwargs) > 0 {
		return nil, fmt.Errorf("%s: it takes the values that are allowed", b.Name())
	}
	all, shown := make([]string, len(args)), make([]string, len(args))
	for i, a := range args {
		all[i] = plain(a)
		shown[i] = cmp.Or(all[i], `""`)
	}
	return &matcher{strings.Join(shown, " or "), func(name string, got starlark.Value) (lab.Check, error) {
		return lab.OneOf(name, plain(got), all...), nil
	}}, nil
}

// plain is a value as it is printed.
func plain(v starlark.Value) string {
	if s, ok := starlark.AsString(v); ok {
		return s
	}
	return v.String()
}

// compare makes the check of a value against what it must be.
func compare(name string, got, want starlark.Value) (lab.Check, error) {
	if m, ok := want.(*matcher); ok {
		return m.make(name, got)
	}
	switch w := want.(type) {
	case starlark.Int:
		if g, ok := got.(starlark.Bool); ok { // an option that is on or off, which C has as 1 or 0
			got = starlark.MakeInt(map[bool]int{true: 1}[bool(g)])
		}
		if n, ok := w.Int64(); ok {
			if g, ok := got.(starlark.Int); ok {
				if m, ok := g.Int64(); ok {
					return lab.Is(name, m, n), nil
				}
			}
		}
	case starlark.Bool:
		if g, ok := got.(starlark.Bool); ok {
			return lab.Is(name, bool(g), bool(w)), nil
		}
	}
	if _, ok := got.(starlark.Callable); ok {
		return lab.Check{}, fmt.Errorf("%s is a word that does something: write it with parentheses", name)
	}
	return lab.Is(name, plain(got), plain(want)), nil
}

// expect judges one value: a claim of its own, called by its line.
func expect(st *story, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var got, want starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "got", &got, "want", &want); err != nil {
		return nil, err
	}
	pos := st.position()
	name := st.text.arg(pos, 0, "got")
	c, err := compare(name, got, want)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	is := st.text.arg(pos, 1, "want")
	if m, ok := want.(*matcher); ok {
		is = m.says
	}
	st.judged[pos.Line]++
	id := "line-" + strconv.Itoa(int(pos.Line))
	if n := st.judged[pos.Line]; n > 1 {
		id += "." + strconv.Itoa(n)
	}
	st.script.Claim(lab.Claim{ID: id, Text: name + " is " + is, Source: place(pos)}, c)
	return starlark.None, nil
}

// A checked is a check that a claim is made of.
type checked struct {
	*matcher
	check lab.Check
}

// check makes one of the checks of a claim.
func check(_ *story, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	var got, want starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name, "got", &got, "want", &want); err != nil {
		return nil, err
	}
	c, err := compare(name, got, want)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	return &checked{&matcher{says: "check"}, c}, nil
}

// seen makes a piece of a claim's evidence that nothing hangs on.
func seen(_ *story, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	var got starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name, "got", &got); err != nil {
		return nil, err
	}
	c := lab.Seen(name, plain(got))
	if n, ok := got.(starlark.Int); ok {
		if n, ok := n.Int64(); ok {
			c = lab.Seen(name, n)
		}
	}
	return &checked{&matcher{says: "check"}, c}, nil
}

// unmet says of a claim that this kernel or these settings lack the conditions for it.
func unmet(st *story, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	c := lab.Claim{Source: place(st.position())}
	var why string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &c.ID, "sentence", &c.Text, "why", &why, "source?", &c.Source); err != nil {
		return nil, err
	}
	st.script.ClaimInapplicable(c, why)
	return starlark.None, nil
}

// claim judges a claim that has a name and a sentence of its own, and myth one that is
// expected to be refuted.
func claim(st *story, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	c := lab.Claim{Myth: b.Name() == "myth", Source: place(st.position())}
	for _, kw := range kwargs {
		text, ok := starlark.AsString(kw[1])
		switch key := string(kw[0].(starlark.String)); {
		case !ok:
			return nil, fmt.Errorf("%s: %s is a string", b.Name(), key)
		case key == "source":
			c.Source = text
		case key == "truth" && c.Myth:
			c.Truth = text
		default:
			return nil, fmt.Errorf("%s: it takes no argument %q", b.Name(), key)
		}
	}
	if len(args) < 3 {
		return nil, fmt.Errorf("%s: it takes a name, a sentence, and one check or more", b.Name())
	}
	var okID, okText bool
	c.ID, okID = starlark.AsString(args[0])
	c.Text, okText = starlark.AsString(args[1])
	if !okID || !okText {
		return nil, fmt.Errorf("%s: its name and its sentence are strings", b.Name())
	}
	var checks []lab.Check
	for i, a := range args[2:] {
		switch v := a.(type) {
		case *checked:
			checks = append(checks, v.check)
			continue
		case *object:
			if one, ok := v.value.Interface().(lab.Check); ok {
				checks = append(checks, one)
				continue
			}
		}
		return nil, fmt.Errorf("%s: argument %d is %s, want check(name, got, want)", b.Name(), i+3, a.Type())
	}
	st.script.Claim(c, checks...)
	return starlark.None, nil
}

// show shows a value and judges nothing.
func show(st *story, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	var value starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name, "value", &value); err != nil {
		return nil, err
	}
	if _, ok := value.(starlark.Callable); ok {
		return nil, fmt.Errorf("%s: %s is a word that does something: write it with parentheses", b.Name(), st.text.arg(st.position(), 1, "value"))
	}
	st.script.Note(name + ": " + plain(value))
	return starlark.None, nil
}
