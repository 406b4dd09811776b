package play

import (
	"encoding"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.starlark.net/starlark"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

// call calls a function of the vocabulary's with a story's arguments.
func (st *story) call(name string, fn reflect.Value, args starlark.Tuple, kwargs []starlark.Tuple) (result starlark.Value, err error) {
	in, err := st.arguments(name, fn.Type(), args, kwargs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer func() {
		// A socket that is not connected has no other side, no queue and no timer.
		if wrong := recover(); wrong != nil {
			oops, ok := wrong.(runtime.Error)
			if !ok {
				panic(wrong)
			}
			err = fmt.Errorf("%s: %w", name, oops)
			switch text := oops.Error(); {
			case strings.Contains(text, "nil pointer"):
				err = fmt.Errorf("%s: the socket has no address yet", name)
			case strings.Contains(text, "out of range"):
				err = fmt.Errorf("%s: there is none of that number", name)
			}
		}
	}()
	return st.results(fn.Call(in))
}

// arguments turns a story's arguments into Go's. craft is called with the names of the
// fields of what it takes.
func (st *story) arguments(name string, t reflect.Type, args starlark.Tuple, kwargs []starlark.Tuple) ([]reflect.Value, error) {
	if t.NumIn() == 1 && t.In(0) == craftType && len(args) == 0 {
		made, err := st.structure(t.In(0), kwargs)
		return []reflect.Value{made}, err
	}
	args, err := inOrder(name, args, kwargs)
	if err != nil {
		return nil, err
	}
	fixed := t.NumIn()
	if t.IsVariadic() {
		fixed--
	}
	if len(args) < fixed || len(args) > fixed && !t.IsVariadic() {
		names := ""
		if all := paramsOf(name); len(all) > 0 {
			names = " (" + strings.Join(all, ", ") + ")"
		}
		return nil, fmt.Errorf("it takes %s%s, not %d", count(fixed, t.IsVariadic()), names, len(args))
	}
	var in []reflect.Value
	for i, a := range args {
		want := t.In(min(i, t.NumIn()-1))
		if i >= fixed {
			want = want.Elem()
		}
		v, err := st.golang(a, want)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
		in = append(in, v)
	}
	return in, nil
}

// structure makes a struct of the names of its fields.
func (st *story) structure(t reflect.Type, kwargs []starlark.Tuple) (reflect.Value, error) {
	made := reflect.New(t).Elem()
	for _, kw := range kwargs {
		key := string(kw[0].(starlark.String))
		fields := reflect.VisibleFields(t)
		i := slices.IndexFunc(fields, func(f reflect.StructField) bool { return f.IsExported() && snake(f.Name) == key })
		if i < 0 {
			return reflect.Value{}, fmt.Errorf("it takes no argument %q, but %s", key, strings.Join(parts(t), ", "))
		}
		v, err := st.golang(kw[1], fields[i].Type)
		if err != nil {
			return reflect.Value{}, fmt.Errorf("%s: %w", key, err)
		}
		made.FieldByIndex(fields[i].Index).Set(v)
	}
	return made, nil
}

func count(n int, more bool) string {
	text := fmt.Sprintf("%d arguments", n)
	switch n {
	case 0:
		text = "no arguments"
	case 1:
		text = "1 argument"
	}
	if more {
		text += " or more"
	}
	return text
}

// inOrder are the arguments of a word as it takes them: those that are given by their
// names in their places, and those that may be left out, where they are.
func inOrder(word string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Tuple, error) {
	args = slices.Clone(args)
	var names []string
	if kwargs != nil {
		names = paramsOf(word)
	}
	for _, kw := range kwargs {
		name := string(kw[0].(starlark.String))
		i := slices.Index(names, name)
		switch {
		case i < 0 && len(names) > 0:
			return nil, fmt.Errorf("it takes no argument %q, but %s", name, strings.Join(names, ", "))
		case i < 0:
			return nil, fmt.Errorf("it takes no argument %q", name)
		}
		args = append(args, make(starlark.Tuple, max(0, i+1-len(args)))...)
		if args[i] != nil {
			return nil, fmt.Errorf("it takes %s once", name)
		}
		args[i] = kw[1]
	}
	for i, v := range optional[word] {
		if v != nil && i == len(args) {
			args = append(args, v)
		}
	}
	if i := slices.Index(args, nil); i >= 0 {
		return nil, fmt.Errorf("it takes %s, too", names[i])
	}
	return args, nil
}

// optional are the arguments that may be left out, in their places, with their values
// then.
var optional = map[string]starlark.Tuple{"host.listen": {nil, starlark.MakeInt(16)}}

// Default is what a word's parameter is where it is left out, if it may be.
func Default(word string, param int) (value string, ok bool) {
	all := optional[word]
	if param >= len(all) || all[param] == nil {
		return "", false
	}
	return all[param].String(), true
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	addrPortType = reflect.TypeFor[netip.AddrPort]()
	addrType     = reflect.TypeFor[netip.Addr]()
	prefixType   = reflect.TypeFor[netip.Prefix]()
	errnoType    = reflect.TypeFor[syscall.Errno]()
	sockType     = reflect.TypeFor[*lab.Sock]()
	craftType    = reflect.TypeFor[lab.Craft]()
	tcpType      = reflect.TypeFor[*lab.TCP]()
	stringerType = reflect.TypeFor[fmt.Stringer]()
)

// golang turns a value of Starlark's into one of Go's.
func (st *story) golang(v starlark.Value, want reflect.Type) (reflect.Value, error) {
	wrong := func() (reflect.Value, error) {
		return reflect.Value{}, fmt.Errorf("it is %s, want %s", v.Type(), english(want))
	}
	if a, ok := v.(anything); ok {
		if made, can := a.golang(want); can {
			return made, nil
		}
		return wrong()
	}
	if o, ok := v.(*object); ok {
		if o.value.Type().AssignableTo(want) {
			return o.value, nil
		}
		if want == reflect.TypeFor[*lab.End]() { // a socket is also an end
			if s, ok := o.value.Interface().(*lab.Sock); ok && s.End != nil {
				return reflect.ValueOf(s.End), nil
			}
		}
		return wrong()
	}
	switch want {
	case durationType:
		seconds, ok := starlark.AsFloat(v)
		if !ok || math.Abs(seconds) > 1e6 {
			return wrong()
		}
		return reflect.ValueOf(time.Duration(seconds * float64(time.Second))), nil
	case addrPortType, addrType, prefixType:
		text, ok := starlark.AsString(v)
		if !ok {
			return wrong()
		}
		return address(text, want)
	}
	made := reflect.New(want).Elem()
	if name, ok := starlark.AsString(v); ok {
		if u, ok := made.Addr().Interface().(encoding.TextUnmarshaler); ok {
			err := u.UnmarshalText([]byte(name))
			return made, err
		}
	}
	switch want.Kind() {
	case reflect.String:
		s, ok := starlark.AsString(v)
		if !ok {
			return wrong()
		}
		if err := st.makes(len(s)); err != nil {
			return reflect.Value{}, err
		}
		made.SetString(s)
	case reflect.Bool:
		on, ok := isOn(v)
		if !ok {
			return wrong()
		}
		made.SetBool(on)
	case reflect.Int, reflect.Int32, reflect.Int64:
		if s, ok := starlark.AsString(v); ok && setNamed(made, s) {
			return made, nil
		}
		n, ok := v.(starlark.Int)
		i, fits := n.Int64()
		if !ok || !fits || made.OverflowInt(i) || want.Kind() == reflect.Int && int64(int32(i)) != i { // C's
			return wrong()
		}
		made.SetInt(i)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, ok := v.(starlark.Int)
		i, fits := n.Uint64()
		if !ok || !fits || made.OverflowUint(i) {
			return wrong()
		}
		made.SetUint(i)
	case reflect.Func:
		fn, ok := v.(starlark.Callable)
		if !ok {
			return wrong()
		}
		return st.function(fn, want), nil
	case reflect.Pointer: // to what may be left out
		if v == starlark.None {
			return made, nil
		}
		to, err := st.golang(v, want.Elem())
		if err != nil {
			return wrong()
		}
		made.Set(reflect.New(want.Elem()))
		made.Elem().Set(to)
	case reflect.Slice, reflect.Array:
		return st.list(v, want)
	case reflect.Struct:
		d, ok := v.(*starlark.Dict)
		if !ok || !byParts(want) {
			return wrong()
		}
		for _, key := range d.Keys() {
			if _, ok := key.(starlark.String); !ok {
				return wrong()
			}
		}
		return st.structure(want, d.Items())
	default:
		return wrong()
	}
	return made, nil
}

// setNamed sets v to the one of its values that is called name.
func setNamed(v reflect.Value, name string) bool {
	text, ok := v.Addr().Interface().(fmt.Stringer)
	for i := 0; ok && i < 64; i++ {
		if v.SetInt(int64(i)); text.String() == name {
			return true
		}
	}
	return false
}

// function makes a Go function of one of the story's.
func (st *story) function(fn starlark.Callable, want reflect.Type) reflect.Value {
	return reflect.MakeFunc(want, func(in []reflect.Value) []reflect.Value {
		args := make(starlark.Tuple, len(in))
		for i, v := range in {
			args[i] = &object{st, v}
		}
		if _, err := starlark.Call(st.thread, fn, args, nil); err != nil {
			st.fail(err)
		}
		return nil
	})
}

// isOn is what a story gives for on or off: True, False, 1 and 0.
func isOn(v starlark.Value) (on, ok bool) {
	switch v := v.(type) {
	case starlark.Bool:
		return bool(v), true
	case starlark.Int:
		n, _ := v.Int64()
		return n == 1, n == 0 && v.Sign() == 0 || n == 1
	}
	return false, false
}

// address reads an address, with or without a port or a length.
func address(text string, want reflect.Type) (reflect.Value, error) {
	var v any
	var err error
	like := `"192.0.2.1:80" and server.addr(80) are`
	switch want {
	case addrType:
		like = `"192.0.2.1" is`
		v, err = netip.ParseAddr(text)
	case prefixType:
		like = `"192.0.2.0/24" is`
		v, err = netip.ParsePrefix(text)
	default:
		v, err = netip.ParseAddrPort(text)
	}
	if err != nil {
		return reflect.Value{}, fmt.Errorf("%q is not %s, as %s", text, english(want), like)
	}
	return reflect.ValueOf(v), nil
}

// list makes a slice or an array: of bytes from a string, and else from a list.
func (st *story) list(v starlark.Value, want reflect.Type) (reflect.Value, error) {
	wrong := fmt.Errorf("it is %s, want %s", v.Type(), english(want))
	made := reflect.New(want).Elem()
	grow := func(n int) bool {
		if want.Kind() == reflect.Array {
			return n == want.Len()
		}
		made.Set(reflect.MakeSlice(want, n, n))
		return true
	}
	if want.Elem().Kind() == reflect.Uint8 {
		text, ok := starlark.AsString(v)
		if raw, isBytes := v.(starlark.Bytes); isBytes {
			text, ok = string(raw), true
		}
		if !ok || !grow(len(text)) {
			return reflect.Value{}, wrong
		}
		reflect.Copy(made, reflect.ValueOf([]byte(text)))
		return made, nil
	}
	all, ok := v.(starlark.Indexable)
	if _, isText := v.(starlark.String); !ok || isText || !grow(all.Len()) {
		return reflect.Value{}, wrong
	}
	for i := range all.Len() {
		one, err := st.golang(all.Index(i), want.Elem())
		if err != nil {
			return reflect.Value{}, fmt.Errorf("item %d: %w", i+1, err)
		}
		made.Index(i).Set(one)
	}
	return made, nil
}

// byParts reports whether a story gives a value of a type by the names of its parts: what
// it crafts, and socket options. Others it has from words.
func byParts(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && (t == craftType || t.PkgPath() == reflect.TypeFor[sockopt.TCPInfo]().PkgPath())
}

// parts are the names of a struct's fields.
func parts(t reflect.Type) (names []string) {
	for _, f := range reflect.VisibleFields(t) {
		if f.IsExported() {
			names = append(names, snake(f.Name))
		}
	}
	return names
}

// english names a type for an author.
func english(t reflect.Type) string {
	switch {
	case t == durationType:
		return "seconds"
	case t == addrPortType:
		return "an address with a port"
	case t == addrType:
		return "an address"
	case t == prefixType:
		return "an address with a length"
	case t.Kind() == reflect.Array:
		return fmt.Sprintf("%d bytes", t.Len())
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return "a string"
	case t.Kind() == reflect.Slice:
		return "a list"
	case byParts(t):
		return "its parts by their names: " + strings.Join(parts(t), ", ")
	case t.Kind() == reflect.Func:
		return "a function"
	case t == reflect.TypeFor[lab.ICMP]():
		return "an ICMP message, as HOST_UNREACHABLE or too_big(1280)"
	case t == reflect.TypeFor[lab.Attempts]():
		return "attempts, as wire.unanswered gives them"
	case t == reflect.TypeFor[lab.TimeLeft]():
		return "what a timer has left, as c.time_left"
	case t == reflect.TypeFor[lab.Schedule]():
		return "a schedule, as client.syn_schedule()"
	case t.Kind() == reflect.Pointer:
		return "a " + strings.ToLower(t.Elem().Name())
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return "a number that fits"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "True or False"
	}
	return strings.ToLower(t.Name())
}
