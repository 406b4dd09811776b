package sockopt

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Level is the protocol layer that an option belongs to.
type Level int

// The levels, by the names that setsockopt(2) knows them by.
const (
	LevelSocket Level = unix.SOL_SOCKET
	LevelTCP    Level = unix.IPPROTO_TCP
	LevelIP     Level = unix.IPPROTO_IP
	LevelIPv6   Level = unix.IPPROTO_IPV6
)

func (l Level) String() string {
	switch l {
	case LevelSocket:
		return "SOL_SOCKET"
	case LevelTCP:
		return "IPPROTO_TCP"
	case LevelIP:
		return "IPPROTO_IP"
	case LevelIPv6:
		return "IPPROTO_IPV6"
	}
	return "level " + integer.text(int(l))
}

// Spec is what is known of an option beside its type. Empty means: nothing to
// say.
type Spec struct {
	Name   string // the kernel's: TCP_NODELAY
	Level  Level
	Number int
	Unit   string // of the number: seconds, bytes, …
	Range  string // what setsockopt accepts
	Since  string // the Linux version that brought it
	Sysctl string // gives the value of a socket that did not set its own
	Needs  string // the capability without which setsockopt refuses
}

// Entry is an option without its Go type, for tables of all options.
type Entry struct {
	Spec
	Type     string // of the Go value: int, bool, sockopt.LingerValue, …
	Readable bool   // [Get] takes it
	Settable bool   // [Set] takes it
	Query    bool   // [Ask] takes it
	// Value is the Go type of what [Entry.Set] takes, and Question that of what
	// [Entry.Get] takes of a Query; nil where there is none.
	Value, Question reflect.Type

	text func(fd int) (string, error)
	get  func(fd int, question any) (any, error) // nil where there is nothing to get
	set  func(fd int, v any) error               // nil where there is nothing to set
}

// Get is [Get], or [Ask] where the option is a Query: question is of the type
// Question then, and nil elsewhere. An option that can only be set has the error
// [ErrNoGet].
func (e Entry) Get(fd int, question any) (any, error) {
	if e.get == nil {
		return nil, ErrNoGet
	}
	return e.get(fd, question)
}

// Set is [Set], with a value of the type Value. An option that can only be read has
// the error [ErrNoSet].
func (e Entry) Set(fd int, v any) error {
	if e.set == nil {
		return ErrNoSet
	}
	return e.set(fd, v)
}

// ErrNoSet is [Entry.Set]'s error for an option that can only be read.
var ErrNoSet = errors.New("can't be set")

// errType is the error of a value of another type than the option's.
var errType = errors.New("a value of another type")

// Text returns the option's value on the socket fd, for people to read. An
// option that can't be read has the error [ErrNoGet], but the kernel's own
// error where it does not know the option. Reading [Error] and [SavedSYN]
// takes their value away from the socket.
func (e Entry) Text(fd int) (string, error) { return e.text(fd) }

// ErrNoGet is [Entry.Text]'s error for an option that the kernel has, and that
// can only be set, or only be asked with an argument.
var ErrNoGet = errors.New("has no value to get")

// Status is what an error of [Get], [Set], [Ask] or [Entry.Text] says about
// the option.
type Status int

// The three outcomes of a call.
const (
	Supported   Status = iota // the call succeeded, or failed without asking the kernel
	Refused                   // the kernel has the option, and refuses it on this socket, in this state, to this caller
	Unsupported               // the kernel, as configured, does not have the option for this kind of socket
)

func (s Status) String() string {
	return [...]string{"supported", "refused", "unsupported"}[s]
}

// StatusOf judges by the errno: ENOPROTOOPT is what every layer answers to a
// number it does not know, EOPNOTSUPP what some answer for a socket of another
// family or a feature that is configured out.
func StatusOf(err error) Status {
	var errno unix.Errno
	switch {
	case !errors.As(err, &errno):
		return Supported
	case errno == unix.ENOPROTOOPT || errno == unix.EOPNOTSUPP:
		return Unsupported
	}
	return Refused
}

// catalogue makes the entries, which only a program that asks for them needs:
// one that sets an option or two starts without. The room is for all of them.
var catalogue = make([]func() Entry, 0, 128)

