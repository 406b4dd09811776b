package play

import (
	"fmt"
	"net/netip"
	"reflect"
	"syscall"
	"time"

	"go.starlark.net/starlark"
	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/lab"
)

// results turns what a word returns into one value: None, one, or a tuple. What is read
// comes as itself, or as the name of the errno where the read failed.
func (st *story) results(out []reflect.Value) (starlark.Value, error) {
	values := make(starlark.Tuple, len(out))
	for i, v := range out {
		var err error
		if values[i], err = st.value(v); err != nil {
			return nil, err
		}
	}
	switch len(values) {
	case 0:
		return starlark.None, nil
	case 1:
		return values[0], nil
	}
	return values, nil
}

// value turns a value of Go's into one of Starlark's.
func (st *story) value(v reflect.Value) (starlark.Value, error) {
	switch v.Type() {
	case durationType:
		return starlark.Float(time.Duration(v.Int()).Seconds()), nil
	case addrPortType:
		return starlark.String(v.Interface().(netip.AddrPort).String()), nil
	case addrType:
		return starlark.String(v.Interface().(netip.Addr).String()), nil
	case errnoType:
		if v.Uint() == 0 {
			return starlark.String(lab.OK), nil
		}
		return starlark.String(unix.ErrnoName(v.Interface().(syscall.Errno))), nil
	}
	if k := v.Kind(); k != reflect.Struct && k != reflect.Pointer && v.Type().Implements(stringerType) { // it is one of several that have names
		return starlark.String(v.Interface().(fmt.Stringer).String()), nil
	}
	switch v.Kind() {
	case reflect.String:
		return starlark.String(v.String()), nil
	case reflect.Bool:
		return starlark.Bool(v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return starlark.MakeInt64(v.Int()), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return starlark.MakeUint64(v.Uint()), nil
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return starlark.Bytes(v.Bytes()), nil
		}
		list := make([]starlark.Value, v.Len())
		for i := range list {
			var err error
			if list[i], err = st.value(v.Index(i)); err != nil {
				return nil, err
			}
		}
		return starlark.NewList(list), nil
	case reflect.Pointer:
		if v.IsNil() {
			return starlark.None, nil
		}
		if v.Type() == sockType {
			if st.sockets++; st.sockets > maxSockets {
				return nil, fmt.Errorf("a story makes %d sockets at most", maxSockets)
			}
		}
	}
	return &object{st, v}, nil
}
