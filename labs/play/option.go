package play

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"go.starlark.net/starlark"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

// setsockopt sets a socket option: setsockopt(c, "TCP_NODELAY", True). An option whose
// value has several parts is given them by their names:
// setsockopt(c, "SO_LINGER", on=True, seconds=5).
func setsockopt(st *story, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	sock, option, err := st.optionOf(args)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	if option.Value == nil {
		return nil, fmt.Errorf("%s: %s can only be read", b.Name(), option.Name)
	}
	v, err := st.optionValue(option.Value, args[2:], kwargs)
	if err == nil {
		err = loadsNothing(sock, option.Name, v)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", b.Name(), option.Name, err)
	}
	return starlark.String(lab.TrySet(sock, option, v.Interface())), nil
}

// getsockopt reads a socket option, and returns its value, or the name of the errno.
func getsockopt(st *story, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	sock, option, err := st.optionOf(args)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	var question any
	switch {
	case option.Question != nil:
		q, err := st.optionValue(option.Question, args[2:], kwargs)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", b.Name(), option.Name, err)
		}
		question = q.Interface()
	case !option.Readable:
		return nil, fmt.Errorf("%s: %s can only be set", b.Name(), option.Name)
	case len(args) > 2 || len(kwargs) > 0:
		return nil, fmt.Errorf("%s: it takes a socket and the option's name", b.Name())
	}
	v, outcome := lab.TryGet(sock, option, question)
	if outcome != lab.OK {
		return starlark.String(outcome), nil
	}
	return st.value(reflect.ValueOf(v))
}

// optionOf are the socket and the option that a story names.
func (st *story) optionOf(args starlark.Tuple) (*lab.Sock, sockopt.Entry, error) {
	if len(args) < 2 {
		return nil, sockopt.Entry{}, errors.New("it takes a socket and an option's name")
	}
	sock, err := st.golang(args[0], sockType)
	if err != nil {
		return nil, sockopt.Entry{}, fmt.Errorf("argument 1: %w", err)
	}
	name, ok := starlark.AsString(args[1])
	if !ok {
		return nil, sockopt.Entry{}, fmt.Errorf("argument 2: it is %s, want an option's name", args[1].Type())
	}
	option, err := optionNamed(name)
	return sock.Interface().(*lab.Sock), option, err
}

func optionNamed(name string) (sockopt.Entry, error) {
	found := sockopt.Find(name)
	if len(found) != 1 || found[0].Name != name { // one spelling, that of the manual pages
		return sockopt.Entry{}, fmt.Errorf("no option is called %q%s (tcplab sockopt lists them)", name, meant(found))
	}
	return found[0], nil
}

// meant names the options that another spelling may stand for.
func meant(found []sockopt.Entry) string {
	if len(found) == 0 {
		return ""
	}
	var names []string
	for _, e := range found {
		names = append(names, e.Name)
	}
	return "; there is " + strings.Join(names, ", ")
}

// optionValue makes the value of an option out of one argument, or out of the names of
// its parts.
func (st *story) optionValue(t reflect.Type, args starlark.Tuple, kwargs []starlark.Tuple) (reflect.Value, error) {
	switch {
	case t.Kind() == reflect.Struct && len(args) == 0:
		return st.structure(t, kwargs)
	case len(kwargs) > 0:
		return reflect.Value{}, fmt.Errorf("it takes no argument %q", string(kwargs[0][0].(starlark.String)))
	case len(args) != 1:
		return reflect.Value{}, errors.New("it takes one value")
	}
	return st.golang(args[0], t)
}

// loadsNothing refuses what could make the kernel load a module, where root tells the
// story (net/ipv4/tcp_cong.c: tcp_ca_find_autoload).
func loadsNothing(s *lab.Sock, option string, v reflect.Value) error {
	switch option {
	case "TCP_CONGESTION":
		have := s.Host().SysctlText("net.ipv4.tcp_available_congestion_control")
		for name := range strings.FieldsSeq(have) {
			if name == v.String() {
				return nil
			}
		}
		return fmt.Errorf("this kernel has %s, and a story loads no other", have)
	case "TCP_ULP":
		return errors.New("it may load a module, and a story loads none")
	}
	return nil
}