// All returns all options, by level (socket, TCP, IP, IPv6) and number.
func All() []Entry {
	order := []Level{LevelSocket, LevelTCP, LevelIP, LevelIPv6}
	var all []Entry
	for _, entry := range catalogue {
		all = append(all, entry())
	}
	slices.SortStableFunc(all, func(a, b Entry) int {
		return cmp.Or(
			cmp.Compare(slices.Index(order, a.Level), slices.Index(order, b.Level)),
			cmp.Compare(a.Number, b.Number))
	})
	return all
}

// Find returns the option that the kernel calls name, or all that have that name
// after a prefix: TCP_NODELAY, tcp_nodelay and nodelay find one, mtu finds
// IP_MTU and IPV6_MTU.
func Find(name string) []Entry {
	var found []Entry
	for _, e := range All() {
		if strings.EqualFold(e.Name, name) {
			return []Entry{e}
		}
		if _, short, _ := strings.Cut(e.Name, "_"); strings.EqualFold(short, name) {
			found = append(found, e)
		}
	}
	return found
}

// The constructors below make an option and enter it in the catalogue: the one
// declaration of an option is all there is to adding it. They are not inlined:
// a copy for each option would make the package's start twice as long.

//go:noinline
func readWrite[T any](c codec[T], s Spec) Option[T] {
	o := Option[T]{s, c}
	catalogue = append(catalogue, func() Entry {
		return Entry{Spec: o.Spec, Type: typeName[T](), Readable: true, Settable: true, text: textOf(o), Value: reflect.TypeFor[T](), get: getOf(o), set: setOf(o)}
	})
	return o
}

//go:noinline
func readOnly[T any](c codec[T], s Spec) ReadOnly[T] {
	o := ReadOnly[T]{s, c}
	catalogue = append(catalogue, func() Entry {
		return Entry{Spec: o.Spec, Type: typeName[T](), Readable: true, text: textOf(o), get: getOf(o)}
	})
	return o
}

// setOnly needs a probe: bytes that a kernel with the option refuses or
// ignores on any socket. With nil, the option is taken to be there.
//
//go:noinline
func setOnly[T any](c codec[T], s Spec, probe []byte) SetOnly[T] {
	o := SetOnly[T]{s, c}
	catalogue = append(catalogue, func() Entry {
		return Entry{Spec: s, Type: typeName[T](), Settable: true, Value: reflect.TypeFor[T](), set: setOf(o), text: func(fd int) (string, error) {
			if probe == nil {
				return "", ErrNoGet
			}
			if err := setsockopt(fd, s, probe); StatusOf(err) == Unsupported {
				return "", fmt.Errorf("%s: %w", s.Name, err)
			}
			return "", ErrNoGet
		}}
	})
	return o
}

//go:noinline
func query[Q, A any](c queryCodec[Q, A], s Spec) Query[Q, A] {
	o := Query[Q, A]{s, c}
	catalogue = append(catalogue, func() Entry {
		return Entry{Spec: o.Spec, Type: typeName[Q]() + " → " + typeName[A](), Query: true, Question: reflect.TypeFor[Q](), get: askOf(o), text: func(fd int) (string, error) {
			// Without a question the kernel refuses before it does anything.
			if _, err := getsockopt(fd, o.Spec, nil, 0); StatusOf(err) == Unsupported {
				return "", fmt.Errorf("%s: %w", o.Name, err)
			}
			return "", ErrNoGet
		}}
	})
	return o
}

func textOf[T any](o Readable[T]) func(fd int) (string, error) {
	return func(fd int) (string, error) {
		v, err := Get(fd, o)
		if err != nil {
			return "", err
		}
		_, c := o.readable()
		return c.text(v), nil
	}
}

func getOf[T any](o Readable[T]) func(fd int, _ any) (any, error) {
	return func(fd int, _ any) (any, error) { return Get(fd, o) }
}

func askOf[Q, A any](o Query[Q, A]) func(fd int, question any) (any, error) {
	return func(fd int, question any) (any, error) {
		q, ok := question.(Q)
		if !ok {
			return nil, fmt.Errorf("%s: %w", o.Name, errType)
		}
		return Ask(fd, o, q)
	}
}

func setOf[T any](o Settable[T]) func(fd int, v any) error {
	return func(fd int, v any) error {
		value, ok := v.(T)
		if !ok {
			spec, _ := o.settable()
			return fmt.Errorf("%s: %w", spec.Name, errType)
		}
		return Set(fd, o, value)
	}
}

func typeName[T any]() string {
	return strings.ReplaceAll(reflect.TypeFor[T]().String(), "uint8", "byte")
}
